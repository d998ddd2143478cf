"""
A plan for a terminal: what happens in three lines, what to look at first, then the rest, then what was left alone.

The refusal stands in the first lines, whether anything was changed and the next command are the last ones. At most
`style.width` columns; nothing that a rule contains can move the cursor or change a colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from deployer.core.change import Action, Change
from deployer.core.plan import Plan
from deployer.core.review import Group, Review, review
from deployer.render.field_text import field_lines
from deployer.render.held_text import held_next
from deployer.render.lists_text import lists_count, lists_lines
from deployer.render.plan.branch import branch_summary, elsewhere_sections, not_now_lines
from deployer.render.plan.document import Document
from deployer.render.plan.notes import blocked_lines, look_lines, note_sections, overdue_lines
from deployer.render.plan.words import (
    SYMBOL,
    counted,
    facts,
    left_alone,
    more_words,
    next_command,
    prebuilt_words,
    refused,
    word_of,
)
from deployer.render.style import Style, calm, cut, line, plural
from deployer.render.summary_text import summary_text

_INDENT: Final = " " * 15
_BESIDE_NAME: Final = 43  # what stands in the row of a change beside its name
_HEAD: Final = 2  # sentences above the summary: a refusal stands in the first lines of a plan
_RENAMED: Final = 5  # names in the summary; every one stands at its change


def plan_text(plan: Plan, style: Style, *, verbose: bool = False, applying: bool = False) -> str:
    """
    Return the plan as text that ends in a newline.

    `verbose` shows every change in full; `applying` leaves out the last lines, because the apply writes its own.
    """
    reviewed = review(plan)
    parts = [_head(plan, style), _summary(plan, reviewed, style)]
    parts.append(_section("BLOCKED", blocked_lines(plan, reviewed, style), style))
    parts.append(_section("LOOK AT THESE FIRST", _first(plan, reviewed, style, verbose=verbose), style))
    parts.append(_section("THE REST", _groups(plan, reviewed, reviewed.rest, style, verbose=verbose), style))
    for title, rows in elsewhere_sections(plan, reviewed, style, verbose=verbose):
        parts.append(_section(title, rows, style))
    parts.append(_section("NOT NOW", not_now_lines(plan, style), style))
    for title, lines in note_sections(plan, reviewed, style, verbose=verbose):
        parts.append(_section(title, lines, style))
    if not applying:
        parts.append(_foot(plan, style))
    text = "\n".join(part for part in parts if part)
    return text if style.color else calm(text, style.width)


def plans_text(document: Document, *, verbose: bool = False) -> str:
    """Return every plan of a run as plain text, and a table at the end where there are several targets."""
    style = Style()
    texts = [plan_text(plan, style, verbose=verbose) for plan in document.plans]
    rows = document.rows()
    return "\n".join([*texts, *([summary_text(rows, style)] if len(rows) > 1 or document.failures else [])])


def _head(plan: Plan, style: Style) -> str:
    stack = f"   Kibana {plan.provenance.stack}" if plan.provenance.stack else ""
    where = cut(f"   {line(plan.target.url)}{_space(plan)}{line(stack)}", style.width - len(line(plan.target.name)))
    first = f"{style.bold(line(plan.target.name))}{where}"
    return "\n".join([first, *_told(plan.notes.lines[:_HEAD], style)]) + "\n"


def _told(sentences: Iterable[str], style: Style) -> list[str]:
    return [cut(line(sentence), style.width) for sentence in sentences]


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
    if tuned := prebuilt_words(plan):
        lines.append(f"  prebuilt     {tuned}")
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
    more = _told(plan.notes.lines[_HEAD:], style)
    return "\n".join([*lines, *([""] if more else []), *more]) + "\n"


def _section(title: str, lines: Iterable[str], style: Style) -> str:
    text = "\n".join(lines).rstrip("\n")
    return f"{style.bold(title)}\n\n{text}\n" if text else ""


def _first(plan: Plan, reviewed: Review, style: Style, *, verbose: bool) -> Iterator[str]:
    """Yield everything that a person must look at before the plan is applied."""
    for block in look_lines(plan, reviewed, style):
        yield block + "\n"
    yield from _groups(plan, reviewed, reviewed.first, style, verbose=verbose)
    listed = list(lists_lines(plan, reviewed.first_lists, verbose=verbose, width=style.width))
    if listed:
        yield "\n".join(listed) + "\n"
    overdue = list(overdue_lines(plan, reviewed, style))
    if overdue:
        yield "\n".join(overdue) + "\n"


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
    room = style.width - _BESIDE_NAME
    name = cut(line(label.name), room)
    row = f"{_symbol(change)} {word_of(change):<10} {name:<{room}}  {line(label.severity):<8} {line(label.rule_type)}"
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


def _foot(plan: Plan, style: Style) -> str:
    requests = f", {plural(plan.notes.requests, 'request')}" if plan.notes.requests else ""
    if plan.empty and not plan.notes.blocked:
        nothing = f"Nothing to do{requests}, {plan.notes.seconds:.1f} s. Nothing was changed.\n"
        nothing += f"Next: {line(plan.notes.recovery)}\n" if plan.notes.recovery else ""
        return nothing + held_next(plan.notes.held, plan.target.name)
    told = f"Nothing was changed. Plan {plan.short}{requests}, {plan.notes.seconds:.1f} s."
    return f"{told}\n{style.bold(_next(line(next_command(plan)), style.width))}\n"


def _next(command: str, width: int) -> str:
    """Return the next command, on as many lines as it needs, so that it can be pasted."""
    text = f"Next: {command}"
    if len(text) <= width:
        return text
    head, *options = text.split(" --")
    lines = [head]
    for option in options:
        fits = len(lines[-1]) + len(option) + 5 <= width
        lines[-1:] = [f"{lines[-1]} --{option}"] if fits else [f"{lines[-1]} \\", f"      --{option}"]
    return "\n".join(cut(one, width) for one in lines)
