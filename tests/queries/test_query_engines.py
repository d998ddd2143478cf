"""Which checker runs: the libraries of the extras where they are installed, the own checks everywhere."""

from __future__ import annotations

import importlib.util
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from deployer.queries import LANGUAGES, check, esql, lucene
from deployer.queries.esql_scanner import scan
from deployer.queries.esql_shape import shape
from deployer.queries.findings import Rejected
from tests.support.queries import cases, errors

pytestmark = pytest.mark.quick

needs_luqum = pytest.mark.skipif(
    importlib.util.find_spec("luqum") is None, reason="luqum is not installed (extra `lucene`)"
)
needs_esql_py = pytest.mark.skipif(
    sys.version_info < (3, 13) or importlib.util.find_spec("pyesql") is None,
    reason="esql-py is not installed (extra `esql`, Python 3.13 and later)",
)


@pytest.mark.parametrize(
    ("language", "engine"),
    [("kuery", "kql"), ("eql", "eql"), ("lucene", "lucene-light"), ("esql", "esql-light")],
)
def test_light_check_says_its_name(language: str, engine: str) -> None:
    """Without the libraries the engine is the own check, whatever is installed."""
    assert check(language, "a", full=False).engine == engine


@pytest.mark.parametrize(
    ("language", "module", "engine"), [("lucene", "luqum.thread", "lucene-light"), ("esql", "pyesql", "esql-light")]
)
def test_missing_library_means_the_light_check(
    language: str, module: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that cannot be imported is left out, and the engine says so."""
    monkeypatch.setitem(sys.modules, module, None)
    assert check(language, "FROM a").engine == engine


def test_unknown_language_is_an_error_of_the_caller() -> None:
    """A language that Kibana does not know is a ValueError that names those it knows."""
    with pytest.raises(ValueError, match="`sql` is no query language that Kibana knows; known are kuery, eql"):
        check("sql", "SELECT 1")


@needs_luqum
def test_luqum_reads_lucene() -> None:
    """With luqum installed the engine is luqum, for wrong and for right queries."""
    assert check("lucene", "a:b AND c:d").engine == "luqum"
    assert check("lucene", "a:b^").engine == "luqum"


@needs_luqum
@pytest.mark.parametrize("query", ["a:b^", "a:b:c", "a/b", "&& a", "NOT NOT a", "a^b", "host.*:x"])
def test_own_check_refuses_what_luqum_accepts(query: str) -> None:
    """luqum reads these without complaint, and Elasticsearch does not."""
    from luqum.thread import parse

    assert parse(query) is not None
    assert errors(check("lucene", query))


@needs_luqum
@pytest.mark.parametrize(("query", "start"), [("a:b OR OR c", 7), ("(a", 1), ('a:"b', 2)])
def test_rejection_of_luqum_is_translated_to_a_position(query: str, start: int) -> None:
    """luqum names the position in its message only; where it names none it is the end."""
    from luqum.thread import parse

    with pytest.raises(Rejected, match="luqum cannot read this") as caught:
        lucene._read_with(parse, query)
    assert caught.value.start == start


@needs_luqum
def test_failure_of_luqum_is_no_finding() -> None:
    """luqum crashes on this right query; the own check has read it."""
    from luqum.thread import parse

    with pytest.raises(ArithmeticError):
        parse("a~.")
    assert check("lucene", "a~.").findings == ()


@needs_luqum
def test_lucene_is_checked_in_threads() -> None:
    """luqum's parser is used through its thread-safe door: many threads get the answers that one gets."""
    queries = [case["query"] for kind in ("valid", "invalid") for case in cases("lucene", kind)] * 3
    alone = [check("lucene", query) for query in queries]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda query: check("lucene", query), queries)) == alone


@needs_esql_py
def test_esql_py_reads_esql() -> None:
    """With esql-py installed the engine is esql-py, for wrong and for right queries."""
    assert check("esql", "FROM a | WHERE b == 1").engine == "esql-py"
    assert check("esql", "FROM a | WHER b == 1").engine == "esql-py"


@needs_esql_py
@pytest.mark.parametrize(
    ("query", "start"),
    [("FROM a | WHER b == 1", 9), ("FROM a\n| LIMIT 1\n| WHERE b ==", 29), (f"FROM a | WHERE {'(' * 400}", 0)],
)
def test_rejection_of_esql_py_is_translated_to_a_position(query: str, start: int) -> None:
    """The line and column of esql-py become an offset; nesting that it cannot follow is a rejection, no crash."""
    from pyesql import parse

    with pytest.raises(Rejected) as caught:
        esql._read_with(parse, query)
    assert caught.value.start == start


@needs_esql_py
@pytest.mark.parametrize(
    "query",
    [
        "FROM a | LOOKUP JOIN b ON c",
        "FROM a | KEEP b.*, *c",
        "FROM a,-b | LIMIT 1",
        "FROM <a-{now/d}> | LIMIT 1",
        "FROM a | ENRICH _any:p-q ON b",
        'FROM a | DISSECT b "%{c}" APPEND_SEPARATOR=","',
        "FROM a | LIMIT 1 BY b",
        "FROM a /* b /* c */ d */ | LIMIT 1",
        'FROM a | WHERE LEFT(b, 2) == "x"',
        "FROM a | WHERE row == 1 AND drop == 2",
        'FROM a | WHERE b::keyword : "x"',
        'FROM a | WHERE b == """"c""""',
    ],
)
def test_gaps_of_esql_py_refuse_nothing(query: str) -> None:
    """esql-py refuses this documented syntax; it is shown a shape of the query that it can read."""
    from pyesql import EsqlError, parse

    with pytest.raises(EsqlError):
        parse(query)
    assert check("esql", query).findings == ()


def test_shape_of_a_query_keeps_its_positions() -> None:
    """What esql-py is shown has names and strings of no meaning, and every character in its old place."""
    query = 'SET a=1; FROM x-*, y // note\n| KEEP b.*\n| WHERE c.d == "d" /* e */ AND f\n| STATS g = LAST(h) BY i'
    shown = shape(query, list(scan(query)))
    assert len(shown) == len(query)
    assert [line.rstrip() for line in shown.split("\n")] == [
        "         FROM a",
        "| FUSE",
        '| WHERE aaa == "x"         AND a',
        "| STATS a = aaaa(a) BY a",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_same_query_has_the_same_answer(language: str) -> None:
    """Checking is a function of the text: twice the same query, twice the same value."""
    for case in cases(language, "invalid")[:20]:
        assert check(language, case["query"]) == check(language, case["query"])
