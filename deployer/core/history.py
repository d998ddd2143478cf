"""
The log of an environment as values: events, what became of one rule, what ran at a moment, and whether the chain holds.

An event carries the sha256 of the bytes of the event before it, one of a commit also that of its record. What was
changed, taken out or put in afterwards is seen from there on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any, Final

from deployer.core.record import Record, RuleRecord
from deployer.errors import UsageError

KINDS: Final = (
    "deploy",
    "adopt",
    "rollback",
    "undone",
    "incomplete",
    "promote",
    "hold",
    "release",
    "waive",
    "recover",
    "unlock",
    "accept-live",
)
"""Everything that is logged (design section 8)."""


@dataclass(frozen=True, slots=True)
class Event:
    """
    One thing that was done to an environment, or tried on it.

    `number` counts per environment, `sha256` is that of its bytes, `previous` that of the event before. `deployment` is
    0 where nothing was committed. `facts` has everything that the event says.
    """

    number: int
    kind: str
    time: str
    space: str
    actor: str
    reason: str
    deployment: int
    previous: str
    sha256: str
    changed: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def about(self, rule_id: str) -> bool:
        """Say whether the event concerns a rule."""
        named = (self.facts.get("gone"), self.facts.get("rules"), self.facts.get("held"), self.facts.get("released"))
        return rule_id in self.changed or any(rule_id in (group or ()) for group in named)


def event(facts: Mapping[str, Any], data: bytes) -> Event:
    """Return the event that a stored object is; `data` are its bytes."""
    return Event(
        number=int(facts.get("number") or 0),
        kind=str(facts.get("event", "")),
        time=str(facts.get("time", "")),
        space=str(facts.get("space", "")),
        actor=str(facts.get("actor", "")),
        reason=str(facts.get("reason", "")),
        deployment=int(facts.get("deployment") or 0),
        previous=str(facts.get("previous", "")),
        sha256=hashlib.sha256(data).hexdigest(),
        changed=facts.get("changed") or {},
        facts=facts,
    )


def broken_links(events: Sequence[Event]) -> tuple[str, ...]:
    """Return a sentence for every place where the chain of events is broken; events are in order."""
    found: list[str] = []
    before: Event | None = None
    for one in events:
        expected = before.number + 1 if before else 1
        if one.number != expected:
            found.append(f"event {expected} is missing: event {one.number} comes after {expected - 1}")
        elif one.previous != (before.sha256 if before else ""):
            changed = f"event {before.number} was changed" if before else "something stood before it"
            found.append(f"event {one.number} does not continue the chain: {changed}")
        before = one
    return tuple(found)


def chosen(
    events: Iterable[Event], *, since: datetime | None = None, until: datetime | None = None, rule_id: str = ""
) -> tuple[Event, ...]:
    """Return the events of a time, both ends included, and about a rule."""
    return tuple(
        one
        for one in events
        if (since is None or _moment(one.time) >= since)
        and (until is None or _moment(one.time) <= until)
        and (not rule_id or one.about(rule_id))
    )


def moment(text: str, option: str, *, end: bool = False) -> datetime:
    """
    Return what a person wrote as a time: a date, or a date with a time, UTC unless it says otherwise. A date alone is
    its first instant, or with `end` its last. Raises UsageError.
    """
    try:
        if len(text) == len("2026-11-24"):
            day = date.fromisoformat(text)
            return datetime.combine(day, time.max if end else time.min, UTC)
        found = datetime.fromisoformat(text)
    except ValueError as exc:
        raise UsageError(f'{option} "{text}" is not a time', hint="write 2026-11-24 or 2026-11-24T03:12") from exc
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def running_at(events: Iterable[Event], at: datetime) -> dict[str, int]:
    """Return the deployment that was the last one committed at a moment, by space."""
    return {one.space: one.deployment for one in events if one.deployment and _moment(one.time) <= at}


@dataclass(frozen=True, slots=True)
class Step:
    """What one deployment made of one rule in one target; `entry` is None where the rule left the record."""

    target: str
    number: int
    time: str
    kind: str
    actor: str
    reason: str
    entry: RuleRecord | None
    action: str = ""


def seen(target: str, record: Record, rule_id: str) -> Step:
    """Return one deployment as one rule sees it."""
    return Step(
        target,
        record.number,
        record.time,
        record.event,
        record.provenance.actor,
        record.reason,
        record.rules.get(rule_id),
        record.changed.get(rule_id, ""),
    )


def life(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Return of the deployments of one target, oldest first, those that changed a rule's entry or wrote to it."""
    kept: list[Step] = []
    before: tuple[str, str, bool, bool] | None = None
    for step in steps:
        if step.action or _told(step.entry) != before:
            kept.append(step)
        before = _told(step.entry)
    return tuple(kept)


def _told(entry: RuleRecord | None) -> tuple[str, str, bool, bool] | None:
    return None if entry is None else (*entry.content, entry.enabled)


def _moment(text: str) -> datetime:
    """Return the time of an event; one that is damaged sorts first."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
