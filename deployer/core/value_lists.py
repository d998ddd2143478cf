"""
Value lists as files: one value a line, or the first column of a CSV, and what has to be sent (facts.md 7.3).

A list is called as its file, `scanner_addresses.txt`, as Kibana itself does with an uploaded file, or as one of the
first lines says (`# id: scanners`). Its type is what the exception items that use it say, or what one of the first
lines says (`# type: ip`). Values are a set: order and repetition mean nothing. Values that analysts added stay; what
git no longer has goes only where git brought it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from deployer.core.canonical import digest
from deployer.core.dependency import VALUES, Dependency, Kind, key_of
from deployer.errors import Problem

_SAID: Final = re.compile(r"#\s*(?:type:\s*(?P<type>[a-z_]+)|id:\s*(?P<id>\S.*?))\s*")
_HEADER: Final = "value"
_DEFAULT_TYPE: Final = "keyword"


@dataclass(frozen=True)
class ValueListFile:
    """One file: the id of its list, its type ("" where only its users say it), and its values, sorted."""

    path: str
    list_id: str
    type: str
    values: tuple[str, ...]

    @property
    def key(self) -> str:
        """Its key among everything that is deployed."""
        return key_of(Kind.VALUE_LIST, self.list_id)

    @cached_property
    def digest(self) -> str:
        """The digest of `document`."""
        return digest(self.document)

    @property
    def document(self) -> dict[str, Any]:
        """What a record keeps of it."""
        return {"id": self.list_id, "type": self.type, VALUES: list(self.values)}


def read_value_list(path: str, text: str) -> ValueListFile:
    """Return the list of one file. Lines that are blank or begin with `# ` say something to people only."""
    name = path.rpartition("/")[2]
    said: dict[str, str] = {}
    lines = text.splitlines()
    start = 0
    for start, line in enumerate((*lines, "")):  # noqa: B007  # where the values begin
        found = _SAID.fullmatch(line.strip())
        if not found:
            break
        said |= {key: value for key, value in found.groupdict().items() if value}
    kept = [line for line in lines[start:] if is_value(line)]
    values = _first_column(kept) if name.endswith(".csv") else (line.strip() for line in kept)
    known = tuple(sorted({value for value in values if value}))
    return ValueListFile(path, said.get("id", name), said.get("type", ""), known)


def is_value(line: str) -> bool:
    """Say whether a line of a file has a value, and is neither blank nor a remark."""
    return bool(line.strip()) and not line.startswith(("# ", "#\t")) and line != "#"


def typed(
    files: Iterable[ValueListFile], users: Mapping[str, set[str]]
) -> tuple[tuple[ValueListFile, ...], list[Problem]]:
    """Return the files with their types; `users` has the types that exception items give each list."""
    result: list[ValueListFile] = []
    problems: list[Problem] = []
    for file in files:
        said = {file.type} if file.type else set()
        types = said | users.get(file.list_id, set())
        if len(types) > 1:
            message = f"its type is said to be {' and '.join(sorted(types))}"
            remedy = "every entry that uses a value list names its one type"
            problems.append(Problem(file.path, 1, 1, "", message, "value-list-type", remedy))
        kind = min(types, default=_DEFAULT_TYPE)
        result.append(ValueListFile(file.path, file.list_id, kind, file.values))
    return tuple(result), problems


@dataclass(frozen=True, slots=True)
class ValueDiff:
    """What a value list needs (None: nothing), and the values of analysts that stay."""

    change: Dependency | None
    foreign: tuple[str, ...] = ()
    left: tuple[str, ...] = ()  # values that an analyst took away, and that stay away
    problem: str = ""


def diff_values(
    wanted: ValueListFile, live: Mapping[str, Any] | None, values: Iterable[str], authored: Mapping[str, Any] | None
) -> ValueDiff:
    """
    Return what one value list needs. `live` is the list in Kibana, None where there is none; `values` what it holds.

    Two-way without `authored`: then everything that is live stays, and what is missing comes.
    """
    if live is None:
        after = {"type": wanted.type, VALUES: list(wanted.values)}
        return ValueDiff(Dependency(Kind.VALUE_LIST, wanted.list_id, None, after))
    if live.get("type") != wanted.type:
        return ValueDiff(None, problem=f'is of type "{live.get("type")}" in Kibana, and "{wanted.type}" in git')
    there, desired = set(values), set(wanted.values)
    ours = set(authored[VALUES]) if authored else set[str]()
    taken_away = (desired & ours) - there
    added, removed = desired - there - taken_away, (ours - desired) & there
    foreign = tuple(sorted(there - desired - ours))
    change = None
    if added or removed:
        change = Dependency(Kind.VALUE_LIST, wanted.list_id, {VALUES: sorted(removed)}, {VALUES: sorted(added)})
    return ValueDiff(change, foreign, tuple(sorted(taken_away)))


def _first_column(lines: Iterable[str]) -> Iterator[str]:
    for number, row in enumerate(csv.reader(io.StringIO("\n".join(lines)))):
        if row and not (number == 0 and row[0].strip().lower() == _HEADER):
            yield row[0].strip()
