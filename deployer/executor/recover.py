"""
What an interrupted apply left behind, brought to all-old (default) or all-new (`resume`), or signed off.

Idempotent, and safe to kill at any point: the lock is taken over and kept in `needs_recovery` until the end, and every
step reads before it writes. Before anything is undone the horizon must have passed since the journal's last word.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from deployer.core.change import Change
from deployer.core.outcomes import Applied, ApplyUndoneError
from deployer.core.plan import Plan
from deployer.core.plan_file import loads
from deployer.core.ports import Body
from deployer.core.record import Record
from deployer.errors import DeployerError
from deployer.executor.apply import carried_out, undone
from deployer.executor.commit import committed
from deployer.executor.journal import Past, past
from deployer.executor.stages import read_rules
from deployer.executor.transaction import Run, Transaction

Mode = Literal["undo", "resume", "accept_live", "force_undo"]


@dataclass(frozen=True, slots=True)
class Recovered:
    """How a recovery ended: `nothing` was left, `undone`, `resumed`, `accepted`, or `freed` (nothing had been sent)."""

    how: str
    applied: Applied | None = None
    touched: int = 0


def recover(run: Run, mode: Mode) -> Recovered:
    """
    Finish or undo what an interrupted apply of this target left.

    Raises RefusedError (locked) while its holder may still write, ApplyIncompleteError if something still cannot be put
    back, StateError for a damaged journal.
    """
    lock, _ = run.ledger.lock()
    if lock.state == "free":
        return Recovered("nothing")
    tx = Transaction(run, Plan(run.ledger.target, run.ledger.project), lock.tx)
    tx.set_clock(run.writer.status().date)
    head = tx.lease.take_over(run.holder).record
    found, objects = past(run.ledger, lock.tx)
    tx.journal.token = tx.lease.token
    tx.journal.resume_after(objects)
    if found is None or not found.intents:
        tx.lease.release()
        tx.journal.discard()
        return Recovered("freed")
    return _recovered(tx, head, found, mode)


def _recovered(tx: Transaction, head: Record | None, found: Past, mode: Mode) -> Recovered:
    tx.plan = loads(found.plan, where="the journal")
    tx.remember(found.intents)
    _risk_since(tx, found.last)
    if mode == "accept_live":
        return _accepted(tx, head)
    if mode == "resume":
        tx.wait_for_the_horizon()
        tx.risky_until = 0.0
        return Recovered("resumed", carried_out(tx, head), len(tx.before))
    ended = undone(tx, ("recovered",), force=mode == "force_undo")
    if not isinstance(ended, ApplyUndoneError):
        raise ended
    tx.journal.discard()
    return Recovered("undone", touched=len(tx.before))


def _risk_since(tx: Transaction, last: str) -> None:
    """A request that was under way when the apply ended may land until the horizon after the journal's last word."""
    try:
        over = datetime.fromisoformat(last) + timedelta(seconds=tx.run.terms.horizon)
    except ValueError as exc:
        raise DeployerError(f'the journal has a time that is none: "{last}"') from exc
    left = (over - tx.server_now()).total_seconds()
    tx.risky_until = tx.run.clock.monotonic() + max(left, 0.0)


def _accepted(tx: Transaction, head: Record | None) -> Recovered:
    """Record what is live as the baseline: entries of the plan where it is live, the old ones where it is not."""
    live = read_rules(tx, list(tx.before))
    done = {change.rule_id for change in tx.plan.changes if _is_live(change, live.get(change.rule_id))}
    tx.plan = replace(
        tx.plan, entries={rule_id: entry for rule_id, entry in tx.plan.entries.items() if rule_id in done}
    )
    record = committed(tx, head, {rule_id: live[rule_id] for rule_id in done if rule_id in live}, event="accept-live")
    tx.lease.release()
    tx.journal.discard()
    return Recovered("accepted", Applied(record), len(tx.before))


def _is_live(change: Change, live: Body | None) -> bool:
    return live is not None and not change.differs_from_after(live)
