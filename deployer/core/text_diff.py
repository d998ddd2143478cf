"""Two texts as changed lines, for queries, notes and descriptions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

_MOST_MATCHES: Final = 100_000  # pairs of equal lines; beyond, the middle of two texts is shown as replaced

_Opcode = tuple[str, int, int, int, int]


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a diff: `kind` is " ", "-" or "+"; `old` and `new` are line numbers from 1, None where it is not."""

    kind: Literal[" ", "-", "+"]
    old: int | None
    new: int | None
    text: str


def line_diff(before: str, after: str, context: int = 2) -> tuple[DiffLine, ...]:
    """
    Return the changed lines with up to `context` unchanged lines around each change; nothing for equal texts.

    Lines end with a newline and nothing else (a CR stays in its line). If one text ends with a newline and the other
    does not, the diff has the empty last line. Work is bounded: texts that repeat the same lines thousands of times
    are shown as one replacement between what they start and end with in common.
    """
    old, new = _lines(before, after)
    lines = list(_diff(old, new))
    near = _near([index for index, line in enumerate(lines) if line.kind != " "], context)
    return tuple(line for index, line in enumerate(lines) if index in near)


def _lines(before: str, after: str) -> tuple[list[str], list[str]]:
    """Split both texts; an empty text has no lines, and a newline that both end with starts no line."""
    ended = all(text.endswith("\n") for text in (before, after) if text)
    return _split(before, ended), _split(after, ended)


def _split(text: str, ended: bool) -> list[str]:
    if not text:
        return []
    return (text.removesuffix("\n") if ended else text).split("\n")


def _diff(old: list[str], new: list[str]) -> Iterator[DiffLine]:
    """Yield every line of both texts."""
    for tag, i1, i2, j1, j2 in _opcodes(old, new):
        if tag == "equal":
            yield from (DiffLine(" ", i1 + n + 1, j1 + n + 1, old[i1 + n]) for n in range(i2 - i1))
        else:
            yield from (DiffLine("-", index + 1, None, old[index]) for index in range(i1, i2))
            yield from (DiffLine("+", None, index + 1, new[index]) for index in range(j1, j2))


def _opcodes(old: list[str], new: list[str]) -> Iterator[_Opcode]:
    """Yield the steps from one text to the other, as difflib does, but for texts that would take it too long."""
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    a, b = old[head : len(old) - tail], new[head : len(new) - tail]
    yield "equal", 0, head, 0, head
    for tag, i1, i2, j1, j2 in _middle(a, b):
        yield tag, head + i1, head + i2, head + j1, head + j2
    yield "equal", len(old) - tail, len(old), len(new) - tail, len(new)


def _common(a: list[str], b: list[str]) -> int:
    """Return how many lines the two lists start with in common."""
    return next((index for index, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _middle(old: list[str], new: list[str]) -> Sequence[_Opcode]:
    counts = Counter(new)
    if not old or not new or sum(counts[line] for line in old) > _MOST_MATCHES:
        return [("replace", 0, len(old), 0, len(new))]
    from difflib import SequenceMatcher  # 5 ms to import, and most plans change no text

    return SequenceMatcher(None, old, new, autojunk=False).get_opcodes()


def _near(changed: list[int], context: int) -> set[int]:
    """Return the indices that are at most `context` away from a change."""
    return {index + away for index in changed for away in range(-context, context + 1)}
