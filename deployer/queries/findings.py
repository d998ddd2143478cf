"""
What a checker says about a query, and the three small things that every checker here shares.

A checker raises `Rejected` at the first thing that it cannot read, because what follows is guesswork from there on;
what it can still read but knows to be wrong (an unknown function) it collects in `Notes`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from deployer.errors import Severity

MAX_DEPTH = 60
"""
How deep brackets may nest. Elasticsearch's parsers recurse, and so do the libraries behind the extras; no query of
either corpus goes beyond 9.
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


@dataclass(slots=True)
class Notes:
    """Collects the findings and field names of one query while it is read."""

    text: str
    fields: set[str] = field(default_factory=set)
    found: list[Finding] = field(default_factory=list)

    def error(self, start: int, end: int, message: str, code: str) -> None:
        """Note something that Elasticsearch or Kibana refuses."""
        self.found.append(finding(self.text, start, end, message, code))

    def warning(self, start: int, end: int, message: str, code: str) -> None:
        """Note something that is accepted and hardly meant."""
        self.found.append(finding(self.text, start, end, message, code, Severity.WARNING))

    def rejected(self, why: Rejected) -> None:
        """Note where reading stopped."""
        self.error(why.start, why.end, str(why), why.code)

    def checked(self, engine: str) -> Checked:
        """Return what was collected."""
        return Checked(tuple(sorted(self.found)), frozenset(self.fields), engine)


def finding(text: str, start: int, end: int, message: str, code: str, severity: Severity = Severity.ERROR) -> Finding:
    """Return a finding about `text[start:end]`. At the end of the text it underlines the last character."""
    start = max(0, min(start, len(text) - 1))
    end = min(max(end, start + 1), len(text))
    line = text.count("\n", 0, start) + 1
    column = start - text.rfind("\n", 0, start)
    return Finding(line, column, start, end - start, message, code, severity)


def too_deep(start: int, code: str) -> Rejected:
    """Return the rejection of a bracket that nests deeper than any parser should follow."""
    return Rejected(start, start + 1, f"brackets nest deeper than {MAX_DEPTH} levels; split the query", code)


def shortened(token: str) -> str:
    """Return a token as a message shows it: one line, at most 40 characters."""
    line = token.partition("\n")[0]
    return line if len(line) <= 40 else f"{line[:39]}…"
