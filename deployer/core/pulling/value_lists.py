"""
Value lists into files: lines of values that are gone go, new values come behind the others, every other line stays.

A value of a file that Kibana does not have goes if the record says that it was deployed; else nobody deployed it yet.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from deployer.core.dependency import VALUES
from deployer.core.ports import Body
from deployer.core.pulling.exceptions import ListChange, ListsPulled
from deployer.core.value_lists import ValueListFile, is_value, read_value_list
from deployer.errors import Problem

_ENDINGS: Final = (".txt", ".csv")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_HEADER: Final = "value"
_DEFAULT_TYPE: Final = "keyword"


@dataclass(frozen=True, slots=True)
class ValueSide:
    """One value list: its body in Kibana and its values, its file (None: there is none), and what the record says."""

    body: Body
    values: tuple[str, ...]
    file: ValueListFile | None = None
    authored: Mapping[str, Any] | None = None

    @property
    def list_id(self) -> str:
        """The id of the list."""
        return str(self.body["id"])


def pull_values(
    sides: Iterable[ValueSide], text_of: Callable[[str], str], place_of: Callable[[str], str], pulled: ListsPulled
) -> None:
    """Add what has to be written so that git says what these lists hold; `place_of` makes a path of a file's name."""
    for side in sorted(sides, key=lambda side: side.list_id):
        pulled.taken += 1
        path = side.file.path if side.file else place_of(file_name(side.list_id))
        old = text_of(path) if side.file else None
        kept = _kept(side)
        pulled.waiting += len(kept - set(side.values))
        text = _new(side, path) if old is None else patched(old, path, set(side.values) | kept)
        after = read_value_list(path, text)
        if set(after.values) != set(side.values) | kept or after.list_id != side.list_id:
            odd = sorted(set(side.values) - set(after.values))
            what = f"the value {odd[0]!r} cannot be said in its file" if odd else "cannot be said in a file"
            pulled.problems.append(_problem(path, side, what))
        elif side.file and side.file.type != side.body.get("type"):
            what = f"is of type {side.body.get('type')} in Kibana, and {side.file.type} in git"
            pulled.problems.append(_problem(path, side, what))
        elif text != old:
            pulled.changes.append(ListChange(path, (side.list_id,), text, old))


def file_name(list_id: str) -> str:
    """Return the name of the file of a value list: the list's own where that can be one."""
    if _PLAIN.fullmatch(list_id):
        return list_id if list_id.endswith(_ENDINGS) else f"{list_id}.txt"
    return (re.sub(r"[^a-z0-9]+", "_", list_id.lower()).strip("_") or "values") + ".txt"


def patched(old: str, path: str, wanted: set[str]) -> str:
    """Return the text of a file with these values and no others; lines of values that stay, and remarks, are kept."""
    newline = "\r\n" if old.count("\r\n") == old.count("\n") > 0 else "\n"
    table = path.endswith(".csv")
    left = set(wanted)
    lines: list[str] = []
    rows: list[int] = []
    headed = False
    for number, line in enumerate(old.splitlines(keepends=True)):
        if is_value(line.rstrip("\r\n")):
            value = _value(line, path)
            if table and not rows and not headed and value.lower() == _HEADER and not _seen(old, number):
                headed = True
            elif value in wanted:
                rows.append(len(lines))
                left.discard(value)
            else:
                continue
        lines.append(line)
    if lines and left and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += newline
    new = [_line(value, path) + newline for value in sorted(left)]
    first = _value((lines[rows[0]] if rows else new[0]) if rows or new else "", path)
    if table and not headed and first.lower() == _HEADER:  # as the first one it would be taken for a header
        lines.insert(rows[0] if rows else len(lines), _HEADER + newline)
    return "".join([*lines, *new])


def _seen(old: str, number: int) -> bool:
    """Say whether a value stands above a line: then the line is no header."""
    return any(is_value(line) for line in old.splitlines()[:number])


def _new(side: ValueSide, path: str) -> str:
    """Return a new file, with the first lines that say what its name does not."""
    kind = str(side.body.get("type"))
    said = [] if path.rpartition("/")[2] == side.list_id else [f"# id: {side.list_id}"]
    said += [] if kind == _DEFAULT_TYPE else [f"# type: {kind}"]
    header = [_HEADER] if path.endswith(".csv") else []
    return "".join(f"{line}\n" for line in (*said, *header, *(_line(v, path) for v in sorted(set(side.values)))))


def _kept(side: ValueSide) -> set[str]:
    """Return the values of the file that nobody deployed yet."""
    known: Sequence[str] = (side.authored or {}).get(VALUES, ())
    return set(side.file.values if side.file else ()) - set(known) - set(side.values)


def _value(line: str, path: str) -> str:
    if not path.endswith(".csv"):
        return line.strip()
    row = next(csv.reader([line.rstrip("\r\n")]), [])
    return row[0].strip() if row else ""


def _line(value: str, path: str) -> str:
    if not path.endswith(".csv"):
        return value
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([value])
    line = text.getvalue()
    return f'"{line}"' if line.startswith("#") else line


def _problem(path: str, side: ValueSide, message: str) -> Problem:
    remedy = "the other lists are pulled; mend this one in Kibana, or write it by hand"
    return Problem(path, 0, 0, "", f'value list "{side.list_id}": {message}', "not-pulled", remedy)
