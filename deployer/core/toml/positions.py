"""
Where each key and value of a TOML text stands, for files that have a problem.

`positions(text)` scans once; each question is answered on the way down the key path, so nothing is built for the
thousands of paths that nobody asks about.
"""

from __future__ import annotations

from dataclasses import dataclass

from deployer.core.toml.place import Path, Span, line_and_column
from deployer.core.toml.strings import offset_in_raw
from deployer.core.toml.syntax import Array, Document, Inline, Kind, Leaf, Pair, Range, Table, Tables, Value, scan

Node = Value | Table | Tables


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where one path stands. For an item of an array, `key` is the item itself.

    The value of a table is what names it: its `[header]`, or its part of the key where it has no header of its own.
    The value of an array of tables is its first `[[header]]`.
    """

    key: Span
    value: Span


class Positions:
    """The places of one text."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def find(self, path: Path) -> Place | None:
        """Return the place of a path, None where the text has no such path."""
        found = self._walk(path)
        return None if len(found) <= len(path) else self._place(*found[-1])

    def nearest(self, path: Path) -> Place:
        """Return the place of a path, or of the closest table or array around it: for a key that is missing."""
        return self._place(*self._walk(path)[-1])

    def position_in_string(self, path: Path, line: int, column: int) -> tuple[int, int]:
        """
        Return line and column in the file of a line and column (from 1) inside the string value at `path`.

        Right for every way to write a string: the newline after the opening quotes is not part of the value, an escape
        is one character, a backslash at the end of a line joins lines. A place behind the end of the string, or of its
        line, gives that end. Where `path` is no string, the start of its value (or of what is nearest).
        """
        text = self._document.text
        found = self._walk(path)
        node = found[-1][0]
        if len(found) <= len(path) or not isinstance(node, Leaf) or text[node.start] not in "\"'":
            value = self._place(*found[-1]).value
            return value.line, value.column
        return line_and_column(text, node.start + offset_in_raw(text[node.start : node.end], line, column))

    def _walk(self, path: Path) -> list[tuple[Node, Range | None]]:
        """Return the nodes from the root along a path, as far as they exist, each with the span of its key."""
        found: list[tuple[Node, Range | None]] = [(self._document.root, None)]
        for part in path:
            step = _item(found[-1][0], part) if isinstance(part, int) else _member(found[-1][0], part)
            if step is None:
                break
            found.append(step)
        return found

    def _place(self, node: Node, key: Range | None) -> Place:
        start, end = _extent(node)
        value = Span.of(self._document.text, start, end)
        return Place(Span.of(self._document.text, *key) if key else value, value)


def _member(node: Node, name: str) -> tuple[Node, Range | None] | None:
    table = node.table if isinstance(node, Inline) else node
    child = table.children.get(name) if isinstance(table, Table) else None
    if child is None:
        return None
    return (child.value, child.spans[-1]) if isinstance(child, Pair) else (child, child.key)


def _item(node: Node, index: int) -> tuple[Node, Range | None] | None:
    items = node.items if isinstance(node, Array | Tables) else []
    return (items[index], None) if 0 <= index < len(items) else None


def _extent(node: Node) -> Range:
    """Return the stretch of text that stands for a node."""
    if isinstance(node, Tables):
        return _extent(node.items[0])
    if isinstance(node, Table):
        return node.section.head if node.section and node.kind is not Kind.ROOT else node.key
    return node.start, node.end


def positions(text: str) -> Positions:
    """Return the places of a text that `read` accepts. Raises TomlError otherwise, or for values nested 100 deep."""
    return Positions(scan(text))
