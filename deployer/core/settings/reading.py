"""
Reading parsed TOML so that every mistake is found at once and told with its place.

A `Reader` turns a Node into a value or raises WrongError with Problems. A `Table` hands out the keys of one table,
collects what its readers raise, and at the end reports the keys that nobody asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Final, TypeVar

from deployer.core.selector import Selector, SelectorError, parse_selector
from deployer.core.settings.nodes import Node, WrongError, wrong_type
from deployer.core.settings.sketch import TEXT, Sketch, describe
from deployer.core.suggestion import closest, did_you_mean
from deployer.errors import Problem

T = TypeVar("T")
D = TypeVar("D")

_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|w)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


Reader = Callable[[Node], T]


class Table:
    """One TOML table while it is read. `done` ends the reading."""

    def __init__(self, node: Node) -> None:
        if not isinstance(node.value, dict):
            raise wrong_type(node, "a table")
        self.node = node
        self._sketch = node if isinstance(node, Sketch) else None
        if self._sketch:
            self._sketch.table()
        self._asked: set[str] = set()
        self._problems: list[Problem] = []

    def __contains__(self, key: str) -> bool:
        """Say whether the key is there."""
        return key in self.node.value

    def at(self, key: str) -> Node:
        """Return the Node of a key; of the table itself where the key is missing."""
        found = self.node.value.get(key, self.node)
        return found if isinstance(found, Node) else self.node

    def read(self, key: str, reader: Reader[T], default: D) -> T | D:
        """Return what `reader` makes of the key; `default` where it is missing, or wrong, which is then reported."""
        self._asked.add(key)
        if self._sketch:
            self._sketch.key(key, reader)
        if key not in self.node.value:
            return default
        try:
            return reader(self.node.value[key])
        except WrongError as error:
            self._problems.extend(error.problems)
            return default

    def need(self, key: str, reader: Reader[T], default: D, remedy: str) -> T | D:
        """Read a key that must be there."""
        if self._sketch:
            self._sketch.key(key, reader, needed=True)
        elif key not in self.node.value:
            self._asked.add(key)
            self.add(self.node.problem(f'"{key}" is missing', "missing-key", remedy))
        return self.read(key, reader, default)

    def knows(self, *keys: str) -> None:
        """Take note of keys that somebody else reads."""
        self._asked.update(keys)
        if self._sketch:
            for key in keys:
                self._sketch.key(key, None)

    def add(self, *problems: Problem) -> None:
        """Report something that several keys say together."""
        self._problems.extend(problems)

    def done(self, result: T, elsewhere: Mapping[str, str] | None = None) -> T:
        """
        Return `result`, or raise WrongError with all Problems of this table and of all that was read from it.

        A key that nobody asked for is one of them; `elsewhere` maps keys to the table that they belong to.
        """
        if self._sketch:
            self._sketch.close()
            return result
        for key in self.node.value.keys() - self._asked:
            self._problems.append(self._unknown(key, elsewhere or {}))
        if self._problems:
            raise WrongError(*self._problems)
        return result

    def _unknown(self, key: str, elsewhere: Mapping[str, str]) -> Problem:
        place: Node = self.node.value[key]
        if key in elsewhere and not closest(key, self._asked):
            remedy = f"it belongs into [{elsewhere[key]}]"
        else:
            remedy = did_you_mean(key, self._asked | elsewhere.keys() if _in_space(place) else self._asked)
        return place.problem(f'"{key}" is not a key of this table', "unknown-key", remedy)


def _in_space(node: Node) -> bool:
    return node.keys[:1] == ("space",)


def text(node: Node) -> str:
    """Read a text that is not empty."""
    if isinstance(node, Sketch):
        node.says(TEXT)
    if not isinstance(node.value, str):
        raise wrong_type(
            node, "text", f'write it in quotes: "{node.value}"' if type(node.value) in (int, float) else ""
        )
    if not node.value.strip():
        raise node.wrong("must not be empty", "wrong-value")
    return node.value


def flag(node: Node) -> bool:
    """Read true or false."""
    if isinstance(node, Sketch):
        node.says({"type": "boolean"})
    if not isinstance(node.value, bool):
        raise wrong_type(node, "true or false", "without quotes")
    return node.value


def whole(low: int, high: int) -> Reader[int]:
    """Read a whole number between `low` and `high`, both included."""

    def reader(node: Node) -> int:
        if isinstance(node, Sketch):
            node.says({"type": "integer", "minimum": low, "maximum": high})
        if isinstance(node.value, bool) or not isinstance(node.value, int):
            raise wrong_type(node, "a whole number")
        if not low <= node.value <= high:
            raise node.wrong(f"must be between {low} and {high}, not {node.value}", "wrong-value")
        return node.value

    return reader


def choice(options: Collection[T]) -> Reader[T]:
    """Read one of a few words."""

    def reader(node: Node) -> T:
        if isinstance(node, Sketch):
            node.says({"enum": list(options)})
        if not isinstance(node.value, str):
            raise wrong_type(node, "text")
        for option in options:
            if option == node.value:
                return option
        words = [str(option) for option in options]
        remedy = " or ".join(f'"{word}"' for word in words)
        meant = closest(node.value, words)
        remedy = f'did you mean "{meant}"? known: {remedy}' if meant else f"write {remedy}"
        raise node.wrong(f'"{node.value}" is not known here', "wrong-value", remedy)

    return reader


def day(node: Node) -> date:
    """Read a date without a time."""
    if isinstance(node, Sketch):
        node.says({"type": "string", "format": "date"})  # editors see a TOML date as text
    if isinstance(node.value, date) and not isinstance(node.value, datetime):
        return node.value
    remedy = "write the day alone, without quotes: 2026-12-31"
    raise wrong_type(node, "a date", remedy)


def parse_duration(written: str) -> float:
    """Return the seconds that "5s", "20m", "24h", "30d" or "150ms" says. Raises ValueError for anything else."""
    found = _DURATION.fullmatch(written.strip())
    if not found:
        raise ValueError(f'"{written}" is not a duration; write a number and a unit: "90s", "20m", "24h", "30d"')
    return float(found[1]) * _SECONDS[found[2]]


def duration(node: Node) -> float:
    """Read a duration, in seconds."""
    if isinstance(node, Sketch):
        node.says({"type": "string", "pattern": rf"^\s*{_DURATION.pattern}\s*$"})
    remedy = 'write a number and a unit: "90s", "20m", "24h", "30d"'
    if not isinstance(node.value, str):
        raise wrong_type(node, "a duration", remedy)
    try:
        return parse_duration(node.value)
    except ValueError:
        raise node.wrong(f'"{node.value}" is not a duration', "wrong-value", remedy) from None


def positive_duration(node: Node) -> float:
    """Read a duration longer than nothing, in seconds."""
    seconds = duration(node)
    if seconds <= 0:
        raise node.wrong("must be longer than nothing", "wrong-value")
    return seconds


def list_of(reader: Reader[T]) -> Reader[tuple[T, ...]]:
    """Read a list whose every item `reader` reads; the wrong items are reported together."""

    def read_list(node: Node) -> tuple[T, ...]:
        if isinstance(node, Sketch):
            node.says({"type": "array", "items": describe(reader)})
        if not isinstance(node.value, tuple):
            raise wrong_type(node, "a list", "put it into [ ]" if isinstance(node.value, (str, dict)) else "")
        return _read_all(node.value, reader)

    return read_list


def distinct(reader: Reader[T]) -> Reader[tuple[T, ...]]:
    """Read a list of words in which a second mention, from a file that extends another, says nothing new."""
    return lambda node: tuple(dict.fromkeys(list_of(reader)(node)))


def mapping_of(reader: Reader[T]) -> Reader[dict[str, T]]:
    """Read a table with free keys whose every value `reader` reads."""

    def read_mapping(node: Node) -> dict[str, T]:
        if isinstance(node, Sketch):
            node.says({"type": "object", "additionalProperties": describe(reader)})
        if not isinstance(node.value, dict):
            raise wrong_type(node, "a table")
        return dict(zip(node.value, _read_all(node.value.values(), reader), strict=True))

    return read_mapping


def _read_all(nodes: Iterable[Node], reader: Reader[T]) -> tuple[T, ...]:
    """Read every Node, collecting what the readers raise."""
    values: list[T] = []
    problems: list[Problem] = []
    for node in nodes:
        try:
            values.append(reader(node))
        except WrongError as error:
            problems.extend(error.problems)
    if problems:
        raise WrongError(*problems)
    return tuple(values)


def selector(node: Node) -> Selector:
    """Read one selector."""
    if isinstance(node, Sketch):
        node.says(TEXT)
    if not isinstance(node.value, str):
        raise wrong_type(node, "a selector", 'write it as text: "tag:Data Source: AWS"')
    try:
        return parse_selector(node.value)
    except SelectorError as error:
        place = f" (character {error.column} of it)" if error.column > 1 else ""
        raise node.wrong(f"{error}{place}", "selector", error.remedy) from None


def selectors(node: Node) -> tuple[Selector, ...]:
    """Read a list of selectors that must not be empty."""
    found = list_of(selector)(node)
    if not found:
        raise node.wrong("an empty list selects nothing", "wrong-value", 'write ["*"] for every rule')
    return found
