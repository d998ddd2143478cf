"""The table at the end of a run over several targets."""

from __future__ import annotations

from collections.abc import Sequence

from deployer.core.change import Action
from deployer.core.origin import Origin, shares
from deployer.core.plan import Plan
from deployer.core.summary import Row
from deployer.errors import ExitCode
from deployer.render.style import Style, calm, cut, line, plural


def summary_text(rows: Sequence[Row], style: Style) -> str:
    """Return one line per target, ending in a newline; the rows come sorted."""
    name_width = min(max((len(row.target) for row in rows), default=0), 32)
    state_width = max((len(row.state) for row in rows), default=0)
    lines = [style.bold("TARGETS"), ""]
    for row in rows:
        text = f"  {cut(line(row.target), name_width):<{name_width}}  {row.state:<{state_width}}  {line(row.detail)}"
        text = cut(text.rstrip(), style.width)
        lines.append(text if row.code in (ExitCode.DONE, ExitCode.CHANGES) else style.red(text))
    table = "\n".join(lines) + "\n"
    return table if style.color else calm(table, style.width)


def state_of(plan: Plan) -> tuple[str, str]:
    """Return what to say of a plan in one row: its state, and its counts."""
    counts = ", ".join(f"{plan.count(action)} {action.value}" for action in Action if plan.count(action))
    refused = [verdict.message for verdict in plan.refusals] + [blocked.reason for blocked in plan.notes.blocked]
    if refused:
        return "would refuse", "; ".join(refused)
    state = plural(plan.writes, "change") if plan.writes else "nothing to do"
    return state, "; ".join(part for part in (counts if plan.writes else "", *_branch_words(plan)) if part)


def _branch_words(plan: Plan) -> tuple[str, ...]:
    """Say how much of a plan is this branch's, and how much of the branch this target does not run yet."""
    branch = plan.notes.branch
    if branch is None or branch.note:
        return ()
    own = f"{shares(plan)[Origin.BRANCH]:,} from this branch"
    return own, f"{len(branch.waiting):,} of this branch not now" if branch.waiting else ""
