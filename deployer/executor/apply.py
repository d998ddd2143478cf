"""
The stages of one apply, as a list to read: lock, read, stale check, snapshot, write, verify, commit, clean up.

Whatever goes wrong between the first write and the commit ends in an undo, and the undo in exactly one of: everything
as
it was (exit 5), or something for a person, with the lock left in `needs_recovery` (exit 6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deployer.core.change import Action
from deployer.core.outcomes import (
    Applied,
    ApplyAttentionError,
    ApplyIncompleteError,
    ApplyUndoneError,
    Ending,
    Outcome,
    Status,
    worst,
)
from deployer.core.plan import Plan
from deployer.core.plan_file import dumps
from deployer.core.ports import Body
from deployer.core.record import Record
from deployer.errors import DeployerError, InterruptedRunError, Refusal, RefusedError
from deployer.executor.commit import committed, read_back
from deployer.executor.stages import deletes, forward, read_rules
from deployer.executor.transaction import Run, Transaction
from deployer.executor.undo import undo

_FEW = 200  # so many touched rules are read by id, more in one read of the space


def apply(plan: Plan, run: Run) -> Applied:
    """
    Carry out a plan. Returns what was applied.

    Raises RefusedError (locked, recovery, stale) with nothing changed, ApplyUndoneError, ApplyIncompleteError,
    ApplyAttentionError (committed, and something to look at), InterruptedRunError.
    """
    if not plan.changes and not plan.entries:
        return Applied()
    tx = Transaction(run, plan, run.run_id)
    tx.set_clock(run.writer.status().date)
    head = tx.lease.acquire(run.holder, tx.tx).record
    tx.journal.token = tx.lease.token
    try:
        live = _touched(tx)
        refuse_stale(plan, live)
        _not_interrupted(run)
        if plan.changes:
            _snapshot(tx, live)
    except BaseException:
        tx.lease.release()  # nothing was sent
        raise
    return carried_out(tx, head)


def carried_out(tx: Transaction, head: Record | None) -> Applied:
    """Write, verify and commit a transaction that is locked and journaled; undo it if that fails."""
    try:
        forward(tx)
        if tx.run.interrupted():
            raise interrupted(tx)
        live, wrong = ({}, ()) if tx.failed() else read_back(tx)
        if tx.failed() or wrong:
            raise _undone(tx, wrong)
        record = committed(tx, head, live)
    except DeployerError as error:
        if isinstance(error, ApplyUndoneError | ApplyIncompleteError | InterruptedRunError):
            raise
        raise _undone(tx, (str(error),)) from error
    return _finished(tx, record)


def refuse_stale(plan: Plan, live: Mapping[str, Body]) -> None:
    """Raise RefusedError (stale) if a planned field lost its before, or a rule appeared, vanished or changed type."""
    found: list[str] = []
    for change in plan.changes:
        body, name = live.get(change.rule_id), plan.label(change.rule_id).name
        if change.action is Action.CREATE:
            if body is not None:
                found.append(f'"{name}" appeared in Kibana, by {body.get("updated_by")}')
        elif body is None:
            found.append(f'"{name}" is gone from Kibana')
        else:
            moved = change.differs_from_before(body)
            if moved and change.differs_from_after(body):
                when = str(body.get("updated_at"))[:19]
                found.append(f'"{name}": {", ".join(moved)} edited by {body.get("updated_by")}, {when}')
    if found:
        more = f" (and {len(found) - 5} more)" if len(found) > 5 else ""
        raise RefusedError(f"the plan is stale: {'; '.join(found[:5])}{more}", Refusal.STALE, hint="plan again")


def interrupted(tx: Transaction) -> DeployerError:
    """Leave an interrupted transaction for `recover`, or free the lock where nothing was sent."""
    target = tx.plan.target.name
    if not tx.sent:
        tx.lease.release()
        tx.journal.discard()
        return InterruptedRunError("interrupted; nothing was sent, nothing was changed")
    tx.journal.state("interrupted", tx.stamp())
    tx.lease.leave_for_recovery()
    return InterruptedRunError(
        f"interrupted after {tx.sent} requests; {target} has part of the plan", hint=f"deployer recover -e {target}"
    )


def undone(tx: Transaction, why: Sequence[str], *, force: bool = False) -> DeployerError:
    """Undo a transaction; return the error that says how that ended."""
    return _undone(tx, tuple(why), force=force)


def _not_interrupted(run: Run) -> None:
    if run.interrupted():
        raise InterruptedRunError("interrupted; nothing was sent, nothing was changed")


def _touched(tx: Transaction) -> dict[str, Body]:
    """Return the rules that the plan touches, as they are now."""
    ids = [change.rule_id for change in tx.plan.changes]
    if tx.run.already_read is not None:
        wanted = set(ids)
        return {str(body["rule_id"]): body for body in tx.run.already_read if body.get("rule_id") in wanted}
    if len(ids) <= _FEW:
        return read_rules(tx, ids) if ids else {}
    wanted = set(ids)
    bodies = tx.run.writer.read_space(marker=tx.run.marker, wanted=ids).rules
    return {str(body["rule_id"]): body for body in bodies if body.get("rule_id") in wanted}


def _snapshot(tx: Transaction, live: Mapping[str, Body]) -> None:
    """Save the before-image of everything that will be touched, and begin the journal, before the first write."""
    name = tx.run.ledger.write_bundle(live.values()) if live else ""
    tx.journal.begin(dumps(tx.plan), name, tx.stamp())


def _undone(tx: Transaction, why: Sequence[str], *, force: bool = False) -> DeployerError:
    target = tx.plan.target.name
    reason = _reason(tx, why)
    renew = getattr(tx.run.writer, "renew_deadline", None)
    if renew is not None:
        renew()
    try:
        tx.journal.state("rolling_back", tx.stamp(), why=reason)
        results = undo(tx, force=force)
    except DeployerError as exc:
        results = [Outcome(rule_id, "undo", Status.NOT_UNDONE, str(exc)) for rule_id in tx.before]
    ending = Ending((*tx.outcomes, *results), tuple(body for body in tx.before.values() if body is not None))
    if all(outcome.status is Status.UNDONE for outcome in results):
        tx.journal.state("rolled_back", tx.stamp())
        _event(tx, "undone", reason)
        tx.lease.release()
        return ApplyUndoneError(f"apply failed: {reason}. Everything it did was undone, and read back", ending)
    _leave(tx, results)
    _event(tx, "incomplete", reason)
    open_rules = [o for o in results if o.status is not Status.UNDONE]
    return ApplyIncompleteError(
        f"apply failed: {reason}. {len(open_rules)} of {len(results)} rules could not be put back: "
        + "; ".join(f"{tx.plan.label(o.rule_id).name}: {o.detail}" for o in open_rules[:5]),
        ending,
        hint=f"deployer recover -e {target}",
    )


def _leave(tx: Transaction, results: Sequence[Outcome]) -> None:
    """Leave journal and lock for `recover`; a store that is down must not hide how the apply ended."""
    try:
        facts = [[o.rule_id, o.status.value, o.detail] for o in results]
        tx.journal.state("rollback_incomplete", tx.stamp(), results=facts)
        tx.lease.leave_for_recovery()
    except DeployerError:
        return  # the lease runs out, and recovery finds the journal as it is


def _reason(tx: Transaction, why: Sequence[str]) -> str:
    failures = worst(tx.outcomes)
    if failures:
        first = failures[0]
        return f'"{tx.plan.label(first.rule_id).name}" {first.op}: {first.detail or first.status.value}'
    return "; ".join(why[:3]) or "unknown"


def _finished(tx: Transaction, record: Record) -> Applied:
    """After the pivot: late deletes, event, lock, journal. Nothing here undoes the commit."""
    pending = deletes(tx)
    event = _event(tx, tx.plan.event, tx.plan.reason, deployment=record.number)
    tx.lease.release()
    tx.journal.discard()
    outcomes = tuple(tx.outcomes)
    written = sum(outcome.status is Status.APPLIED for outcome in outcomes)
    applied = Applied(record, outcomes, written, pending, event)
    if applied.to_look_at:
        said = "; ".join(f"{tx.plan.label(o.rule_id).name}: {o.detail}" for o in applied.to_look_at[:5])
        raise ApplyAttentionError(f"deployment #{record.number} is committed, and somebody must look: {said}", applied)
    return applied


def _event(tx: Transaction, kind: str, reason: str, **facts: object) -> int:
    """
    Append to the environment's log; the record is what counts, so a store that is down now does not undo a commit.
    """
    provenance = tx.run.provenance
    body = {
        "event": kind,
        "time": tx.stamp(),
        "actor": provenance.actor,
        "host": provenance.host,
        "ci_run": provenance.ci_run,
        "commit": provenance.commit,
        "branch": provenance.branch,
        "clean": provenance.clean,
        "plan": tx.plan.digest,
        "allowed": dict(tx.plan.allow),
        "reason": reason,
        "changed": {change.rule_id: change.action.value for change in tx.plan.changes},
        **facts,
    }
    try:
        return tx.run.ledger.append_event(body)
    except DeployerError:
        return 0
