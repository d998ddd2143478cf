"""Places in a text: lines and columns, and the error that carries one."""

from __future__ import annotations

from dataclasses import dataclass

from deployer.errors import DeployerError

Path = tuple[str | int, ...]
"""A key path: names and array indices, `("rule", "threat", 0, "tactic", "id")`."""


class TomlError(DeployerError):
    """
    The text is not TOML. `line` and `column` count from 1 in characters, as editors do (0: unknown).

    `message` is the fact without the place; `str()` has both. The caller, who knows the path, makes a Problem of it.
    """

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(f"line {line}, column {column}: {message}" if line else message)
        self.line = line
        self.column = column
        self.message = message

    @classmethod
    def at(cls, text: str, offset: int, message: str) -> TomlError:
        """Make the error for an offset of `text`."""
        return cls(*line_and_column(text, offset), message)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a text: offsets (the end is not part of it), and line and column of both, from 1."""

    start: int
    end: int
    line: int
    column: int
    end_line: int
    end_column: int

    @classmethod
    def of(cls, text: str, start: int, end: int) -> Span:
        """Make the span of two offsets of `text`."""
        return cls(start, end, *line_and_column(text, start), *line_and_column(text, end))


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Return the line and the column of an offset, both from 1; a column counts characters."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def path_text(path: Path) -> str:
    """Write a key path for a person: `rule.threat[0].tactic.id`. A name with a dot in it is quoted."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{_plain(part)}" for part in path)
    return "".join(parts).removeprefix(".")


def _plain(name: str) -> str:
    return name if name and name.replace("_", "a").replace("-", "a").isalnum() else f'"{name}"'
