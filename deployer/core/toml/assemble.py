"""Edits of a text, gathered in any order and carried out in one go."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum


class Fit(IntEnum):
    """
    How an inserted text joins what is around it; at one place, in this order.

    Lines belong to the table above the place, so they come before a table that starts there.
    """

    EXACT = 0  # as it is: a value in place of a value
    TOP = 1  # whole lines, before the first table of a document: a blank line around them
    LINES = 2  # whole lines, among others
    BLOCK = 3  # a table: blank lines around it


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace `start` to `end` of the source by `text`. An insertion has `start == end`, a removal an empty `text`."""

    start: int
    end: int
    text: str = ""
    fit: Fit = Fit.EXACT


def assembled(source: str, edits: list[Edit]) -> str:
    """
    Return the source with all edits carried out.

    At one place insertions come first, those of one fit in the order in which they were gathered. A removal swallows
    the replacements and removals inside it; an insertion inside one is kept.
    """
    out = _Output()
    pos = 0
    for edit in sorted(edits, key=_order):
        if edit.start > pos:
            out.add(source[pos : edit.start], Fit.EXACT)
        if edit.start >= pos or edit.start == edit.end:
            out.add(edit.text, edit.fit)
        pos = max(pos, edit.end)
    out.add(source[pos:], Fit.EXACT)
    open_end = any(edit.end == len(source) and (edit.fit is not Fit.EXACT or not edit.text) for edit in edits)
    return out.closed() if open_end else out.text


def _order(edit: Edit) -> tuple[int, bool, int, Fit]:
    return edit.start, edit.end > edit.start, edit.start - edit.end, edit.fit


class _Output:
    """The text so far; knows whether a blank line is due."""

    def __init__(self) -> None:
        self.text = ""
        self._after_block = False

    def add(self, text: str, fit: Fit) -> None:
        if not text:
            return
        if fit is not Fit.EXACT:
            self._start_line()
        parted = fit in (Fit.TOP, Fit.BLOCK)
        if parted or (self._after_block and not text.startswith(("\n", "\r\n"))):
            self._start_paragraph()
        if fit is Fit.LINES and text.startswith("\n") and self._at_paragraph():
            text = text.removeprefix("\n")
        self.text += text
        self._after_block = parted

    def closed(self) -> str:
        """Return the text without blank lines at its end, where an edit reached the end."""
        self._start_line()
        return re.sub(r"\n\s*\Z", "\n", self.text) if self.text.strip() else ""

    def _start_line(self) -> None:
        if self.text and not self.text.endswith("\n"):
            self.text += "\n"

    def _start_paragraph(self) -> None:
        if not self._at_paragraph():
            self.text += "\n"

    def _at_paragraph(self) -> bool:
        """Say whether the text is empty or ends with a blank line."""
        return not self.text or (self.text.endswith("\n") and not self.text[:-1].rpartition("\n")[2].strip())
