"""Everything read again: nothing is committed that was not seen as the plan wants it (transactions.md 5.2, stage 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deployer.core.change import Action
from deployer.core.outcomes import Status
from deployer.core.ports import Body
from deployer.errors import RemoteError
from deployer.executor.touched import Touched
from deployer.executor.transaction import Transaction, singles

_LOOK_AGAIN = 0.25


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a read found under one rule_id: every body, the one that is ours, and its image."""

    bodies: Sequence[Body]
    ours: Body | None
    image: str


def verify(tx: Transaction) -> tuple[dict[str, Body], tuple[str, ...]]:
    """
    Read every rule of the plan until it is as wanted, for at most the settling time: a search may be behind.

    Returns the body of each rule for the record, and a sentence for each rule that is not as wanted. An edit of other
    fields that somebody made right after our write is kept, noted, and not recorded as ours. A second rule with one
    rule_id is reported (kibana#177283). Raises RemoteError.
    """
    rules = [rule for rule in tx.rules.values() if not rule.kept and rule.change.action is not Action.DELETE]
    if not rules:
        return {}, ()
    deadline = tx.run.clock.monotonic() + tx.run.settle
    found = _read(tx, rules)
    while (late := _late(tx, rules, found)) and tx.run.clock.monotonic() < deadline:
        if tx.run.interrupted():
            break
        tx.pause(min(_LOOK_AGAIN, tx.run.settle))
        found.update(_read(tx, late))
    tx.run.progress("read back", len(rules) - len(late), len(rules))
    wrong = tuple(_wrong(tx, rule, found[rule.rule_id]) for rule in late)
    return ({}, wrong) if wrong else (_for_the_record(tx, rules, found), ())


def still_there(tx: Transaction, rule_ids: Sequence[str]) -> tuple[str, ...]:
    """
    Return those of these deleted rules that are still found when the settling time is over.

    A read that fails says nothing: Kibana's answer to the DELETE stands.
    """
    deadline = tx.run.clock.monotonic() + tx.run.settle
    try:
        left = singles(tx.read(rule_ids)) if rule_ids else {}
        while left and tx.run.clock.monotonic() < deadline and not tx.run.interrupted():
            tx.pause(min(_LOOK_AGAIN, tx.run.settle))
            left = singles(tx.read(list(left)))
    except RemoteError:
        return ()
    return tuple(sorted(left))


def _read(tx: Transaction, rules: Sequence[Touched]) -> dict[str, _Seen]:
    """Read these rules at once. Raises RemoteError."""
    found = tx.read([rule.rule_id for rule in rules], look_up=0)
    return {rule.rule_id: _seen(rule, found.get(rule.rule_id, ())) for rule in rules}


def _late(tx: Transaction, rules: Sequence[Touched], found: Mapping[str, _Seen]) -> list[Touched]:
    return [rule for rule in rules if _wrong(tx, rule, found[rule.rule_id])]


def _seen(rule: Touched, bodies: Sequence[Body]) -> _Seen:
    live = _ours(rule, bodies)
    return _Seen(bodies, live, rule.image_of(live))


def _wrong(tx: Transaction, rule: Touched, seen: _Seen) -> str:
    """Return what is wrong with a rule as read, "" where it is as wanted."""
    live = seen.ours
    name = tx.plan.label(rule.rule_id).name
    if live is None:
        return f'"{name}" is not there'
    if seen.image == rule.settled:
        return ""
    names = rule.change.differs_from_after(live)
    return f'"{name}" reads back otherwise: {", ".join(names)} (by {live.get("updated_by")})' if names else ""


def _ours(rule: Touched, bodies: Sequence[Body]) -> Body | None:
    """Return the rule that our journal knows among those of one rule_id."""
    known = (rule.live or {}).get("id")
    return next((body for body in bodies if body.get("id") == known), bodies[0] if bodies else None)


def _for_the_record(tx: Transaction, rules: Sequence[Touched], found: Mapping[str, _Seen]) -> dict[str, Body]:
    recorded: dict[str, Body] = {}
    for rule in rules:
        seen = found[rule.rule_id]
        bodies, live = seen.bodies, seen.ours or {}
        recorded[rule.rule_id] = live
        if seen.image != rule.settled and rule.reached:
            recorded[rule.rule_id] = rule.live or live
            tx.note(rule.rule_id, "verify", Status.READBACK, f"edited by {live.get('updated_by')} right after us: kept")
        if others := sorted(str(body.get("id")) for body in bodies if body.get("id") != live.get("id")):
            words = f"another rule has this rule_id: {', '.join(others)} (kibana#177283)"
            tx.note(rule.rule_id, "verify", Status.DUPLICATE, f"{words}; {_switched_off(tx, others, bodies)}")
    return recorded


def _switched_off(tx: Transaction, ids: Sequence[str], bodies: Sequence[Body]) -> str:
    """Switch the second rule of one rule_id off; it is never deleted, it may have alerts (transactions.md 5.5)."""
    on = [str(body["id"]) for body in bodies if body.get("id") in ids and body.get("enabled")]
    if on and not tx.stopping() and tx.lease.may_send():
        tx.sends += 1
        tx.run.writer.set_enabled(on, enabled=False)
        return "it was on, and is switched off now"
    return "it is on" if on else "it is off"
