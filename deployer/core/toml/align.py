"""Which item of an old list became which item of a new one, so that a patch touches only what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Any

Step = tuple[int | None, int | None]
"""(old, new): an item that stays or changes in place; (old, None): it goes; (None, new): it is new."""

_MOST_PAIRS = 2_500  # beyond, unequal items are paired in order: the search for likeness is quadratic


def align(old: list[Any], new: list[Any]) -> list[Step]:
    """
    Return the steps from `old` to `new`, both in order.

    Equal items are matched first; between them, tables that share content are taken for one that changed, and other
    values are paired as they come.
    """
    before, after = [_token(item) for item in old], [_token(item) for item in new]
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    steps: list[Step] = [(index, index) for index in range(head)]
    steps += _middle(old, new, (before, after), (head, len(old) - tail, head, len(new) - tail))
    return steps + [(len(old) - tail + index, len(new) - tail + index) for index in range(tail)]


def _common(a: list[Hashable], b: list[Hashable]) -> int:
    """Return how many items the two lists start with in common."""
    return next((index for index, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _middle(
    old: list[Any],
    new: list[Any],
    keys: tuple[list[Hashable], list[Hashable]],
    bounds: tuple[int, int, int, int],
) -> Iterator[Step]:
    """Yield the steps of the part that neither starts nor ends alike."""
    a1, a2, b1, b2 = bounds
    if a1 == a2 or b1 == b2:
        yield from _gap(old, new, bounds)
        return
    from difflib import SequenceMatcher  # 5 ms to import, and most patches need none of it

    before, after = keys
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, before[a1:a2], after[b1:b2], autojunk=False).get_opcodes():
        if tag == "equal":
            yield from ((a1 + i, b1 + j) for i, j in zip(range(i1, i2), range(j1, j2), strict=True))
        else:
            yield from _gap(old, new, (a1 + i1, a1 + i2, b1 + j1, b1 + j2))


def _gap(old: list[Any], new: list[Any], bounds: tuple[int, int, int, int]) -> Iterator[Step]:
    """Yield the steps between two stretches of equal items."""
    i1, i2, j1, j2 = bounds
    tables = all(isinstance(item, dict) for item in old[i1:i2] + new[j1:j2])
    if not tables or (i2 - i1) * (j2 - j1) > _MOST_PAIRS:
        pairs = list(zip(range(i1, i2), range(j1, j2), strict=False))
    else:
        pairs = [(i1 + i, j1 + j) for i, j in _most_alike(old[i1:i2], new[j1:j2])]
    for i, j in [*pairs, (i2, j2)]:
        yield from ((gone, None) for gone in range(i1, i))
        yield from ((None, added) for added in range(j1, j))
        if (i, j) != (i2, j2):
            yield i, j
        i1, j1 = i + 1, j + 1


def _most_alike(old: list[Any], new: list[Any]) -> list[tuple[int, int]]:
    """Return the pairs, in order on both sides, whose likeness adds up to the most."""
    a, b = [Counter(_leaves(item)) for item in old], [Counter(_leaves(item)) for item in new]
    best: list[list[tuple[float, tuple[tuple[int, int], ...]]]] = [
        [(0.0, ())] * (len(b) + 1) for _ in range(len(a) + 1)
    ]
    for i in reversed(range(len(a))):
        for j in reversed(range(len(b))):
            options = [best[i + 1][j], best[i][j + 1]]
            if likeness := _likeness(a[i], b[j]):
                score, pairs = best[i + 1][j + 1]
                options.append((score + likeness, ((i, j), *pairs)))
            best[i][j] = max(options, key=lambda option: option[0])
    return list(best[0][0][1])


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
