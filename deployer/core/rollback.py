"""
Where a rollback goes back to: rule by rule to what ran before its last change, or as a whole to an earlier deployment.

Records are read through a function, newest first and only as many as needed: an entry's `as_of` names the deployment
that made it what it is, and the record before that has what ran until then. A content that a rollback brought back
keeps its `as_of`, so that no way back leads to the content that was bad.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from deployer.core.desired import Rendering
from deployer.core.holds import Hold, against
from deployer.core.pins import Pin, pin_of
from deployer.core.plan import Entry, Plan
from deployer.core.record import BACK_TO, Record, RuleRecord
from deployer.errors import DeployerError, UsageError

Read = Callable[[int], Record]

SHORTEST: Final = 8  # characters of an id that may stand for a rule
_BESIDE: Final = ("hold", "release", "rollback")


@dataclass(frozen=True, slots=True)
class Way:
    """One rule of one target on its way back: its entry now and the one to go back to, None where it is not there."""

    rule_id: str
    now: RuleRecord | None
    back: RuleRecord | None

    @property
    def name(self) -> str:
        """The name that people read."""
        entry = self.now or self.back
        return entry.name if entry else self.rule_id

    @property
    def differs(self) -> bool:
        """Whether git asks for something else there; a rule that is retired is as gone as one that is not there."""
        return _content(self.now) != _content(self.back)

    @property
    def prebuilt(self) -> bool:
        """Whether it is one of Elastic's rules, which no lock file pins."""
        entry = self.now or self.back
        return entry is not None and entry.prebuilt

    @property
    def changed_in(self) -> int:
        """The deployment that made the rule what it is now."""
        return (self.now.as_of or self.now.since) if self.now else 0


@dataclass(frozen=True)
class Goal:
    """
    What a rollback of one target goes back to: `ways` of the rules that differ, `record` where all of it goes back.
    `already` has the rules that a rollback keeps back already; `done_in` is the deployment that took the whole target
    back, where that is all that was asked for.
    """

    ways: tuple[Way, ...] = ()
    record: Record | None = None
    already: Mapping[str, Hold] = field(default_factory=dict)
    done_in: int = 0
    adopted: frozenset[str] = frozenset()

    @property
    def reached(self) -> bool:
        """Whether there is nothing to go back to any more."""
        return not self.ways and self.record is None and bool(self.already or self.done_in)


def chosen(texts: Iterable[str], known: Mapping[str, str]) -> tuple[str, ...]:
    """
    Return the rule ids that people named: an id, a name, or an unambiguous beginning of an id of at least eight signs.

    `known` maps rule ids to names. Raises UsageError for what fits several rules, and lists them; DeployerError for
    what fits none.
    """
    return tuple(dict.fromkeys(_chosen(text.strip(), known) for text in texts))


def _chosen(text: str, known: Mapping[str, str]) -> str:
    if text in known:
        return text
    found = [rule_id for rule_id, name in known.items() if name == text]
    found = found or [rule_id for rule_id, name in known.items() if name.casefold() == text.casefold()]
    if not found and len(text) >= SHORTEST:
        found = [rule_id for rule_id in known if rule_id.startswith(text)]
    if len(found) == 1:
        return found[0]
    if found:
        listed = "; ".join(f'{rule_id} "{known[rule_id]}"' for rule_id in sorted(found))
        raise UsageError(f'"{text}" fits {len(found)} rules: {listed}', hint="name one by its id")
    short = f"; the beginning of an id needs {SHORTEST} signs" if text and len(text) < SHORTEST else ""
    raise DeployerError(f'no deployment here knows a rule "{text}"{short}', hint="nothing was changed")


def rule_goal(
    rule_ids: Iterable[str], head: Record, holds: Mapping[str, Hold], read: Read, *, steps: int, gone: Mapping[str, int]
) -> Goal:
    """
    Return the way back of single rules by so many of their own changes. `gone` names the deployment that deleted a rule
    of which the head knows nothing. Raises DeployerError where a rule has no such past.
    """
    ways: list[Way] = []
    already: dict[str, Hold] = {}
    for rule_id in rule_ids:
        hold = holds.get(rule_id)
        rolled_back = hold is not None and hold.event == "rollback"
        left = steps - rolled_back
        if left == 0 and hold is not None:
            already[rule_id] = hold
            continue
        now = head.rules.get(rule_id)
        if now is None and rule_id not in gone:
            continue  # another space of the environment has it
        ways.append(Way(rule_id, now, _earlier(rule_id, now, read, left, gone)))
    return Goal(tuple(ways), already=already)


def _earlier(
    rule_id: str, entry: RuleRecord | None, read: Read, steps: int, gone: Mapping[str, int]
) -> RuleRecord | None:
    left = steps
    while left:
        made = read((entry.as_of or entry.since) if entry else gone[rule_id])
        if made.previous is None:
            name = entry.name if entry else rule_id
            raise DeployerError(
                f'"{name}" has no earlier version: deployment #{made.number} is the first that is recorded',
                hint="stop it instead: deployer hold --disable",
            )
        earlier = read(made.previous).rules.get(rule_id)
        if earlier is None and entry is not None and entry.prebuilt:
            raise DeployerError(
                f'"{entry.name}" is managed since #{made.number}; what was there before is not recorded',
                hint="take its entry out of prebuilt/ to let go of it, or stop it: deployer hold --disable",
            )
        if earlier is None and made.changed.get(rule_id) == "adopt":
            raise DeployerError(
                f'"{entry.name if entry else rule_id}" was adopted in #{made.number}; what ran before is not recorded',
                hint="stop it instead: deployer hold --disable",
            )
        if earlier is None:
            return None
        left -= not (_gone(entry) and _gone(earlier))  # retired first and deleted later is one change of git
        entry = earlier
    return entry


def _gone(entry: RuleRecord | None) -> bool:
    return entry is None or entry.retired is not None


def record_goal(
    head: Record, holds: Mapping[str, Hold], goal: Record, missing: Collection[str], adopted: Collection[str] = ()
) -> Goal:
    """
    Return the ways back of everything that differs from an earlier deployment, and of what `missing` names: rules that
    were deleted in Kibana. What a rollback keeps out stays out. Rules `adopted` since then, and rules of Elastic's that
    are managed since then, are left as they are, for what they were before is not recorded.
    """
    unknown = {*adopted, *(rule_id for rule_id, entry in head.rules.items() if entry.prebuilt)} - goal.rules.keys()
    ids = sorted((head.rules.keys() | goal.rules.keys()) - unknown)
    ways = [Way(rule_id, head.rules.get(rule_id), goal.rules.get(rule_id)) for rule_id in ids]
    differing = [way for way in ways if way.differs or (way.rule_id in missing and not _gone(way.back))]
    already = {way.rule_id: holds[way.rule_id] for way in differing if _kept_out(way, holds.get(way.rule_id))}
    ways = [way for way in differing if way.rule_id not in already]
    return Goal(tuple(ways), goal, already, adopted=frozenset(adopted))


def record_back(head: Record, read: Read, steps: int) -> tuple[Record, bool]:
    """
    Return the deployment that lies so many steps back, and whether the target is back there already. Only deployments
    that went forward and changed something count. Raises DeployerError where there are not as many.
    """
    at, back = _forward(head, read)
    left = steps - back
    for _ in range(left):
        if at.previous is None:
            raise DeployerError(
                f"there is no deployment before #{at.number}", hint=f"deployer history -e {head.environment}"
            )
        at, _ = _forward(read(at.previous), read)
    return at, back and left == 0


def _forward(at: Record, read: Read) -> tuple[Record, bool]:
    """Return the deployment that made a state, past holds and rollbacks; and whether a whole rollback was passed."""
    back = False
    while True:
        if BACK_TO in at.extra:
            at, back = read(int(at.extra[BACK_TO])), True
        elif at.previous is not None and (at.event in _BESIDE or not at.changed):
            at = read(at.previous)
        else:
            return at, back


def _content(entry: RuleRecord | None) -> tuple[str, str]:
    return ("", "") if entry is None or entry.retired else (entry.fingerprint, entry.authored)


def _kept_out(way: Way, hold: Hold | None) -> bool:
    if hold is None or hold.event != "rollback":
        return False
    fingerprint, authored = _content(way.back)
    outs = {hold.out, *hold.also}
    return fingerprint in outs or authored in outs


def wanted_documents(ways: Iterable[Way]) -> dict[str, str]:
    """Return the digests of the documents that pins and holds need, with the bundle of each."""
    entries = [entry for way in ways for entry in (way.now, way.back) if entry is not None and not entry.retired]
    return {digest: entry.bundle for entry in entries for digest in (entry.fingerprint, entry.authored)}


def way_back(
    way: Way, documents: Mapping[str, Mapping[str, Any]], rendering: Rendering, why: str, *, off: bool = False
) -> tuple[Pin, Hold | None]:
    """
    Return the pin that brings one rule back, and the hold that keeps it there; no hold where only the environment of
    today differs, so that git brings nothing bad again.
    """
    if way.back is None or way.back.retired is not None:
        pin = Pin(way.rule_id, "absent", why, path=way.now.path if way.now else "")
    else:
        pin = pin_of(way.rule_id, way.back, documents, rendering, why)
        pin = replace(pin, off=off)
    return pin, _hold(way, pin, documents, rendering)


def _hold(way: Way, pin: Pin, documents: Mapping[str, Mapping[str, Any]], rendering: Rendering) -> Hold | None:
    now, connectors = way.now, rendering.space.connectors or ()
    if not way.differs:
        return None
    hold = Hold(way.rule_id, way.name, pin.kind, off=pin.off)
    if now is None or now.retired is not None:
        return None if pin.kind == "absent" else against(replace(hold, against="absent"), None, pin.content)
    if pin.kind == "rendered":
        held = replace(hold, against="rendered", out=now.authored)
        return against(held, documents[now.authored], pin.rendered, connectors)
    held = replace(hold, against="file", out=now.fingerprint)
    if pin.kind == "absent":
        return against(held, documents[now.fingerprint], None)
    if now.fingerprint == pin.fingerprint:
        return None
    return against(held, documents[now.fingerprint], pin.content)


def as_rollback(plan: Plan, goal: Goal, holds: Iterable[Hold]) -> Plan:
    """Return a plan as that of a rollback: with its holds, and entries that remember which deployment they are from."""
    origins = {way.rule_id: way.back for way in goal.ways if way.back is not None and way.back.retired is None}
    entries: dict[str, Entry | None] = {}
    for rule_id, entry in plan.entries.items():
        origin = origins.get(rule_id)
        made = (origin.as_of or origin.since) if origin else None
        entries[rule_id] = replace(entry, as_of=made) if entry is not None and made else entry
    back_to = goal.record.number if goal.record else None
    decide = "--take git brings git's value back over it, --take live keeps what Kibana has"
    blocked = tuple(replace(one, remedy=decide) if one.kind == "conflict" else one for one in plan.notes.blocked)
    notes = replace(plan.notes, blocked=blocked)
    return replace(plan, event="rollback", entries=entries, holds=tuple(holds), back_to=back_to, notes=notes)
