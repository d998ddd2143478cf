"""
How a run ends that does not commit: everything as it was (exit 5), something for a person (exit 6), interrupted (130).

Each of them closes the books: the journal's last state, the event, and the lock, which is free only where nothing is
left to do. A store that is down here does not hide the ending; the lease runs out, and the journal tells the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from deployer.core.outcomes import ApplyIncompleteError, ApplyUndoneError, Ending, Outcome, Status
from deployer.core.record import Record
from deployer.errors import DeployerError, InterruptedRunError, StateError
from deployer.executor.events import Happening, append_if_possible, committed
from deployer.executor.transaction import Transaction
from deployer.executor.undo import undo

SHOWN: Final = 5
"""How many rules a message names; the outcomes have them all."""


def interrupted(tx: Transaction) -> DeployerError:
    """Leave an interrupted run for `recover`, or free the lock where nothing was sent."""
    if not (tx.sends or tx.resumed):
        close(tx)
        return InterruptedRunError("interrupted; nothing was sent, nothing was changed")
    leave(tx, "interrupted")
    count = f"{tx.sends} request{'' if tx.sends == 1 else 's'}"
    return InterruptedRunError(
        f"interrupted after {count}; {tx.name} has part of the plan, and stays locked until it is recovered",
        hint=tx.recover_line,
    )


def undone(
    tx: Transaction, why: Sequence[str], *, force: frozenset[str] | None = frozenset(), reported: bool = False
) -> DeployerError:
    """
    Undo a run; return the error that says how that ended. Raises LostLockError, InterruptedRunError.

    An edit that is known to be lost is for a person to hear of; a delete whose answer did not come is among the
    outcomes, and no more: the rule was read right before, and is gone as it should be. `reported` says that an earlier
    ending has named the edits that were lost, so that they do not hold up the lock.
    """
    reason = _reason(tx, why)
    results = put_back(tx, reason, force=force)
    lost = [outcome for outcome in tx.losses if outcome.status is Status.LOST_UPDATE and not reported]
    left = [*still_open(results), *lost]
    if not left and close(tx, "rolled_back"):
        append_event(tx, "recover" if tx.resumed else "undone", why=reason, outcomes=_facts(results))
        message = f"apply failed: {reason}. Everything it did was undone, and read back"
        return ApplyUndoneError(message, Ending((*tx.outcomes, *results), tx.before_images()))
    return incomplete(tx, reason, results, left)


def put_back(tx: Transaction, reason: str, *, force: frozenset[str] | None = frozenset()) -> list[Outcome]:
    """Undo everything; return one outcome per rule that a write may have reached. Raises like `undone`."""
    renew = getattr(tx.run.writer, "renew_deadline", None)
    if renew is not None:
        renew()  # undoing must not fail because applying has used the time up
    _journal(tx, "rolling_back", why=reason)
    while True:
        try:
            return undo(tx, force=force)
        except InterruptedRunError:
            raise interrupted(tx) from None
        except StateError as exc:
            if tx.journal.adrift or tx.decided:
                reached = [rule for rule in tx.rules.values() if rule.sent]
                return [Outcome(rule.rule_id, "undo", Status.NOT_UNDONE, str(exc)) for rule in reached]
            tx.journal.adrift = True  # once more, from memory: every step of an undo reads before it writes


def still_open(results: Sequence[Outcome]) -> list[Outcome]:
    """Return the rules that an undo could not put back."""
    return [outcome for outcome in results if outcome.status is not Status.UNDONE]


def incomplete(tx: Transaction, reason: str, results: Sequence[Outcome], left: Sequence[Outcome]) -> DeployerError:
    """Leave a run that could not be undone in full to a person; return the error that names what is left."""
    leave(tx, "rollback_incomplete", results=_facts(left))
    append_event(tx, "incomplete", why=reason, outcomes=_facts(left))
    said = "; ".join(f'"{tx.plan.label(o.rule_id).name}" {o.detail}' for o in left[:SHOWN])
    more = f" (and {len(left) - SHOWN} more)" if len(left) > SHOWN else ""
    what = f"For {len(left)} a person must look: {said}{more}" if left else "The state store could not be told"
    return ApplyIncompleteError(
        f"apply failed: {reason}. What it did was undone as far as it goes. {what}",
        Ending((*tx.outcomes, *results), tx.before_images()),
        hint=tx.recover_line,
    )


def close(tx: Transaction, state: str = "") -> bool:
    """End a run of which nothing is left: the lock is free, the journal gone. Says whether the store took it."""
    try:
        if state:
            tx.journal.state(state)
        tx.lease.release()
        tx.journal.discard()
    except DeployerError:
        return False
    return True


def leave(tx: Transaction, state: str, **facts: Any) -> None:
    """Leave journal and lock for `recover`; where the store does not take it, the lease runs out by itself."""
    try:
        _journal(tx, state, **facts)
        tx.lease.leave_for_recovery()
    except DeployerError:
        return


def append_event(tx: Transaction, kind: str, **facts: Any) -> int:
    """Append the end of this run to the environment's log; return its number, 0 where the store did not take it."""
    happening = Happening(kind, tx.server.stamp(), tx.reason, {"tx": tx.lease.tx or tx.journal.tx, **facts})
    return append_if_possible(tx.run.ledger, happening, tx.run.provenance, tx.plan)


def append_commit(tx: Transaction, record: Record, **facts: Any) -> int:
    """Append the event of the deployment that was committed here; 0 where the store did not take it."""
    happening = committed(tx.run.ledger, record, {"tx": tx.lease.tx or tx.journal.tx, **facts})
    return append_if_possible(tx.run.ledger, happening, record.provenance)


def _journal(tx: Transaction, state: str, **facts: Any) -> None:
    """Write a state; a store that is down in mid-run does not stop the ending."""
    try:
        tx.journal.state(state, **facts)
    except StateError:
        return


def _facts(outcomes: Sequence[Outcome]) -> list[list[str]]:
    return [[outcome.rule_id, outcome.status.value, outcome.detail] for outcome in outcomes]


def _reason(tx: Transaction, why: Sequence[str]) -> str:
    if tx.failures:
        first = tx.failures[0]
        return f'"{tx.plan.label(first.rule_id).name}" {first.op}: {first.detail or first.status.value}'
    return "; ".join(why[:3]) or "unknown"
