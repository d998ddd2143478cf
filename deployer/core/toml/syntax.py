"""
The shape of a TOML text: where every key, value and header stands.

`scan` makes a `Document` out of a text that `reading.read` accepted. It keeps offsets and no values: positions,
patches, the formatter and the TOML 1.1 lint all work on it. Arrays and inline tables are trees of nodes; tables are
the logical tree that headers and dotted keys build. Offsets count characters of the text as it is, CRLF included.

About 0.2 ms for a rule file; it runs only for files that have a problem or are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import NoReturn

from deployer.core.toml.place import TomlError
from deployer.core.toml.strings import decode

Name = tuple[str, ...]
Range = tuple[int, int]

MAX_DEPTH = 100  # of nested values; rule files reach 8. Beyond, Python's own stack would be the limit


@dataclass(slots=True)
class Leaf:
    """A string, number, boolean, date or time."""

    start: int
    end: int


@dataclass(slots=True)
class Array:
    """`[…]` as a value. `commas[i]` is the offset of the comma behind item i; the last item may have none."""

    start: int
    end: int
    items: list[Value] = field(default_factory=list)
    commas: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Inline:
    """`{…}`. `table` is the logical view of `pairs`, which may have dotted keys."""

    start: int
    end: int
    table: Table
    pairs: list[Pair] = field(default_factory=list)
    commas: list[int] = field(default_factory=list)


Value = Leaf | Array | Inline


@dataclass(slots=True)
class Pair:
    """`key = value`. In a table it spans whole lines, `start` to `end`; in an inline table it ends with its value."""

    names: Name
    spans: tuple[Range, ...]  # of each part of the key
    value: Value
    start: int
    end: int


class Kind(Enum):
    """How a table came to be. It decides how a new key is written into it."""

    ROOT = "the document"
    HEADER = "[a.b]"
    ELEMENT = "[[a.b]]"
    IMPLICIT = "only named on the way by a header"
    DOTTED = "named on the way by a dotted key"
    INLINE = "{…}"


@dataclass(slots=True)
class Table:
    """One logical table. `names` is its path without array indices; `section` is where its own pairs stand."""

    kind: Kind
    names: Name
    key: Range
    children: dict[str, Pair | Table | Tables] = field(default_factory=dict)
    section: Section | None = None


@dataclass(slots=True)
class Tables:
    """An array of tables, `[[a.b]]`."""

    key: Range
    items: list[Table] = field(default_factory=list)


@dataclass(slots=True)
class Section:
    """A header line and the pairs up to the next header. The first section of a document has no header."""

    table: Table
    start: int  # of the header's line
    head: Range  # with its brackets
    spans: tuple[Range, ...]  # of each part of the name
    body: int  # behind the header's line
    index: int
    pairs: list[Pair] = field(default_factory=list)


@dataclass(slots=True)
class Document:
    """A scanned text."""

    text: str
    root: Table
    sections: list[Section]

    def values(self) -> Iterator[Value]:
        """Yield every value, outer ones before the ones inside, in the order of the text."""
        for section in self.sections:
            for pair in section.pairs:
                yield from _inside(pair.value)


def _inside(value: Value) -> Iterator[Value]:
    yield value
    if isinstance(value, Array):
        for item in value.items:
            yield from _inside(item)
    elif isinstance(value, Inline):
        for pair in value.pairs:
            yield from _inside(pair.value)


def scan(text: str) -> Document:
    """
    Return the shape of a TOML text.

    Raises TomlError for a string that is never closed, a key that is defined twice, and whatever else cannot be
    followed; it does not check what `read` checks (escapes, dates, characters).
    """
    return _Scanner(text).document()


_BARE = r"[A-Za-z0-9_-]++"
_QUOTED = r'"(?:[^"\\\n]++|\\.)*+"|' + r"'[^'\n]*+'"
_BLOCK = r'"""(?:[^"\\]++|\\[\s\S]|"(?!""))*+"{3,5}|' + r"'''(?:[^']++|'(?!''))*+'{3,5}"

_BLANKS = re.compile(r"(?:[ \t]*+(?:#[^\n]*+)?\n|[ \t]*+\r\n)*+")
_INDENT = re.compile(r"[ \t]*+(?:#[^\n]*+)?")
_GAP = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_PLAIN_KEY = re.compile(rf"({_BARE})[ \t]*+=[ \t]*+")
_KEY_PART = re.compile(rf"[ \t]*+({_BARE}|{_QUOTED})[ \t]*+")
_EQUALS = re.compile(r"=[ \t]*+")
_STRING = re.compile(rf"{_BLOCK}|(?!\"\"\"|''')(?:{_QUOTED})")
_WORD = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:[0-9:.]*+(?:[Zz]|[+-]\d\d:\d\d)?|[A-Za-z0-9_+.:-]++")
_LINE_END = re.compile(r"[ \t]*+(?:#[^\n]*+)?\r?(?:\n|\Z)")


class _Scanner:
    """One walk over one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.root = Table(Kind.ROOT, (), (0, 0))
        self.section = Section(self.root, 0, (0, 0), (), 0, 0)
        self.root.section = self.section
        self.sections = [self.section]

    def document(self) -> Document:
        text, pos, size = self.text, 0, len(self.text)
        while True:
            start = self._skip(_BLANKS, pos)
            pos = self._skip(_INDENT, start)
            if pos >= size:
                return Document(text, self.root, self.sections)
            pos = self._header(start, pos) if text[pos] == "[" else self._pair(start, pos)

    def _skip(self, pattern: re.Pattern[str], pos: int) -> int:
        match = pattern.match(self.text, pos)
        return match.end() if match else self._fail(pos, "expected something else")

    def _fail(self, pos: int, message: str) -> NoReturn:
        raise TomlError.at(self.text, pos, message)

    def _line_end(self, pos: int) -> int:
        match = _LINE_END.match(self.text, pos)
        return match.end() if match else self._fail(pos, "expected the end of the line here")

    # keys

    def _key(self, pos: int) -> tuple[Name, tuple[Range, ...], int]:
        """Read a key of one or more parts; return its names, their spans, and the offset behind it."""
        names: list[str] = []
        spans: list[Range] = []
        while match := _KEY_PART.match(self.text, pos):
            part = match[1]
            names.append(decode(part) if part[0] in "\"'" else part)
            spans.append(match.span(1))
            pos = match.end()
            if not self.text.startswith(".", pos):
                break
            pos += 1
        else:
            self._fail(pos, "expected a key")
        if len(names) > MAX_DEPTH:
            self._fail(pos, f"the key has more than {MAX_DEPTH} parts")
        return tuple(names), tuple(spans), pos

    def _key_and_value(self, pos: int, depth: int) -> tuple[Name, tuple[Range, ...], Value]:
        if match := _PLAIN_KEY.match(self.text, pos):
            return (match[1],), (match.span(1),), self._value(match.end(), depth)
        names, spans, pos = self._key(pos)
        match = _EQUALS.match(self.text, pos) or self._fail(pos, "expected `=` and a value after the key")
        return names, spans, self._value(match.end(), depth)

    # statements

    def _pair(self, start: int, pos: int) -> int:
        names, spans, value = self._key_and_value(pos, 0)
        pair = Pair(names, spans, value, start, self._line_end(value.end))
        self.section.pairs.append(pair)
        self._define(self.section.table, pair, Kind.DOTTED)
        return pair.end

    def _header(self, start: int, pos: int) -> int:
        brackets = 2 if self.text.startswith("[[", pos) else 1
        names, spans, end = self._key(pos + brackets)
        if not self.text.startswith("]" * brackets, end):
            self._fail(end, f"expected `{']' * brackets}` at the end of the table name")
        end += brackets
        table = (self._element if brackets == 2 else self._table)(names, spans)
        self.section = Section(table, start, (pos, end), spans, self._line_end(end), len(self.sections))
        self.sections.append(self.section)
        table.section = self.section
        return self.section.body

    def _parent(self, names: Name, spans: tuple[Range, ...]) -> Table:
        """Return the table that holds the last name of a header, made on the way where it is new."""
        table = self.root
        for depth, (name, span) in enumerate(zip(names[:-1], spans, strict=False), 1):
            child = table.children.get(name)
            if child is None:
                child = table.children[name] = Table(Kind.IMPLICIT, names[:depth], span)
            table = self._opened(child, name, span)
        return table

    def _opened(self, child: Pair | Table | Tables, name: str, span: Range) -> Table:
        if isinstance(child, Tables):
            return child.items[-1]
        return child if isinstance(child, Table) else self._twice(child, name, span)

    def _table(self, names: Name, spans: tuple[Range, ...]) -> Table:
        parent = self._parent(names, spans)
        child = parent.children.get(names[-1])
        if child is None:
            child = parent.children[names[-1]] = Table(Kind.HEADER, names, spans[-1])
        elif not isinstance(child, Table) or child.kind is not Kind.IMPLICIT:
            self._twice(child, names[-1], spans[-1])
        child.kind, child.key = Kind.HEADER, spans[-1]
        return child

    def _element(self, names: Name, spans: tuple[Range, ...]) -> Table:
        parent = self._parent(names, spans)
        child = parent.children.setdefault(names[-1], Tables(spans[-1]))
        if not isinstance(child, Tables):
            self._twice(child, names[-1], spans[-1])
        child.items.append(Table(Kind.ELEMENT, names, spans[-1]))
        return child.items[-1]

    def _define(self, table: Table, pair: Pair, dotted: Kind) -> None:
        """Put a pair into the logical tree; the parts of a dotted key open tables on the way."""
        for name, span in zip(pair.names[:-1], pair.spans, strict=False):
            child = table.children.get(name)
            if child is None:
                child = table.children[name] = Table(dotted, (*table.names, name), span)
            if not isinstance(child, Table) or child.kind not in (dotted, Kind.IMPLICIT):
                self._twice(child, name, span)
            child.kind = dotted
            table = child
        if pair.names[-1] in table.children:
            self._twice(table.children[pair.names[-1]], pair.names[-1], pair.spans[-1])
        table.children[pair.names[-1]] = pair

    def _twice(self, first: Pair | Table | Tables, name: str, span: Range) -> NoReturn:
        at = first.spans[-1][0] if isinstance(first, Pair) else first.key[0]
        line = self.text.count("\n", 0, at) + 1
        self._fail(span[0], f"`{name}` is already defined in line {line}")

    # values

    def _value(self, pos: int, depth: int) -> Value:
        opening = self.text[pos : pos + 1]
        if opening in ('"', "'"):
            match = _STRING.match(self.text, pos) or self._fail(pos, "the string that starts here is never closed")
            return Leaf(pos, match.end())
        if depth >= MAX_DEPTH:
            self._fail(pos, f"values are nested more than {MAX_DEPTH} levels deep")
        if opening == "[":
            return self._array(pos, depth + 1)
        if opening == "{":
            return self._inline(pos, depth + 1)
        match = _WORD.match(self.text, pos) or self._fail(pos, "expected a value")
        return Leaf(pos, match.end())

    def _array(self, start: int, depth: int) -> Array:
        array = Array(start, 0)
        pos = self._skip(_GAP, start + 1)
        while not self.text.startswith("]", pos):
            array.items.append(self._value(pos, depth))
            pos = self._comma(array, array.items[-1].end, "]", "array")
        array.end = pos + 1
        return array

    def _inline(self, start: int, depth: int) -> Inline:
        inline = Inline(start, 0, Table(Kind.INLINE, (), (start, start + 1)))
        pos = self._skip(_GAP, start + 1)
        while not self.text.startswith("}", pos):
            names, spans, value = self._key_and_value(pos, depth)
            inline.pairs.append(Pair(names, spans, value, pos, value.end))
            self._define(inline.table, inline.pairs[-1], Kind.INLINE)
            pos = self._comma(inline, value.end, "}", "inline table")
        inline.end = pos + 1
        return inline

    def _comma(self, node: Array | Inline, pos: int, closing: str, what: str) -> int:
        """Step over the comma behind an item; return where the next item or the closing bracket stands."""
        pos = self._skip(_GAP, pos)
        if self.text.startswith(",", pos):
            node.commas.append(pos)
            return self._skip(_GAP, pos + 1)
        if not self.text.startswith(closing, pos):
            self._fail(pos, f"expected `,` or `{closing}` in this {what}")
        return pos
