"""
Holds: what keeps one content of one rule, or its absence, out of one target (design section 2).

A hold stands in the deployment record, so that it is there exactly when the deployment that made it is: no crash can
leave one without the other. A rollback's hold is compared with what git wants at every plan, and ends when git behaves
differently; one that a person set stands until it is released, or until its day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any, Final, Literal

from deployer.core.behaviour import behaviour_digest
from deployer.core.canonical import digest
from deployer.core.desired import Desired, DesiredRule
from deployer.core.ports import Body
from deployer.core.record import Record
from deployer.core.rule_file import unresolved
from deployer.errors import StateError

Against = Literal["file", "rendered", "absent", ""]
Verdict = Literal["held", "ended", "expired"]

KEY: Final = "holds"
"""Where the holds of a target stand in `Record.extra`."""


@dataclass(frozen=True, slots=True)
class Hold:
    """
    One rule that is kept as it runs.

    `kind` says what is pinned (`core.pins`). `against` says what is kept out: the behaviour `bad` of the `file`, or of
    the rule `rendered` for the target; that git does not have it, `absent`; "" whatever git has. `good` is the
    behaviour of what runs, "" for absence. `exact`: contents are compared, because both behave alike.

    `also` has what holds before it kept out, of a rule that is rolled back further. `out` names the content that is
    kept out, for people. `number` is the deployment that made the hold, and names it (`H61`); `until` is its last day,
    ISO. `off`: it also keeps the rule switched off.
    """

    rule_id: str
    name: str
    kind: str
    against: Against = ""
    bad: str = ""
    good: str = ""
    exact: bool = False
    also: tuple[str, ...] = ()
    out: str = ""
    off: bool = False
    until: str = ""
    event: str = "rollback"
    number: int = 0
    time: str = ""
    actor: str = ""
    reason: str = ""

    @property
    def label(self) -> str:
        """How people name it."""
        return f"H{self.number}"


def holds_of(record: Record | None) -> dict[str, Hold]:
    """Return the holds of a target by rule. Raises StateError if the record is damaged."""
    if record is None:
        return {}
    try:
        return {rule_id: restored(data) for rule_id, data in record.extra.get(KEY, {}).items()}
    except (TypeError, AttributeError) as exc:
        raise StateError(f"the holds of deployment #{record.number} are damaged: {exc}") from exc


def restored(data: Mapping[str, Any]) -> Hold:
    """Return the hold that JSON data is. Raises TypeError."""
    return Hold(**{**data, "also": tuple(data.get("also", ()))})


def extra_with(extra: Mapping[str, Any], holds: Iterable[Hold], released: Iterable[str]) -> dict[str, Any]:
    """Return what a record says beside its rules, with new holds and without those that ended."""
    kept: dict[str, Any] = {rule_id: data for rule_id, data in extra.get(KEY, {}).items() if rule_id not in released}
    kept.update({hold.rule_id: asdict(hold) for hold in holds})
    rest = {name: value for name, value in extra.items() if name != KEY}
    return {**rest, KEY: {rule_id: kept[rule_id] for rule_id in sorted(kept)}} if kept else rest


def judge(
    hold: Hold, wanted: Desired, today: date, connectors: Iterable[Body] = (), *, promoted: bool = False
) -> Verdict:
    """
    Say whether a hold still stands, given what git wants of the target before anything is pinned.

    A `promoted` environment stays held where its lock file pins what runs (a rollback writes that itself): the one it
    promotes from still offers what is kept out.
    """
    if hold.until and today > date.fromisoformat(hold.until[:10]):
        return "expired"
    if not hold.against:
        return "held"
    rule = wanted.rules.get(hold.rule_id)
    known = {hold.bad, *hold.also}
    if promoted and hold.against != "rendered":
        known.add(hold.good)
    return "held" if any(mark in known for mark in _marks(rule, connectors)) else "ended"


def succeeding(hold: Hold, before: Hold | None) -> Hold:
    """Return a hold that also keeps out what the one before it did: git may still have that."""
    if before is None or not before.against:
        return hold
    return replace(hold, also=tuple(dict.fromkeys((before.bad, before.out, *before.also))))


def _marks(rule: DesiredRule | None, connectors: Iterable[Body]) -> Iterator[str]:
    """Yield every digest by which a hold may know what git wants: of file and rendered rule, behaviour and in full."""
    if rule is None:
        yield ""
        return
    file, rendered = rule.file.canonical, rule.canonical
    yield compared(file, exact=False)  # a file names connectors as its author wrote them
    yield compared(file, exact=True)
    if rendered is not file:
        yield compared(rendered, exact=False, connectors=connectors)
        yield compared(rendered, exact=True)


def keeps_out(hold: Hold, fingerprint: str, behaviour: str) -> bool:
    """
    Say whether a content may not be promoted over a hold: `fingerprint` and `behaviour` are those of the file, "" for
    its absence. A hold against an overlay has nothing against a file.
    """
    return not hold.against or not {fingerprint, behaviour}.isdisjoint((hold.bad, *hold.also))


def compared(content: Mapping[str, Any], *, exact: bool, connectors: Iterable[Body] = ()) -> str:
    """Return the digest by which contents are compared: of their behaviour, or of everything that is said."""
    return digest(unresolved(content)) if exact else behaviour_digest(content, connectors)


def against(
    hold: Hold, bad: Mapping[str, Any] | None, good: Mapping[str, Any] | None, connectors: Iterable[Body] = ()
) -> Hold:
    """
    Return the hold that keeps `bad` out where `good` runs, None for absence; by content where both behave alike.
    """
    sides = [content and behaviour_digest(content, connectors) for content in (bad, good)]
    exact = sides[0] == sides[1]
    digests = [compared(content, exact=exact, connectors=connectors) if content else "" for content in (bad, good)]
    return replace(hold, bad=digests[0], good=digests[1], exact=exact)
