"""What an apply did, in a few lines: the last one is the next command."""

from __future__ import annotations

from deployer.core.outcomes import Applied
from deployer.core.plan import Plan
from deployer.render.style import Style, plural


def applied_text(plan: Plan, applied: Applied, seconds: float, style: Style) -> str:
    """Return the text, ending in a newline."""
    target, record = plan.target.name, applied.record
    if record is None:
        return f"Nothing to do in {target}.\n"
    if not plan.changes:
        return f"Nothing to do in {target}; the record now names what git has (deployment #{record.number}).\n"
    time = record.time[:16].replace("T", " ")
    done = style.green(f"{plural(applied.written, 'write')}, read back, committed")
    lines = [
        f"  {target}   {done}   {seconds:.1f} s",
        "",
        style.bold(f"Applied. Deployment #{record.number}, {time} UTC, {plural(len(plan.changes), 'change')}."),
    ]
    if applied.pending:
        lines.append(f"  {plural(len(applied.pending), 'delete')} left for the next apply")
    lines.append(f"Next: deployer plan -e {target}")
    return "\n".join(lines) + "\n"
