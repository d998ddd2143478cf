"""
A value written anew in the way the old one was written: quotes, lines, commas and comments stay what they are.

Functions take the source text, the node of the old value, and old and new data; they return the text of the new value.
What did not change is copied from the source.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from deployer.core.align import Step, align
from deployer.core.toml.data import same_data
from deployer.core.toml.slots import Slots
from deployer.core.toml.strings import (
    as_block,
    block_line,
    block_text,
    checked,
    decode,
    end_escaped,
    line_text,
    literal_block,
    literal_line,
    opens_with_newline,
    quote_of,
    tokens,
)
from deployer.core.toml.syntax import Array, Inline, Leaf, Value
from deployer.core.toml.values import LIMIT, array_lines, inline_text, key_text, value_text


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a value stands: its source text, the columns used in front of it, and whether it may have several lines."""

    source: str
    used: int = 0
    lines: bool = True


def restyled(frame: Frame, node: Value, old: Any, new: Any) -> str:
    """Return the text of `new` in the style of the value `old` that stands at `node`."""
    raw = frame.source[node.start : node.end]
    if same_data(old, new):
        return raw
    if isinstance(node, Array) and isinstance(new, list) and node.items and new:
        return _array(frame, node, old, new)
    if isinstance(node, Inline) and isinstance(new, dict) and node.pairs and new:
        return _inline_table(frame, node, old, new)
    if isinstance(node, Leaf) and isinstance(old, str) and isinstance(new, str):
        return string_like(raw, new, lines=frame.lines)
    return _fresh(frame, new)


def _fresh(frame: Frame, value: Any) -> str:
    return value_text(value, frame.used) if frame.lines else inline_text(value)


def string_like(raw: str, value: str, *, lines: bool = True) -> str:
    """
    Write a string in the quotes of an old one, as far as they can hold it.

    ''' becomes \"\"\" for a control character or ''' in the text; "…" becomes \"\"\" when the text gets several lines
    for the first time (and `lines` allows it). In a \"\"\" block, lines that stay keep their bytes.
    """
    quote, newline_first = quote_of(raw), opens_with_newline(raw)
    if quote == '"""':
        written = _block_like(raw, value, newline_first=newline_first)
    elif quote == "'''":
        written = literal_block(value, newline_first=newline_first) or block_text(value, newline_first=newline_first)
    elif quote == "'" and (literal := literal_line(value)):
        written = literal
    else:
        written = block_text(value) if lines and "\n" in value and "\n" not in decode(raw) else line_text(value)
    return written.replace("\r\n", "\n").replace("\n", "\r\n") if "\r\n" in raw else written


def _block_like(raw: str, value: str, *, newline_first: bool) -> str:
    '''Write a """ block, taking lines that the old block has from there: `\\"`, `\\t`, `\\n` stay as they are.'''
    known, (said, written) = _written_lines(raw)
    lines, ending = checked(value).split("\n"), said.split("\n")
    if lines[-len(ending) :] == ending:
        body = "".join(f"{line}\n" for line in _lines_like(known, lines[: -len(ending)]))
        return as_block('"""', body + written, newline_first=newline_first)
    return as_block('"""', end_escaped("\n".join(_lines_like(known, lines))), newline_first=newline_first)


_Written = dict[str, list[tuple[list[str], str]]]
"""By its first line, what a line of the file says (several lines, where it has `\\n` in it) and how it is written."""


def _lines_like(known: _Written, lines: list[str]) -> Iterator[str]:
    """Yield each line as it was written before, or written anew."""
    pos = 0
    while pos < len(lines):
        options = known.get(lines[pos], [])
        said, written = next((o for o in options if lines[pos : pos + len(o[0])] == o[0]), ([""], ""))
        yield written or block_line(lines[pos])
        pos += len(said)


def _written_lines(raw: str) -> tuple[_Written, tuple[str, str]]:
    """Return how each line of a block is written, and the last line: what it says, how it is written."""
    known: _Written = {}
    said, written = "", ""
    for start, end, meaning in tokens(raw):
        token = raw[start:end]
        if token in ("\n", "\r\n"):  # a newline behind a joining backslash is part of that token
            lines = said.split("\n")
            known.setdefault(lines[0], []).append((lines, written))
            said, written = "", ""
        else:
            said, written = said + meaning, written + token
    return known, (said, written)


def _array(frame: Frame, node: Array, old: list[Any], new: list[Any]) -> str:
    inner = replace(frame, used=0)
    steps = align(old, new)
    texts = [
        _fresh(inner, new[after]) if before is None else restyled(inner, node.items[before], old[before], new[after])
        for before, after in steps
        if after is not None
    ]
    if _outgrown(frame, node, texts):
        return array_lines(texts, _indent(frame.source, node.start))
    spans = [(item.start, item.end) for item in node.items]
    return f"[{Slots.of(frame.source, node, spans).rebuilt(steps, texts)}]"


def _outgrown(frame: Frame, node: Array, texts: Collection[str]) -> bool:
    """Say whether an array that stands on one line has to be laid out over several now."""
    if not frame.lines or "\n" in frame.source[node.start : node.end]:
        return False
    size = sum(map(len, texts)) + 2 * len(texts)
    return any("\n" in text for text in texts) or (size > node.end - node.start and frame.used + size > LIMIT)


def _indent(source: str, offset: int) -> str:
    line = source[source.rfind("\n", 0, offset) + 1 : offset]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _inline_table(frame: Frame, node: Inline, old: dict[str, Any], new: dict[str, Any]) -> str:
    if any(len(pair.names) > 1 for pair in node.pairs):
        return inline_text(new)  # dotted keys in an inline table: rare, and not worth a second way of writing
    inner = replace(frame, lines=False)
    names = [pair.names[0] for pair in node.pairs]
    steps: list[Step] = [(index, index if name in new else None) for index, name in enumerate(names)]
    texts = [
        frame.source[pair.start : pair.value.start] + restyled(inner, pair.value, old[name], new[name])
        for name, pair in zip(names, node.pairs, strict=True)
        if name in new
    ]
    added = [name for name in new if name not in old]
    steps += [(None, index) for index in range(len(added))]
    texts += [f"{key_text((name,))} = {inline_text(new[name])}" for name in added]
    spans = [(pair.start, pair.end) for pair in node.pairs]
    return f"{{{Slots.of(frame.source, node, spans).rebuilt(steps, texts)}}}"
