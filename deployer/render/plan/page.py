"""
Plans as one HTML page: the same order and groups as everywhere, differences side by side, filters, no network.

Values become small records here and markup in `render/html/plan.html`, whose engine escapes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from deployer.core.change import Change
from deployer.core.fields import SEVERITIES, Category
from deployer.core.plan import Plan
from deployer.core.review import Group, Review
from deployer.core.text_diff import DiffLine
from deployer.render.html.frame import page
from deployer.render.lists_text import lists_lines
from deployer.render.plan.branch import heading_of, not_now_lines, share_words
from deployer.render.plan.document import Document
from deployer.render.plan.fields import FieldDiff, field_diffs
from deployer.render.plan.notes import blocked_lines, look_lines, note_sections, overdue_lines
from deployer.render.plan.words import (
    SYMBOL,
    facts,
    left_alone,
    more_words,
    next_command,
    prebuilt_words,
    refused,
    totals,
    word_of,
)
from deployer.render.style import Style, cut, line

_LINES: Final = 400  # of one field
_WIDE: Final = 4_000  # signs of one line
_NAMED: Final = 5_000  # names of one group
_PLAIN: Final = Style()
_OTHER: Final = "other"

Row = tuple[str, str, str, str, str]
"""A row of a difference: its class, number and text before, number and text after."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    weaker: bool
    rows: tuple[Row, ...]
    hidden: int


@dataclass(frozen=True, slots=True)
class _Card:
    """One change, or a group with the names of those that read alike."""

    word: str
    symbol: str
    tone: str
    name: str
    severity: str
    kind: str
    path: str
    category: str
    facts: tuple[str, ...]
    fields: tuple[_Field, ...]
    more: str
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Section:
    title: str
    cards: tuple[_Card, ...]
    open: bool = False


@dataclass(frozen=True, slots=True)
class _Target:
    """Everything that the page says of one plan."""

    name: str
    url: str
    words: tuple[str, ...]
    refused: tuple[str, ...]
    told: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]
    looks: tuple[tuple[str, str], ...]
    sections: tuple[_Section, ...]
    notes: tuple[tuple[str, str], ...]
    following: str
    short: str


def plan_page(document: Document) -> str:
    """Return the page, self-contained."""
    targets = [_target(document, plan, one) for plan, one in zip(document.plans, document.reviews, strict=True)]
    cards = [card for target in targets for section in target.sections for card in section.cards]
    return page(
        "plan.html",
        styles=("plan.css",),
        scripts=("plan.js",),
        title=f"Plan: {', '.join(row.target for row in document.rows()[:5])}",
        targets=targets,
        rows=document.rows(),
        failures=document.failures,
        environments=[target.name for target in targets],
        categories=[name.value for name in reversed(Category) if any(card.category == name.value for card in cards)],
        severities=[name for name in (*reversed(SEVERITIES), _OTHER) if any(card.severity == name for card in cards)],
        total=len(cards),
        link=document.link,
        version=document.version,
    )


def _target(document: Document, plan: Plan, reviewed: Review) -> _Target:
    space = "" if plan.target.space == "default" else f"/s/{plan.target.space}"
    stack = f"Kibana {plan.provenance.stack}" if plan.provenance.stack else ""
    unchanged = f"{plan.notes.census.unchanged:,} unchanged"
    words = [totals(plan), unchanged, prebuilt_words(plan), *left_alone(plan), stack, share_words(plan)]
    return _Target(
        name=plan.target.name,
        url=f"{plan.target.url}{space}",
        words=tuple(text for text in words if text),
        refused=refused(plan),
        told=tuple(" ".join(sentence.split()) for sentence in plan.notes.lines),
        renamed=tuple((rename.before, rename.after) for rename in reviewed.renamed),
        looks=tuple(_texts(_looks(plan, reviewed))),
        sections=tuple(section for section in _sections(document, plan, reviewed) if section.cards),
        notes=tuple(_texts([("Not now", not_now_lines(plan, _PLAIN)), *note_sections(plan, reviewed, _PLAIN)])),
        following=next_command(plan),
        short=plan.short,
    )


def _looks(plan: Plan, reviewed: Review) -> Iterator[tuple[str, Iterable[str]]]:
    yield "Blocked", blocked_lines(plan, reviewed, _PLAIN)
    yield "Holds and users", look_lines(plan, reviewed, _PLAIN)
    yield "Lists", lists_lines(plan, reviewed.first_lists, verbose=True)
    yield "Waiting for a decision", overdue_lines(plan, reviewed, _PLAIN)


def _texts(sections: Iterable[tuple[str, Iterable[str]]]) -> Iterator[tuple[str, str]]:
    for title, lines in sections:
        text = "\n".join(lines)
        if text:
            yield title.capitalize().replace("kibana", "Kibana"), text


def _sections(document: Document, plan: Plan, reviewed: Review) -> Iterator[_Section]:
    yield _section(document, plan, reviewed, "Look at these first", reviewed.first, unfolded=True)
    yield _section(document, plan, reviewed, "The rest", reviewed.rest)
    for origin, groups in reviewed.elsewhere:
        yield _section(document, plan, reviewed, heading_of(origin), groups)


def _section(
    document: Document, plan: Plan, reviewed: Review, title: str, groups: Sequence[Group], *, unfolded: bool = False
) -> _Section:
    return _Section(title, tuple(_card(document, plan, reviewed, group) for group in groups), unfolded)


def _card(document: Document, plan: Plan, reviewed: Review, group: Group) -> _Card:
    change = group.example
    label = plan.label(change.rule_id)
    others = [plan.label(one.rule_id).name for one in group.others[:_NAMED]]
    return _Card(
        word=word_of(change),
        symbol=SYMBOL[change.action],
        tone=_tone(change, reviewed),
        name=cut(line(label.name), 240),
        severity=label.severity if label.severity in SEVERITIES else _OTHER,
        kind=label.rule_type,
        path=document.path(label.path),
        category=change.category.value,
        facts=facts(plan, change, reviewed),
        fields=tuple(_field(one) for one in field_diffs(change, lines=_LINES, width=_WIDE)),
        more=more_words(group, len(group.others)) if group.others else "",
        others=tuple(cut(line(name), 240) for name in others),
    )


def _tone(change: Change, reviewed: Review) -> str:
    if change.before is None:
        return "good"
    return "bad" if change.rule_id in reviewed.reasons else "warn"


def _field(found: FieldDiff) -> _Field:
    return _Field(found.name, found.weaker, tuple(_side_by_side(found.lines)), found.hidden)


def _side_by_side(lines: Sequence[DiffLine]) -> Iterator[Row]:
    """Yield rows: what went beside what came instead, what stayed on both sides, a gap where lines are left out."""
    old: list[DiffLine] = []
    new: list[DiffLine] = []
    last = 0
    for one in lines:
        number = one.old or one.new or 0
        if one.kind == " ":
            yield from _pairs(old, new)
            old, new = [], []
            if last and one.old is not None and one.old > last + 1:
                yield "gap", "", "…", "", "…"
            yield "", str(one.old), one.text, str(one.new), one.text
        else:
            if not old and not new and last and one.old is not None and number > last + 1:
                yield "gap", "", "…", "", "…"
            (old if one.kind == "-" else new).append(one)
        last = one.old if one.old is not None else last
    yield from _pairs(old, new)


def _pairs(old: Sequence[DiffLine], new: Sequence[DiffLine]) -> Iterator[Row]:
    for index in range(max(len(old), len(new))):
        left, right = (side[index] if index < len(side) else None for side in (old, new))
        tone = "changed" if left and right else "went" if left else "came"
        before = (str(left.old), left.text) if left else ("", "")
        after = (str(right.new), right.text) if right else ("", "")
        yield (tone, *before, *after)
