"""
Lists before rules: value lists, exception lists, items, in this order, journaled and undone like rules.

Items that go are deleted last of all, after everything was verified: an item that is made again has lost the ids of
its comments, so nothing that may still be undone deletes one (transactions.md 5.2, stage 8).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from deployer.core.completion import completed, incomplete
from deployer.core.dependency import Kind, key_of
from deployer.core.outcomes import Outcome, Status
from deployer.core.ports import Body, Lists
from deployer.errors import DeployerError, RemoteError, UnknownOutcomeError
from deployer.executor.journal import VOID, Intent
from deployer.executor.needs import Needed, editor, read, read_all, write
from deployer.executor.transaction import Transaction

SENDS: Final = 3
"""How often one thing is sent at most."""

BUSY: Final = frozenset({409, 429})
"""Kibana itself says that it did nothing."""

_PAUSE: Final = 0.5
_HAPPENED: Final = (Status.APPLIED.value, Status.READBACK.value)


def lists_of(tx: Transaction) -> Lists:
    """Return the way to the lists of the target. Raises DeployerError where the run was given none."""
    if tx.run.lists is None:
        raise DeployerError("this run cannot write lists")
    return tx.run.lists


def learn(tx: Transaction) -> dict[str, Body]:
    """Read what the plan's lists are now; return the before-images for the snapshot, by key. Raises RemoteError."""
    for dependency in tx.plan.dependencies:
        tx.needs[dependency.key] = Needed(dependency)
    if not tx.needs:
        return {}
    found = read_all(lists_of(tx), tx.needs.values())
    for need in tx.needs.values():
        need.before = need.live = found[need.key]
    return {key: body for key, body in found.items() if body is not None}


def stale(tx: Transaction) -> dict[str, str]:
    """Return what is in the way of each list and item, by key: edited, appeared or gone since the plan."""
    return {need.key: words for need in tx.needs.values() if not need.done() and (words := need.in_the_way())}


def put_lists(tx: Transaction) -> None:
    """Create and change what rules depend on, until something fails or the run is interrupted. Raises StateError."""
    if not tx.needs:
        return
    if tx.resumed:
        look_again(tx)
    for kind in Kind:
        chosen = [need for need in _active(tx) if need.dependency.kind is kind and need.dependency.after is not None]
        _send_all(tx, f"{kind.value}s written", chosen)
        if tx.stopping():
            return
    complete(tx)


def complete(tx: Transaction) -> None:
    """Fill in the ids of the lists that were not there when the plan was made. Raises RemoteError."""
    if not incomplete(tx.plan):
        return
    known = {
        (need.namespace, need.dependency.name): str(need.live["id"])
        for need in tx.needs.values()
        if need.dependency.kind is Kind.LIST and need.live is not None
    }
    ids: dict[tuple[str, str], str] = {(namespace, name): so_id for (namespace, name), so_id in known.items()}
    tx.plan = completed(tx.plan, ids)
    for change in tx.plan.changes:
        tx.rules[change.rule_id].change = change


def verify_lists(tx: Transaction) -> tuple[str, ...]:
    """Read every list and item that was written once more; return a sentence for each that is not as wanted."""
    written = [need for need in _active(tx) if need.sent and need.dependency.after is not None]
    if not written:
        return ()
    deadline = tx.run.clock.monotonic() + tx.run.settle
    while True:
        found = read_all(lists_of(tx), written)
        wrong = [need for need in written if need.image(found[need.key]) != need.image(need.live)]
        if not wrong or tx.run.clock.monotonic() >= deadline or tx.run.interrupted():
            break
        tx.pause(_PAUSE)
    return tuple(
        f'"{_name(tx, need)}" reads back otherwise, by {editor(found[need.key])}'
        for need in wrong
        if found[need.key] is None or not need.dependency.has_after(need.form(found[need.key]) or {})
    )


def delete_items(tx: Transaction) -> tuple[str, ...]:
    """Delete what the plan deletes; return the keys of what is still there. Never makes an apply fail."""
    chosen = [need for need in _active(tx) if need.dependency.after is None]
    if not chosen:
        return ()
    try:
        look_again(tx, chosen)
    except RemoteError:
        return tuple(need.key for need in chosen)
    ready = [need for need in chosen if need.live is not None and not need.in_the_way()]
    for need in chosen:
        if need.live is not None and need not in ready:
            tx.note(need.key, "delete", Status.KEPT, f"{need.in_the_way()}: not deleted")
    _send_all(tx, "items deleted", ready, late=True)
    return tuple(need.key for need in chosen if need.live is not None)


def unrecorded(tx: Transaction, pending: Iterable[str]) -> frozenset[str]:
    """Return the keys of the lists whose record stays as it was: something of them was left out, or is still due."""
    left = {*pending, *(need.key for need in tx.needs.values() if need.kept)}
    homes = [tx.needs[key] for key in left]
    return frozenset(
        key_of(Kind.LIST, need.dependency.list_id, need.dependency.namespace) if need.dependency.list_id else need.key
        for need in homes
    )


def replay(tx: Transaction, intent: Intent, status: str) -> None:
    """Take from the journal what an earlier process announced of a list or item; `status` is "" for no answer."""
    need = tx.needs[intent.rule_id]
    need.post = str(intent.post["image"])
    if status in ("", Status.UNKNOWN.value, *_HAPPENED):
        need.sent = True


def _active(tx: Transaction) -> list[Needed]:
    return [need for need in tx.needs.values() if not need.kept]


def look_again(tx: Transaction, needs: Sequence[Needed] | None = None) -> None:
    """Read lists and items once more, all of the plan where none are named. Raises RemoteError."""
    chosen = list(tx.needs.values()) if needs is None else needs
    found = read_all(lists_of(tx), chosen)
    for need in chosen:
        need.live = found[need.key]


def _send_all(tx: Transaction, name: str, needs: Sequence[Needed], *, late: bool = False) -> None:
    """Send what is not done yet, batch by batch, each batch journaled before its first request."""
    size, done = tx.run.ledger.store.batch, 0
    for start in range(0, len(needs), size):
        if tx.stopping():
            return
        batch = [need for need in needs[start : start + size] if _ready(tx, need, late=late)]
        _announce(tx, batch)
        for need, result in tx.run.many(lambda need: _sent(tx, need), batch, stop=tx.stopping):
            _settle(tx, need, result, late=late)
        for need in batch:
            if need.number and not need.sent:
                tx.journal.outcome(need.number, need.key, "", VOID)
        done += size
        tx.run.progress(name, min(done, len(needs)), len(needs))


def _ready(tx: Transaction, need: Needed, *, late: bool) -> bool:
    """Say whether something has to be sent; what is in the way is a conflict."""
    if need.done():
        return False
    if words := need.in_the_way():
        _conflict(tx, need, f"{words}: it is not as it was when the plan was made", late=late)
        return False
    return True


def _announce(tx: Transaction, needs: Sequence[Needed]) -> None:
    intents = []
    for need in needs:
        need.number, need.post = tx.journal.number(), need.image(need.wanted())
        so_id = str((need.live or {}).get("id", ""))
        pre = {"image": need.image(need.live), "version": (need.live or {}).get("_version")}
        op = f"{need.dependency.action} {need.dependency.kind.value}"
        intents.append(Intent(need.number, op, need.key, so_id, pre, {"image": need.post}))
    if intents:
        tx.journal.intend(intents)


def _sent(tx: Transaction, need: Needed) -> Body | UnknownOutcomeError | None:
    """Send one; None where nothing may be sent any more. Raises RemoteError for a refusal."""
    if not tx.lease.may_send() or (need.dependency.shared and tx.common is not None and not tx.common.may_send()):
        return None
    tx.sends += 1
    need.sends += 1
    need.sent = True
    try:
        return write(lists_of(tx), need)
    except UnknownOutcomeError as exc:
        return exc


def _settle(tx: Transaction, need: Needed, result: Body | DeployerError | None, *, late: bool) -> None:
    op = need.dependency.action
    if result is None:
        return
    if isinstance(result, UnknownOutcomeError):
        _resolve(tx, need, result, late=late)
    elif isinstance(result, RemoteError):
        need.sent = need.values  # of the several requests for a value list some may have landed
        tx.journal.outcome(need.number, need.key, op, Status.REFUSED.value, detail=str(result))
        _failed(tx, tx.note(need.key, op, Status.REFUSED, str(result)), late=late)
    elif isinstance(result, DeployerError):
        raise result
    elif need.dependency.after is None:
        _deleted(tx, need, result)
    elif need.image(result) != need.post:
        need.live = result
        detail = "Kibana stored something else than was sent"
        tx.journal.outcome(need.number, need.key, op, Status.APPLIED.value, landed=True)
        _failed(tx, tx.note(need.key, op, Status.REFUSED, detail), late=late)
    else:
        _landed(tx, need, result, Status.APPLIED)


def _landed(tx: Transaction, need: Needed, live: Body | None, status: Status) -> None:
    need.live, need.ghost = live, None
    tx.journal.outcome(need.number, need.key, need.dependency.action, status.value, landed=True)
    tx.note(need.key, need.dependency.action, status)


def _deleted(tx: Transaction, need: Needed, removed: Body) -> None:
    """Compare what DELETE answers with what was read: an edit in that instant went with the item."""
    if need.image(removed) != need.image(need.live):
        detail = f"edited by {editor(removed)} as it was deleted; that body is in the journal"
        loss = {"status": Status.LOST_UPDATE.value, "detail": detail, "body": removed}
        tx.journal.outcome(need.number, need.key, "delete", Status.APPLIED.value, landed=True, loss=loss)
        tx.losses.append(tx.note(need.key, "delete", Status.LOST_UPDATE, detail))
        need.live = None
        return
    _landed(tx, need, None, Status.APPLIED)


def _resolve(tx: Transaction, need: Needed, error: UnknownOutcomeError, *, late: bool) -> None:
    """
    Find out by reading what became of a write without a clear answer, and send it again where it did not happen.

    A 409 is a `_version` that moved, or Elasticsearch being busy: nothing was written. Everything else may still be
    under way, and the horizon is waited for before it is sent again.
    """
    before = need.image(need.live)
    need.ghost = tx.run.clock.monotonic() if error.status not in BUSY else None
    tx.journal.outcome(need.number, need.key, need.dependency.action, "unknown", http=error.status, detail=str(error))
    while not (tx.run.interrupted() or tx.halted):
        need.live = read(lists_of(tx), need)
        if need.done():
            _landed(tx, need, need.live, Status.READBACK)
            return
        if need.ghost is None:
            break
        tx.wait_for_the_horizon()
        need.ghost = None
    if tx.run.interrupted() or tx.halted:
        return
    if not need.values and need.image(need.live) != before:
        need.sent = False
        _conflict(tx, need, f"edited by {editor(need.live)} since the plan, and kept", late=late)
    elif need.sends >= SENDS:
        _failed(
            tx, tx.note(need.key, need.dependency.action, Status.UNKNOWN, f"no answer, {need.sends} times"), late=late
        )
    else:
        tx.pause(_PAUSE * 2**need.sends)
        _announce(tx, [need])
        try:
            again: Body | DeployerError | None = _sent(tx, need)
        except RemoteError as exc:
            again = exc
        _settle(tx, need, again, late=late)


def _conflict(tx: Transaction, need: Needed, detail: str, *, late: bool) -> None:
    op = need.dependency.action
    if need.number:
        tx.journal.outcome(need.number, need.key, op, Status.CONFLICT.value, detail=detail)
    if tx.run.skip_conflicts and need.dependency.before is not None:
        need.kept = True
        tx.note(need.key, op, Status.LEFT_OUT, detail)
        return
    _failed(tx, tx.note(need.key, op, Status.CONFLICT, detail), late=late)


def _failed(tx: Transaction, outcome: Outcome, *, late: bool) -> None:
    if not late:
        tx.fail(outcome)


def _name(tx: Transaction, need: Needed) -> str:
    return tx.plan.label(need.key).name
