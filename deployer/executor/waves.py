"""
Many jobs at once, each sent once; and what to do about answers that did not come (transactions.md 5.5).

Intents are journaled batch by batch, right before the batch is handed out. An answer that did not come stops the
handing out; then the rules in question are read. What has happened is done. What has not may still be under way: the
horizon is waited for, once for all of them, and only then is anything sent again, by the same job, which reads first.
Only where Kibana itself said that it did nothing (409, 429) is there nothing to wait for; but a POST always waits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from deployer.core.outcomes import Status
from deployer.errors import DeployerError, RemoteError
from deployer.executor import journal
from deployer.executor.flips import Lot, carry_out_flips
from deployer.executor.images import NOTHING, image
from deployer.executor.jobs import Answer, Job, Op, carry_out, loss_unseen, plan_intent
from deployer.executor.touched import Loss, Touched
from deployer.executor.transaction import Transaction, singles

_SENDS: Final = 3  # a write is sent so often at most
_BACK_OFF: Final = 1.0  # seconds, doubled each time, after Kibana said that it was busy
_DID_NOTHING: Final = frozenset({409, 429})
_WRONG: Final = frozenset({Status.REFUSED, Status.CONFLICT, Status.KEPT})


@dataclass
class _Wave:
    """One wave while it runs: what is left to hand out, and whose answer did not come."""

    left: list[Lot]
    total: int
    done: int = 0
    unknown: list[Job] = field(default_factory=list)
    answered: set[int] = field(default_factory=set)
    error: DeployerError | None = None


def each(jobs: Sequence[Job]) -> list[Lot]:
    """Return jobs as lots of one."""
    return [[job] for job in jobs]


def send_all(tx: Transaction, name: str, lots: Sequence[Lot]) -> None:
    """
    Carry out every job of every lot, and note its outcome in the transaction.

    Returns early when the run is interrupted or has failed; late jobs never make it fail. Raises StateError and
    LostLockError where the journal or the lock could not be written.
    """
    wave = _Wave(list(lots), sum(len(lot) for lot in lots))
    while wave.left and not tx.stopping():
        _hand_out(tx, name, wave)
        if wave.error is not None:
            raise wave.error
        left = [lot for lot in wave.left if id(lot) not in wave.answered]
        wave.left = [*([job] for job in _resolved(tx, wave.unknown)), *left]
        wave.unknown, wave.answered = [], set()
    for job in chain.from_iterable(wave.left):
        if not job.sends and job.number:
            _unsent(tx, job)  # announced, and never handed out


def settle(tx: Transaction, job: Job, answer: Answer) -> None:
    """Note a known outcome: in what is known of the rule, in the journal, for the report."""
    rule, status = job.rule, answer.status or Status.UNKNOWN
    if answer.landed:
        rule.settle(job.number, answer.body, answer.seen, exact=job.op is Op.CREATE)
    elif not job.sends or (answer.sent and status is Status.REFUSED):
        rule.drop(job.number)
    if status is Status.READBACK:
        rule.recognise(answer.body)
    _journal(tx, job, answer)
    if answer.loss is not None:
        report_loss(tx, rule, job.op.value, answer.loss)
    if status is Status.CONFLICT and tx.run.skip_conflicts and not (rule.sent or tx.undoing or job.late):
        rule.kept = True
        tx.note(rule.rule_id, job.op.value, Status.LEFT_OUT, answer.detail)
        return
    outcome = tx.note(rule.rule_id, job.op.value, status, answer.detail)
    if status in _WRONG and not job.late:
        tx.fail(outcome)


def report_loss(tx: Transaction, rule: Touched, op: str, loss: Loss) -> None:
    """Note what our write took away of somebody else's."""
    tx.losses.append(tx.note(rule.rule_id, op, loss.status, loss.detail))
    if loss.removed is not None:
        rule.removed.append(loss.removed)


def _hand_out(tx: Transaction, name: str, wave: _Wave) -> None:
    def stop() -> bool:
        return bool(wave.unknown) or wave.error is not None or tx.stopping()

    def carry(lot: Lot) -> list[Answer]:
        return [carry_out(tx, lot[0])] if lot[0].content else carry_out_flips(tx, lot)

    for lot, answers in tx.run.many(carry, _announced(tx, wave.left), stop=stop):
        wave.answered.add(id(lot))
        if isinstance(answers, DeployerError):
            wave.error = wave.error or answers
            continue
        for job, answer in zip(lot, answers, strict=True):
            _take(tx, wave, job, answer)
        tx.run.progress(name, wave.done, wave.total)


def _announced(tx: Transaction, lots: Sequence[Lot]) -> Iterator[Lot]:
    """Yield the lots, with the intents of each batch durable before its first one."""
    size = tx.run.ledger.store.batch
    batch: list[Lot] = []
    jobs = 0
    for lot in lots:
        batch.append(lot)
        jobs += len(lot)
        if jobs >= size:
            yield from _journaled(tx, batch)
            batch, jobs = [], 0
    yield from _journaled(tx, batch)


def _journaled(tx: Transaction, batch: Sequence[Lot]) -> Sequence[Lot]:
    intents = [intent for job in chain.from_iterable(batch) if (intent := plan_intent(tx, job)) is not None]
    if intents:
        tx.journal.intend(intents)
    return batch


def _take(tx: Transaction, wave: _Wave, job: Job, answer: Answer) -> None:
    if answer.status is None:
        _unsent(tx, job)
    elif answer.status is Status.UNKNOWN:
        tx.risk(job.rule)
        wave.unknown.append(job)
        tx.journal.outcome(job.number, job.rule.rule_id, job.op.value, "unknown", http=job.told, detail=answer.detail)
    else:
        wave.done += 1
        settle(tx, job, answer)


def _unsent(tx: Transaction, job: Job) -> None:
    """Take an intent back: whoever recovers need not wait for a request that nobody sent."""
    job.rule.drop(job.number)
    tx.journal.outcome(job.number, job.rule.rule_id, job.op.value, journal.NOT_SENT)


def _journal(tx: Transaction, job: Job, answer: Answer) -> None:
    body, loss = answer.body or {}, answer.loss
    response = {name: body[name] for name in ("id", "revision", "updated_at") if name in body}
    tx.journal.outcome(
        job.number,
        job.rule.rule_id,
        job.op.value,
        (answer.status or Status.UNKNOWN).value,
        landed=answer.landed or None,
        sent=job.sends or None,
        seen=job.rule.settled,
        resp=response or None,
        loss={"status": loss.status.value, "detail": loss.detail, "body": loss.removed} if loss else None,
        detail=answer.detail,
    )


def _resolved(tx: Transaction, unknown: Sequence[Job]) -> list[Job]:
    """Resolve jobs whose answer did not come; return those to be carried out again."""
    if not unknown or tx.run.interrupted():
        return []
    left = _not_seen(tx, unknown)
    if not left or tx.halted:
        return []
    if all(job.told in _DID_NOTHING and job.op is not Op.CREATE for job in left):
        tx.pause(_BACK_OFF * 2 ** (max(job.sends for job in left) - 1))
    else:
        tx.wait_for_the_horizon()
    if tx.run.interrupted():
        return []
    for job in _not_seen(tx, [job for job in left if job.sends >= _SENDS]):
        _give_up(tx, job)
    again = [job for job in left if job.sends < _SENDS]
    for job in again:
        job.reads = True
    return again


def _give_up(tx: Transaction, job: Job) -> None:
    outcome = tx.note(job.rule.rule_id, job.op.value, Status.UNKNOWN, f"no answer, {job.sends} times")
    if not job.late:
        tx.fail(outcome)


def _not_seen(tx: Transaction, jobs: Sequence[Job]) -> list[Job]:
    """Read the rules of unanswered jobs; settle those that show their write, return the others."""
    if not jobs:
        return []
    try:
        live = singles(tx.read({job.rule.rule_id for job in jobs}))
    except RemoteError:
        return list(jobs)
    left: list[Job] = []
    for job in jobs:
        body = live.get(job.rule.rule_id)
        if image(body) == (job.planned.post if job.planned else NOTHING):
            answer = Answer(Status.READBACK, "", body, landed=True, seen=image(body), loss=loss_unseen(job, body))
            settle(tx, job, answer)
        else:
            left.append(job)
    return left
