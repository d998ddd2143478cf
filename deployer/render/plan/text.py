"""
A plan for a terminal: what happens in three lines, what to look at first, then the rest, then what was left alone.

The refusal stands in the first lines, whether anything was changed and the next command are the last ones. At most
`style.width` columns; nothing that a rule contains can move the cursor or change a colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from deployer.core.change import Action, Change
from deployer.core.plan import Blocked, Edit, Plan
from deployer.core.review import GROUP_FROM, Group, Review, review
from deployer.errors import Severity
from deployer.render.field_text import field_lines, short_value
from deployer.render.held_text import ended_lines, held_lines, held_next, waiting_lines
from deployer.render.lists_text import lists_count, lists_lines
from deployer.render.plan.branch import branch_summary, elsewhere_sections, not_now_lines
from deployer.render.plan.words import (
    SYMBOL,
    counted,
    edit_when,
    facts,
    kept_names,
    left_alone,
    more_words,
    next_command,
    passed,
    refused,
    user_words,
    word_of,
)
from deployer.render.style import Style, calm, cut, line, plural

_INDENT: Final = " " * 15
_NAME: Final = 53
_RENAMED: Final = 5  # names in the summary; every one stands at its change


def plan_text(plan: Plan, style: Style, *, verbose: bool = False, applying: bool = False) -> str:
    """
    Return the plan as text that ends in a newline.

    `verbose` shows every change in full; `applying` leaves out the last lines, because the apply writes its own.
    """
    reviewed = review(plan)
    parts = [_head(plan, style), _summary(plan, reviewed, style)]
    parts.append(_section("BLOCKED", _blocked(plan, reviewed, style), style))
    parts.append(_section("LOOK AT THESE FIRST", _first(plan, reviewed, style, verbose=verbose), style))
    parts.append(_section("THE REST", _groups(plan, reviewed, reviewed.rest, style, verbose=verbose), style))
    for title, lines in elsewhere_sections(plan, reviewed, style, verbose=verbose):
        parts.append(_section(title, lines, style))
    parts.append(_section("NOT NOW", not_now_lines(plan, style), style))
    parts.append(_section("HELD", held_lines(plan.notes.held, style), style))
    parts.append(_section("LISTS", lists_lines(plan, reviewed.rest_lists, verbose=verbose), style))
    parts.append(_section("CHANGED IN KIBANA, LEFT ALONE", _edits(plan, reviewed.recent), style))
    parts.append(_section("CHANGED IN KIBANA, PUT BACK", _edits(plan, _of_kind(plan, "back")), style))
    parts.append(_section("ADDED IN KIBANA, KEPT", _edits(plan, _of_kind(plan, "kept")), style))
    parts.append(_section("MARKER REMOVED IN KIBANA", _unmarked(plan), style))
    parts.append(_section("WARNINGS", _warnings(plan, style), style))
    parts.append(_section("GUARDS", _guards(plan, style), style))
    if not applying:
        parts.append(_foot(plan, style))
    return calm("\n".join(part for part in parts if part))


def _head(plan: Plan, style: Style) -> str:
    stack = f"   Kibana {plan.provenance.stack}" if plan.provenance.stack else ""
    where = cut(f"   {line(plan.target.url)}{_space(plan)}{line(stack)}", style.width - len(line(plan.target.name)))
    first = f"{style.bold(line(plan.target.name))}{where}"
    return "\n".join([first, *(cut(line(sentence), style.width) for sentence in plan.notes.lines)]) + "\n"


def _space(plan: Plan) -> str:
    return "" if plan.target.space == "default" else f"/s/{line(plan.target.space)}"


def _summary(plan: Plan, reviewed: Review, style: Style) -> str:
    census = plan.notes.census
    counts, listed = counted(plan), lists_count(plan.dependencies)
    words = "no changes of rules" if listed and not counts else "no changes"
    changes = f"  {plural(len(plan.changes), 'change')}    {counts}" if counts else f"  {words}"
    unchanged = f"{plural(census.unchanged, 'rule')} unchanged"
    first = (
        f"{changes:<{max(style.width - len(unchanged) - 4, 20)}}{unchanged}" if counts else f"{changes}    {unchanged}"
    )
    if len(first) > style.width:
        first = f"{cut(changes, style.width)}\n  {unchanged}"
    lines = [first]
    if listed:
        lines.append(f"  lists        {listed}")
    lines += branch_summary(plan, style)
    left = left_alone(plan)
    if left:
        lines.append(cut(f"  left alone   {', '.join(left)}", style.width))
    refusal = refused(plan)
    if refusal:
        lines.append(style.red(cut(f"  REFUSED      {'; '.join(line(word) for word in refusal)}", style.width)))
    for rename in reviewed.renamed[:_RENAMED]:
        words = f'  renamed      "{line(rename.before)}" -> "{line(rename.after)}"'
        lines.append(cut(words, style.width))
    if len(reviewed.renamed) > _RENAMED:
        lines.append(f"               … and {plural(len(reviewed.renamed) - _RENAMED, 'more rule')} renamed")
    return "\n".join(lines) + "\n"


def _section(title: str, lines: Iterable[str], style: Style) -> str:
    text = "\n".join(lines)
    return f"{style.bold(title)}\n\n{text}\n" if text else ""


def _first(plan: Plan, reviewed: Review, style: Style, *, verbose: bool) -> Iterator[str]:
    """Yield everything that a person must look at before the plan is applied."""
    user = user_words(reviewed)
    if user:
        yield "\n".join(_wrapped(f" !  {line(user)}", style.width, first="")) + "\n"
    yield from _left_out(plan, reviewed, style)
    yield from waiting_lines(reviewed.held, style)
    yield from ended_lines(reviewed.held, style)
    yield from _groups(plan, reviewed, reviewed.first, style, verbose=verbose)
    listed = list(lists_lines(plan, reviewed.first_lists, verbose=verbose))
    if listed:
        yield "\n".join(listed) + "\n"
    yield from _overdue(plan, reviewed.overdue)


def _groups(plan: Plan, reviewed: Review, groups: Sequence[Group], style: Style, *, verbose: bool) -> Iterator[str]:
    for group in groups:
        shown = group.changes if verbose else group.changes[:1]
        for change in shown:
            yield "\n".join(_change(plan, reviewed, change, style, verbose=verbose)) + "\n"
        hidden = len(group.changes) - len(shown)
        if hidden:
            yield f"{_INDENT}… and {more_words(group, hidden)} (--verbose lists them)\n"


def _change(plan: Plan, reviewed: Review, change: Change, style: Style, *, verbose: bool) -> Iterator[str]:
    label = plan.label(change.rule_id)
    name = cut(line(label.name), _NAME)
    row = f"{_symbol(change)} {word_of(change):<10} {name:<{_NAME}}  {line(label.severity):<8} {line(label.rule_type)}"
    yield _tinted(change, style, cut(row.rstrip(), style.width))
    for sentence in facts(plan, change, reviewed):
        yield cut(f"{_INDENT}{line(sentence)}", style.width)
    if change.action not in (Action.CREATE, Action.DELETE):
        for text in field_lines(change, style, width=style.width - len(_INDENT), verbose=verbose):
            yield _INDENT + text
    if label.path:
        yield style.dim(cut(_INDENT + line(label.path), style.width))


def _symbol(change: Change) -> str:
    return f"{SYMBOL[change.action]:^3}"


def _tinted(change: Change, style: Style, row: str) -> str:
    match change.action:
        case Action.CREATE | Action.ENABLE:
            return style.green(row)
        case Action.DELETE | Action.DISABLE | Action.RECREATE:
            return style.red(row)
        case _:
            return style.yellow(row)


def _blocked(plan: Plan, reviewed: Review, style: Style) -> Iterator[str]:
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
        rows = [style.yellow(cut(f" !  left out   {name}: git and Kibana both changed it", style.width))]
        yield "\n".join([*rows, *_conflicts(plan, rule_id, style)]) + "\n"


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


def _overdue(plan: Plan, edits: Sequence[Edit]) -> Iterator[str]:
    """Yield the edits that nobody has decided on for a week."""
    if edits:
        yield "    changed in Kibana over a week ago, and still left alone:"
        yield from _edits(plan, edits)
        yield ""


def _edits(plan: Plan, rows: Sequence[Edit]) -> Iterator[str]:
    for edit in rows:
        name = cut(line(plan.label(edit.rule_id).name), 34)
        value = (
            cut("keeps " + ", ".join(f'"{line(name)}"' for name in kept_names(edit)), 40)
            if edit.kind == "kept"
            else f"{short_value(edit.authored, 14)} -> {short_value(edit.live, 14)}"
        )
        row = f"    {cut(line(edit.field), 10):<10} {name:<34} {value:<20} {line(edit.by)}  {edit_when(plan, edit)}"
        yield cut(row.rstrip(), 96)
    if rows and rows[0].kind == "left":
        target = line(plan.target.name)
        hint = f"to git: deployer pull -e {target}    to Kibana: apply --only id:... --take git"
        yield cut(f"{_INDENT}{hint}", 96)


def _unmarked(plan: Plan) -> Iterator[str]:
    for rule_id in plan.notes.unmarked:
        yield cut(f"    {line(plan.label(rule_id).name)}   comes back with the next write", 96)


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


def _foot(plan: Plan, style: Style) -> str:
    requests = f", {plural(plan.notes.requests, 'request')}" if plan.notes.requests else ""
    if plan.empty and not plan.notes.blocked:
        nothing = f"Nothing to do{requests}, {plan.notes.seconds:.1f} s. Nothing was changed.\n"
        nothing += f"Next: {line(plan.notes.recovery)}\n" if plan.notes.recovery else ""
        return nothing + held_next(plan.notes.held, plan.target.name)
    told = f"Nothing was changed. Plan {plan.short}{requests}, {plan.notes.seconds:.1f} s."
    return f"{told}\n{style.bold(f'Next: {line(next_command(plan))}')}\n"
