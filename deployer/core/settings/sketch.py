"""
What a Reader accepts, as JSON Schema, found by letting it read a sketch.

A Sketch is a Node that holds nothing. A reader of a table asks it for its keys and is noted; a reader of a plain value
says what it wants and is stopped. So the schemas that editors use are the readers themselves, and no second list of
keys exists. Readers that take several kinds of value are given their schema by `accepts` and `also_accepts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, TypeVar

from deployer.core.settings.nodes import Node, SettingsFile, WrongError

Schema = dict[str, Any]
AnyReader = Callable[[Node], Any]
T = TypeVar("T", bound=AnyReader)

TEXT: Final[Schema] = {"type": "string", "pattern": r"\S"}
"""A text that is not empty."""

_NOTHING = SettingsFile("", {})


class DescribedError(Exception):
    """Stops a reader that has said what it wants; never leaves `describe`."""


@dataclass(frozen=True, slots=True)
class Sketch(Node):
    """A Node that holds an empty table and notes what a reader asks of it."""

    found: Schema = field(default_factory=dict)

    @classmethod
    def blank(cls) -> Sketch:
        """Return a new one."""
        return cls({}, _NOTHING)

    def says(self, schema: Mapping[str, Any]) -> NoReturn:
        """Note what a plain value must be, and stop its reader."""
        self.found.update(schema)
        raise DescribedError

    def table(self) -> None:
        """Note that this is a table."""
        self.found.setdefault("type", "object")
        self.found.setdefault("properties", {})

    def key(self, name: str, reader: AnyReader | None, *, needed: bool = False) -> None:
        """Note a key of the table, and what its reader accepts; anything where somebody else reads it."""
        if name not in self.found["properties"] or reader is not None:
            self.found["properties"][name] = {} if reader is None else describe(reader)
        if needed and name not in self.found.setdefault("required", []):
            self.found["required"].append(name)

    def some_of(self, *names: str) -> None:
        """Note that the table needs one of these keys."""
        self.found["anyOf"] = [{"required": [name]} for name in names]

    def close(self) -> None:
        """Note that the table has no other keys."""
        self.found["additionalProperties"] = False


def accepts(schema: Schema | Callable[[], Schema]) -> Callable[[T], T]:
    """Give a reader the schema of what it accepts, or a function that makes it, where a sketch cannot tell."""

    def give(reader: T) -> T:
        reader.__dict__["accepts"] = schema
        return reader

    return give


def also_accepts(schema: Schema) -> Callable[[T], T]:
    """Give a reader of a table the schema of the plain value that it takes as well."""

    def give(reader: T) -> T:
        reader.__dict__["also_accepts"] = schema
        return reader

    return give


def describe(reader: AnyReader) -> Schema:
    """Return what a reader accepts. Raises TypeError for one that says nothing of a value."""
    given = getattr(reader, "accepts", None)
    if given is not None:
        return dict(given() if callable(given) else given)
    also = getattr(reader, "also_accepts", None)
    return {"anyOf": [also, _sketched(reader)]} if also else _sketched(reader)


def _sketched(reader: AnyReader) -> Schema:
    sketch = Sketch.blank()
    with suppress(DescribedError, WrongError):
        reader(sketch)
    if not sketch.found:
        name = getattr(reader, "__qualname__", repr(reader))
        raise TypeError(f"{name} accepts several kinds of value: say which with @accepts")
    return sketch.found
