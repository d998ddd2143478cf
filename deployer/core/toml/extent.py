"""
Which lines belong to what: the comments above a header, the sections of a table, the place behind the last of them.

A comment right above a header belongs to it. A comment right above a key belongs to the key if no other key follows
without a blank line or a comment between; else it may be the title of all of them, and stays when the key goes. A
comment at the top of the file belongs to the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from deployer.core.toml.assemble import Fit
from deployer.core.toml.syntax import Document, Kind, Pair, Section, Table, Tables

_BLANK_LINE = re.compile(r"[ \t]*\r?\n")
_NO_KEY = re.compile(r"[ \t]*(?:\r?\n|#|\[|\Z)")


class Extent:
    """The extents of one document's parts, as offsets."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._text = document.text

    # sections

    def sections(self, node: Table | Tables) -> Iterator[Section]:
        """Yield every section that a table, or all elements of an array of tables, consist of."""
        if isinstance(node, Tables):
            for element in node.items:
                yield from self.sections(element)
            return
        if node.section and node.kind is not Kind.ROOT:
            yield node.section
        for child in node.children.values():
            if not isinstance(child, Pair):
                yield from self.sections(child)

    def lead(self, section: Section) -> int:
        """Return where the comment right above a header starts, or the header."""
        before = self._document.sections[section.index - 1]
        floor = before.pairs[-1].end if before.pairs else before.body
        return self._comment_above(section.start, floor)

    def section_end(self, section: Section) -> int:
        """Return where the next section, with the comment above it, starts."""
        following = self._document.sections[section.index + 1 : section.index + 2]
        return self.lead(following[0]) if following else len(self._text)

    def start(self, node: Table | Tables) -> int:
        """Return where the first section of a table starts, with the comment above it."""
        return min(self.lead(section) for section in self.sections(node))

    def end(self, node: Table) -> int:
        """Return the offset behind the last section of a table and of all tables in it."""
        if node.kind is Kind.ROOT:
            return len(self._text)
        return max(self.section_end(section) for section in self.sections(node))

    def siblings(self, table: Table) -> list[tuple[str, Table | Tables]]:
        """Return the children of a table that have sections, in the order of the text."""
        named = [(name, child) for name, child in table.children.items() if not isinstance(child, Pair)]
        written = [(name, child) for name, child in named if any(self.sections(child))]
        return sorted(written, key=lambda item: self.start(item[1]))

    # pairs

    def dotted_pairs(self, node: Table | Tables) -> Iterator[Pair]:
        """Yield the pairs that make a table by their dotted keys, and stand in the section of another one."""
        if isinstance(node, Table) and node.kind is Kind.DOTTED:
            for child in node.children.values():
                if isinstance(child, Pair):
                    yield child
                else:
                    yield from self.dotted_pairs(child)

    def section_of(self, pair: Pair) -> Section:
        """Return the section in which a pair stands."""
        return next(section for section in reversed(self._document.sections) if section.start <= pair.start)

    def pair_place(self, section: Section, gap: int) -> tuple[int, Fit]:
        """Return where a new pair goes that has `gap` pairs of its section before it, and how it fits in."""
        if section.pairs:
            return (section.pairs[gap - 1].end if gap else section.pairs[0].start), Fit.LINES
        if section.table.kind is not Kind.ROOT:
            return section.body, Fit.LINES
        if len(self._document.sections) == 1:
            return len(self._text), Fit.LINES
        return self.lead(self._document.sections[1]), Fit.TOP

    def removal(self, pair: Pair) -> tuple[int, int]:
        """Return the lines that go with a pair: its own, a comment that is only about it, a blank line too many."""
        section = self.section_of(pair)
        index = section.pairs.index(pair)
        floor = section.pairs[index - 1].end if index else section.body
        start, end = pair.start, pair.end
        if self._alone(end):
            start = self._comment_above(start, floor)
        blank = _BLANK_LINE.match(self._text, end)
        first = start == section.body and (start == 0 or index + 1 < len(section.pairs))
        return start, (blank.end() if blank and (first or self._below_blank_line(start)) else end)

    # lines

    def _comment_above(self, start: int, floor: int) -> int:
        """Return where the comment right above an offset starts; `start` if there is none, or it opens the file."""
        top = start
        while top > floor:
            line = self._text.rfind("\n", 0, top - 1) + 1
            if not self._text[line:top].lstrip(" \t").startswith("#"):
                return top
            top = line
        return top if top else start

    def _alone(self, end: int) -> bool:
        """Say whether no key follows directly: the line at `end` is blank, a comment, a header, or not there."""
        return _NO_KEY.match(self._text, end) is not None

    def _below_blank_line(self, start: int) -> bool:
        line = self._text.rfind("\n", 0, max(start - 1, 0)) + 1
        return start > 0 and not self._text[line:start].strip()
