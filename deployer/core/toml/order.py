"""The order of keys in a new file. Data only: the same values, in another order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

_TOP = ("metadata", "rule", "transform")
_LAST = ("threat_query", "query")  # the longest, and what a reader looks for: at the end of the plain keys


Rank = tuple[int, int, str]


def rank(name: str, value: Any = None) -> Rank:
    """Return the sort key of detection-rules: plain keys by name, queries, arrays of tables, tables."""
    if isinstance(value, dict):
        return 3, 0, name
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return 2, 0, name
    return (1, _LAST.index(name), name) if name in _LAST else (0, 0, name)


def rule_order(data: dict[str, Any]) -> dict[str, Any]:
    """Return a rule document in the order of detection-rules: metadata, rule, transform, anything else as it comes."""
    top = [name for name in _TOP if name in data] + [name for name in data if name not in _TOP]
    return {name: _sorted(data[name]) for name in top}


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value, key=lambda name: rank(name, value[name]))}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def order_like(data: Any, like: Any) -> Any:
    """Return `data` with the keys that `like` has in the order of `like`, the others behind them in their own."""
    if isinstance(data, dict) and isinstance(like, Mapping):
        names = [name for name in like if name in data] + [name for name in data if name not in like]
        return {name: order_like(data[name], like.get(name)) for name in names}
    if isinstance(data, list) and isinstance(like, list) and like:
        return [order_like(item, like[min(index, len(like) - 1)]) for index, item in enumerate(data)]
    return data


def in_order(ranks: Sequence[Rank]) -> bool:
    """Say whether keys are in order, but for one out of five."""
    return sum(a > b for a, b in pairwise(ranks)) <= len(ranks) // 5


def gap_for(new: Rank, ranks: Sequence[Rank]) -> int:
    """Return how many of the keys that are there a new one is put behind: all of them if they are in no order."""
    if not in_order(ranks):
        return len(ranks)
    wrong = sum(there < new for there in ranks)  # keys on the wrong side, if it came first
    best, fewest = 0, wrong
    for gap, there in enumerate(ranks, 1):
        wrong += 1 if there > new else -1
        if wrong < fewest:
            best, fewest = gap, wrong
    return best
