"""
Drift: what became of a target since its last deployment, `diff(live, baseline)` (design section 1).

Baseline is what we stand for: the record's `authored` for every field on which git has an opinion, `written` (as read
back after the deployment) for the others, and the `enabled` that we last decided on. Fields that the environment leaves
to Kibana (`live`, `once`) cannot drift.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from deployer.core.environment import OwnershipPolicy
from deployer.core.fields import ABSENT, FIELDS, TUNED, default_of
from deployer.core.fields import field as row_of
from deployer.core.live import LiveRule, by_rule_id
from deployer.core.normalise import same_field
from deployer.core.ports import SpaceRead
from deployer.core.record import Record, RuleRecord

Kind = Literal[
    "changed", "enabled", "disabled", "deleted", "removed", "recreated", "duplicated", "unmarked", "new", "copy"
]

_BOOKKEEPING: Final = frozenset({"version", "revision", "meta"})  # moves along with an edit of another field


@dataclass(frozen=True, slots=True)
class Drifted:
    """
    One thing that somebody did in Kibana. `field`, `was` and `now` are set where `kind` is `changed`; `by` and `at` are
    the rule's last editor and time, "" where Kibana no longer knows them. `age` is in days, None where unknown.
    """

    rule_id: str
    name: str
    kind: Kind
    field: str = ""
    was: Any = None
    now: Any = None
    by: str = ""
    at: str = ""
    age: float | None = None


@dataclass(frozen=True, slots=True)
class Space:
    """What is compared: the space as read, the last record of it, the documents of `suspects`, Kibana's clock."""

    live: SpaceRead
    record: Record
    documents: Mapping[str, Mapping[str, Any]]
    policy: OwnershipPolicy
    marker: str
    now: datetime


def suspects(live: SpaceRead, record: Record) -> frozenset[str]:
    """Return the digests of the documents that `drift` will need: of rules that somebody touched, or may have."""
    singles, _ = by_rule_id(live.rules)
    wanted: set[str] = set()
    for rule_id, recorded in record.rules.items():
        if rule_id in singles and not _untouched(singles[rule_id], recorded):
            wanted |= {recorded.authored, recorded.written}
    return frozenset(wanted)


def drift(space: Space) -> tuple[Drifted, ...]:
    """Return everything that was done in Kibana since the record, by rule name; empty on an untouched space."""
    singles, duplicates = by_rule_id(space.live.rules)
    found: list[Drifted] = []
    for rule_id, recorded in space.record.rules.items():
        if rule_id in duplicates:
            found.append(Drifted(rule_id, recorded.name, "duplicated"))
        elif rule_id not in singles:
            if recorded.retired is None:
                found.append(Drifted(rule_id, recorded.name, "removed" if recorded.prebuilt else "deleted"))
        else:
            found.extend(_rule(space, singles[rule_id], recorded))
    for rule_id in singles.keys() - space.record.rules.keys():
        found.extend(_stranger(space, singles[rule_id]))
    return tuple(sorted(found, key=lambda each: (each.name.casefold(), each.rule_id, each.kind, each.field)))


def _untouched(live: LiveRule, recorded: RuleRecord) -> bool:
    return not recorded.edited and (
        live.body.get("id"),
        live.body.get("revision"),
        live.at,
        live.enabled,
    ) == (recorded.id, recorded.revision, recorded.updated_at, recorded.enabled)


def _rule(space: Space, live: LiveRule, recorded: RuleRecord) -> Iterator[Drifted]:
    if space.marker not in live.markers and not recorded.prebuilt:
        yield _of(space, live, "unmarked")
    if live.body.get("id") != recorded.id:
        yield _of(space, live, "recreated")
    if _switched(space, live, recorded):
        yield _of(space, live, "enabled" if live.enabled else "disabled")
    if not _untouched(live, recorded):
        yield from _fields(space, live, recorded)


def _switched(space: Space, live: LiveRule, recorded: RuleRecord) -> bool:
    """Say whether somebody switched the rule; of one of Elastic's it only counts where git says whether it is on."""
    if live.enabled == recorded.enabled or space.policy.of("enabled") in ("live", "once"):
        return False
    return not recorded.prebuilt or "enabled" in space.documents[recorded.authored]


def _fields(space: Space, live: LiveRule, recorded: RuleRecord) -> Iterator[Drifted]:
    authored, written = space.documents[recorded.authored], space.documents[recorded.written]
    rule_type = str(authored.get("type") or live.type)
    known = [name for name, row in FIELDS.items() if row.exists_for(rule_type)]
    names = [*known, *sorted(authored.keys() - FIELDS.keys())]
    for name in [name for name in TUNED if name in authored] if recorded.prebuilt else names:
        if (
            name in ("enabled", "rule_id")
            or (name in _BOOKKEEPING and name not in authored)
            or space.policy.of(name) in ("live", "once")
        ):
            continue
        was = authored.get(name, ABSENT)
        if was is ABSENT:
            was = default_of(name, rule_type) if row_of(name).opinion else written.get(name, ABSENT)
        now = live.value(name)
        if not same_field(name, was, now, rule_type):
            yield _of(space, live, "changed", name, was, now)


def _stranger(space: Space, live: LiveRule) -> Iterator[Drifted]:
    """A rule that no record names: one with our marker is a copy, another one is new if it came after the record."""
    if space.marker in live.markers:
        yield _of(space, live, "copy")
    elif not live.prebuilt and _is_after(str(live.body.get("created_at") or ""), space.record.time):
        yield _of(space, live, "new")


def _of(space: Space, live: LiveRule, kind: Kind, name: str = "", was: Any = None, now: Any = None) -> Drifted:
    return Drifted(
        live.rule_id,
        live.name,
        kind,
        name,
        None if was is ABSENT else was,
        None if now is ABSENT else now,
        live.by,
        live.at,
        age_in_days(live.at, space.now),
    )


def age_in_days(stamp: str, now: datetime) -> float | None:
    """Return how many days ago an ISO time was, None where it is none."""
    try:
        return (now - datetime.fromisoformat(stamp)).total_seconds() / 86400
    except (ValueError, TypeError):
        return None


def _is_after(stamp: str, other: str) -> bool:
    try:
        return datetime.fromisoformat(stamp) > datetime.fromisoformat(other)
    except (ValueError, TypeError):
        return False
