"""
Text inside Markdown that stays text: no link, no mention, no HTML, no heading, on GitHub, GitLab and plain CommonMark.

Names and queries stand in code, where nothing is read: spans and fences are longer than any run of backticks inside.
Where text has to stay prose (`escaped`), every sign that means something is written as an entity.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from deployer.render.style import cut, line

_TICKS: Final = re.compile("`+")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+")
_SIGN: Final = re.compile(r"[^\w ]|_")
_ACTIVE: Final = re.compile(r"[\\`*_{}\[\]<>()#+!|~@:&]")


def code(text: str, width: int = 200) -> str:
    """Return text as a code span on one line, cut to `width`."""
    plain = cut(line(text), width)
    if not plain.strip():
        return "` `"
    ticks = "`" * (_longest(plain) + 1)
    pad = " " if plain[0] in "` " or plain[-1] in "` " else ""
    return f"{ticks}{pad}{plain}{pad}{ticks}"


def word(text: str) -> str:
    """Return a word as it is, and anything else as a code span."""
    return text if _PLAIN.fullmatch(text) else code(text)


def cell(text: str, width: int = 200) -> str:
    """Return text for a cell of a table: as code, with every sign written as an entity."""
    plain = _SIGN.sub(lambda match: f"&#{ord(match[0])};", cut(line(text), width))
    return f"<code>{plain}</code>" if plain.strip() else ""


def fence(lines: Iterable[str], language: str = "") -> str:
    """Return lines, each clean, as a fenced block."""
    text = "\n".join(lines)
    ticks = "`" * max(3, _longest(text) + 1)
    return f"{ticks}{language}\n{text}\n{ticks}"


def escaped(text: str) -> str:
    """Return text on one line as prose that is shown as it is: no table break, no link, no HTML, no mention."""
    return _ACTIVE.sub(lambda sign: f"&#{ord(sign[0])};", line(text))


def table_row(cells: Iterable[str]) -> str:
    """Return one row of a table; the cells are escaped."""
    return joined(escaped(cell) for cell in cells)


def joined(cells: Iterable[str]) -> str:
    """Return one row of a table whose cells are Markdown already."""
    return "| " + " | ".join(cells) + " |"


def _longest(text: str) -> int:
    return max((len(run) for run in _TICKS.findall(text)), default=0)
