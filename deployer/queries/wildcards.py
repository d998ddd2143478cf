"""
Patterns that begin with a wildcard, in each query language: light scanners that know strings, comments and brackets.

`*` alone, and what has nothing but wildcards (`?*`), asks whether a field has a value and is cheap. `?` at the front of
an EQL or ES|QL pattern stands for a drive letter in thousands of rules and is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from deployer.queries.findings import MAX_DEPTH

_LEADING = re.compile(r"\*+[^*?]")

_TERM = re.compile(
    r'"(?:[^"\\]|\\.)*+"?|(?P<term>(?:[^\s():<>"{}\\]|\\.)++)(?P<field>\s*+(?:[:<>]))?|[\s\S]',
    re.DOTALL,
)
_EQL = re.compile(
    r'//[^\n]*|/\*[\s\S]*?\*/|"""(?P<raw>[\s\S]*?)"""|"(?P<string>(?:[^"\\]|\\.)*+)"|(?P<word>[A-Za-z_@][\w@.]*+~?)|(?P<sign>\S)'
)
_ESQL = re.compile(
    r'//[^\n]*|/\*[\s\S]*?\*/|"""(?P<raw>[\s\S]*?)"""|"(?P<string>(?:[^"\\]|\\.)*+)"|`[^`]*`|(?P<word>[A-Za-z_@][\w@.]*+)|(?P<sign>\S)'
)
_PATTERN_WORDS = {"eql": frozenset({"like", "like~", "wildcard", "wildcard~"}), "esql": frozenset({"like"})}


def leading_wildcards(language: str, text: str) -> Iterator[tuple[int, int, str]]:
    """Yield line, column (from 1) and text of each pattern that begins with a wildcard; nothing of another language."""
    spans: Iterable[tuple[int, str]] = ()
    if language in ("kuery", "lucene"):
        spans = _terms(text, "*?" if language == "lucene" else "*")
    elif language in ("eql", "esql"):
        spans = _strings(language, text)
    for start, pattern in spans:
        line = text.count("\n", 0, start) + 1
        yield line, start - text.rfind("\n", 0, start), pattern


def _terms(text: str, wild: str) -> Iterator[tuple[int, str]]:
    """Find unquoted values of KQL and Lucene; a name in front of `:` is a field and no value."""
    for found in _TERM.finditer(text):
        term = found["term"]
        if term and term[0] in wild and not found["field"] and term.strip("*?"):
            yield found.start(), term


def _strings(language: str, text: str) -> Iterator[tuple[int, str]]:
    """Find strings of EQL and ES|QL that stand where a pattern is due: behind `:` or `like`, alone or in brackets."""
    scan = _EQL if language == "eql" else _ESQL
    due, depth = False, 0
    for found in scan.finditer(text):
        string = found["string"] if found["string"] is not None else found["raw"]
        if string is not None:
            if due and _LEADING.match(string):
                yield found.start(), found[0]
            due = due and depth > 0
        elif found["word"]:
            due = found["word"].lower() in _PATTERN_WORDS[language] or (due and depth > 0)
        elif found["sign"]:
            due, depth = _after_sign(found["sign"], language, due=due, depth=depth)


def _after_sign(sign: str, language: str, *, due: bool, depth: int) -> tuple[bool, int]:
    """Return whether a pattern is due behind a sign, and how deep its brackets are."""
    if sign == ":" and language == "eql":
        return True, 0
    if sign == "(" and due:
        return True, min(depth + 1, MAX_DEPTH)
    if sign == ")":
        return due and depth > 1, max(depth - 1, 0)
    return due and (depth > 0 or sign == "~"), depth
