"""
Switching rules on and off: many in one `_bulk_action`, each with its own answer (transactions.md K11; facts.md 4).

A rule that this run has written was seen in the answer to that write; any other is read right before the flip.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from deployer.core.outcomes import Status
from deployer.core.ports import Body, Flipped
from deployer.errors import RemoteError, UnknownOutcomeError
from deployer.executor.images import image, switched
from deployer.executor.jobs import NOT_SENT, Answer, Decide, Halt, Job, Op, Send, may_send, prepare
from deployer.executor.touched import Touched
from deployer.executor.transaction import FEW, Transaction

BATCH: Final = 100
"""Ids in one bulk action: the limit of every stack before 9.5 (facts.md 4.1)."""

Lot = Sequence[Job]


def flip_job(rule: Touched, decide: Decide, *, enabled: bool) -> Job:
    """Return the job that switches a rule."""
    return Job(Op.ENABLE if enabled else Op.DISABLE, rule, decide, reads=not (rule.wrote and rule.sent))


def lots(jobs: Sequence[Job]) -> list[Lot]:
    """Return flips of one kind as lots: one by one where they are few, else as many as one bulk action takes."""
    size = 1 if len(jobs) <= FEW else BATCH
    return [jobs[start : start + size] for start in range(0, len(jobs), size)]


def to(rule: Touched, *, enabled: bool) -> Decide:
    """
    Return the decision to switch a rule, whatever else somebody edited in it: a flip writes nothing else.

    An edit on top of content of ours does not become ours by the flip: what we know of the rule then stays as it is,
    and an undo finds the edit.
    """

    def decide(live: Body | None) -> Send | Halt:
        if live is None:
            return Halt(Status.CONFLICT, "is gone from Kibana")
        if bool(live.get("enabled")) is enabled:
            return Halt(Status.READBACK)
        seen = rule.image_of(live)
        if rule.wrote and rule.sent and seen not in rule.ours:
            return Send(rule.settled)
        return Send(switched(seen, enabled=enabled))

    return decide


def carry_out_flips(tx: Transaction, lot: Lot) -> list[Answer]:
    """Read, check and switch one lot; one answer per job. Raises StateError, LostLockError where nothing was sent."""
    live = _read(tx, [job for job in lot if job.reads])
    prepared = [prepare(tx, job, _seen(job, live)) for job in lot]
    chosen = tuple(job for job, found in zip(lot, prepared, strict=True) if isinstance(found, Send))
    answers: dict[Job, Answer] = {}
    if chosen:
        answers = _switch(tx, chosen) if may_send(tx, chosen) else dict.fromkeys(chosen, NOT_SENT)
    return [answers[job] if isinstance(found, Send) else found for job, found in zip(lot, prepared, strict=True)]


def _read(tx: Transaction, jobs: Sequence[Job]) -> dict[str, list[Body]] | RemoteError:
    try:
        return tx.read([job.rule.rule_id for job in jobs])
    except RemoteError as exc:
        return exc


def _seen(job: Job, live: dict[str, list[Body]] | RemoteError) -> Body | RemoteError | None:
    if not job.reads:
        return job.rule.live
    if isinstance(live, RemoteError):
        return live
    found = live.get(job.rule.rule_id, [])
    known = (job.rule.live or {}).get("id")
    return next((body for body in found if body.get("id") == known), found[0] if found else None)


def _switch(tx: Transaction, jobs: Sequence[Job]) -> dict[Job, Answer]:
    ids = {job: str((job.pre or {}).get("id")) for job in jobs}
    enabled = jobs[0].op is Op.ENABLE
    try:
        flipped = tx.run.writer.set_enabled(list(ids.values()), enabled=enabled)
    except UnknownOutcomeError as exc:
        for job in jobs:
            job.told = exc.status
        return dict.fromkeys(jobs, Answer(Status.UNKNOWN, str(exc)))
    except RemoteError as exc:
        return dict.fromkeys(jobs, Answer(Status.REFUSED, str(exc), sent=True))
    return {job: _judged(job, flipped, so_id, enabled=enabled) for job, so_id in ids.items()}


def _judged(job: Job, flipped: Flipped, so_id: str, *, enabled: bool) -> Answer:
    if so_id in flipped.failed:
        return Answer(Status.REFUSED, flipped.failed[so_id], sent=True)
    body = flipped.done.get(so_id)
    if body is None:
        return Answer(Status.UNKNOWN, "Kibana's answer does not mention it")
    if bool(body.get("enabled")) is not enabled:
        return Answer(Status.REFUSED, f"Kibana left it {'off' if enabled else 'on'}", sent=True)
    post = job.planned.post if job.planned else image(body)
    return Answer(Status.APPLIED, "", body, landed=True, seen=post)
