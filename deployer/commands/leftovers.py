"""What an interrupted apply left in a target, as `plan` says it, and who of those that hold a lock may still live."""

from __future__ import annotations

from collections.abc import Callable

from deployer.adapters import process
from deployer.commands.target import ReadTarget
from deployer.commands.workspace import Workspace
from deployer.executor.ledger import Holder, Lock
from deployer.executor.recover import leftover


def may_live(workspace: Workspace) -> Callable[[Holder], bool]:
    """Return what says whether a holder of a lock may still be at work, as far as it can be known from here."""
    here = workspace.surroundings.host
    return lambda holder: not process.is_gone(holder.host, holder.boot, holder.pid, here=here)


def leftover_lines(target: ReadTarget, lock: Lock) -> tuple[str, ...]:
    """Return what a plan says first where its target is locked: that recovery is due, or who is at work."""
    if lock.state == "free":
        return ()
    alive = may_live(target.workspace)
    name = target.environment.target
    if (found := leftover(target.ledger, alive=alive)) is not None:
        return (f"recover     {found}", f"            deployer recover -e {name}   (apply refuses until then)")
    at_work = lock.state == "held" and alive(lock.holder)
    return (
        (f"locked      {lock.holder} is at work here, until {lock.expires_at[11:19]} UTC or later",) if at_work else ()
    )
