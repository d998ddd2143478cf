"""What an interrupted apply left in a target, as `plan` says it, and who of those that hold a lock may still live."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from deployer.adapters import process
from deployer.commands.target import ReadTarget
from deployer.commands.workspace import Workspace
from deployer.core.plan import Notes
from deployer.executor.ledger import Holder, Lock


def may_live(workspace: Workspace) -> Callable[[Holder], bool]:
    """Return what says whether a holder of a lock may still be at work, as far as it can be known from here."""
    here = workspace.surroundings.host
    return lambda holder: not process.is_gone(holder.host, holder.boot, holder.pid, here=here)


def with_leftovers(notes: Notes, target: ReadTarget, lock: Lock) -> Notes:
    """Return the notes of a plan with what comes first where its target is locked: recovery is due, or who works."""
    if lock.state == "free":
        return notes
    from deployer.executor.recover import leftover  # with all of the transaction, for a plan that has none before it

    alive = may_live(target.workspace)
    found = leftover(target.ledger, alive=alive)
    if found is not None:
        began = f"begun {found.since[:16].replace('T', ' ')} UTC"
        lines = (
            f"recover     an apply by {found.holder} was interrupted; apply refuses until it is recovered",
            f"            {began}; {found.answered} of {found.announced} writes are known to have been answered",
        )
        return replace(notes, lines=(*lines, *notes.lines), recovery=f"deployer recover -e {target.environment.target}")
    if lock.state == "held" and alive(lock.holder):
        at_work = f"locked      {lock.holder} is at work here, until {lock.expires_at[11:19]} UTC or later"
        return replace(notes, lines=(at_work, *notes.lines))
    return notes
