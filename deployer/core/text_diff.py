"""Two texts as changed lines, for queries, notes and descriptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

_MOST: Final = 4000  # lines; beyond that the middle is shown as replaced, so that no text costs more than a moment


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a diff: `kind` is " ", "-" or "+"; `old` and `new` are line numbers from 1, None where it is not."""

    kind: Literal[" ", "-", "+"]
    old: int | None
    new: int | None
    text: str


def line_diff(before: str, after: str, context: int = 2) -> tuple[DiffLine, ...]:
    """Return the changed lines with up to `context` unchanged lines around each change."""
    import difflib

    old, new = before.splitlines(), after.splitlines()
    if len(old) + len(new) > _MOST:
        groups = [_ends_trimmed(old, new)]
    else:
        groups = list(difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(context))
    if not groups and before != after:
        groups = [[("replace", max(len(old) - 1, 0), len(old), max(len(new) - 1, 0), len(new))]]
    lines: list[DiffLine] = []
    for group in groups:
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                lines += [
                    DiffLine(" ", old_from + i + 1, new_from + i + 1, old[old_from + i])
                    for i in range(old_to - old_from)
                ]
                continue
            lines += [DiffLine("-", i + 1, None, old[i]) for i in range(old_from, old_to)]
            lines += [DiffLine("+", None, i + 1, new[i]) for i in range(new_from, new_to)]
    return tuple(lines)


def _ends_trimmed(old: list[str], new: list[str]) -> list[tuple[str, int, int, int, int]]:
    """Return one replacement between the common first and last lines."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    return [("replace", start, len(old) - end, start, len(new) - end)]
