"""
Back to the before-images, only where live is still ours (transactions.md 5.6).

Works on what is known of each rule, whether this process did it or a journal tells of it, and reads before each write.
So an undo may be interrupted at any point and run again. The order is the reverse of applying: flips back, then rules
that were not there, then rules that are to come back, then content, then the switches of what came back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from deployer.core import compose
from deployer.core.outcomes import Outcome, Status
from deployer.core.ports import Body
from deployer.errors import InterruptedRunError, RemoteError
from deployer.executor import flips
from deployer.executor.images import NOTHING, differing_fields, has_after, image, switched
from deployer.executor.jobs import Decide, Halt, Job, Op, Send
from deployer.executor.journal import VOID
from deployer.executor.lists_undo import undo_lists
from deployer.executor.touched import Touched
from deployer.executor.transaction import Transaction, singles
from deployer.executor.waves import each, report_loss, send_all

_GONE: Final = Halt(Status.KEPT, "somebody deleted it meanwhile: not created again")


def undo(tx: Transaction, *, force: frozenset[str] | None = frozenset()) -> list[Outcome]:
    """
    Undo everything that this transaction may have done; return one outcome per rule that it reached.

    Waits for the horizon first if a request ended without an answer. `force` names the rules whose foreign edits are
    overwritten (None: all). What cannot be put back is an outcome. Raises InterruptedRunError, StateError.
    """
    tx.undoing, tx.halted = True, False
    tx.wait_for_the_horizon()
    _stop_if_interrupted(tx)
    reached = [rule for rule in reversed(tx.rules.values()) if rule.sent]
    return [*_rules(tx, reached, force), *undo_lists(tx, force=force)]


def _rules(tx: Transaction, reached: Sequence[Touched], force: frozenset[str] | None) -> list[Outcome]:
    """Undo what was done to rules; they let go of their lists before the lists go."""
    if not reached:
        return []
    try:
        classify(tx, reached)
    except RemoteError as exc:
        return [Outcome(rule.rule_id, "undo", Status.NOT_UNDONE, f"could not be read: {exc}") for rule in reached]
    _stages(tx, [rule for rule in reached if rule.sent], _Force(force))
    return _verified(tx, reached)


def classify(tx: Transaction, rules: Sequence[Touched]) -> None:
    """
    Read rules and learn which of the unanswered writes happened; the horizon must be over. A search may be a second
    behind (facts.md 5.1), so a rule that should be there and is not is looked for until the settling time is over.

    Raises RemoteError.
    """
    live = singles(tx.read([rule.rule_id for rule in rules]))
    deadline = tx.run.clock.monotonic() + tx.run.settle
    missing = [rule.rule_id for rule in rules if rule.settled != NOTHING and rule.rule_id not in live]
    while missing and tx.run.clock.monotonic() < deadline and not tx.run.interrupted():
        tx.pause(min(1.0, tx.run.settle))
        live.update(singles(tx.read(missing)))
        missing = [rule_id for rule_id in missing if rule_id not in live]
    for rule in rules:
        _learn(tx, rule, live.get(rule.rule_id))


def _learn(tx: Transaction, rule: Touched, live: Body | None) -> None:
    """Settle the unanswered writes of a rule by what it shows; journaled before anything is sent on top of it."""
    numbers = sorted(rule.unanswered)
    loss = rule.recognise(live)
    for number in numbers:
        landed = number not in rule.unanswered
        facts = {"status": loss.status.value, "detail": loss.detail} if loss and landed else None
        status = Status.READBACK.value if landed else VOID
        tx.journal.outcome(number, rule.rule_id, "", status, landed=landed or None, seen=rule.settled, loss=facts)
    rule.drop_all_but(0)
    if loss is not None:
        report_loss(tx, rule, "recover", loss)


class _Force:
    """For which rules an undo overwrites what somebody else edited."""

    def __init__(self, rules: frozenset[str] | None) -> None:
        self._rules = rules

    def covers(self, rule: Touched) -> bool:
        return self._rules is None or rule.rule_id in self._rules


def _stages(tx: Transaction, rules: Sequence[Touched], force: _Force) -> None:
    present = [rule for rule in rules if rule.live is not None]
    for enabled in (False, True):
        back = [rule for rule in present if _to_switch_back(rule, force, enabled)]
        jobs = [flips.flip_job(rule, _flip_back(rule, force, enabled=enabled), enabled=enabled) for rule in back]
        _send(tx, "switched back", flips.lots(jobs))
    _send(tx, "removed", each([_removal(rule, force) for rule in present if _to_remove(rule)]))
    # One of Elastic's that somebody removed is not brought back: a POST would make it a rule of nobody's package.
    missing = [rule for rule in rules if rule.before is not None and rule.live is None and not rule.change.prebuilt]
    _send(tx, "brought back", each([_return(rule, force) for rule in missing]))
    _send(tx, "restored", each([_restoration(rule, force) for rule in present if _to_restore(rule, force)]))
    off = [rule for rule in rules if _came_back_off(rule)]
    jobs = [flips.flip_job(rule, flips.to(rule, enabled=True), enabled=True) for rule in off]
    _send(tx, "switched on again", flips.lots(jobs))


def _send(tx: Transaction, name: str, lots: Sequence[flips.Lot]) -> None:
    send_all(tx, name, lots)
    _stop_if_interrupted(tx)


def _stop_if_interrupted(tx: Transaction) -> None:
    if tx.run.interrupted():
        raise InterruptedRunError("interrupted while undoing")


def _replaced(rule: Touched) -> bool:
    """Say whether what is live is another object than the one that was there before."""
    return rule.before is not None and rule.live is not None and rule.live.get("id") != rule.before.get("id")


def _retyped(rule: Touched) -> bool:
    return _replaced(rule) and (rule.live or {}).get("type") != (rule.before or {}).get("type")


def _to_remove(rule: Touched) -> bool:
    """Say whether a rule must go: it was not there before, or it is the new half of a recreate."""
    return rule.before is None or _retyped(rule)


def _to_restore(rule: Touched, force: _Force) -> bool:
    same_kind = rule.before is not None and rule.live is not None and not _retyped(rule)
    return same_kind and (rule.wrote or force.covers(rule))


def _to_switch_back(rule: Touched, force: _Force, enabled: bool) -> bool:
    if rule.before is None or _replaced(rule) or not (rule.flipped or force.covers(rule)):
        return False
    return bool(rule.before.get("enabled")) is enabled


def _came_back_off(rule: Touched) -> bool:
    """Say whether a rule that we deleted is there again, still off, and was on before."""
    was_on = bool((rule.before or {}).get("enabled"))
    return was_on and _replaced(rule) and not _retyped(rule) and not (rule.live or {}).get("enabled")


def _foreign(rule: Touched, live: Body, force: _Force) -> Halt | None:
    """Return why a rule may not be touched: what is live is neither as before nor ours."""
    if image(live) in rule.ours or force.covers(rule):
        return None
    status = Status.READBACK if rule.nothing_of_ours(live) else Status.KEPT
    return Halt(status, _kept_words(rule, live))


def _kept_words(rule: Touched, live: Body) -> str:
    """Name the edit: who, when, and which fields differ from what was there before us."""
    names = ", ".join(differing_fields(rule.before, live)) if rule.before is not None else "the new rule"
    who, when = live.get("updated_by") or "somebody", str(live.get("updated_at") or "")[:19].replace("T", " ")
    return f"edited by {who} {when} ({names}): kept"


def _flip_back(rule: Touched, force: _Force, *, enabled: bool) -> Decide:
    def decide(live: Body | None) -> Send | Halt:
        if live is None:
            return _GONE
        if bool(live.get("enabled")) is enabled:
            return Halt(Status.READBACK)
        if rule.wrote and not rule.change.prebuilt and (halt := _foreign(rule, live, force)):
            return halt
        return Send(switched(rule.image_of(live), enabled=enabled))

    return decide


def _removal(rule: Touched, force: _Force) -> Job:
    def decide(live: Body | None) -> Send | Halt:
        if live is None:
            return Halt(Status.READBACK)
        return _foreign(rule, live, force) or Send(NOTHING)

    return Job(Op.DELETE, rule, decide)


def _return(rule: Touched, force: _Force) -> Job:
    """Return the POST that brings back what we deleted, or, with force, what somebody else did."""
    body = compose.recreation(rule.before or {})
    post = image(body)

    def decide(live: Body | None) -> Send | Halt:
        if live is None:
            return Send(post, body) if rule.settled == NOTHING or force.covers(rule) else _GONE
        if image(live) in (post, rule.before_image):
            return Halt(Status.READBACK)
        return Halt(Status.KEPT, _kept_words(rule, live))

    return Job(Op.CREATE, rule, decide)


def _restoration(rule: Touched, force: _Force) -> Job:
    before = rule.before or {}
    body = compose.restoration(before)
    if rule.change.prebuilt:
        return _amended_back(rule, before, force)

    def decide(live: Body | None) -> Send | Halt:
        if live is None:
            return _GONE
        post = switched(rule.before_image, enabled=bool(live.get("enabled")))
        if image(live) == post:
            return Halt(Status.READBACK)
        return _foreign(rule, live, force) or Send(post, body)

    return Job(Op.UPDATE, rule, decide)


def _amended_back(rule: Touched, before: Body, force: _Force) -> Job:
    """Return the PATCH that takes back what we set on one of Elastic's rules, whatever became of its content since."""

    def decide(live: Body | None) -> Send | Halt:
        if live is None:
            return _GONE
        if not rule.change.differs_from_before({**live, "enabled": before.get("enabled")}):
            return Halt(Status.READBACK)
        body = compose.unamendment(before, live, rule.change)
        post = switched(image({**live, **body}), enabled=bool(live.get("enabled")))
        ours = has_after(rule.change, live, rule.change.content)
        return (None if ours else _foreign(rule, live, force)) or Send(post, body)

    return Job(Op.UPDATE, rule, decide)


def _verified(tx: Transaction, rules: Sequence[Touched]) -> list[Outcome]:
    """Read everything once more: `undone` is said only of a rule that equals its before-image."""
    deadline = tx.run.clock.monotonic() + tx.run.settle
    while True:
        try:
            live = tx.read([rule.rule_id for rule in rules], look_up=0)
        except RemoteError as exc:
            return [Outcome(rule.rule_id, "undo", Status.NOT_UNDONE, f"not verified: {exc}") for rule in rules]
        results = [_result(tx, rule, live.get(rule.rule_id, [])) for rule in rules]
        unsure = [o for o in results if o.status is not Status.UNDONE and o.rule_id not in tx.stuck]
        if not unsure or tx.run.clock.monotonic() >= deadline or tx.run.interrupted():
            return results
        tx.pause(min(1.0, tx.run.settle))


def _result(tx: Transaction, rule: Touched, bodies: Sequence[Body]) -> Outcome:
    live = bodies[0] if bodies else None
    if len(bodies) > 1:
        ids = ", ".join(sorted(str(body.get("id")) for body in bodies))
        detail = f"{len(bodies)} rules have this rule_id ({ids}): remove one"
        return Outcome(rule.rule_id, "undo", Status.NOT_UNDONE, detail)
    if image(live) == rule.before_image:
        renamed = live is not None and live.get("id") != (rule.before or {}).get("id")
        return Outcome(rule.rule_id, "undo", Status.UNDONE, "created again, with another id" if renamed else "")
    if live is None and rule.change.prebuilt:
        return Outcome(rule.rule_id, "undo", Status.UNDONE, "one of Elastic's rules, not installed any more")
    if live is not None and rule.nothing_of_ours(live):
        return Outcome(rule.rule_id, "undo", Status.UNDONE, _kept_words(rule, live))
    return Outcome(rule.rule_id, "undo", *_why_not(tx.stuck.get(rule.rule_id), rule, live))


def _why_not(stuck: Outcome | None, rule: Touched, live: Mapping[str, object] | None) -> tuple[Status, str]:
    """Return what to say of a rule that is not as before."""
    if stuck is not None:
        return (Status.KEPT if stuck.status is Status.KEPT else Status.NOT_UNDONE), stuck.detail
    if image(live) in rule.ours:
        return Status.NOT_UNDONE, "does not equal its before-image"
    return Status.KEPT, _kept_words(rule, dict(live)) if live is not None else _GONE.detail
