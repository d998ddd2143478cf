"""Findings: positions inside the text, severities, more than one of them, and what the messages suggest."""

from __future__ import annotations

import pytest

from deployer.errors import Severity
from deployer.queries import Finding, check
from deployer.queries.findings import MAX_DEPTH
from deployer.queries.spelling import did_you_mean, nearest
from tests.support.queries import errors

pytestmark = pytest.mark.quick


def test_position_counts_lines_and_characters_from_one() -> None:
    """The place of a finding is line and column of the text, and offset and length of the token."""
    query = "process where\n  // é 🔥\n  process.name == 'cmd'\n"
    (found,) = check("eql", query).findings
    assert (found.line, found.column, found.offset, found.length) == (3, 19, 41, 5)
    assert query[found.offset : found.offset + found.length] == "'cmd'"
    assert found.severity is Severity.ERROR


def test_windows_line_ends_do_not_move_the_column() -> None:
    """A carriage return is a character of the line before it ends."""
    (found,) = check("kuery", "a: 1 and\r\n  b: (2").findings
    assert (found.line, found.column) == (2, 6)


@pytest.mark.parametrize("language", ["eql", "esql"])
def test_empty_query_is_a_finding_without_length(language: str) -> None:
    """An empty EQL or ES|QL query is an error at line 1, column 1, of length 0."""
    (found,) = check(language, "").findings
    assert (found.line, found.column, found.offset, found.length) == (1, 1, 0, 0)
    assert "empty" in found.message


@pytest.mark.parametrize("query", ["", " ", "\n\t ", "\xa0"])
def test_empty_kql_and_blank_lucene_are_valid(query: str) -> None:
    """An empty KQL or Lucene query matches everything."""
    assert check("kuery", query).findings == ()
    assert errors(check("lucene", query)) == ()


def test_findings_are_in_order_of_position() -> None:
    """What EQL can still read it goes on reading: all errors, first to last."""
    checked = check("eql", 'process where length(a, b) == 1 and x == y and startWith(z, "a")')
    assert [found.code for found in checked.findings] == ["eql-arity", "eql-field-comparison", "eql-unknown-function"]
    assert list(checked.findings) == sorted(checked.findings)


def test_every_command_of_esql_is_checked() -> None:
    """A typing error in one command does not hide one in a later command."""
    checked = check("esql", "FROM a\n| WHER x == 1\n| EVAL y =\n| LIMIT 5\n| KEP z", full=False)
    assert [(found.line, found.column) for found in checked.findings] == [(2, 3), (3, 10), (5, 3)]


def test_fields_seen_before_an_error_are_kept() -> None:
    """A wrong query yields the fields before the place where reading stopped."""
    assert check("kuery", "a: 1 and b: (2 or ) and c: 3").fields == {"a", "b"}
    assert check("eql", "process where a == 1 and b = 2").fields == {"a", "b"}


@pytest.mark.parametrize(
    ("language", "query", "hint"),
    [
        ("esql", "FROM a | WHER x == 1", "did you mean `WHERE`?"),
        ("esql", "FORM a", "did you mean `FROM`?"),
        ("esql", "FROM a METDATA _id", "did you mean `METADATA`?"),
        ("esql", "FROM a | WHERE x = 1", "write `==`"),
        ("esql", "FROM a | WHERE STARTS_WIHT(x, 1)", "did you mean `STARTS_WITH`?"),
        ("eql", 'process where startWith(a, "b")', "did you mean `startsWith`?"),
        ("eql", "process wher true", "did you mean `where`?"),
        ("eql", "process where a == 1 AND b == 2", "lower case: `and`"),
        ("eql", "sequence with maxspam=1m [a where true] [b where true]", "did you mean `maxspan`?"),
        ("eql", "process where a = 1", "write `==`"),
        ("eql", 'process where wildcard(a, "b*")', "like~"),
        ("kuery", "a: > 5", "write `field > value`"),
        ("kuery", r"a: C\:\Windows", r"a backslash is written `\\`"),
        ("lucene", "a/b", r"a slash is written `\/`"),
    ],
)
def test_message_says_what_to_do(language: str, query: str, hint: str) -> None:
    """The message of a common mistake names the remedy."""
    assert hint in check(language, query, full=False).findings[0].message


@pytest.mark.parametrize(
    ("language", "opening", "inside", "closing", "prefix"),
    [
        ("kuery", "(", "a: 1", ")", ""),
        ("kuery", "(", "b", ")", "a: "),
        ("kuery", "a: {", "b: 1", "}", ""),
        ("eql", "(", "a == 1", ")", "process where "),
        ("eql", "concat(", "a", ")", 'process where "x" == '),
        ("lucene", "(", "a:1", ")", ""),
        ("esql", "(", "a == 1", ")", "FROM x | WHERE "),
        ("esql", "CONCAT(", "a", ")", 'FROM x | WHERE "x" == '),
        ("esql", "[", "1", "]", "ROW x = "),
        ("esql", "(FROM ", "x", ")", "FROM "),
    ],
)
def test_brackets_may_nest_to_the_limit_and_not_beyond(
    language: str, opening: str, inside: str, closing: str, prefix: str
) -> None:
    """Brackets nest down to the limit; one more, and a hundred thousand more, is a finding and no crash."""
    accepted = check(language, prefix + opening * MAX_DEPTH + inside + closing * MAX_DEPTH, full=False)
    assert accepted.findings == ()
    for deep in (MAX_DEPTH + 1, 100_000):
        (found,) = errors(check(language, prefix + opening * deep + inside + closing * deep))
        assert "nest deeper" in found.message


@pytest.mark.parametrize(
    ("language", "query"),
    [
        ("eql", f"process where {'not ' * 50_000}a == 1"),
        ("eql", f"process where {'- ' * 50_000}a == 1"),
        ("eql", f"process where a == 1{' and a == 1' * 20_000}"),
        ("kuery", f"a: 1{' and b: 2' * 20_000}"),
        ("kuery", f"a: ({' or '.join('x' for _ in range(20_000))})"),
        ("lucene", f"a:1{' AND b:2' * 20_000}"),
        ("esql", f"FROM a | WHERE {'NOT ' * 50_000}x"),
        ("esql", f"FROM a{' | LIMIT 1' * 10_000}"),
    ],
)
def test_long_queries_are_read_without_recursion(language: str, query: str) -> None:
    """Length is no depth: chains of tens of thousands of operators are read."""
    assert check(language, query, full=False).findings == ()


def test_nested_query_is_reported_at_its_place() -> None:
    """A wrong KQL query inside KQL(…) is found at its own line and column where its text has no escapes."""
    query = 'FROM a\n| WHERE KQL("""user.name: a and (b: 1""")'
    (found,) = errors(check("esql", query, full=False))
    assert query[found.offset : found.offset + found.length] == "("
    assert (found.line, found.column) == (2, 33)
    assert found.message.startswith("in KQL: ")


def test_nested_query_with_escapes_is_reported_at_the_string() -> None:
    """Where escapes shift the positions, the finding is about the whole string."""
    query = r'FROM a | WHERE KQL("user.name: \"a")'
    (found,) = errors(check("esql", query, full=False))
    assert query[found.offset : found.offset + found.length] == r'"user.name: \"a"'


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("WHER", "WHERE"),
        ("where", "WHERE"),
        ("EVLA", "EVAL"),
        ("STTAS", "STATS"),
        ("MV_EXPADN", "MV_EXPAND"),
        ("WH", ""),
        ("COMPLETELY", ""),
        ("", ""),
        ("X" * 1000, ""),
    ],
)
def test_nearest_word_is_a_slip_away(word: str, expected: str) -> None:
    """Only words within a typing error are suggested; case does not count."""
    known = {"WHERE", "EVAL", "STATS", "KEEP", "MV_EXPAND"}
    assert nearest(word, known) == expected
    assert did_you_mean(word, known) == (f"; did you mean `{expected}`?" if expected else "")


def test_equally_near_words_are_suggested_in_order() -> None:
    """Of two words that are equally near the first in alphabetical order is suggested, so output is stable."""
    assert nearest("cat", ["rat", "bat"]) == "bat"


def test_finding_is_a_sortable_value() -> None:
    """Findings are frozen and sort by position."""
    one = Finding(1, 1, 0, 1, "b", "x")
    two = Finding(1, 2, 1, 1, "a", "x")
    assert sorted([two, one]) == [one, two]
    with pytest.raises(AttributeError):
        one.line = 5  # type: ignore[misc]
