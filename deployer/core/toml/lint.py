"""
What only TOML 1.1 allows: our reader takes it, Python's own tomllib (up to 3.13) and many editors refuse the file.

Measured against tomllib: a text that tomli accepts and tomllib refuses has at least one finding here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from deployer.core.toml.place import line_and_column
from deployer.core.toml.syntax import Document, Inline, Leaf, Pair, Range, scan


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One place that needs TOML 1.1, with line and column from 1; `message` says what to write instead."""

    line: int
    column: int
    message: str


# One pass over a text: comments, strings without the new escapes and plain one-line inline tables are stepped over, so
# that `{` in a query is not taken for an inline table. What is left of `"`, `'` and `{` is looked at closely.
_LINE_STRING = r'"(?:[^"\\\n]++|\\[^ex])*+"' + r"|'[^'\n]*+'"
_SUSPECT = re.compile(
    r"#[^\n]*+"
    r"|'''(?:[^']++|'(?!''))*+'{3,5}"
    r'|"""(?:[^"\\]++|\\[^ex]|"(?!""))*+"{3,5}'
    rf"|{_LINE_STRING}"
    rf"|\{{(?:[^{{}}\n\"'#,:]++|,(?![ \t]*+\}})|{_LINE_STRING})*+\}}"
    r"|(?P<suspect>[\"'{]|\d\d:\d\d(?!:))"
)
_ESCAPE = re.compile(r"\\(?:[\s\S])")
_NO_SECONDS = re.compile(r"(?:\d{4}-\d\d-\d\d[Tt ])?\d\d:\d\d(?!:)")


def toml_1_1_only(text: str) -> tuple[Finding, ...]:
    """
    Return each use of syntax that is new in TOML 1.1, in the order of the text, for a text that `read` accepts.

    New are a newline, a comment or a comma at the end in an inline table, the escapes `\\e` and `\\xHH`, and times
    without seconds (toml.io, changelog of 1.1.0). A file without any of them costs one regular expression.
    """
    if not any(match["suspect"] for match in _SUSPECT.finditer(text)):
        return ()
    document = scan(text)
    found = {*_escapes(document), *_times(document), *_inline_tables(document)}
    return tuple(sorted(Finding(*line_and_column(text, offset), message) for offset, message in found))


def _escapes(document: Document) -> Iterator[tuple[int, str]]:
    for start, end in _basic_strings(document):
        for match in _ESCAPE.finditer(document.text, start, end):
            if match.group() in ("\\e", "\\x"):
                yield match.start(), f"the escape `{match.group()}` needs TOML 1.1; write \\u00HH"


def _basic_strings(document: Document) -> Iterator[Range]:
    """Yield the span of each "…" and \"\"\"…\"\"\", keys included."""
    spans = [(value.start, value.end) for value in document.values() if isinstance(value, Leaf)]
    pairs = [pair for section in document.sections for pair in section.pairs]
    pairs += [pair for value in document.values() if isinstance(value, Inline) for pair in value.pairs]
    spans += [span for pair in pairs for span in pair.spans]
    spans += [section.head for section in document.sections]
    return (span for span in spans if '"' in document.text[span[0] : span[1]] and document.text[span[0]] != "'")


def _times(document: Document) -> Iterator[tuple[int, str]]:
    for value in document.values():
        if isinstance(value, Leaf) and _NO_SECONDS.match(document.text, value.start, value.end):
            yield value.start, "a time without seconds needs TOML 1.1; write HH:MM:SS"


def _inline_tables(document: Document) -> Iterator[tuple[int, str]]:
    for value in document.values():
        if not isinstance(value, Inline):
            continue
        for start, end in gaps(value.start + 1, value.end - 1, value.pairs):
            newline = document.text.find("\n", start, end)
            if newline >= 0:
                yield newline, "a line break in an inline table needs TOML 1.1; write it on one line, or as a [table]"
                break
        if value.pairs and len(value.commas) == len(value.pairs):
            yield value.commas[-1], "a comma behind the last key of an inline table needs TOML 1.1; take it away"


def gaps(start: int, end: int, pairs: list[Pair]) -> Iterator[Range]:
    """Yield the stretches between `start` and `end` that belong to no value of these pairs."""
    for pair in pairs:
        yield start, pair.value.start
        start = pair.value.end
    yield start, end
