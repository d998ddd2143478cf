"""
The stages of one apply, as a list to read: lock, read, stale check, snapshot, write, verify, commit, clean up.

Whatever goes wrong between the first write and the commit ends in an undo, and the undo in exactly one of: everything
as it was (exit 5), or something for a person, with the lock left in `needs_recovery` (exit 6).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from deployer.core.change import Action
from deployer.core.holds import holds_of
from deployer.core.outcomes import Applied, ApplyAttentionError, Status
from deployer.core.plan import Plan
from deployer.core.plan_file import dumps
from deployer.core.ports import Body
from deployer.core.record import Record
from deployer.errors import DeployerError, InterruptedRunError, Refusal, RefusedError
from deployer.executor import ending, events, lists
from deployer.executor.commit import committed, entries_of, unwritten
from deployer.executor.common import common_lock
from deployer.executor.images import has_after, stale_fields
from deployer.executor.journal import past
from deployer.executor.lease import LostLockError
from deployer.executor.ledger import Head, Lock
from deployer.executor.stages import deletes, forward
from deployer.executor.touched import Touched
from deployer.executor.transaction import Run, Transaction, grouped, singles
from deployer.executor.verify import still_there, verify


def apply(plan: Plan, run: Run) -> Applied:
    """
    Carry out a plan. Returns what was applied.

    Raises RefusedError (locked, recovery, stale) with nothing changed, ApplyUndoneError, ApplyIncompleteError,
    ApplyAttentionError (committed, and something to look at), InterruptedRunError; before the first write also
    RemoteError and StateError.
    """
    if not plan.records:
        return Applied()
    tx = Transaction(run, plan)
    head = tx.lease.acquire(run.holder, run.run_id, left=lambda lock: _left(tx, lock), interrupted=run.interrupted)
    with lock_kept_if_broken(tx):
        finish(tx, head)
        _refuse_done(tx, head.record)
        _refuse_held(tx, head.record)
        with common_lock(tx):
            _prepare(tx)
            return carried_out(tx, head.record)


def carried_out(tx: Transaction, head: Record | None) -> Applied:
    """Write, verify and commit a transaction that is locked and journaled; undo it if that fails."""
    try:
        forward(tx)
        _go_on(tx)
        read, wrong = ({}, ()) if tx.failures else verify(tx)
        wrong = wrong if tx.failures or wrong else lists.verify_lists(tx)
        if tx.failures or wrong:
            raise ending.undone(tx, wrong)
        bodies = {**unwritten(tx, read), **read}
        _go_on(tx)
        pending = deletes(tx)
        tx.due = lists.delete_items(tx)
        _go_on(tx)
        pending = tuple(sorted({*pending, *still_there(tx, _deleted(tx, pending))}))
        new = entries_of(tx, bodies, pending)
        record = committed(tx, head, new)
    except LostLockError as error:
        raise error if tx.sends else _nothing_was_sent(error) from error
    except InterruptedRunError:
        raise
    except DeployerError as error:
        if tx.undoing:
            raise
        raise ending.undone(tx, (str(error),)) from error
    return _finished(tx, record, pending, sorted(rule_id for rule_id, entry in new.rules.items() if entry is None))


def finish(tx: Transaction, head: Head) -> None:
    """Clean up after a run that committed and could not say so any more: its event, its journal."""
    left = head.lock
    if not left.committed or not left.tx or head.record is None:
        return
    ledger = tx.run.ledger
    if not any(event.get("tx") == left.tx and event.get("deployment") for event in ledger.events()):
        events.append(ledger, events.committed(ledger, head.record, {"tx": left.tx}), head.record.provenance)
    ledger.store.remove(ledger.store.names(ledger.journal_prefix(left.tx)))


@contextmanager
def lock_kept_if_broken(tx: Transaction) -> Iterator[None]:
    """
    Leave no lock behind that nobody needs, and free none that somebody does: whatever goes through here without its
    ending having closed the books (a bug, an error before the first write) frees the lock only if nothing was sent.
    """
    try:
        yield
    except BaseException:  # also a KeyboardInterrupt and a bug: whatever ends the run, the lock must say how it stands
        if tx.lease.held and not (tx.sends or tx.resumed):
            ending.close(tx)
        elif tx.lease.held:
            ending.leave(tx, "interrupted")
        raise


def _left(tx: Transaction, lock: Lock) -> bool:
    """Say whether an abandoned lock leaves writes behind that must be recovered."""
    if lock.committed:
        return False
    found = past(tx.run.ledger, lock.tx)
    return found is not None and bool(found.intents)


def _prepare(tx: Transaction) -> None:
    """Everything before the first write: read, refuse what is stale, save the before-images and the plan."""
    live = _touched(tx)
    for change in tx.plan.changes:
        tx.rules[change.rule_id] = Touched.of(change, live.get(change.rule_id))
    live = {**live, **lists.learn(tx)}
    _refuse_stale(tx)
    if tx.run.interrupted():
        raise ending.interrupted(tx)
    tx.journal.token, tx.journal.tx = tx.lease.token, tx.lease.tx
    if tx.plan.writes:
        tx.journal.begin(dumps(tx.plan), live)


def _touched(tx: Transaction) -> dict[str, Body]:
    """Return the rules that the plan touches, as they are now."""
    ids = [change.rule_id for change in tx.plan.changes]
    if tx.run.already_read is not None:
        return singles(grouped(tx.run.already_read, set(ids)))
    return singles(tx.read(ids)) if ids else {}


def _refuse_stale(tx: Transaction) -> None:
    """
    Raise RefusedError (stale) if a planned field lost its before, or a rule appeared, vanished or changed type. With
    `conflict = "skip"` such a rule is left out, as long as there is another one.
    """
    stale = {rule_id: words for rule_id, rule in tx.rules.items() if (words := _stale(rule))}
    moved = lists.stale(tx)
    if tx.run.skip_conflicts and not any(tx.needs[key].dependency.before is None for key in moved):
        for key, words in moved.items():
            tx.needs[key].kept = True
            tx.note(key, tx.needs[key].dependency.action, Status.LEFT_OUT, words)
    else:
        stale |= moved
    if tx.run.skip_conflicts and not stale.keys() & moved.keys() and len(stale) < len(tx.rules):
        for rule_id, words in stale.items():
            tx.rules[rule_id].kept = True
            tx.note(rule_id, tx.rules[rule_id].change.action.value, Status.LEFT_OUT, words)
    elif stale:
        shown = [f'"{tx.plan.label(rule_id).name}" {words}' for rule_id, words in list(stale.items())[: ending.SHOWN]]
        more = f" (and {len(stale) - ending.SHOWN} more)" if len(stale) > ending.SHOWN else ""
        raise RefusedError(f"the plan is stale: {'; '.join(shown)}{more}", Refusal.STALE, hint="plan again")


def _refuse_done(tx: Transaction, head: Record | None) -> None:
    """Raise RefusedError (stale) if the last deployment carried out this very plan: a saved plan is for once."""
    if head is not None and head.plan == tx.plan.digest and head.number != tx.plan.base:
        message = f"this plan was carried out already, as deployment #{head.number}; nothing was changed"
        raise RefusedError(message, Refusal.STALE, hint="plan again")


def _refuse_held(tx: Transaction, head: Record | None) -> None:
    """Raise RefusedError (stale) if a rule of the plan was held after the plan was made."""
    held = [hold for hold in holds_of(head).values() if hold.number > (tx.plan.base or 0)]
    touched = {*tx.plan.entries, *(change.rule_id for change in tx.plan.changes)}
    named = [f'"{hold.name}" ({hold.label})' for hold in held if hold.rule_id in touched]
    if named:
        message = f"the plan is stale: held since it was made: {', '.join(named[: ending.SHOWN])}"
        raise RefusedError(message, Refusal.STALE, hint="plan again")


def _stale(rule: Touched) -> str:
    change, live = rule.change, rule.live
    if live is None:
        return "" if change.action is Action.CREATE else "is gone from Kibana"
    by = f"by {live.get('updated_by') or 'somebody'}, {str(live.get('updated_at'))[:19].replace('T', ' ')}"
    if change.action is Action.CREATE:
        return f"appeared in Kibana, {by}"
    moved = stale_fields(change, live)
    if not moved or (change.action is not Action.DELETE and has_after(change, live, change.names)):
        return ""
    return f"{', '.join(moved)} edited {by}"


def _deleted(tx: Transaction, pending: tuple[str, ...]) -> list[str]:
    rules = [rule for rule in tx.rules.values() if rule.change.action is Action.DELETE and not rule.kept]
    return [rule.rule_id for rule in rules if rule.rule_id not in pending]


def _go_on(tx: Transaction) -> None:
    if tx.run.interrupted():
        raise ending.interrupted(tx)


def _nothing_was_sent(error: LostLockError) -> RefusedError:
    return RefusedError(f"{error}; nothing was sent", Refusal.LOCKED, hint="plan again")


def _finished(tx: Transaction, record: Record, pending: tuple[str, ...], gone: list[str]) -> Applied:
    """After the pivot: event, lock, journal. Nothing here undoes the commit; the next apply mends what is missing."""
    written = sum(outcome.status is Status.APPLIED for outcome in tx.outcomes)
    event = ending.append_commit(
        tx,
        record,
        pending=list(pending),
        gone=gone,
        held=[hold.rule_id for hold in tx.plan.holds],
        released=list(tx.plan.released),
    )
    ending.close(tx)
    applied = Applied(record, tuple(tx.outcomes), written, pending, event)
    if applied.to_look_at:
        shown = applied.to_look_at[: ending.SHOWN]
        said = "; ".join(f'"{tx.plan.label(o.rule_id).name}" {o.detail}' for o in shown)
        raise ApplyAttentionError(f"deployment #{record.number} is committed, and somebody must look: {said}", applied)
    return applied
