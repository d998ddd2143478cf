"""
What is wrong with a rule, before anybody has looked for the line: the value that shape and sense yield.

A check of a payload knows keys and no file, so that it can judge a rule as its file says it and the same rule as an
environment changes it. `located` finds the line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from deployer.errors import Problem, Severity

Path = tuple[str | int, ...]

Locate = Callable[[str, Path], tuple[int, int]]
"""Finds the line and column of a key in one of the user's files: path and key path in, (line, column) out."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong with a payload. `path` starts at the rule: `("threshold", "value")`."""

    path: Path
    message: str
    code: str
    remedy: str = ""
    severity: Severity = Severity.ERROR


def dotted(key: Iterable[str | int]) -> str:
    """Return a key path as people write it: `rule.threat[0].tactic.id`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def located(flaws: Iterable[Flaw], path: str, locate: Locate) -> Iterator[Problem]:
    """
    Yield a Problem for each flaw of the rule in the file `path`, at its key there.

    A key that the file does not have (it is missing, or the payload steps made it) is shown at the nearest key above.
    """
    for flaw in flaws:
        where = place_of(path, flaw.path, locate)
        key = dotted(("rule", *flaw.path))
        yield Problem(path, *where, key, flaw.message, flaw.code, flaw.remedy, flaw.severity)


def place_of(path: str, keys: Path, locate: Locate) -> tuple[int, int]:
    """Return line and column of a key of the payload in the rule's file, of what is nearest to it otherwise."""
    written = _as_written(keys)
    for spelling in (keys, *([written] if written else [])):
        place = locate(path, ("rule", *spelling))
        if place[0]:
            return place
    here: Path = ("rule", *(written if written and locate(path, ("rule", written[0]))[0] else keys))
    place = (0, 0)
    while here and not place[0]:
        here = here[:-1]
        place = locate(path, here) if here else (0, 0)
    return place


def _as_written(keys: Path) -> Path | None:
    """Return where the payload steps take a field from that stands elsewhere in the file (core.payload)."""
    match keys[:1]:
        case ("new_terms_fields",):
            return ("new_terms", "value", *keys[1:])
        case ("history_window_start",):
            return ("new_terms", "history_window_start", 0, "value")
        case ("setup",):
            return ("note",)
    return None
