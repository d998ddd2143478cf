"""Patterns that begin with a wildcard, in every language, and what only looks like one."""

from __future__ import annotations

import pytest

from deployer.queries.wildcards import leading_wildcards

pytestmark = pytest.mark.quick

FOUND = [
    ("kuery", "a : *x", ["*x"]),
    ("kuery", "a : (x or *y or not *z*)", ["*y", "*z*"]),
    ("kuery", "not a.b:*\\:x", ["*\\:x"]),
    ("kuery", "*tail", ["*tail"]),
    ("lucene", "a:*x OR b:?y", ["*x", "?y"]),
    ("eql", 'any where a : "*x"', ['"*x"']),
    ("eql", 'any where a like~ ("b*", "*c")', ['"*c"']),
    ("eql", 'any where wildcard(a, "b*", "*c*")', ['"*c*"']),
    ("eql", 'any where a : ("x", """*"y""") and b == "*z"', ['"""*"y"""']),
    ("esql", 'from x | where a like "*y"', ['"*y"']),
    ("esql", 'from x | where a LIKE ("b*", "**c") and d == "*e"', ['"**c"']),
]

NOTHING = [
    ("kuery", "a : *"),
    ("kuery", "*"),
    ("kuery", "*:* and a : x*"),
    ("kuery", 'a : "*x"'),
    ("kuery", "*name : x"),
    ("kuery", "a : \\*x"),
    ("kuery", ""),
    ("lucene", 'a:"*x" AND _exists_:b AND c:*'),
    ("eql", 'any where a == "*x"'),
    ("eql", 'any where a : "?:\\\\x*" or b : "*" or c : "?*"'),
    ("eql", 'any where a : "x" // "*y"\n and b == "*z" /* like "*z" */'),
    ("eql", 'any where (a : "x") and b in ("*y")'),
    ("esql", 'from x | where a rlike ".*y" and b like "z*"'),
    ("esql", 'from x | eval a = "*y" // like "*z"'),
    ("none", "a : *x"),
]


@pytest.mark.parametrize(("language", "query", "patterns"), FOUND)
def test_leading_wildcards_are_found(language: str, query: str, patterns: list[str]) -> None:
    """Each pattern is found as it is written, and stands where it is said to stand."""
    found = list(leading_wildcards(language, query))

    assert [pattern for _, _, pattern in found] == patterns
    for line, column, pattern in found:
        assert query.split("\n")[line - 1][column - 1 :].startswith(pattern)


@pytest.mark.parametrize(("language", "query"), NOTHING)
def test_what_is_cheap_or_no_pattern_is_left_alone(language: str, query: str) -> None:
    """Existence, drive letters, equality, quoted KQL, comments and field names are no leading wildcards."""
    assert list(leading_wildcards(language, query)) == []


def test_places_are_counted_in_lines() -> None:
    """Line and column count from 1 in the query's own lines."""
    assert list(leading_wildcards("kuery", "a : x or\n  b : *y")) == [(2, 7, "*y")]


@pytest.mark.parametrize("language", ["kuery", "lucene", "eql", "esql"])
def test_broken_text_never_raises(language: str) -> None:
    """Unclosed strings, comments and brackets, and deep nesting, end without an exception."""
    for text in ('a : "*x', "/* like", '"""*', "(" * 5000 + '"*x"', "like(" * 200 + '"*x"', "\\", "*\\", "\x00*x"):
        list(leading_wildcards(language, text))
