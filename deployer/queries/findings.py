"""
What a checker says about a query, and the three small things that every checker here shares.

A checker raises `Rejected` at the first thing that it cannot read, because what follows is guesswork from there on;
what it can still read but knows to be wrong (an unknown function) it collects in `Notes`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from deployer.errors import Severity

MAX_DEPTH = 60
"""
How deep brackets may nest. Elasticsearch's parsers recurse, and so do the libraries behind the extras; no query of
either corpus goes beyond 8.
"""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """
    One thing that is wrong in a query.

    `line` and `column` count from 1 inside the query's text, `offset` and `length` are characters of it, so that a
    caller can underline the token. `length` is 0 only in an empty query. `code` is stable (`kql-syntax`).
    """

    line: int
    column: int
    offset: int
    length: int
    message: str
    code: str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True, slots=True)
class Checked:
    """
    What a check found, the fields that the query names, and which checker ran.

    `findings` are in order of position. `fields` are names as Elasticsearch knows them, without quotes, escapes and
    the `?` of optional fields; a pattern keeps its `*`. After a syntax error they are those seen so far. `engine` is
    `kql`, `eql`, `luqum`, `lucene-light`, `esql-py` or `esql-light`: the light ones run where an extra is missing.
    """

    findings: tuple[Finding, ...]
    fields: frozenset[str]
    engine: str


class Rejected(Exception):  # noqa: N818 - carries a position inside this package; never leaves it
    """The query cannot be read beyond `start`."""

    def __init__(self, start: int, end: int, message: str, code: str) -> None:
        super().__init__(message)
        self.start = start
        self.end = end
        self.code = code


class Notes:
    """Collects the findings and field names of one query while it is read."""

    __slots__ = ("_line_starts", "fields", "found", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.fields: set[str] = set()
        self.found: list[Finding] = []
        self._line_starts: list[int] = []

    def error(self, start: int, end: int, message: str, code: str) -> None:
        """Note something that Elasticsearch or Kibana refuses."""
        self._note(start, end, message, code, Severity.ERROR)

    def warning(self, start: int, end: int, message: str, code: str) -> None:
        """Note something that is accepted and hardly meant."""
        self._note(start, end, message, code, Severity.WARNING)

    def rejected(self, why: Rejected) -> None:
        """Note where reading stopped."""
        self.error(why.start, why.end, str(why), why.code)

    def has_errors(self) -> bool:
        """Say whether anything but warnings was noted."""
        return any(finding.severity is Severity.ERROR for finding in self.found)

    def checked(self, engine: str) -> Checked:
        """Return what was collected."""
        return Checked(tuple(sorted(self.found)), frozenset(self.fields), engine)

    def _note(self, start: int, end: int, message: str, code: str, severity: Severity) -> None:
        """Note a finding about `text[start:end]`; at the end of the text it is about the last character."""
        if not self._line_starts:
            self._line_starts = [0, *(newline.end() for newline in re.finditer("\n", self.text))]
        start = max(0, min(start, len(self.text) - 1))
        end = min(max(end, start + 1), len(self.text))
        line = bisect_right(self._line_starts, start)
        column = start - self._line_starts[line - 1] + 1
        self.found.append(Finding(line, column, start, end - start, message, code, severity))


def too_deep(start: int, code: str) -> Rejected:
    """Return the rejection of a bracket that nests deeper than any parser should follow."""
    return Rejected(start, start + 1, f"brackets nest deeper than {MAX_DEPTH} levels; split the query", code)


def shortened(token: str) -> str:
    """Return a token as a message shows it: one line, at most 40 characters."""
    line = token.partition("\n")[0]
    return line if len(line) <= 40 else f"{line[:39]}…"
