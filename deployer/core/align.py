"""
Which item of an old list became which item of a new one: a patch touches, and a diff shows, only what changed.

Values are told apart by type: 1, 1.0 and true are three.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Step = tuple[int | None, int | None]
"""(old, new): an item that stays or changes in place; (old, None): it goes; (None, new): it is new."""

_MOST_PAIRS = 2_500  # beyond, unequal items are paired in order: the search for likeness is quadratic


def align(old: list[Any], new: list[Any], identity: Sequence[str] = ()) -> list[Step]:
    """
    Return the steps from `old` to `new`, both in order.

    Equal items are matched first; between them, tables that share content are taken for one that changed, and other
    values are paired as they come. Tables are never taken for the same if the first name of `identity` that both have
    stands for different values.
    """
    before, after = [_token(item) for item in old], [_token(item) for item in new]
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    steps: list[Step] = [(index, index) for index in range(head)]
    steps += _middle(_Sides(old, new, before, after, identity), (head, len(old) - tail, head, len(new) - tail))
    return steps + [(len(old) - tail + index, len(new) - tail + index) for index in range(tail)]


def _common(a: list[Hashable], b: list[Hashable]) -> int:
    """Return how many items the two lists start with in common."""
    return next((index for index, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


@dataclass(frozen=True, slots=True)
class _Sides:
    """Two lists, and each item as something that can be compared and hashed."""

    old: list[Any]
    new: list[Any]
    before: list[Hashable]
    after: list[Hashable]
    identity: Sequence[str]


_Bounds = tuple[int, int, int, int]
"""A stretch of each list: from and to in the old one, from and to in the new one."""


def _middle(sides: _Sides, bounds: _Bounds) -> Iterator[Step]:
    """Yield the steps of the part that neither starts nor ends alike."""
    a1, a2, b1, b2 = bounds
    if a1 == a2 or b1 == b2:
        yield from _gap(sides, bounds)
        return
    from difflib import SequenceMatcher  # 5 ms to import, and most patches need none of it

    matcher = SequenceMatcher(None, sides.before[a1:a2], sides.after[b1:b2], autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            yield from ((a1 + i, b1 + j) for i, j in zip(range(i1, i2), range(j1, j2), strict=True))
        else:
            yield from _gap(sides, (a1 + i1, a1 + i2, b1 + j1, b1 + j2))


def _gap(sides: _Sides, bounds: _Bounds) -> Iterator[Step]:
    """Yield the steps between two stretches of equal items."""
    i1, i2, j1, j2 = bounds
    for i, j in [*_pairs(sides, bounds), (i2, j2)]:
        yield from ((gone, None) for gone in range(i1, i))
        yield from ((None, added) for added in range(j1, j))
        if (i, j) != (i2, j2):
            yield i, j
        i1, j1 = i + 1, j + 1


def _pairs(sides: _Sides, bounds: _Bounds) -> list[tuple[int, int]]:
    """Return which unequal items are taken for one that changed."""
    i1, i2, j1, j2 = bounds
    old, new = sides.old[i1:i2], sides.new[j1:j2]
    if all(isinstance(item, dict) for item in old + new) and len(old) * len(new) <= _MOST_PAIRS:
        return [(i1 + i, j1 + j) for i, j in _most_alike(old, new, sides.identity)]
    return list(zip(range(i1, i2), range(j1, j2), strict=False))


def _most_alike(old: list[Any], new: list[Any], identity: Sequence[str]) -> list[tuple[int, int]]:
    """Return the pairs, in order on both sides, whose likeness adds up to the most."""
    a, b = [Counter(_leaves(item)) for item in old], [Counter(_leaves(item)) for item in new]
    nothing: tuple[float, tuple[tuple[int, int], ...]] = (0.0, ())
    best = [[nothing] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in reversed(range(len(a))):
        for j in reversed(range(len(b))):
            options = [best[i + 1][j], best[i][j + 1]]
            likeness = _likeness(a[i], b[j])
            if likeness and _may_be_one(old[i], new[j], identity):
                score, pairs = best[i + 1][j + 1]
                options.append((score + likeness, ((i, j), *pairs)))
            best[i][j] = max(options, key=lambda option: option[0])
    return list(best[0][0][1])


def _may_be_one(old: dict[str, Any], new: dict[str, Any], identity: Sequence[str]) -> bool:
    name = next((name for name in identity if name in old and name in new), None)
    return name is None or _token(old[name]) == _token(new[name])


def _likeness(a: Counter[Hashable], b: Counter[Hashable]) -> float:
    return 2 * (a & b).total() / max(a.total() + b.total(), 1)


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[Hashable]:
    """Yield the plain values in a value, each with the names on the way to it."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, (*path, name))
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, path)
    else:
        yield path, _token(value)


def _token(value: Any) -> Hashable:
    """Return something hashable that is equal for two values exactly if `same_data` says so."""
    if isinstance(value, dict):
        return "table", frozenset((name, _token(item)) for name, item in value.items())
    if isinstance(value, list):
        return "array", tuple(_token(item) for item in value)
    return value if isinstance(value, str) else (type(value).__name__, repr(value))
