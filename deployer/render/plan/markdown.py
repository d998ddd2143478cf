"""
Plans as Markdown, for a comment at a pull request: what to look at first, details folded, within its length.

What does not fit is left out from the end of the reader's interest: names of alike changes, notes, quiet details, risky
details, quiet names. A sentence then says how many, and where everything is. Whatever users wrote stands in code
(`render.markdown`), where neither Markdown nor HTML is read, nor a mention.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from deployer.core.change import Change
from deployer.core.plan import Plan
from deployer.core.review import Group, Review
from deployer.render.lists_text import lists_lines
from deployer.render.markdown import cell, code, fence, word
from deployer.render.plan.branch import branch_rows, heading_of, not_now_lines
from deployer.render.plan.document import Document
from deployer.render.plan.fields import field_diffs
from deployer.render.plan.notes import blocked_lines, look_lines, note_sections, overdue_lines
from deployer.render.plan.words import (
    SYMBOL,
    facts,
    left_alone,
    more_words,
    next_command,
    prebuilt_words,
    totals,
    word_of,
)
from deployer.render.style import Style, calm, clean, cut, line, plural

LIMIT: Final = 65_536
"""Signs that a comment on GitHub may have; a commit message of GitLab and a step summary take more."""

_SPARE: Final = 1_536  # for the hidden mark of a sticky comment, and what a workflow writes around it
_OPEN: Final = 24  # lines of a difference that stand open
_LINES: Final = 60  # of one field
_WIDE: Final = 240  # signs of one line
_NOTED: Final = 40  # lines of one note
_RENAMED: Final = 10
_UNFOLDED: Final = 20  # quiet changes of a branch that stand open
_PLAIN: Final = Style()


@dataclass
class _Room:
    """How much may still be written."""

    left: int
    omitted: int = 0  # parts that did not fit

    def take(self, text: str, *, keep: int = 0) -> str:
        """Return the text if it fits and leaves `keep`, else "" and note that something is missing."""
        size = _size(text) + 2
        if size > self.left - keep:
            self.omitted += bool(text)
            return ""
        self.left -= size
        return text


@dataclass
class _Entry:
    """One group of changes: its heading, and what is below it as far as there is room."""

    plan: Plan
    reviewed: Review
    group: Group
    heading: str = ""
    below: list[str] = field(default_factory=list)


@dataclass
class _Part:
    """What is written of one plan."""

    plan: Plan
    reviewed: Review
    head: str
    foot: str
    looks: list[str]
    first: list[_Entry]
    rest: list[_Entry]
    elsewhere: list[tuple[str, list[_Entry]]]  # by where they come from, but for this branch
    waiting: str = ""
    notes: list[str] = field(default_factory=list)


def plan_markdown(document: Document, *, limit: int = LIMIT) -> str:
    """Return the plans as Markdown of at most `limit` signs (UTF-16 units, as GitHub counts), ending in a newline."""
    parts = [_part(plan, reviewed) for plan, reviewed in zip(document.plans, document.reviews, strict=True)]
    top = _top(document)
    fixed = [top, *(text for part in parts for text in (part.head, part.foot, *part.looks))]
    room = _Room(limit - _SPARE - sum(_size(text) + 2 for text in fixed))
    if room.left < 0:  # hundreds of targets: the table says how each one is
        return calm(_shortened(top, limit - _SPARE))
    _fill(document, parts, room)
    blocks = [top, *(block for part in parts for block in _blocks(part))]
    if room.omitted:
        blocks.insert(1, _missing(document))
    return calm("\n\n".join(block for block in blocks if block) + "\n")


def _fill(document: Document, parts: list[_Part], room: _Room) -> None:
    """Give the room to what matters most: names before details, what is risky before what is quiet."""
    first = [entry for part in parts for entry in part.first]
    rest = [entry for part in parts for entry in part.rest]
    names = room.left // 4  # for naming the quiet rest
    for part in parts:
        part.waiting = room.take(_noted("Not now", not_now_lines(part.plan, _PLAIN)), keep=names)
    for entry in first:
        entry.heading = room.take(_heading(document, entry), keep=names)
    details = room.left - names if first else 0
    for entry in rest:
        entry.heading = room.take(_heading(document, entry), keep=details)
    for entry in first:
        _add(entry, room, _detail(entry, folded_from=_OPEN))
    for entry in rest:
        _add(entry, room, _detail(entry, folded_from=_OPEN))
    for entry in (entry for part in parts for _, entries in part.elsewhere for entry in entries):
        entry.heading = room.take(_heading(document, entry))
    for part in parts:
        for title, lines in note_sections(part.plan, part.reviewed, _PLAIN):
            part.notes += [text for text in [room.take(_note(title, lines))] if text]
    for entry in (*first, *rest):
        _add(entry, room, _others(entry, room))


def _add(entry: _Entry, room: _Room, text: str) -> None:
    if text and entry.heading:
        entry.below += [taken for taken in [room.take(text)] if taken]


def _top(document: Document) -> str:
    targets = len(document.plans) + len(document.failures)
    if targets == 1 and document.plans:
        return ""
    lines = [f"## Plan for {plural(targets, 'target')}", "", "| target | | |", "| --- | --- | --- |"]
    lines += [f"| {cell(row.target)} | {row.state} | {cell(row.detail, 160)} |" for row in document.rows()]
    return "\n".join(lines)


def _shortened(top: str, limit: int) -> str:
    lines = top.split("\n")
    while sum(_size(text) + 1 for text in lines) > limit - 80:
        lines.pop()
    return "\n".join([*lines, "", "There are more targets than a comment can name.", ""])


def _part(plan: Plan, reviewed: Review) -> _Part:
    looks = [
        _noted("Blocked", blocked_lines(plan, reviewed, _PLAIN)),
        _noted("", (text for block in look_lines(plan, reviewed, _PLAIN) for text in block.split("\n"))),
        _noted("Lists", lists_lines(plan, reviewed.first_lists, verbose=False)),
        _noted("", overdue_lines(plan, reviewed, _PLAIN)),
    ]
    return _Part(
        plan,
        reviewed,
        _head(plan, reviewed),
        _foot(plan),
        [text for text in looks if text],
        [_Entry(plan, reviewed, group) for group in reviewed.first],
        [_Entry(plan, reviewed, group) for group in reviewed.rest],
        [
            (heading_of(origin), [_Entry(plan, reviewed, group) for group in groups])
            for origin, groups in reviewed.elsewhere
            if groups
        ],
    )


def _head(plan: Plan, reviewed: Review) -> str:
    blocks = [f"## Plan for {code(plan.target.name)}", *_refusal(plan)]
    words = [f"**{totals(plan)}**", f"{plural(plan.notes.census.unchanged, 'rule')} unchanged"]
    words += [prebuilt_words(plan)] if prebuilt_words(plan) else []
    words += [f"left alone: {', '.join(left_alone(plan))}"] if left_alone(plan) else []
    words += [f"Kibana {word(plan.provenance.stack)}"] if plan.provenance.stack else []
    blocks.append(" · ".join(words))
    blocks += [f"**{title}**: {code(text, 400)}" for title, text in branch_rows(plan)]
    blocks += ["  \n".join(code(" ".join(sentence.split())) for sentence in plan.notes.lines[:20])]
    blocks += ["  \n".join(_renames(reviewed))]
    return "\n\n".join(block for block in blocks if block)


def _refusal(plan: Plan) -> Iterator[str]:
    reasons = [
        code(verdict.message) + (f", allowed by {code(f'--allow {verdict.allow}')}" if verdict.allow else "")
        for verdict in plan.refusals[:20]
    ]
    blocked = len(plan.notes.blocked)
    reasons += [f"{plural(blocked, 'rule')} blocked"] if blocked else []
    if reasons:
        yield f"> **REFUSED**: {'; '.join(reasons)}"


def _renames(reviewed: Review) -> Iterator[str]:
    for rename in reviewed.renamed[:_RENAMED]:
        yield f"**renamed**: {code(rename.before)} → {code(rename.after)}"
    if len(reviewed.renamed) > _RENAMED:
        yield f"and {plural(len(reviewed.renamed) - _RENAMED, 'more rule')} renamed"


def _foot(plan: Plan) -> str:
    following = next_command(plan)
    told = f"Nothing was changed. Plan {code(plan.short)}." if plan.writes else "Nothing to do. Nothing was changed."
    return told + (f"  \nNext: {code(following, 400)}" if following else "")


def _heading(document: Document, entry: _Entry) -> str:
    change = entry.group.example
    label = entry.plan.label(change.rule_id)
    words = [word(text) for text in (label.severity, label.rule_type) if text]
    words += [code(document.path(label.path))] if label.path else []
    more = f" · **{more_words(entry.group, len(entry.group.others))}**" if entry.group.others else ""
    return " · ".join([f"**{SYMBOL[change.action]} {word_of(change)}** {code(label.name)}", *words]) + more


def _detail(entry: _Entry, *, folded_from: int) -> str:
    change = entry.group.example
    lines = [f"# {line(sentence)}" for sentence in facts(entry.plan, change, entry.reviewed)]
    lines += _difference(change)
    if not lines:
        return ""
    block = fence((cut(text, _WIDE) for text in lines), "diff")
    return block if len(lines) <= folded_from else _folded(f"{len(lines)} lines", block)


def _difference(change: Change) -> Iterator[str]:
    for one in field_diffs(change, lines=_LINES, width=_WIDE):
        yield f"@@ {one.name}{' (weaker)' if one.weaker else ''} @@"
        yield from (f"{part.kind} {part.text}" for part in one.lines)
        if one.hidden:
            yield f"# … {plural(one.hidden, 'more line')}"


def _others(entry: _Entry, room: _Room) -> str:
    """Return the names of the changes that the example stands for, as many as fit."""
    others = entry.group.others
    if not others or not entry.heading:
        return ""
    names: list[str] = []
    used = 200
    for change in others:
        name = cut(line(entry.plan.label(change.rule_id).name), 100)
        used += _size(name) + 1
        if used > room.left:
            break
        names.append(name)
    if len(names) < len(others):
        room.omitted += 1
        names = [*names, f"… and {len(others) - len(names):,} more"] if names else []
    return _folded(more_words(entry.group, len(others)), fence(names)) if names else ""


def _note(title: str, lines: Iterable[str]) -> str:
    text = _noted("", lines)
    return _folded(title.capitalize().replace("kibana", "Kibana"), text) if text else ""


def _noted(title: str, lines: Iterable[str]) -> str:
    """Return lines as a preformatted block with a title, the first ones of many; "" without any."""
    rows = iter(lines)
    shown = [text.removeprefix("    ") for text in islice(rows, _NOTED)]
    more = sum(1 for _ in rows)
    if not shown:
        return ""
    shown += [f"… and {plural(more, 'more line')}"] if more else []
    block = fence(clean(text) for row in shown for text in row.split("\n"))
    return f"**{title}**\n\n{block}" if title else block


def _folded(summary: str, block: str) -> str:
    """Return a block that opens on demand; `summary` is ours, never a user's."""
    return f"<details><summary>{summary}</summary>\n\n{block}\n\n</details>"


def _blocks(part: _Part) -> Iterator[str]:
    yield part.head
    if part.looks or part.first:
        yield "### Look at these first"
    yield from part.looks
    yield from _entries(part.first)
    if part.rest:
        rest = f"The rest: {plural(_count(part.rest), 'quiet change')}"
        own = "\n\n".join(_entries(part.rest))
        # with --base the branch's own work is what people came for: only the rest of the plan is folded
        yield (
            f"### {rest}\n\n{own}" if part.plan.notes.branch and _count(part.rest) <= _UNFOLDED else _folded(rest, own)
        )
    for title, entries in part.elsewhere:
        yield _folded(f"{title}: {plural(_count(entries), 'change')}", "\n\n".join(_entries(entries)))
    yield part.waiting
    yield from part.notes
    yield part.foot


def _count(entries: Iterable[_Entry]) -> int:
    return sum(len(entry.group.changes) for entry in entries)


def _entries(entries: list[_Entry]) -> Iterator[str]:
    for entry in entries:
        if entry.heading:
            yield "\n\n".join([entry.heading, *entry.below])
    unnamed = _count(entry for entry in entries if not entry.heading)
    if unnamed:
        yield f"… and {plural(unnamed, 'more change')}"


def _missing(document: Document) -> str:
    where = f"[the files of this run]({document.link})" if document.link else "`deployer --verbose plan -e TARGET`"
    return f"Not everything fits into a comment: {where} has all of it."


def _size(text: str) -> int:
    """Return how many UTF-16 units a text has."""
    return len(text) + sum(sign > "\uffff" for sign in text) if not text.isascii() else len(text)
