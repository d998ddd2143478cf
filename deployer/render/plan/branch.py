"""What `plan --base REF` adds to a plan: the words that every renderer says alike, and the lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from deployer.core.change import Action
from deployer.core.origin import Origin, part, shares
from deployer.core.plan import Branch, Plan
from deployer.core.review import Group, Review
from deployer.render.lists_text import lists_count
from deployer.render.plan.words import SYMBOL, word_of
from deployer.render.style import Style, cut, line, plural

_SHOWN: Final = 3  # names of changes that this branch takes away
_BESIDE_NAME: Final = 43  # what stands in a row beside the name
_INDENT: Final = " " * 15


def share_words(plan: Plan) -> str:
    """Return how much of the plan is this branch's, `2 of 7 changes; 5 on main, not applied yet`; "" without --base."""
    branch = plan.notes.branch
    if branch is None:
        return ""
    if branch.note:
        return branch.note
    counts = shares(plan)
    own = f"{counts[Origin.BRANCH]:,} of {plural(plan.writes, 'change')}" if plan.writes else "changes nothing here"
    others = {
        Origin.BASE: f"on {branch.ref}, not applied yet",
        Origin.BEHIND: f"take back what {branch.ref} has since",
        Origin.KIBANA: "put back what was done in Kibana",
    }
    return "; ".join([own, *(f"{counts[origin]:,} {words}" for origin, words in others.items() if counts[origin])])


def undone_words(plan: Plan) -> str:
    """Return which changes REF's plan has and this branch takes away, "" for none."""
    branch = plan.notes.branch
    if branch is None or not branch.undone:
        return ""
    more = f" and {len(branch.undone) - _SHOWN:,} more" if len(branch.undone) > _SHOWN else ""
    return f"what {branch.ref} would change here and this branch does not: {', '.join(branch.undone[:_SHOWN])}{more}"


def titles(branch: Branch) -> dict[Origin, str]:
    """Return the heading above the changes of each origin but this branch's own, in reading order."""
    return {
        Origin.BEHIND: f"THIS BRANCH IS BEHIND {branch.ref}: merge it, or these go back when this is applied",
        Origin.BASE: f"ON {branch.ref} ALREADY, NOT APPLIED YET",
        Origin.KIBANA: "DONE IN KIBANA, PUT BACK",
    }


def heading_of(origin: Origin) -> str:
    """Return the heading of an origin without REF, which a renderer might have to escape."""
    return {
        Origin.BEHIND: "This branch is behind: merge its base, or these go back when it is applied",
        Origin.BASE: "On the base already, not applied yet",
        Origin.KIBANA: "Done in Kibana, put back",
    }[origin]


def branch_rows(plan: Plan) -> list[tuple[str, str]]:
    """Return the rows of a summary, title and words: how much of the plan is this branch's, and what it takes away."""
    rows = [("this branch", share_words(plan)), ("takes away", undone_words(plan))]
    return [(title, words) for title, words in rows if words]


def branch_summary(plan: Plan, style: Style) -> list[str]:
    """Return the lines of a terminal's summary that say how much of the plan is this branch's."""
    return [cut(f"  {title:<12} {line(words)}", style.width) for title, words in branch_rows(plan)]


def not_now_lines(plan: Plan, style: Style) -> Iterator[str]:
    """Yield the rules of the branch that a promoted target does not run yet, and why."""
    for row in plan.notes.branch.waiting if plan.notes.branch else ():
        yield cut(f"    {cut(line(row.name), 40):<40}  {line(row.sentence)}", style.width)


def elsewhere_sections(plan: Plan, reviewed: Review, style: Style, *, verbose: bool) -> Iterator[tuple[str, list[str]]]:
    """Yield title and lines for each origin other than this branch: a row per change, groups folded to one."""
    groups, branch = dict(reviewed.elsewhere), plan.notes.branch
    for origin, title in titles(branch).items() if branch else ():
        lines = [text for group in groups.get(origin, ()) for text in _rows(plan, reviewed, group, style, verbose)]
        listed = lists_count(part(plan, origin).dependencies)
        lines += [f"{_INDENT}{listed}"] if listed else []
        if lines:
            yield cut(line(title), style.width), lines


def _rows(plan: Plan, reviewed: Review, group: Group, style: Style, verbose: bool) -> Iterator[str]:
    shown = group.changes if verbose else group.changes[:1]
    for change in shown:
        label, reasons = plan.label(change.rule_id), reviewed.reasons.get(change.rule_id, ())
        said = ", ".join(reasons or (change.names if change.action in (Action.UPDATE, Action.ADOPT) else ()))
        room = style.width - _BESIDE_NAME
        name = cut(line(label.name), room)
        row = f"{SYMBOL[change.action]:^3} {word_of(change):<10} {name:<{room}}  {line(label.severity):<8} {line(said)}"
        text = cut(row.rstrip(), style.width)
        yield style.red(text) if reasons else style.dim(text)
    if len(group.changes) > len(shown):
        yield style.dim(f"{_INDENT}… and {len(group.changes) - len(shown):,} more like this one")
