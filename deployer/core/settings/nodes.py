"""
Values of parsed TOML that remember where they stand, also when tables of several files are merged into one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from deployer.core.kinds import kind_of
from deployer.errors import Problem, Severity

Keys = tuple[str | int, ...]
"""The way to a value from the top of its file: `("override", 0, "set")`."""

Locate = Callable[[Keys], tuple[int, int]]
"""Line and column of a value, both from 1; (0, 0) where unknown."""

_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")


def nowhere(keys: Keys) -> tuple[int, int]:
    """Be the Locate of a value that no file holds."""
    del keys
    return 0, 0


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """One parsed TOML file: its path relative to the project, its data, and where each value stands."""

    path: str
    data: Mapping[str, Any]
    locate: Locate = nowhere

    @property
    def name(self) -> str:
        """The stem, by which environments are called and extended."""
        return self.path.rpartition("/")[2].removesuffix(".toml")


@dataclass(frozen=True, slots=True)
class Node:
    """One value and its place: a dict of Nodes, a tuple of Nodes, or a plain TOML value."""

    value: Any
    file: SettingsFile
    keys: Keys = ()

    def problem(
        self,
        message: str,
        code: str,
        remedy: str = "",
        *,
        key: str | int | None = None,
        severity: Severity = Severity.ERROR,
    ) -> Problem:
        """Return a Problem of this value, or of its key `key`."""
        keys = self.keys if key is None else (*self.keys, key)
        line, column = self.file.locate(keys)
        return Problem(self.file.path, line, column, dotted(keys), message, code, remedy, severity)

    def wrong(self, message: str, code: str, remedy: str = "") -> WrongError:
        """Return the error that says what is wrong with this value."""
        return WrongError(self.problem(message, code, remedy))

    def plain(self) -> Any:
        """Return the value without places, as tomli gave it."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain() for node in self.value]
        return self.value


class WrongError(Exception):
    """What a Reader raises: every Problem it found."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*(str(problem) for problem in problems))
        self.problems = problems


def node_of(value: Any, file: SettingsFile, keys: Keys = ()) -> Node:
    """Return the tree of Nodes of a parsed value."""
    if isinstance(value, Mapping):
        return Node({key: node_of(item, file, (*keys, key)) for key, item in value.items()}, file, keys)
    if isinstance(value, list):
        return Node(tuple(node_of(item, file, (*keys, i)) for i, item in enumerate(value)), file, keys)
    return Node(value, file, keys)


def dotted(keys: Keys) -> str:
    """Return a way as TOML writes it: `override[0].set."threshold.value"`."""
    text = ""
    for key in keys:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += ("." if text else "") + (key if _BARE_KEY.fullmatch(key) else f'"{key}"')
    return text


def wrong_type(node: Node, wanted: str, remedy: str = "") -> WrongError:
    """Return the error for a value of another type; it never repeats the value, which may be a secret."""
    return node.wrong(f"must be {wanted}, not {kind_of(node.value)}", "wrong-type", remedy)
