"""What an apply did, in a few lines: the last one is the next command."""

from __future__ import annotations

from typing import Final

from deployer.core.outcomes import Applied
from deployer.core.plan import Plan
from deployer.render.held_text import held_next
from deployer.render.style import Style, plural

_DONE: Final = {"rollback": "Rolled back", "hold": "Held", "release": "Released"}


def applied_text(plan: Plan, applied: Applied, seconds: float, style: Style) -> str:
    """Return the text, ending in a newline."""
    target, record = plan.target.name, applied.record
    if record is None:
        return f"Nothing to do in {target}.\n" + held_next(plan.notes.held, target)
    if not plan.writes:
        return f"{_recorded(plan, record.number)}\n"
    time = record.time[:16].replace("T", " ")
    word = _DONE.get(plan.event, "Applied")
    done = style.green(f"{plural(applied.written, 'write')}, read back, committed")
    lines = [
        f"  {target}   {done}   {seconds:.1f} s",
        "",
        style.bold(f"{word}. Deployment #{record.number}, {time} UTC, {plural(plan.writes, 'change')}."),
    ]
    if applied.pending:
        lines.append(f"  {plural(len(applied.pending), 'delete')} left for the next apply")
    lines.append(f"Next: deployer plan -e {target}")
    return "\n".join(lines) + "\n"


def _recorded(plan: Plan, number: int) -> str:
    """Return what a deployment did that wrote nothing to Kibana."""
    target = plan.target.name
    names = ", ".join(hold.name for hold in plan.holds[:5]) + (", …" if len(plan.holds) > 5 else "")
    if plan.event == "hold" or (plan.event == "rollback" and plan.holds):
        return f"{target}: held H{number}: {names} (deployment #{number}). Nothing was written to Kibana."
    if plan.event == "release" or plan.released:
        what = plural(len(plan.released), "hold")
        ended = f"{target}: {what} ended (deployment #{number}). Nothing was written to Kibana."
        return f"{ended}\nNext: deployer plan -e {target}"
    return f"Nothing to do in {target}; the record now names what git has (deployment #{number})."
