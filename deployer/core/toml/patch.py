"""
Single edits of a TOML text: put, insert, remove.

    patch(text, [Put(("rule", "severity"), "high"), Remove(("rule", "threat", 1))])

The edits are carried out on the data, one after the other; `amend` then brings the text to that data.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from deployer.core.toml.amend import amended
from deployer.core.toml.data import plain
from deployer.core.toml.place import Path, path_text
from deployer.core.toml.reading import read


@dataclass(frozen=True, slots=True)
class Put:
    """Set the value at a path. What is missing on the way is made; an index equal to the length of an array appends."""

    path: Path
    value: Any


@dataclass(frozen=True, slots=True)
class Insert:
    """Insert an item into an array, before the index that the path ends with."""

    path: Path
    value: Any


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove the key or array item at a path. The table or array that held it stays, even if it is empty then."""

    path: Path


Change = Put | Insert | Remove


def patch(text: str, changes: Iterable[Change], *, inline: Collection[str] = ()) -> str:
    """
    Return `text` with the changes made, every other line byte for byte as it was.

    Raises LookupError for a path that leads nowhere, and what `amend` raises.
    """
    current = read(text)
    wanted: Any = current
    for change in changes:
        wanted = _changed(wanted, change, 0)
    return amended(text, current, wanted, inline)


def _changed(node: Any, change: Change, depth: int) -> Any:
    """Return a copy of `node` with the change made below it; what is beside the path is shared, not copied."""
    path = change.path
    if depth == len(path):
        return _whole(change)
    part = path[depth]
    copy: Any = _copied(node, part, path)
    if depth == len(path) - 1 and not isinstance(change, Put):
        _replace_item(copy, part, change)
    elif part in _keys(copy):
        copy[part] = _changed(copy[part], change, depth + 1)
    else:
        _add(copy, part, _changed(_nothing(path[depth + 1 :]), change, depth + 1))
    return copy


def _nothing(rest: Path) -> Any:
    """Return what a path leads into when it is not there yet: an array for an index, else a table."""
    return [] if rest and isinstance(rest[0], int) else {}


def _add(copy: Any, part: Any, value: Any) -> None:
    if isinstance(copy, list):
        copy.append(value)
    else:
        copy[part] = value


def _whole(change: Change) -> Any:
    if isinstance(change, Put):
        return plain(change.value, change.path)
    raise LookupError("the whole document can be replaced, not removed")


def _copied(node: Any, part: str | int, path: Path) -> Any:
    """Return a shallow copy of the table or array that `part` leads into."""
    if isinstance(node, dict) and isinstance(part, str):
        return dict(node)
    if isinstance(node, list) and isinstance(part, int) and 0 <= part <= len(node):
        return list(node)
    raise LookupError(f"{path_text(path)} leads nowhere: there is no place for {part!r}")


def _keys(node: Any) -> Collection[str | int]:
    return range(len(node)) if isinstance(node, list) else node.keys()


def _replace_item(copy: Any, part: Any, change: Insert | Remove) -> None:
    if isinstance(change, Insert) and isinstance(copy, list):
        copy.insert(part, plain(change.value, change.path))
    elif isinstance(change, Remove) and part in _keys(copy):
        del copy[part]
    else:
        raise LookupError(f"{path_text(change.path)} does not exist, or is no place in an array")
