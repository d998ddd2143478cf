"""
Single values as TOML text. Nothing here needs TOML 1.1: what is written, every reader reads.

Lines are kept to `LIMIT` columns where that costs nothing: an array that is longer goes one item per line. Text is
never wrapped, because a wrapped text is another text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from deployer.core.toml.strings import block_text, line_text

LIMIT = 120  # as in elastic/detection-rules
INDENT = "    "

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def key_text(names: Sequence[str]) -> str:
    """Write a dotted key; a name that is not made of A-Z a-z 0-9 _ - is quoted."""
    return ".".join(name if _BARE_KEY.fullmatch(name) else line_text(name) for name in names)


def inline_text(value: Any) -> str:
    """Write any value on one line. Raises ValueError for a time or a surrogate that TOML cannot write."""
    if isinstance(value, str):
        return line_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(inline_text, value))}]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{key_text((name,))} = {inline_text(item)}" for name, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return _moment_text(value) if isinstance(value, date | time) else repr(value)


def _moment_text(value: date | time) -> str:
    offset = value.utcoffset() if isinstance(value, datetime | time) else None
    if offset is not None and (isinstance(value, time) or offset % timedelta(minutes=1)):
        raise ValueError(f"TOML cannot write {value.isoformat()}: an offset is whole minutes and belongs to a date")
    text = value.isoformat()
    return text.removesuffix("+00:00") + "Z" if offset == timedelta(0) else text


def array_text(items: Sequence[str], used: int) -> str:
    """
    Write an array of written items: on one line if it fits into what `used` columns leave, else one item per line.

    An item that has several lines itself always gets its own.
    """
    line = f"[{', '.join(items)}]"
    if not items or ("\n" not in line and used + len(line) <= LIMIT):
        return line
    return array_lines(items)


def array_lines(items: Sequence[str], indent: str = "") -> str:
    """Write an array of written items one per line, `indent` being that of the line it starts on."""
    lines = "".join(f"{indent}{INDENT}{item},\n" for item in items)
    return f"[\n{lines}{indent}]"


def value_text(value: Any, used: int = 0) -> str:
    '''Write the value of a pair, `used` columns into its line: a text of several lines as a """ block.'''
    if isinstance(value, str):
        return block_text(value) if "\n" in value else line_text(value)
    if isinstance(value, list):
        return array_text([value_text(item) if isinstance(item, str) else inline_text(item) for item in value], used)
    return inline_text(value)
