"""
The stages that write, in the order of transactions.md 5.2: what can be taken back comes first.

create disabled -> update content -> recreate -> flips; deletes come after the commit, because nothing brings an id
back.
Each stage turns changes into steps right before they are sent, and is safe to run again: a rule that already has what
the plan wants is read back and left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from deployer.core import compose
from deployer.core.change import Action, Change
from deployer.core.outcomes import Outcome, Status, image
from deployer.core.ports import Body
from deployer.errors import RemoteError, UnknownOutcomeError
from deployer.executor.transaction import ConflictError, Step, Transaction

_FEW: Final = 2
FLIP_BATCH: Final = 100  # ids in one bulk action, the limit of every stack before 9.5 (facts.md 4.1)

Prepare = Callable[[Transaction, Sequence[Change]], list[Step]]


def forward(tx: Transaction) -> None:
    """Carry out every stage up to the flips, stopping at the first failure; outcomes are noted in the transaction."""
    changes = tx.plan.changes
    _stage(tx, "created", [c for c in changes if c.action is Action.CREATE], _creates)
    _stage(tx, "updated", [c for c in changes if _updates(c)], _updating)
    _stage(tx, "recreated", [c for c in changes if c.action is Action.RECREATE], _recreates)
    for enabled in (False, True):
        left_out = {outcome.rule_id for outcome in tx.outcomes if outcome.status is Status.LEFT_OUT}
        chosen = [c.rule_id for c in changes if _flips_to(c, enabled) and c.rule_id not in left_out]
        if chosen and not stopped(tx):
            flip(tx, chosen, enabled=enabled)


def stopped(tx: Transaction) -> bool:
    """Say whether nothing more may be sent forward."""
    return tx.failed() or tx.run.interrupted()


def deletes(tx: Transaction) -> tuple[str, ...]:
    """Delete what the plan deletes, after the commit; return the rules that are still there."""
    pending: list[str] = []
    for change in tx.plan.changes:
        if change.action is not Action.DELETE:
            continue
        try:
            live = tx.live(change.rule_id)
            if live is None:
                continue
            if change.differs_from_before(live):
                pending.append(change.rule_id)
                continue
            tx.lease.keep()
            tx.run.writer.delete(change.rule_id)
            tx.note(change.rule_id, "delete", Status.APPLIED)
        except RemoteError:
            pending.append(change.rule_id)
    return tuple(pending)


def _stage(tx: Transaction, name: str, changes: Sequence[Change], prepare: Prepare) -> None:
    """Send a stage; what had no answer is resolved by reading, and then the rest goes on."""
    left = list(changes)
    while left and not stopped(tx):
        unknown = tx.carry_out(name, _batches(tx, left, prepare), len(changes))
        if not all(tx.settled(step) for step in unknown):
            return
        noted = {outcome.rule_id for outcome in tx.outcomes}
        remaining = [change for change in left if change.rule_id not in noted]
        if len(remaining) == len(left):
            return
        left = remaining


def _batches(tx: Transaction, changes: Sequence[Change], prepare: Prepare) -> Iterator[Sequence[Step]]:
    """Yield batches of steps, each prepared when the one before it was handed out."""
    size = tx.run.ledger.store.batch
    for start in range(0, len(changes), size):
        steps = prepare(tx, changes[start : start + size])
        if steps:
            yield steps


def _updates(change: Change) -> bool:
    """Say whether a change writes content into a rule that stays the same object."""
    return change.action in (Action.UPDATE, Action.ADOPT) and bool(change.content or change.marker)


def _flips_to(change: Change, enabled: bool) -> bool:
    if change.action is Action.RECREATE:  # created disabled, whatever the old one was
        return enabled and bool((change.after or {}).get("enabled"))
    return change.after is not None and change.flips and bool(change.after.get("enabled")) is enabled


def _creates(tx: Transaction, changes: Sequence[Change]) -> list[Step]:
    return [_creation(tx, change, before=None, op="create") for change in changes]


def _creation(tx: Transaction, change: Change, *, before: Body | None, op: str) -> Step:
    body = compose.creation(change, tx.run.marker)

    def send() -> Body:
        if before is not None:
            _deleted_as_known(tx, change.rule_id, before)
        return _as_planned(change, tx.run.writer.create(body))

    def undone(live: Body | None) -> bool:
        return live is None or (before is not None and image(live) == image(before))

    return Step(
        op,
        change.rule_id,
        before,
        image(body),
        send,
        done=lambda live: live is not None and not _content_differs(change, live),
        undone=undone,
        repeatable=False,
    )


def _deleted_as_known(tx: Transaction, rule_id: str, before: Body) -> None:
    """Delete the old half of a recreate; what DELETE answers tells whether somebody edited it in that instant."""
    if tx.live(rule_id) is None:
        return
    removed = tx.run.writer.delete(rule_id)
    if image(removed) != image(before):
        tx.note(rule_id, "recreate", Status.LOST_UPDATE, f"edited by {removed.get('updated_by')} while it was replaced")


def _recreates(tx: Transaction, changes: Sequence[Change]) -> list[Step]:
    live = _read(tx, changes)
    steps: list[Step] = []
    for change in changes:
        body = live.get(change.rule_id)
        known = tx.before.get(change.rule_id)
        if body is not None and not _content_differs(change, body):
            tx.note(change.rule_id, "recreate", Status.READBACK)
        elif body is None and known is None:
            _conflict(tx, change, "recreate", "is gone from Kibana")
        elif body is not None and change.differs_from_before(body):
            _conflict(tx, change, "recreate", _moved(change, body))
        else:
            steps.append(_creation(tx, change, before=body or known, op="recreate"))
    return steps


def _updating(tx: Transaction, changes: Sequence[Change]) -> list[Step]:
    live = _read(tx, changes)
    steps: list[Step] = []
    for change in changes:
        body = live.get(change.rule_id)
        if body is None:
            _conflict(tx, change, "update", "is gone from Kibana")
        elif not _content_differs(change, body) and not _lacks_marker(tx, change, body):
            tx.note(change.rule_id, "update", Status.READBACK)
        elif set(change.differs_from_before(body)) & set(change.content):
            _conflict(tx, change, "update", _moved(change, body))
        else:
            steps.append(_update(tx, change, body))
    return steps


def _update(tx: Transaction, change: Change, before: Body) -> Step:
    body = compose.replacement(before, change, tx.run.marker)
    wanted, was = image(body), image(before)

    def send() -> Body:
        answer = _as_planned(change, tx.run.writer.replace(body))
        if _overtaken(before, answer):
            detail = f"revision {before.get('revision')} became {answer.get('revision')}: somebody wrote in between"
            tx.note(change.rule_id, "update", Status.LOST_UPDATE, detail)
        return answer

    return Step(
        "update",
        change.rule_id,
        before,
        wanted,
        send,
        done=lambda live: live is not None and image(live) == wanted,
        undone=lambda live: live is not None and image(live) == was,
    )


def _overtaken(before: Body, after: Body) -> bool:
    """Say whether the revision jumped by more than our own write (transactions.md K2; 5.4, expected revision)."""
    old, new = before.get("revision"), after.get("revision")
    return isinstance(old, int) and isinstance(new, int) and new > old + 1


def _as_planned(change: Change, answer: Body) -> Body:
    """Return Kibana's answer if it stored what we sent; a field that it rewrote is a gap in our canonical form."""
    differing = _content_differs(change, answer)
    if differing:
        detail = f"Kibana stored another value than was sent for {', '.join(differing)}"
        raise ConflictError(Outcome(change.rule_id, "write", Status.REFUSED, detail))
    return answer


def _content_differs(change: Change, live: Body) -> tuple[str, ...]:
    return tuple(name for name in change.differs_from_after(live) if name != "enabled")


def _lacks_marker(tx: Transaction, change: Change, live: Body) -> bool:
    return (change.marker or change.adopts) and tx.run.marker not in (live.get("tags") or ())


def _moved(change: Change, live: Body) -> str:
    names = ", ".join(change.differs_from_before(live))
    return f"{names} changed since the plan, by {live.get('updated_by') or 'somebody'}"


def _conflict(tx: Transaction, change: Change, op: str, detail: str) -> None:
    status = Status.LEFT_OUT if tx.run.skip_conflicts else Status.CONFLICT
    tx.note(change.rule_id, op, status, detail)


def _read(tx: Transaction, changes: Sequence[Change]) -> dict[str, Body]:
    return read_rules(tx, [change.rule_id for change in changes])


def read_rules(tx: Transaction, rule_ids: Sequence[str]) -> dict[str, Body]:
    """
    Read rules by id; one look-up each where there are few, because a search may be a second behind (facts.md 5.1).
    """
    few = len(rule_ids) <= _FEW
    found = [tx.live(rule_id) for rule_id in rule_ids] if few else list(tx.run.writer.rules(rule_ids))
    return {str(body["rule_id"]): body for body in found if body is not None}


def flip(tx: Transaction, rule_ids: Sequence[str], *, enabled: bool, op: str = "") -> None:
    """Switch rules on or off, in batches of ids; each is noted as applied, refused, or read back."""
    op = op or ("enable" if enabled else "disable")
    size = FLIP_BATCH
    for start in range(0, len(rule_ids), size):
        if stopped(tx):
            return
        chosen = rule_ids[start : start + size]
        live = read_rules(tx, chosen)
        ids = _flippable(tx, chosen, live, enabled=enabled, op=op)
        if ids:
            _flip_batch(tx, ids, live, enabled=enabled, op=op)
        tx.run.progress(f"{op}d", min(start + size, len(rule_ids)), len(rule_ids))


def _flippable(
    tx: Transaction, rule_ids: Sequence[str], live: dict[str, Body], *, enabled: bool, op: str
) -> dict[str, str]:
    """Return saved-object id to rule_id of the rules that have to be switched."""
    ids: dict[str, str] = {}
    for rule_id in rule_ids:
        body = live.get(rule_id)
        if body is None:
            tx.note(rule_id, op, Status.CONFLICT, "is gone from Kibana")
        elif bool(body.get("enabled")) is enabled:
            tx.note(rule_id, op, Status.READBACK)
        else:
            ids[str(body["id"])] = rule_id
    return ids


def _flip_batch(tx: Transaction, ids: dict[str, str], live: dict[str, Body], *, enabled: bool, op: str) -> None:
    steps = [
        Step(op, rule_id, live[rule_id], image(live[rule_id]), _nothing, _never, _never) for rule_id in ids.values()
    ]
    tx.intend(steps)
    for _ in range(2):
        if not tx.lease.may_send() or not ids:
            break
        try:
            tx.sent += 1
            flipped = tx.run.writer.set_enabled(list(ids), enabled=enabled)
        except UnknownOutcomeError:
            tx.risk()
            ids = _still_to_flip(tx, ids, enabled=enabled, op=op)
            continue
        except RemoteError as exc:
            for rule_id in ids.values():
                tx.note(rule_id, op, Status.REFUSED, str(exc))
            return
        for so_id, rule_id in ids.items():
            reason = flipped.failed.get(so_id)
            tx.note(rule_id, op, Status.REFUSED if reason else Status.APPLIED, reason or "")
        return
    for rule_id in ids.values():
        tx.note(rule_id, op, Status.UNKNOWN, "no answer")


def _still_to_flip(tx: Transaction, ids: dict[str, str], *, enabled: bool, op: str) -> dict[str, str]:
    """Read after a flip without an answer; note what is done, return the rest (a flip may be sent again at once)."""
    live = read_rules(tx, list(ids.values()))
    left: dict[str, str] = {}
    for so_id, rule_id in ids.items():
        body = live.get(rule_id)
        if body is not None and bool(body.get("enabled")) is enabled:
            tx.note(rule_id, op, Status.READBACK)
        else:
            left[so_id] = rule_id
    return left


def _nothing() -> Any:
    return None


def _never(_: Body | None) -> bool:
    return False
