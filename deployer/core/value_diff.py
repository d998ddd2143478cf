"""Two structured values as changed parts: `threshold.value 10 -> 25`, one added tag, one removed action."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deployer.core.canonical import canonical_json
from deployer.core.fields import ABSENT


@dataclass(frozen=True, slots=True)
class ValueChange:
    """One part that differs. `where` is its path below the field (`.value`, `[2].id`); a side may be ABSENT."""

    where: str
    before: Any
    after: Any


def value_changes(before: Any, after: Any) -> tuple[ValueChange, ...]:
    """
    Return every difference between two JSON values, in a stable order.

    Lists of plain values are compared as collections: what went, what came. DeepDiff is asked for nested structures
    only; canonical JSON decides first, because 1 and true are different here.
    """
    if canonical_json(before) == canonical_json(after):
        return ()
    if isinstance(before, list) and isinstance(after, list) and _plain(before) and _plain(after):
        return tuple(_collection(before, after))
    return tuple(_structure(before, after))


def _plain(values: list[Any]) -> bool:
    return all(not isinstance(value, dict | list) for value in values)


def _collection(before: list[Any], after: list[Any]) -> Iterator[ValueChange]:
    old, new = (Counter(canonical_json(value) for value in side) for side in (before, after))
    gone, come = old - new, new - old
    if not gone and not come:
        yield ValueChange("", before, after)  # the order alone differs
    for value in before:
        if gone[canonical_json(value)] > 0:
            gone[canonical_json(value)] -= 1
            yield ValueChange("", value, ABSENT)
    for value in after:
        if come[canonical_json(value)] > 0:
            come[canonical_json(value)] -= 1
            yield ValueChange("", ABSENT, value)


def _structure(before: Any, after: Any) -> Iterator[ValueChange]:
    """Yield the parts that DeepDiff finds, each as it stands on the two sides."""
    from deepdiff import DeepDiff

    found = DeepDiff(before, after, view="tree", verbose_level=2)
    parts: dict[str, ValueChange] = {}
    for levels in found.values():
        for level in levels:
            where = "".join(_step(step) for step in level.path(output_format="list"))
            if where not in parts:
                parts[where] = ValueChange(where, _side(level.t1), _side(level.t2))
    for where in sorted(parts):
        yield parts[where]
    if not parts:
        yield ValueChange("", before, after)


def _step(step: Any) -> str:
    return f"[{step}]" if isinstance(step, int) else f".{step}"


def _side(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | list | Mapping) or value is None else ABSENT
