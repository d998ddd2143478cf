"""
One write to one rule: read, check, journal, send, judge (transactions.md 5.4).

A job is told what it may do by its `decide`: from the rule as it is live, either what to send or why not. So applying
and undoing are the same writes with other decisions, and a job may always be run again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from deployer.core.fields import TUNED
from deployer.core.outcomes import Status
from deployer.core.ports import Body
from deployer.errors import RemoteError, UnknownOutcomeError
from deployer.executor.images import NOTHING, Content, differing_fields, image, image_beside, switched
from deployer.executor.journal import Intent
from deployer.executor.touched import UNSEEN_DELETE, Loss, Touched, Write
from deployer.executor.transaction import Transaction

_GONE: Final = 404


class Op(StrEnum):
    """What a job does to its rule, as the journal has it."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    ENABLE = "enable"
    DISABLE = "disable"


@dataclass(frozen=True, slots=True)
class Send:
    """
    Go on: the image that the rule then has, and the body to send (None for a delete and a flip). `content` is what the
    image is of, where the answer shall be held against it.
    """

    post: str
    body: Body | None = None
    content: Content | None = None


@dataclass(frozen=True, slots=True)
class Halt:
    """Send nothing: READBACK where the rule is as wanted already, CONFLICT or KEPT where somebody else changed it."""

    status: Status
    detail: str = ""


Decide = Callable[[Body | None], Send | Halt]


@dataclass(slots=True, eq=False)
class Job:
    """
    One write. `reads` says whether the rule is read right before; `number`, `planned` and `pre` are what the journal
    has of it, `sends` how often it was sent, `told` the status of the last answer that was none. `late` work never
    fails a run.
    """

    op: Op
    rule: Touched
    decide: Decide
    reads: bool = True
    late: bool = False
    number: int = 0
    planned: Send | None = None
    pre: Body | None = None
    sends: int = 0
    told: int = 0

    @property
    def content(self) -> bool:
        """Whether the job writes content, and not only `enabled`."""
        return self.op not in (Op.ENABLE, Op.DISABLE)


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What became of a job. `status` is None where it could not be sent any more; `sent` says that Kibana answered a send,
    `landed` that our write is live; `body` and `seen` are the rule after it and its image.
    """

    status: Status | None
    detail: str = ""
    body: Body | None = None
    sent: bool = False
    landed: bool = False
    seen: str = ""
    loss: Loss | None = None


NOT_SENT: Final = Answer(None)


def plan_intent(tx: Transaction, job: Job) -> Intent | None:
    """Return the intent of a job from what is known of its rule, None where there is none to be journaled."""
    if job.planned is not None and not job.sends:
        return None  # announced already, by a wave that was stopped before it came to this job
    decision = job.decide(job.rule.live)
    if isinstance(decision, Halt):
        job.planned = None
        return None
    return _intent(tx, job, job.rule.live, decision)


def carry_out(tx: Transaction, job: Job) -> Answer:
    """
    Carry out one job; every answer of Kibana is an Answer.

    Raises StateError and LostLockError where journal or lock cannot be written: then nothing was sent.
    """
    prepared = prepare(tx, job, _read_before(tx, job))
    if not isinstance(prepared, Send):
        return prepared
    return _send(tx, job, prepared) if may_send(tx, (job,)) else NOT_SENT


def prepare(tx: Transaction, job: Job, live: Body | RemoteError | None) -> Send | Answer:
    """Decide on what was read; journal the intent anew where it is not the one that the batch announced."""
    if isinstance(live, RemoteError):
        return Answer(Status.REFUSED, f"could not be read: {live}")
    decision = job.decide(live)
    if isinstance(decision, Halt):
        loss = loss_unseen(job, live) if decision.status is Status.READBACK else None
        return Answer(decision.status, decision.detail, live, seen=image(live), loss=loss)
    if job.sends:
        job.rule.drop_all_but(job.number)  # what had not happened by now does not happen any more
    if job.planned is None or _moved(job, job.planned, live, decision):
        job.rule.drop(job.number)
        tx.journal.intend([_intent(tx, job, live, decision)])
    job.pre = live
    return decision


def may_send(tx: Transaction, jobs: tuple[Job, ...]) -> bool:
    """Say whether a write may start now; it is counted before it starts. Raises StateError, LostLockError."""
    if tx.stopping() or not tx.lease.may_send():
        return False
    for job in jobs:
        job.sends += 1
        job.rule.reached = True
    tx.sends += 1
    return True


def loss_unseen(job: Job, live: Body | None) -> Loss | None:
    """Return what an earlier send of this job, whose answer we never saw, may have taken away."""
    if not job.sends or job.pre is None:
        return None
    if job.op is Op.DELETE:
        return UNSEEN_DELETE
    if job.op is not Op.UPDATE:
        return None
    ours = job.planned is not None and image(live) == job.planned.post  # else an edit on top has its own revision
    return overtaken(job.pre, live or {}, writes=1 if ours else 2)


def overtaken(before: Mapping[str, Any], after: Mapping[str, Any], writes: int = 1) -> Loss | None:
    """Return the loss if the revision jumped by more than the known writes: somebody wrote, and we wrote over it."""
    if _revision(after) <= _revision(before) + writes:
        return None
    return Loss(
        Status.LOST_UPDATE,
        f"somebody wrote it between our read and our write, revision {_revision(before)} became {_revision(after)}; "
        f"that edit is gone (the last editor we saw was {before.get('updated_by') or 'unknown'})",
    )


def _read_before(tx: Transaction, job: Job) -> Body | RemoteError | None:
    """Return the rule as it is right before the write, or the error of the read."""
    if not job.reads:
        return job.rule.live
    try:
        return tx.rule(job.rule.rule_id)
    except RemoteError as exc:
        return exc


def _moved(job: Job, planned: Send, live: Body | None, decision: Send) -> bool:
    """Say whether a rule is no longer as the batch's intent had it: another field was edited, or it came or went."""
    if live is job.pre:
        return False
    return (
        decision.post != planned.post
        or (live or {}).get("revision") != (job.pre or {}).get("revision")
        or image(live) != image(job.pre)
    )


def _intent(tx: Transaction, job: Job, live: Body | None, decision: Send) -> Intent:
    rule, anew = job.rule, None
    if rule.pristine and not rule.unanswered and live is not rule.before and not tx.undoing:
        if rule.image_of(live) != rule.before_image or _revision(live or {}) != _revision(rule.before or {}):
            anew = live
        rule.saw_before(live)
    job.number, job.planned, job.pre = tx.journal.number(), decision, live
    highest = _revision(live) + 1 if job.op is Op.UPDATE and live is not None else None
    rule.intend(job.number, Write(decision.post, job.content, highest))
    post = {"image": decision.post, **_expected(job, live, highest)}
    pre = {"image": rule.image_of(live), **_facts(live)}
    return Intent(job.number, job.op.value, rule.rule_id, str((live or {}).get("id", "")), pre, post, anew)


def _expected(job: Job, live: Body | None, highest: int | None) -> dict[str, Any]:
    """Return what the answer should say besides the image: the revision a PUT leads to (transactions.md K2)."""
    if highest is not None:
        return {"revision": [highest - 1, highest], "enabled": (live or {}).get("enabled")}
    return {} if job.content else {"enabled": job.op is Op.ENABLE}


def _facts(live: Body | None) -> dict[str, Any]:
    if live is None:
        return {}
    return {name: live.get(name) for name in ("revision", "updated_at", "updated_by", "enabled")}


def _send(tx: Transaction, job: Job, decision: Send) -> Answer:
    """Send one write, once, and judge what comes back."""
    try:
        return _judged(job, decision, _sent(tx, job, decision))
    except UnknownOutcomeError as exc:
        job.told = exc.status
        return Answer(Status.UNKNOWN, str(exc))
    except RemoteError as exc:
        if job.op is Op.DELETE and exc.status == _GONE:
            loss = loss_unseen(job, None) if job.sends > 1 else None
            return Answer(Status.READBACK, "somebody else deleted it in that instant", seen=NOTHING, loss=loss)
        return Answer(Status.REFUSED, str(exc), sent=True)


def _sent(tx: Transaction, job: Job, decision: Send) -> Body:
    if job.op is Op.DELETE:
        return tx.run.writer.delete(job.rule.rule_id)
    body, writer = decision.body or {}, tx.run.writer
    if job.op is Op.CREATE:
        return writer.create(body)
    return writer.amend(body) if job.rule.change.prebuilt else writer.replace(body)


def _judged(job: Job, decision: Send, answer: Body) -> Answer:
    if job.op is Op.DELETE:
        return Answer(Status.APPLIED, landed=True, seen=NOTHING, loss=_loss_of_delete(job, answer))
    if job.op is Op.CREATE:
        seen = image(answer) if decision.content is None else image_beside(answer, decision.content, decision.post)
        done = Answer(Status.APPLIED, "", answer, landed=True, seen=seen)
        return done if seen == decision.post else _rewritten(decision, answer)
    before = job.pre or {}
    if job.rule.change.prebuilt:
        return _judged_amendment(decision, answer)
    loss = overtaken(before, answer)
    if _revision(answer) < _revision(before):
        detail = f"its revision went back from {_revision(before)} to {_revision(answer)}: was Kibana restored?"
        return Answer(Status.REFUSED, detail, answer, landed=True, seen=image(answer), loss=loss)
    if switched(image(answer), enabled=bool(before.get("enabled"))) != decision.post:
        return _rewritten(decision, answer, loss)
    return Answer(Status.APPLIED, "", answer, landed=True, seen=decision.post, loss=loss)


def _judged_amendment(decision: Send, answer: Body) -> Answer:
    """
    Judge the answer to a PATCH by what was sent: whoever else wrote in that instant, Elastic's update first of all, has
    lost nothing.
    """
    sent = {name: value for name, value in (decision.body or {}).items() if name in TUNED}
    if image({**answer, **sent}) == (seen := image(answer)):
        return Answer(Status.APPLIED, "", answer, landed=True, seen=seen)
    return _rewritten(decision, answer)


def _rewritten(decision: Send, answer: Body, loss: Loss | None = None) -> Answer:
    """Kibana stored something else than was sent: a gap in our canonical form. It is ours to undo, and a failure."""
    names = ", ".join(differing_fields({**answer, **(decision.body or {})}, answer)) or "its markers"
    detail = f"Kibana stored another value than was sent for {names}"
    return Answer(Status.REFUSED, detail, answer, landed=True, seen=image(answer), loss=loss)


def _loss_of_delete(job: Job, removed: Body) -> Loss | None:
    """Compare what DELETE answers with what we read: an edit in that instant went with the rule (K7)."""
    if image(removed) == image(job.pre):
        return None
    names = ", ".join(differing_fields(job.pre or {}, removed)) or "its markers"
    who = removed.get("updated_by") or "somebody"
    detail = f"edited by {who} ({names}) as it was deleted; that body is in the journal"
    return Loss(Status.LOST_UPDATE, detail, removed)


def _revision(body: Mapping[str, Any]) -> int:
    value = body.get("revision")
    return value if isinstance(value, int) else 0
