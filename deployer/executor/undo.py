"""
Back to the before-images, only where live is still ours (transactions.md 5.6).

Idempotent, because every step reads first: a rule that equals its before-image is done, one that equals an image of
ours
is taken back, anything else was edited by somebody meanwhile and is kept and named. So an undo may be interrupted and
run again, by the same process or by `recover`.
"""

from __future__ import annotations

from deployer.core import compose
from deployer.core.outcomes import Outcome, Status, image
from deployer.core.ports import Body
from deployer.errors import RemoteError, UnknownOutcomeError
from deployer.executor.stages import read_rules
from deployer.executor.transaction import Transaction


def undo(tx: Transaction, *, force: bool = False) -> list[Outcome]:
    """
    Undo everything that this transaction may have done; return one outcome per touched rule.

    Waits for the horizon first if any request ended without an answer. With `force` an edit that somebody made
    meanwhile is overwritten too. Never raises for a single rule: what cannot be undone is an outcome.
    """
    tx.wait_for_the_horizon()
    results: list[Outcome] = []
    touched = list(tx.before)
    live = _all_live(tx, touched)
    for number, rule_id in enumerate(reversed(touched), 1):
        tx.lease.keep()
        results.append(_one(tx, rule_id, live.get(rule_id), force=force))
        tx.run.progress("undone", number, len(touched))
    return _verified(tx, results)


def _one(tx: Transaction, rule_id: str, live: Body | None, *, force: bool) -> Outcome:
    before = tx.before[rule_id]
    try:
        if before is None:
            return _uncreate(tx, rule_id, live, force=force)
        if live is None:
            return _bring_back(tx, rule_id, before)
        return _restore(tx, rule_id, live, before, force=force)
    except RemoteError as exc:
        return Outcome(rule_id, "undo", Status.NOT_UNDONE, str(exc))


def _uncreate(tx: Transaction, rule_id: str, live: Body | None, *, force: bool) -> Outcome:
    if live is None:
        return Outcome(rule_id, "undo", Status.UNDONE)
    if image(live) not in tx.images[rule_id] and not force:
        return _kept(rule_id, live)
    try:
        removed = tx.run.writer.delete(rule_id)
    except UnknownOutcomeError:
        tx.risk()
        if tx.live(rule_id) is None:
            return Outcome(rule_id, "undo", Status.UNDONE, "deleted; its last content was not seen")
        raise
    if image(removed) not in tx.images[rule_id] and not force:
        tx.journal.outcome(rule_id, "undo", "lost_update", "")
        tx.journal.state("rolling_back", tx.stamp(), removed=removed)
        return Outcome(
            rule_id,
            "undo",
            Status.LOST_UPDATE,
            f"edited by {removed.get('updated_by')} as it was deleted; kept in the journal",
        )
    return Outcome(rule_id, "undo", Status.UNDONE)


def _bring_back(tx: Transaction, rule_id: str, before: Body) -> Outcome:
    """Create a rule again that a recreate had deleted; Kibana gives it another id (transactions.md K9)."""
    made = tx.run.writer.create(compose.recreation(before))
    if before.get("enabled"):
        tx.run.writer.set_enabled([str(made["id"])], enabled=True)
    return Outcome(rule_id, "undo", Status.UNDONE, "created again, with another internal id")


def _restore(tx: Transaction, rule_id: str, live: Body, before: Body, *, force: bool) -> Outcome:
    ours, was = tx.images[rule_id], image(before)
    if image(live) != was:
        if image(live) not in ours and not force:
            return _kept(rule_id, live)
        if live.get("type") != before.get("type"):
            tx.run.writer.delete(rule_id)
            return _bring_back(tx, rule_id, before)
        live = _put_back(tx, before)
    return _flip_back(tx, rule_id, live, before, force=force)


def _put_back(tx: Transaction, before: Body) -> Body:
    body = compose.restoration(before)
    try:
        return tx.run.writer.replace(body)
    except UnknownOutcomeError:
        tx.risk()
        return tx.run.writer.replace(body)  # a PUT may be sent again at once: same body


def _flip_back(tx: Transaction, rule_id: str, live: Body, before: Body, *, force: bool) -> Outcome:
    """Switch back what we switched; a switch that somebody else made meanwhile is an edit, and stays."""
    now, then = bool(live.get("enabled")), bool(before.get("enabled"))
    if now == then:
        return Outcome(rule_id, "undo", Status.UNDONE)
    if tx.flipped.get(rule_id) != now and not force:
        return _kept(rule_id, live)
    flipped = tx.run.writer.set_enabled([str(live["id"])], enabled=then)
    if flipped.failed:
        return Outcome(rule_id, "undo", Status.NOT_UNDONE, next(iter(flipped.failed.values())))
    return Outcome(rule_id, "undo", Status.UNDONE)


def _kept(rule_id: str, live: Body) -> Outcome:
    who = live.get("updated_by") or "somebody"
    return Outcome(
        rule_id, "undo", Status.KEPT, f"edited by {who}, {str(live.get('updated_at'))[:19]}, after our write: kept"
    )


def _all_live(tx: Transaction, rule_ids: list[str]) -> dict[str, Body]:
    try:
        return read_rules(tx, rule_ids)
    except RemoteError:
        return _one_by_one(tx, rule_ids)


def _one_by_one(tx: Transaction, rule_ids: list[str]) -> dict[str, Body]:
    found: dict[str, Body] = {}
    for rule_id in rule_ids:
        body = tx.live(rule_id)
        if body is not None:
            found[rule_id] = body
    return found


def _verified(tx: Transaction, results: list[Outcome]) -> list[Outcome]:
    """Read everything once more: `undone` is said only of a rule that equals its before-image."""
    deadline = tx.run.clock.monotonic() + tx.run.settle
    while True:
        try:
            live = read_rules(tx, list(tx.before))
        except RemoteError as exc:
            return [_unless_undone(outcome, f"not verified: {exc}") for outcome in results]
        wrong = {
            o.rule_id
            for o in results
            if o.status is Status.UNDONE and not _equal(live.get(o.rule_id), tx.before[o.rule_id])
        }
        if not wrong or tx.run.clock.monotonic() >= deadline:
            break
        tx.run.clock.sleep(0.25)  # a search may be a second behind (facts.md 5.1)
    return [_unless_undone(o, "does not equal its before-image") if o.rule_id in wrong else o for o in results]


def _unless_undone(outcome: Outcome, detail: str) -> Outcome:
    return (
        Outcome(outcome.rule_id, outcome.op, Status.NOT_UNDONE, detail) if outcome.status is Status.UNDONE else outcome
    )


def _equal(live: Body | None, before: Body | None) -> bool:
    if live is None or before is None:
        return live is before
    return image(live) == image(before) and bool(live.get("enabled")) == bool(before.get("enabled"))
