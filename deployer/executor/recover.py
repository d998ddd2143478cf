"""
What an interrupted apply left behind, brought to all-old (default) or all-new (`resume`), or signed off by a person.

Idempotent, and safe to kill at any point: the lock keeps its transaction until the end, and every step reads before it
writes. Nothing is judged before the horizon has passed since a request without an answer could last have been sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from deployer.core.canonical import digest
from deployer.core.change import Action, Change
from deployer.core.documents import check, find
from deployer.core.normalise import canonical, markers
from deployer.core.outcomes import Applied, ApplyUndoneError, Outcome, Status
from deployer.core.plan import Entry, Plan
from deployer.core.plan_file import loads
from deployer.core.ports import Body
from deployer.core.record import Record
from deployer.errors import InterruptedRunError, Refusal, RefusedError, StateError
from deployer.executor import ending, lists
from deployer.executor.apply import carried_out, finish, lock_kept_if_broken
from deployer.executor.commit import Entries, committed
from deployer.executor.common import common_lock
from deployer.executor.journal import NOT_SENT, Intent, Past, past
from deployer.executor.lease import moment
from deployer.executor.ledger import Holder, Ledger, Lock
from deployer.executor.needs import Needed
from deployer.executor.touched import Touched, Write
from deployer.executor.transaction import Run, Transaction, singles
from deployer.executor.undo import classify

Mode = Literal["undo", "resume", "accept_live", "force_undo"]

_GRAIN: Final = 1.0  # seconds: what a `Date` header does not say
_FLIPS: Final = ("enable", "disable")
_HAPPENED: Final = (Status.APPLIED.value, Status.READBACK.value)


@dataclass(frozen=True, slots=True)
class Recovered:
    """
    How a recovery ended: `nothing` was left, `undone`, `resumed`, `accepted`, `finished` (it had committed) or `freed`
    (nothing had been sent). `touched` counts rules; `outcomes` has what became of each.
    """

    how: str
    applied: Applied | None = None
    touched: int = 0
    outcomes: tuple[Outcome, ...] = ()


@dataclass(frozen=True, slots=True)
class Leftover:
    """What `plan` says of an interrupted apply: by whom, since when, and how far it got."""

    holder: str
    since: str
    state: str
    announced: int
    answered: int


def leftover(ledger: Ledger, *, alive: Callable[[Holder], bool] = lambda _: True) -> Leftover | None:
    """
    Return what an interrupted apply left in a target, None where nothing needs `recover`. Raises StateError.

    `alive` is False for a holder that is provably gone: what it held is left behind as well.
    """
    lock, _ = ledger.lock()
    interrupted = lock.state == "needs_recovery" or (lock.state == "held" and not alive(lock.holder))
    found = past(ledger, lock.tx) if interrupted and not lock.committed else None
    if found is None or not found.intents:
        return None
    return Leftover(str(lock.holder), lock.since, found.state, len(found.intents), len(found.answered))


def recover(run: Run, mode: Mode, *, rules: frozenset[str] = frozenset(), plan: str = "") -> Recovered:
    """
    Finish or undo what an interrupted apply of this target left.

    `rules` narrows `accept_live` and `force_undo` to these rules, the others are undone as by default; `plan` is the
    digest of the plan that `resume` is to finish, "" for the one in the journal. Raises RefusedError (locked) while the
    holder may still write, ApplyIncompleteError if something still cannot be put back, StateError for a damaged
    journal; what `resume` raises is what `apply` raises.
    """
    tx = Transaction(run, Plan(run.ledger.target, run.ledger.project))
    head = tx.lease.take_over(run.holder, waiting=lambda seconds: _wait_for_the_lock(tx, seconds))
    if head is None:
        return _accept_space(tx) if mode == "accept_live" else Recovered("nothing")
    tx.resumed = True
    with lock_kept_if_broken(tx):
        tx.journal.token, tx.journal.tx = tx.lease.token, tx.lease.tx
        if head.lock.committed:
            finish(tx, head)
            ending.close(tx)
            return Recovered("finished")
        found = past(run.ledger, tx.lease.tx)
        if found is None or not found.intents:
            return _freed(tx, found)
        _rebuild(tx, found, head.lock)
        if mode == "resume" and plan not in ("", tx.plan.digest):
            raise _other_plan(tx, plan)
        with common_lock(tx):
            return _recovered(tx, head.record, found, mode, rules)


def _recovered(tx: Transaction, head: Record | None, found: Past, mode: Mode, rules: frozenset[str]) -> Recovered:
    reached = frozenset(rule.rule_id for rule in tx.rules.values() if rule.reached)
    if mode == "accept_live":
        for need in tx.needs.values():
            need.sent = False  # a list takes nothing away from the rules that are accepted
    if mode == "resume":
        applied = _resumed(tx, head)
        return Recovered("resumed", applied, len(reached), applied.outcomes)
    force = (rules or None) if mode == "force_undo" else frozenset[str]()
    accepted = found.accepted | ((rules or reached) if mode == "accept_live" else frozenset())
    if accepted:
        return _accepted(tx, head, accepted, force)
    ended = ending.undone(tx, (f"it was interrupted ({found.state})",), force=force, reported=found.reported)
    if not isinstance(ended, ApplyUndoneError):
        raise ended
    return Recovered("undone", touched=len(reached), outcomes=ended.ending.outcomes)


def _resumed(tx: Transaction, head: Record | None) -> Applied:
    """Go forward from where the rules are."""
    tx.wait_for_the_horizon()
    if tx.run.interrupted():
        raise ending.interrupted(tx)
    classify(tx, [rule for rule in tx.rules.values() if rule.reached])
    tx.journal.state("resuming")
    return carried_out(tx, head)


def _freed(tx: Transaction, found: Past | None) -> Recovered:
    tx.journal.begun = found is not None
    if ending.close(tx):
        ending.append_event(tx, "unlock", why="nothing had been sent")
    return Recovered("freed")


def _other_plan(tx: Transaction, wanted: str) -> RefusedError:
    ending.leave(tx, "interrupted")
    return RefusedError(
        f"the interrupted apply of {tx.name} was of plan {tx.plan.short}, not {wanted.removeprefix('sha256:')[:12]}",
        Refusal.STALE,
        hint=f"undo it ({tx.recover_line}), or resume it without naming a plan",
    )


def _wait_for_the_lock(tx: Transaction, seconds: float) -> None:
    deadline = tx.run.clock.monotonic() + seconds
    while (left := deadline - tx.run.clock.monotonic()) > 0:
        if tx.run.interrupted():
            raise InterruptedRunError("interrupted while waiting for the lock; nothing was sent")
        tx.run.progress("waiting: a write of the holder may still land", int(seconds - left), int(seconds) + 1)
        tx.run.clock.sleep(min(left, 5.0))


def _rebuild(tx: Transaction, found: Past, lock: Lock) -> None:
    """Bring the transaction to what the journal knows: the plan, each rule's before-image, and its writes."""
    tx.plan = loads(found.plan, where="the journal's plan")
    tx.journal.go_on(found)
    before = _before_images(tx.run.ledger, found)
    for change in tx.plan.changes:
        tx.rules[change.rule_id] = Touched.of(change, before.get(change.rule_id))
    for dependency in tx.plan.dependencies:
        body = before.get(dependency.key)
        tx.needs[dependency.key] = Needed(dependency, before=body, live=body)
    for intent in found.intents:
        if intent.rule_id in tx.needs:
            lists.replay(tx, intent, str(found.answered.get(intent.n, {}).get("status", "")))
            continue
        _replay(tx, tx.rules[intent.rule_id], intent, found.answered.get(intent.n))
    if found.open:
        tx.inherited = tx.run.clock.monotonic() + _at_risk(tx, lock)


def _at_risk(tx: Transaction, lock: Lock) -> float:
    """
    Return the seconds for which a request of the interrupted process may still land: the horizon after it was last able
    to send. That is not after its lease ran out or was given up (`expires_at`), nor after now: its process is gone.
    Both times are Kibana's, from `Date` headers of whole seconds, so that their distance may be a second too short.
    """
    now = tx.server.now()
    last = min(moment(lock.expires_at), now) if lock.expires_at else now
    horizon = tx.run.terms.horizon
    return max(min((last - now).total_seconds() + horizon + _GRAIN, horizon), 0.0)


def _before_images(ledger: Ledger, found: Past) -> dict[str, Body]:
    if not found.snapshot:
        return {}
    stored = ledger.store.read(found.snapshot)
    if stored is None:
        raise StateError(f"the before-images {found.snapshot} are missing in {ledger.location}")
    check(found.snapshot, stored.data)
    bodies = find(stored.data, found.before.values())
    return {rule_id: bodies[name] for rule_id, name in found.before.items()}


def _replay(tx: Transaction, rule: Touched, intent: Intent, answer: Mapping[str, Any] | None) -> None:
    if intent.body is not None:
        rule.saw_before(intent.body)
    revision = intent.post.get("revision")
    write = Write(str(intent.post["image"]), intent.op not in _FLIPS, revision[1] if revision else None)
    status = answer["status"] if answer else Status.UNKNOWN.value
    if status != NOT_SENT:
        rule.intend(intent.n, write)
        rule.reached = True
    if answer is None or status in (Status.UNKNOWN.value, NOT_SENT):
        return
    if answer.get("landed") or (status in _HAPPENED and answer.get("sent")):
        rule.settle(intent.n, rule.live, str(answer["seen"]))
    elif not (status == Status.CONFLICT.value and answer.get("sent")):
        rule.drop(intent.n)
    if (loss := answer.get("loss")) is not None:
        outcome = tx.note(rule.rule_id, intent.op, Status(loss["status"]), str(loss["detail"]))
        tx.losses.append(outcome)
        if loss.get("body"):
            rule.removed.append(loss["body"])


def _accepted(tx: Transaction, head: Record | None, chosen: frozenset[str], force: frozenset[str] | None) -> Recovered:
    """
    Record what is live of the chosen rules as the baseline, and undo the others. The sign-off itself is journaled, so
    that it still holds where the others cannot be undone yet.

    A rule that has what the plan wanted gets the plan's entry. Another keeps what git last asked for (`authored`), so
    that an edit which is live stays visible as an edit, and no later plan takes it for something of ours.
    """
    tx.wait_for_the_horizon()
    if tx.run.interrupted():
        raise ending.interrupted(tx)
    tx.journal.state("accepting", accepted=sorted(chosen))
    accepted = [rule for rule in tx.rules.values() if rule.rule_id in chosen]
    live = singles(tx.read([rule.rule_id for rule in accepted]))
    for rule in accepted:
        rule.signed_off(live.get(rule.rule_id))
    reason = "recovered; what a person accepted stays as it is"
    results = ending.put_back(tx, reason, force=force)
    if left := ending.still_open(results):
        raise ending.incomplete(tx, reason, results, left)
    entries = {rule.rule_id: _entry(tx, rule.change, rule.live, head) for rule in accepted}
    changed = {rule.rule_id: rule.change.action.value for rule in accepted}
    record = committed(tx, head, Entries(entries, live, changed), event="accept-live")
    ending.append_commit(tx, record, rules=sorted(entries))
    ending.close(tx)
    return Recovered("accepted", Applied(record), len(accepted), (*tx.outcomes, *results))


def _entry(tx: Transaction, change: Change, live: Body | None, head: Record | None) -> Entry | None:
    """Return what the record says of a rule that is accepted as it is live; None where there is none."""
    if live is None:
        return None
    planned = tx.plan.entries.get(change.rule_id)
    as_planned = change.action is not Action.DELETE and not change.differs_from_after(live)
    recorded = head.rules.get(change.rule_id) if head else None
    if planned is not None and (as_planned or recorded is None):
        return planned
    if recorded is None:
        return _seen(live)
    return Entry(
        recorded.name,
        recorded.path,
        recorded.fingerprint,
        recorded.authored,
        retired=recorded.retired,
        prebuilt=recorded.prebuilt,
    )


def _seen(live: Body) -> Entry:
    """Return the entry of a rule of which only Kibana tells."""
    name = digest(canonical(live))
    return Entry(str(live.get("name", "")), "", name, name)


def _accept_space(tx: Transaction) -> Recovered:
    """Start a record, where the target has none (a lost store), from what is live and carries our marker."""
    if tx.run.ledger.head().record is not None:
        return Recovered("nothing")
    tx.lease.acquire(tx.run.holder, tx.run.run_id, left=lambda _lock: True, interrupted=tx.run.interrupted)
    with lock_kept_if_broken(tx):
        bodies = tx.run.writer.read_space(marker=tx.run.marker, wanted=()).rules
        live = {str(body["rule_id"]): body for body in bodies if tx.run.marker in markers(body.get("tags") or ())}
        tx.plan = replace(tx.plan, documents={_seen(body).authored: canonical(body) for body in live.values()})
        entries = {rule_id: _seen(body) for rule_id, body in live.items()}
        record = committed(tx, None, Entries(entries, live, {}), event="accept-live")
        ending.append_commit(tx, record, rules=sorted(entries))
        ending.close(tx)
    return Recovered("accepted", Applied(record), len(live))
