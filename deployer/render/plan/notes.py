"""
What a plan says beside its changes, as lines of at most `style.width` columns: conflicts, holds, edits, guards.

The terminal prints them as they are, other renderers as preformatted text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deployer.core.plan import Blocked, Edit, Plan
from deployer.core.review import GROUP_FROM, Review
from deployer.errors import Severity
from deployer.render.field_text import short_value
from deployer.render.held_text import ended_lines, held_lines, waiting_lines
from deployer.render.lists_text import lists_lines
from deployer.render.plan.words import edit_when, kept_names, key_words, passed
from deployer.render.style import Style, cut, line


def note_sections(
    plan: Plan, reviewed: Review, style: Style, *, verbose: bool = False
) -> Iterator[tuple[str, Iterator[str]]]:
    """Yield the quiet sections, each with its title and lines; a section without lines has nothing to say."""
    yield "HELD", held_lines(plan.notes.held, style)
    yield "LISTS", lists_lines(plan, reviewed.rest_lists, verbose=verbose, width=style.width)
    yield "CHANGED IN KIBANA, LEFT ALONE", _edits(plan, reviewed.recent, style)
    yield "CHANGED IN KIBANA, PUT BACK", _edits(plan, _of_kind(plan, "back"), style)
    yield "ADDED IN KIBANA, KEPT", _edits(plan, _of_kind(plan, "kept"), style)
    yield "MARKER REMOVED IN KIBANA", _unmarked(plan, style)
    yield "WARNINGS", _warnings(plan, style)
    yield "GUARDS", _guards(plan, style)


def look_lines(plan: Plan, reviewed: Review, style: Style) -> Iterator[str]:
    """Yield what must be looked at beside changes, a few lines each: another user, conflicts left out, holds."""
    user = key_words(plan, reviewed)
    if user:
        yield "\n".join(_wrapped(f" !  {line(user)}", style.width, first=""))
    yield from _left_out(plan, reviewed, style)
    yield from (text.rstrip("\n") for text in waiting_lines(reviewed.held, style))
    yield from (text.rstrip("\n") for text in ended_lines(reviewed.held, style))


def blocked_lines(plan: Plan, reviewed: Review, style: Style) -> Iterator[str]:
    """Yield the rules that the plan may not touch, conflicts first, with what to do."""
    for blocked in (*reviewed.conflicts, *reviewed.blocked):
        yield from _block(plan, blocked, style)


def _block(plan: Plan, blocked: Blocked, style: Style) -> Iterator[str]:
    yield style.red(cut(f"    {line(plan.label(blocked.rule_id).name)}", style.width))
    yield cut(f"        {line(blocked.reason)}", style.width)
    yield from _conflicts(plan, blocked.rule_id, style)
    if blocked.remedy:
        yield cut(f"        {line(blocked.remedy)}", style.width)


def _left_out(plan: Plan, reviewed: Review, style: Style) -> Iterator[str]:
    for rule_id in reviewed.left_out:
        name = line(plan.label(rule_id).name)
        head = style.yellow(cut(f" !  left out   {name}: git and Kibana both changed it", style.width))
        yield "\n".join([head, *_conflicts(plan, rule_id, style)])


def _conflicts(plan: Plan, rule_id: str, style: Style) -> Iterator[str]:
    for edit in plan.notes.edits:
        if edit.rule_id == rule_id and edit.kind == "conflict":
            yield from _conflict(edit, style)


def _conflict(edit: Edit, style: Style) -> Iterator[str]:
    who = f"  {edit.by} {edit.at[:16].replace('T', ' ')}" if edit.by or edit.at else ""
    room = style.width - 20
    yield cut(f"          {line(edit.field)}", style.width)
    yield f"            was     {short_value(edit.authored, room)}"
    yield f"            git     {short_value(edit.desired, room)}"
    yield cut(f"            Kibana  {short_value(edit.live, room - len(who))}{line(who)}", style.width)


def _of_kind(plan: Plan, kind: str) -> list[Edit]:
    return [edit for edit in plan.notes.edits if edit.kind == kind]


def overdue_lines(plan: Plan, reviewed: Review, style: Style) -> Iterator[str]:
    """Yield the edits that nobody has decided on for a week."""
    if reviewed.overdue:
        yield "    changed in Kibana over a week ago, and still left alone:"
        yield from _edits(plan, reviewed.overdue, style)


def _edits(plan: Plan, rows: Sequence[Edit], style: Style) -> Iterator[str]:
    for edit in rows:
        room = max(style.width - 62, 12)
        name = cut(line(plan.label(edit.rule_id).name), room)
        value = (
            cut("keeps " + ", ".join(f'"{line(name)}"' for name in kept_names(edit)), 40)
            if edit.kind == "kept"
            else f"{short_value(edit.authored, 14)} -> {short_value(edit.live, 14)}"
        )
        row = f"    {cut(line(edit.field), 10):<10} {name:<{room}} {value:<20} {line(edit.by)}  {edit_when(plan, edit)}"
        yield cut(row.rstrip(), style.width)
    if rows and rows[0].kind == "left":
        target = line(plan.target.name)
        ways = [f"to git: deployer pull -e {target}", "to Kibana: apply --only id:... --take git"]
        both = " " * 15 + "    ".join(ways)
        yield from [both] if len(both) <= style.width else [cut(f"{' ' * 15}{way}", style.width) for way in ways]


def _unmarked(plan: Plan, style: Style) -> Iterator[str]:
    for rule_id in plan.notes.unmarked:
        yield cut(f"    {line(plan.label(rule_id).name)}   comes back with the next write", style.width)


def _warnings(plan: Plan, style: Style) -> Iterator[str]:
    """Yield the warnings; of many alike only the first, because 100 equal ones hide the one that is not."""
    alike: dict[str, list[str]] = {}
    for problem in plan.notes.warnings:
        if problem.severity is Severity.WARNING:
            alike.setdefault(problem.code, []).append(line(str(problem)))
    for texts in alike.values():
        shown = texts if len(texts) < GROUP_FROM else texts[:1]
        for text in shown:
            yield from _wrapped(text, style.width)
        if len(texts) > len(shown):
            yield f"    … and {len(texts) - len(shown):,} more like this one (deployer validate lists them)"


def _wrapped(text: str, width: int, first: str = "    ") -> Iterator[str]:
    """Yield a sentence on as many lines as it needs: what is cut off is the remedy."""
    import textwrap

    yield from textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=first + "    ", break_on_hyphens=False
    )


def _guards(plan: Plan, style: Style) -> Iterator[str]:
    for verdict in plan.refusals:
        remedy = f"   --allow {verdict.allow}" if verdict.allow else ""
        yield style.red(cut(f"    REFUSED    {line(verdict.message)}{remedy}", style.width))
    tally = passed(plan)
    if tally:
        yield cut(f"    ok         {tally}", style.width)
