"""
Arrays and inline tables as slots: each item with the blanks, the comments and the comma around it.

Taken apart and put together again without a change, the text is the same; with items gone or added, only their own
lines change: an item that goes takes the rest of its line along and leaves comment lines above it; a new one is laid
out like its neighbours; the comma behind the last item stays the way it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from deployer.core.align import Step
from deployer.core.toml.syntax import Array, Inline, Range

_TRAIL = re.compile(r"[ \t]*+(?:#[^\r\n]*+)?(?=\r?\n)")


@dataclass(frozen=True, slots=True)
class Slot:
    """One item: what is before it, its text, what is between it and its comma, and the rest of that line."""

    before: str
    text: str
    after: str = ""
    comma: bool = False
    trail: str = ""


@dataclass(frozen=True, slots=True)
class Slots:
    """An array or inline table that has items: its slots, and what stands before the closing bracket."""

    items: tuple[Slot, ...]
    tail: str

    @classmethod
    def of(cls, source: str, node: Array | Inline, spans: Sequence[Range]) -> Slots:
        """Take a node apart; `spans` are those of its items or pairs."""
        slots, pos = [], node.start + 1
        for index, (start, end) in enumerate(spans):
            comma = node.commas[index] if index < len(node.commas) else None
            behind = end if comma is None else comma + 1
            match = _TRAIL.match(source, behind)
            trail = match.group() if match else ""
            after = "" if comma is None else source[end:comma]
            slots.append(Slot(source[pos:start], source[start:end], after, comma is not None, trail))
            pos = behind + len(trail)
        return cls(tuple(slots), source[pos : node.end - 1])

    def rebuilt(self, steps: Sequence[Step], texts: Sequence[str]) -> str:
        """Return what stands between the brackets after `steps`; `texts` are the items that are there then."""
        slots: list[Slot] = []
        kept = ""  # comment lines above items that go
        left = iter(texts)
        for old, new in steps:
            if new is None:
                kept += _comment_lines(self.items[old or 0])
                continue
            slot = self._placed(old, first=not slots)
            slots.append(replace(slot, text=next(left), before=self._below(kept, slot.before)))
            kept = ""
        return "".join(self._pieces(slots, self._below(kept, self.tail)))

    @property
    def _in_lines(self) -> bool:
        return any("\n" in slot.before for slot in self.items)

    @property
    def _separator(self) -> str:
        """Return what stands before an item that follows another one, comments left out."""
        for slot in self.items[::-1]:
            if "\n" in slot.before:
                return slot.before[slot.before.rfind("\n") :]
        return self.items[1].before if len(self.items) > 1 else " "

    def _placed(self, old: int | None, *, first: bool) -> Slot:
        """Return the slot of an item that stays (`old`) or is new, laid out for its place."""
        opening = self.items[0].before
        if old is None:
            return Slot(opening if first and "\n" not in opening else self._separator, "", "", self.items[-1].comma, "")
        slot = self.items[old]
        if old == 0 and not first and "\n" not in opening:
            return replace(slot, before=self._separator)
        if old > 0 and first and not self._in_lines:
            return replace(slot, before=opening)
        return slot

    def _below(self, comments: str, blanks: str) -> str:
        """Put comment lines in front of blanks, which then have to start a new line."""
        if not comments or "\n" in blanks:
            return comments + blanks
        return comments + "\n" + blanks

    def _pieces(self, slots: list[Slot], tail: str) -> Iterator[str]:
        open_comment = False
        for slot in slots:
            yield _on_new_line(slot.before, open_comment) + slot.text + slot.after
            yield ("," if slot is not slots[-1] or self._last_comma(slot) else "") + slot.trail
            open_comment = "#" in slot.trail
        yield _on_new_line(tail, open_comment)

    def _last_comma(self, slot: Slot) -> bool:
        """Say whether the last item has a comma: as before, but a line that stays keeps the one it has."""
        return slot.comma if self._in_lines else self.items[-1].comma


def _on_new_line(blanks: str, needed: bool) -> str:
    return "\n" + blanks if needed and not blanks.lstrip(" \t\r").startswith("\n") else blanks


def _comment_lines(slot: Slot) -> str:
    return slot.before[: slot.before.rfind("\n")].rstrip("\r") if "#" in slot.before else ""
