"""
`deployer format`: a conservative layout for TOML files. Data, comments, quotes and the order of keys are never touched.

* no blanks at the end of a line, one newline at the end of the file, one kind of newline
* one blank line before a table (none is added right behind a header that has nothing below it), never two in a row
* `key = value` with one blank on each side of `=`, no blanks in `[headers]` and dotted keys, one before a comment
* an array that is longer than 120 columns on one line goes one item per line

Text inside strings is not layout. A second run changes nothing, and each rule looks at one statement and what is right
above it, so that an edited key changes no other line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from deployer.core.toml.amend import check_written
from deployer.core.toml.reading import read
from deployer.core.toml.syntax import Array, Document, Inline, Leaf, Pair, Range, Section, Value, scan
from deployer.core.toml.values import LIMIT, array_lines


def format_text(text: str) -> str:
    """
    Return a TOML text in our layout. Raises TomlError if it is not TOML.

    The newlines of the file become those of its first line. What is returned was read again and holds the same data.
    """
    wanted = read(text)
    windows = text.partition("\n")[0].endswith("\r")
    formatted = "".join(_pieces(scan(text.replace("\r\n", "\n")))).rstrip(" \t\n")
    formatted = formatted + "\n" if formatted else ""
    formatted = formatted.replace("\n", "\r\n") if windows else formatted
    check_written(formatted, wanted)
    return formatted


def _pieces(document: Document) -> Iterator[str]:
    """Yield the text of each statement, laid out, and of what is above it."""
    text, above = document.text, None
    for statement in _statements(document):
        yield _between(text[_end(above) : statement.start], above, statement)
        yield _section_text(text, statement) if isinstance(statement, Section) else _pair_text(text, statement)
        above = statement
    yield _squeezed(text[_end(above) :])


def _statements(document: Document) -> Iterator[Section | Pair]:
    for section in document.sections:
        if section.index:
            yield section
        yield from section.pairs


def _end(statement: Section | Pair | None) -> int:
    if statement is None:
        return 0
    return statement.body if isinstance(statement, Section) else statement.end


# between statements: blank lines and comments


def _between(blanks: str, above: Section | Pair | None, below: Section | Pair) -> str:
    """Lay out the blank lines and comments between two statements."""
    lines = _squeezed(blanks)
    if above is None:
        return lines.lstrip("\n")
    if isinstance(below, Pair) or (isinstance(above, Section) and not lines):
        return lines
    cut = _comment_above(lines)
    return lines if cut else "\n" + lines


def _squeezed(blanks: str) -> str:
    """Take blanks off the ends of lines, and make one blank line of several. `blanks` starts behind a line's end."""
    return re.sub(r"\n{3,}", "\n\n", "\n" + _trimmed(blanks))[1:]


def _trimmed(text: str) -> str:
    return re.sub(r"[ \t]+(?=\n)", "", text)


def _comment_above(lines: str) -> int:
    """Return where the comment right above a header starts, 0 if there is no blank line above it."""
    return lines.rfind("\n\n") + 2 if "\n\n" in lines else int(lines.startswith("\n"))


# statements


def _section_text(text: str, section: Section) -> str:
    start, end = section.head
    brackets = 2 if text.startswith("[[", start) else 1
    name = ".".join(text[slice(*span)] for span in section.spans)
    header = f"{'[' * brackets}{name}{']' * brackets}"
    return text[section.start : start] + header + _line_end(text[end : section.body])


def _pair_text(text: str, pair: Pair) -> str:
    indent = text[pair.start : pair.spans[0][0]]
    key = indent + _key_text(text, pair)
    value = _value_text(text, pair.value, len(key) + 3, indent)
    return f"{key} = {value}{_line_end(text[pair.value.end : pair.end])}"


def _key_text(text: str, pair: Pair) -> str:
    return ".".join(text[slice(*span)] for span in pair.spans)


def _line_end(rest: str) -> str:
    """Lay out what is behind a statement: a comment keeps its distance, which is at least one blank."""
    rest = rest.rstrip()
    return f" {rest}\n" if rest.startswith("#") else f"{rest}\n"


# values


def _value_text(text: str, value: Value, used: int = 0, indent: str = "") -> str:
    """Lay out a value that starts `used` columns into its line (0: inside another value, which is never broken up)."""
    if isinstance(value, Leaf):
        return text[value.start : value.end]
    items = _items(text, value)
    ends = [(value.start, value.start), *_spans(value), (value.end, value.end)]
    gaps = [_trimmed(text[end:start]) for (_, end), (start, _) in pairwise(ends)]
    line = gaps[0] + "".join(item + gap for item, gap in zip(items, gaps[1:], strict=True))
    too_long = used and "\n" not in line and used + len(line) > LIMIT
    return array_lines(items, indent) if too_long and items and isinstance(value, Array) else line


def _items(text: str, value: Array | Inline) -> list[str]:
    """Return the items of an array, or the pairs of an inline table, laid out."""
    if isinstance(value, Array):
        return [_value_text(text, item) for item in value.items]
    return [f"{_key_text(text, pair)} = {_value_text(text, pair.value)}" for pair in value.pairs]


def _spans(value: Array | Inline) -> list[Range]:
    nodes = value.items if isinstance(value, Array) else value.pairs
    return [(node.start, node.end) for node in nodes]
