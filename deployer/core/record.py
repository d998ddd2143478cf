"""
The deployment record, version 1: what one committed apply left in one target (design section 8).

A record is complete: it has an entry for every rule that we own in the target, those that this deployment did not touch
carried over. It is the baseline of the three-way comparison, the proof for promotion, and what rollback plans towards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final

from deployer.errors import StateError

FORMAT: Final = "deployer-record"
VERSION: Final = 1
BACK_TO: Final = "back_to"
"""In `Record.extra` of a rollback of the whole target: the deployment that it went back to."""


@dataclass(frozen=True, slots=True)
class Retired:
    """
    A rule that git no longer has: when we switched it off (ISO time, Kibana's clock), and whether it was on before.
    """

    since: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class RuleRecord:
    """
    One rule of a record. `fingerprint`, `authored` and `written` are content addresses (design section 2), `bundle` the
    name of the store's bundle that holds the three documents, `since` the deployment that brought this fingerprint.
    `edited`: an analyst's edit was live at the commit and was kept, so the rule is compared
    and the edit named every time. `kept` says of each such field who edited it first and when (`by`, `at`, and `value`,
    the digest of what it is then): Kibana forgets that with our next write. `as_of` is the deployment that first made
    this entry what it is; one that a rollback brings back keeps its own, so that the rule's life leads past what was
    bad. 0 in records that were written before it was there. `prebuilt`: one of Elastic's rules; the documents have only
    what we set on it, and nothing in Kibana says that we did.
    """

    name: str
    path: str
    fingerprint: str
    authored: str
    written: str
    bundle: str
    id: str
    revision: int
    updated_at: str
    enabled: bool
    since: int
    retired: Retired | None = None
    edited: bool = False
    as_of: int = 0
    kept: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    prebuilt: bool = False

    @property
    def content(self) -> tuple[str, str, bool]:
        """What makes two entries of one rule the same: the file, what was asked for here, and whether it is gone."""
        return self.fingerprint, self.authored, self.retired is not None


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who made something, from what, with what. Every field may be empty; none is a secret."""

    actor: str = ""
    host: str = ""
    ci_run: str = ""
    commit: str = ""
    branch: str = ""
    clean: bool = True
    tool: str = ""
    stack: str = ""
    kibana_user: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One committed apply of one target. `number` counts per environment and run; `time` is Kibana's clock, ISO UTC."""

    number: int
    event: str
    environment: str
    space: str
    url: str
    project: str
    time: str
    plan: str
    previous: int | None
    provenance: Provenance = field(default_factory=Provenance)
    allowed: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""
    changed: Mapping[str, str] = field(default_factory=dict)  # rule_id -> action, of this deployment alone
    rules: Mapping[str, RuleRecord] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)  # what later kinds of object add (exception lists, waivers)


def to_json(record: Record) -> dict[str, Any]:
    """Return the record as a JSON object, rules sorted by id."""
    rules = {rule_id: _rule_json(record.rules[rule_id]) for rule_id in sorted(record.rules)}
    return {"format": FORMAT, "version": VERSION, **asdict(replace(record, rules={})), "rules": rules}


def _rule_json(entry: RuleRecord) -> dict[str, Any]:
    """As `asdict`, which would copy every value of thousands of rules."""
    values = {slot.name: getattr(entry, slot.name) for slot in fields(entry)}
    if not entry.prebuilt:
        del values["prebuilt"]
    return {**values, "retired": asdict(entry.retired) if entry.retired else None}


def from_json(data: Any, *, where: str) -> Record:
    """Return the record that a JSON object holds. Raises StateError naming `where` if it is not one of ours."""
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise StateError(f"{where} is not a deployment record")
    if data.get("version") != VERSION:
        raise StateError(
            f"{where} has record version {data.get('version')}, this deployer reads {VERSION}", hint="upgrade deployer"
        )
    values = {key: value for key, value in data.items() if key not in ("format", "version")}
    try:
        values["provenance"] = Provenance(**values["provenance"])
        values["rules"] = {rule_id: _rule(entry) for rule_id, entry in values["rules"].items()}
        return Record(**values)
    except (TypeError, KeyError, AttributeError) as exc:
        raise StateError(f"{where} is damaged: {exc}") from exc


def _rule(entry: dict[str, Any]) -> RuleRecord:
    retired = entry.get("retired")
    return RuleRecord(**{**entry, "retired": Retired(**retired) if retired else None})


def carried_over(record: Record | None) -> dict[str, RuleRecord]:
    """Return the rules of a record as the start of the next one; empty without a record."""
    return dict(record.rules) if record else {}


__all__ = [
    "BACK_TO",
    "FORMAT",
    "VERSION",
    "Provenance",
    "Record",
    "Retired",
    "RuleRecord",
    "carried_over",
    "from_json",
    "replace",
    "to_json",
]
