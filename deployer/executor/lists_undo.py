"""
Lists back to their before-images, after the rules have let go of them, only where live is still ours.

Comments are looked over: Kibana lets nobody take one away, so those of an undone write stay, and that is said. A list
or value list that this run created goes only if nobody put anything into it.
"""

from __future__ import annotations

from collections.abc import Iterator

from deployer.core.dependency import Kind
from deployer.core.outcomes import Outcome, Status
from deployer.core.ports import Body, Lists
from deployer.errors import InterruptedRunError, RemoteError, UnknownOutcomeError
from deployer.executor.lists import BUSY, SENDS, lists_of, look_again
from deployer.executor.needs import Needed, editor, read, write_back
from deployer.executor.transaction import Transaction


def undo_lists(tx: Transaction, *, force: frozenset[str] | None = frozenset()) -> list[Outcome]:
    """
    Bring everything that was written back to its before-image, last first, only where live is still ours; return one
    outcome each. The horizon is over. Raises StateError, InterruptedRunError.
    """
    reached = [need for need in reversed(tx.needs.values()) if need.sent]
    if not reached:
        return []
    try:
        look_again(tx, reached)
    except RemoteError as exc:
        return [Outcome(need.key, "undo", Status.NOT_UNDONE, f"could not be read: {exc}") for need in reached]
    return [_undone(tx, need, forced=force is None or need.key in force) for need in reached]


def _undone(tx: Transaction, need: Needed, *, forced: bool) -> Outcome:
    """Bring one back; read it once more before anything is said of it."""
    for _ in range(SENDS):
        if tx.run.interrupted():
            raise InterruptedRunError("interrupted while undoing")
        if _as_before(need):
            return Outcome(need.key, "undo", Status.UNDONE, _left_behind(need))
        if why := _foreign(tx, need, forced=forced):
            return Outcome(need.key, "undo", Status.KEPT, why)
        if not tx.lease.may_send():
            break
        try:
            tx.sends += 1
            write_back(lists_of(tx), need)
        except UnknownOutcomeError as exc:
            if exc.status not in BUSY:
                need.ghost = tx.run.clock.monotonic()
                tx.wait_for_the_horizon()
        except RemoteError as exc:
            return Outcome(need.key, "undo", Status.NOT_UNDONE, str(exc))
        try:
            need.live = read(lists_of(tx), need)
        except RemoteError as exc:
            return Outcome(need.key, "undo", Status.NOT_UNDONE, f"not verified: {exc}")
    if _as_before(need):
        return Outcome(need.key, "undo", Status.UNDONE, _left_behind(need))
    return Outcome(need.key, "undo", Status.NOT_UNDONE, "does not equal its before-image")


def _as_before(need: Needed) -> bool:
    return need.image(need.live, comments=False) == need.image(need.before, comments=False)


def _left_behind(need: Needed) -> str:
    return "" if need.image(need.live) == need.image(need.before) else "comments stay: Kibana lets nobody take one away"


def _foreign(tx: Transaction, need: Needed, *, forced: bool) -> str:
    """Return why something may not be touched: it is neither as before nor ours, or somebody put something into it."""
    if forced:
        return ""
    lists, dependency = lists_of(tx), need.dependency
    if need.values:
        if need.before is None and need.live is not None:
            more = set(lists.values(dependency.name)) - set(dependency.added)
            return f"somebody added {len(more)} values to it: kept" if more else ""
        return "" if need.live is not None else "somebody deleted it meanwhile: not created again"
    if need.live is None:
        return "" if dependency.after is None else "somebody deleted it meanwhile: not created again"
    if need.image(need.live, comments=False) not in _ours(need):
        return f"edited by {editor(need.live)}: kept"
    if dependency.kind is Kind.LIST and need.before is None:
        items = list(_others(lists, tx, need))
        return f"somebody added {len(items)} items to it: kept" if items else ""
    return ""


def _ours(need: Needed) -> tuple[str, ...]:
    """Return the images, without comments, that our write makes of the before-image."""
    live, need.live = need.live, need.before
    wanted = need.wanted()
    need.live = live
    return (need.image(wanted, comments=False),)


def _others(lists: Lists, tx: Transaction, need: Needed) -> Iterator[Body]:
    """Yield the items of a list that this run did not make."""
    made = {one.dependency.name for one in tx.needs.values() if one.dependency.list_id == need.dependency.name}
    for item in lists.exception_items(need.dependency.name, need.namespace):
        if item["item_id"] not in made:
            yield item
