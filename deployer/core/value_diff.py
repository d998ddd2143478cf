"""Two structured values as changed parts: `threshold.value 10 -> 25`, one added tag, one action that went."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from deployer.core.align import align
from deployer.core.canonical import same
from deployer.core.fields import ABSENT

Path = tuple[str | int, ...]

# What names an object in a list of a rule: two exception lists, connectors or techniques are never one that changed.
_IDENTITY: Final = ("list_id", "id", "package", "name")


@dataclass(frozen=True, slots=True)
class ValueChange:
    """
    One part that differs. A side is ABSENT where the part is not there.

    `path` leads to it below the field: names, and indices of list items; that of an item that went is its index in
    the old list, every other one an index in the new list.
    """

    path: Path
    before: Any
    after: Any

    @property
    def where(self) -> str:
        """The path as text (`.value`, `[2].id`). A plain item of a list is named by its list, without its index."""
        value = self.before if self.after is ABSENT else self.after
        plain_item = self.path and isinstance(self.path[-1], int) and not isinstance(value, dict | list)
        steps = self.path[:-1] if plain_item else self.path
        return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def value_changes(before: Any, after: Any) -> tuple[ValueChange, ...]:
    """
    Return every difference between two JSON values, in the order of names and indices; none if they are the same.

    Complete: carried out on `before`, the changes give `after`. Types count (1, 1.0 and true are three values). Items
    of lists are aligned, so that one that is new in front does not change all others: objects by what names them and
    by what they share, plain items go or come. Costs 1 to 3 ms for a changed field (DeepDiff), nothing for equal ones.
    """
    return tuple(sorted(_changes(before, after, ()), key=_order))


def _changes(before: Any, after: Any, path: Path) -> Iterator[ValueChange]:
    if same(before, after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _object(before, after, path)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _list(before, after, path)
    else:
        yield ValueChange(path, before, after)


def _list(before: list[Any], after: list[Any], path: Path) -> Iterator[ValueChange]:
    for old, new in align(before, after, _IDENTITY):
        if old is not None and new is not None and _is_nested(before[old], after[new]):
            yield from _changes(before[old], after[new], (*path, new))
        elif old is None or new is None or not same(before[old], after[new]):
            if old is not None:
                yield ValueChange((*path, old), before[old], ABSENT)
            if new is not None:
                yield ValueChange((*path, new), ABSENT, after[new])


def _is_nested(before: Any, after: Any) -> bool:
    return type(before) is type(after) and isinstance(before, dict | list)


class _Lists:
    """DeepDiff's operator for lists: it is not to compare them, and they are kept for `_list`."""

    def __init__(self) -> None:
        self.found: list[tuple[Path, list[Any], list[Any]]] = []

    def match(self, level: Any) -> bool:
        return isinstance(level.t1, list) and isinstance(level.t2, list)

    def give_up_diffing(self, level: Any, diff_instance: Any) -> bool:  # noqa: ARG002 - DeepDiff's signature
        self.found.append((tuple(level.path(output_format="list")), level.t1, level.t2))
        return True


def _object(before: dict[str, Any], after: dict[str, Any], path: Path) -> Iterator[ValueChange]:
    """Yield the parts of two objects that DeepDiff finds, each as it stands on the two sides."""
    from deepdiff import DeepDiff  # 50 ms to import, and most plans change no structure

    lists = _Lists()
    found = DeepDiff(
        before,
        after,
        view="tree",
        custom_operators=[lists],
        ignore_private_variables=False,  # else keys that start with __ are left out
        threshold_to_diff_deeper=0,  # else objects with little in common are reported as a whole
    )
    for levels in found.values():
        for level in levels:
            step = tuple(level.path(output_format="list"))
            yield ValueChange((*path, *step), _side(before, step), _side(after, step))
    for step, old, new in lists.found:
        yield from _changes(old, new, (*path, *step))


def _side(value: Any, step: Path) -> Any:
    for name in step:
        if name not in value:
            return ABSENT
        value = value[name]
    return value


def _order(change: ValueChange) -> tuple[tuple[tuple[bool, str | int], ...], bool]:
    """Sort by path, names before indices; what went before what came."""
    return tuple((isinstance(step, int), step) for step in change.path), change.before is ABSENT
