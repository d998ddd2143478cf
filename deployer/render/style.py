"""Colours with meaning, and text that cannot do anything to a terminal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""C0 and C1 controls but tab and newline, and the invisible and direction-changing characters."""

_ACTIVE: Final = re.compile(f"{CONTROL.pattern}|[\ud800-\udfff]|(?<=#)#(?=\\w*\\[)")
"""What does something to a terminal or to the log of a CI runner, where `##[…]` and `##vso[…]` are commands anywhere;
and lone surrogates, which no stream takes."""

_COMMAND: Final = re.compile(r"^([ \t]*:):(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Style:
    """The palette: plain text, or the sixteen ANSI colours. `width` is the widest line that is written."""

    color: bool = False
    width: int = 96

    def red(self, text: str) -> str:
        """Something refused, lost or dangerous."""
        return self._in("31", text)

    def green(self, text: str) -> str:
        """Something added or well."""
        return self._in("32", text)

    def yellow(self, text: str) -> str:
        """Something changed, or to look at."""
        return self._in("33", text)

    def dim(self, text: str) -> str:
        """Something for reference."""
        return self._in("2", text)

    def bold(self, text: str) -> str:
        """A heading, or the line that matters."""
        return self._in("1", text)

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and text else text


def clean(text: str) -> str:
    """Return the text with what is invisible, turns the direction of writing or commands written out (`\\u202e`)."""
    return _ACTIVE.sub(lambda match: "\\x23" if match[0] == "#" else match[0].encode("unicode_escape").decode(), text)


def calm(text: str, width: int = 0) -> str:
    """
    Return uncoloured text without a line that the runner of GitHub Actions takes for a command (`::error::…`); such a
    line is cut to `width`, 0 for none.
    """
    return _COMMAND.sub(lambda match: cut(f"{match[1]}\\x3a{match[2]}", width or len(match[0]) + 3), text)


def line(text: str) -> str:
    """Return the text clean and on one line."""
    return clean(text).replace("\n", "\\n").replace("\t", " ")


def cut(text: str, width: int) -> str:
    """Return the text with at most `width` characters, the last one `…` where something was cut."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def plural(count: int, singular: str, several: str = "") -> str:
    """Return `1 rule`, `2 rules`."""
    return f"{count:,} {singular if count == 1 else several or singular + 's'}"
