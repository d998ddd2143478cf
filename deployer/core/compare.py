"""
One rule, three sides: what has to be written so that live becomes what git and the analysts want together.

`compare` walks the fields that any side knows, asks `core.ownership` for each, and returns the sides of a Change plus
what Kibana changed and is left, kept, put back, or in conflict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from deployer.core.change import retypes_in_place
from deployer.core.desired import DesiredRule
from deployer.core.environment import Ownership, OwnershipPolicy
from deployer.core.fields import ABSENT, FIELDS, IDENTITY, TUNED, default_of
from deployer.core.fields import field as row_of
from deployer.core.live import LiveRule
from deployer.core.ownership import Ruling, Sides, rule
from deployer.core.plan import Edit

Take = Literal["git", "live"]

_REQUIRED = frozenset(
    {"name", "description", "risk_score", "severity", "type", "query", "language", "threshold", "anomaly_threshold"}
    | {"machine_learning_job_id", "new_terms_fields", "history_window_start", "saved_id"}
    | {"threat_index", "threat_mapping", "threat_query"}
)
"""Fields without which Kibana refuses a create: even a field that Kibana owns is sent once (facts.md 2.2, 2.3)."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """
    What the record says of a rule: the canonical rule that git asked for last time, the `enabled` that we last decided
    on, and whether Kibana's rule still has the recorded revision and time (nobody touched it).
    """

    authored: Mapping[str, Any]
    enabled: bool
    untouched: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """The sides of the change of one rule (both empty: nothing to write), and what Kibana changed."""

    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    edits: tuple[Edit, ...] = ()
    recreate: bool = False

    @property
    def conflicts(self) -> bool:
        """Whether git and Kibana changed a field to different values."""
        return any(edit.kind == "conflict" for edit in self.edits)


def compare(
    desired: DesiredRule,
    live: LiveRule,
    baseline: Baseline | None,
    policy: OwnershipPolicy,
    take: Take | None = None,
) -> Compared:
    """Return what has to be written to `live`. Without a baseline the comparison is two-way."""
    retype = _retyped(desired, live, baseline, policy, take)
    if retype is not None and (retype.kind in ("left", "conflict")):
        return Compared(edits=(_edit(live, "type", retype, baseline, desired.payload["type"]),))
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    edits: list[Edit] = []
    for sides in _all_sides(desired, live, baseline):
        name, ruling = sides.name, _ruled(sides, policy, take)
        if ruling.kind in ("write", "back"):
            _put(before, name, live.value(name))
            _put(after, name, ruling.value)
        if ruling.kind in ("left", "back", "conflict"):
            edits.append(_edit(live, name, ruling, baseline, sides.desired))
        elif ruling.extra and not (baseline and baseline.untouched):
            edits.append(_edit(live, name, Ruling("kept", list(ruling.extra)), baseline, sides.desired))
    if retype is not None:
        return Compared(live.content(), recreated(desired, live, baseline, policy), tuple(edits), recreate=True)
    return Compared(before, after, tuple(edits))


def kept_on(found: Compared, live: LiveRule) -> Compared:
    """Return the same without switching the rule off: that it is on is left as an edit, for people to decide."""
    if not (live.enabled and found.after.get("enabled") is False):
        return found
    left = Edit(live.rule_id, "enabled", "left", authored=None, live=True, desired=False, by=live.by, at=live.at)
    before = {name: value for name, value in found.before.items() if name != "enabled"}
    after = {name: value for name, value in found.after.items() if name != "enabled"}
    return replace(found, before=before, after=after, edits=(*found.edits, left))


def _all_sides(desired: DesiredRule, live: LiveRule, baseline: Baseline | None) -> Iterator[Sides]:
    """
    Yield the fields to compare. Of one of Elastic's rules those that its entry names: what we did not set there last
    time has no baseline, so actions that are there already are united with git's and not taken away.
    """
    if not desired.file.prebuilt:
        yield from (_sides(name, desired, live, baseline) for name in _names(desired, baseline))
        return
    for name in TUNED:
        if name in desired.payload:
            known = baseline is not None and name in baseline.authored
            yield Sides(
                name,
                live.type,
                desired=desired.payload[name],
                live=live.value(name),
                authored=baseline.authored[name] if baseline and known else ABSENT,
                recorded=known,
                untouched=bool(baseline and known and baseline.untouched) and name != "enabled",
                first=not known,
            )


def created(desired: DesiredRule, policy: OwnershipPolicy, *, enabled: bool) -> dict[str, Any]:
    """Return the after side of a create: the payload, `enabled` said out loud, without what Kibana owns."""
    result = {name: value for name, value in desired.payload.items() if name != IDENTITY}
    for name in [name for name in result if name not in _REQUIRED and policy.of(name) == "live"]:
        del result[name]
    result.setdefault("enabled", enabled)
    return result


def recreated(
    desired: DesiredRule, live: LiveRule, baseline: Baseline | None, policy: OwnershipPolicy
) -> dict[str, Any]:
    """
    Return the after side of a recreate: git's rule with what is Kibana's carried over: live-owned and merged fields,
    edits that are left alone, and everything on which git has no opinion, as far as the new type has the field.
    """
    new_type = str(desired.payload["type"])
    result = {name: value for name, value in desired.payload.items() if name != IDENTITY}
    for name in _names(desired, baseline):
        ownership = policy.of(name)
        sides = _sides(name, desired, live, baseline, rule_type=new_type)
        ruling = rule(sides, ownership)
        kibanas = ownership in ("live", "once") or ruling.kind == "left" or not sides.opinion
        if name != "type" and (kibanas or (ownership == "merge" and ruling.kind == "unchanged")):
            _put(result, name, live.value(name))
        elif ownership == "merge":
            _put(result, name, ruling.value)
    result.setdefault("enabled", live.enabled)
    return result


def _retyped(
    desired: DesiredRule, live: LiveRule, baseline: Baseline | None, policy: OwnershipPolicy, take: Take | None
) -> Ruling | None:
    """Return the ruling on `type` where the types differ and Kibana cannot change them in place, else None."""
    if desired.file.prebuilt or retypes_in_place(live.type, desired.payload["type"]):
        return None
    return _ruled(_sides("type", desired, live, baseline), policy, take)


def _ruled(sides: Sides, policy: OwnershipPolicy, take: Take | None) -> Ruling:
    ownership: Ownership = policy.of(sides.name)
    if sides.first and ownership in ("shared", "once"):
        ownership = "merge" if isinstance(sides.desired, list) and take is None else "shared"
    ruling = rule(sides, ownership)
    decided = take or {"git": "git", "live": "live"}.get(policy.conflict if ruling.kind == "conflict" else "")
    if decided == "git" and ruling.kind in ("left", "conflict"):
        return Ruling("back", sides.desired)
    if decided == "live" and ruling.kind in ("conflict", "back"):
        return Ruling("left", sides.live)
    return ruling


def _names(desired: DesiredRule, baseline: Baseline | None) -> list[str]:
    """Return the fields that any side has, in the table's order, then those that the table does not know."""
    authored = baseline.authored if baseline else {}
    unknown = sorted((desired.payload.keys() | authored.keys()) - FIELDS.keys() - {IDENTITY})
    rule_type = str(desired.payload["type"])
    return [name for name, row in FIELDS.items() if row.exists_for(rule_type)] + unknown


def _sides(
    name: str, desired: DesiredRule, live: LiveRule, baseline: Baseline | None, rule_type: str | None = None
) -> Sides:
    rule_type = rule_type or str(desired.payload["type"])
    wanted = desired.payload.get(name, ABSENT)
    authored = baseline.authored.get(name, ABSENT) if baseline else ABSENT
    opinion = row_of(name).opinion or wanted is not ABSENT or authored is not ABSENT
    if name == "enabled" and baseline is not None and authored is ABSENT:
        # Git is silent, and we last decided on this: an analyst's switch is an edit like any other, seen every time.
        authored = baseline.enabled
        wanted = baseline.enabled if wanted is ABSENT else wanted
        opinion = True
    elif wanted is ABSENT:
        wanted = default_of(name, rule_type)
    return Sides(
        name,
        rule_type,
        desired=wanted,
        live=live.value(name),
        authored=authored if authored is not ABSENT else _default_where_silent(name, rule_type, baseline),
        recorded=baseline is not None,
        opinion=opinion,
        # `enabled` is compared with what we decided: the record's revision and time say nothing about who switched it
        untouched=bool(baseline and baseline.untouched) and name != "enabled",
    )


def _default_where_silent(name: str, rule_type: str, baseline: Baseline | None) -> Any:
    return default_of(name, rule_type) if baseline is not None and row_of(name).opinion else ABSENT


def _put(side: dict[str, Any], name: str, value: Any) -> None:
    if value is not ABSENT:
        side[name] = value


def _edit(live: LiveRule, name: str, ruling: Ruling, baseline: Baseline | None, desired: Any) -> Edit:
    authored = baseline.authored.get(name) if baseline else None
    value = ruling.value if ruling.kind == "kept" else live.value(name)
    return Edit(
        live.rule_id,
        name,
        ruling.kind,
        authored=baseline.enabled if baseline and name == "enabled" and authored is None else authored,
        live=None if value is ABSENT else value,
        desired=None if desired is ABSENT else desired,
        by=live.by,
        at=live.at,
    )
