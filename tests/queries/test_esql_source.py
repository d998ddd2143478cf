"""Rewriting the index patterns of an ES|QL query: only the sources, by tokens, everything else byte for byte."""

from __future__ import annotations

from typing import Any

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from deployer.queries import check
from deployer.queries.esql_source import rewrite_sources, sources
from tests.support.queries import CASES, CORPORA, corpus_queries, errors
from tests.support.shared import needs_shared

pytestmark = pytest.mark.quick

SOURCE_CASES = tomli.loads((CASES / "esql_sources.toml").read_text("utf-8"))["case"]
DEFAULT = {"logs-*": "us:logs-*", "winlogbeat-*": "us:winlogbeat-*"}

unhurried = settings(deadline=None)  # the machine may be busy
names = st.from_regex(r"\A[a-z.][a-z0-9._*-]{0,12}\Z")
pieces = st.sampled_from(
    [
        *('"', '"""', "`", "(", ")", "[", "]", "|", ",", ":", ";", "//", "/*", "*/", "\n", " ", "\\", "\xa0"),
        *("FROM", "TS", "from", "METADATA", "logs-*", "us:logs-*", "-logs", "_id", "WHERE x ==", "a::b", "<a-{now/d}>"),
    ]
)


@pytest.mark.parametrize("case", SOURCE_CASES, ids=lambda case: case["reason"])
def test_sources_are_found_and_rewritten(case: dict[str, Any]) -> None:
    """The patterns are those of the case, and after the rewriting the query is the case's, byte for byte."""
    query = case["query"]
    assert list(sources(query)) == case["sources"]
    assert rewrite_sources(query, case.get("mapping", DEFAULT)) == case.get("rewritten", query)


@needs_shared
@pytest.mark.parametrize("date", CORPORA)
def test_sources_of_real_rules_are_rewritten_and_nothing_else(date: str) -> None:
    """In every real ES|QL rule each pattern gets a cluster, the rest keeps its bytes, and the way back is the same."""
    queries = [query.text for query in corpus_queries(date) if query.language == "esql"]
    found = 0
    for query in queries:
        before = sources(query)
        there = {pattern: f"prod:{pattern}" for pattern in before}
        rewritten = rewrite_sources(query, there)
        assert sources(rewritten) == tuple(f"prod:{pattern}" for pattern in before)
        assert rewritten.replace("prod:", "") == query
        assert rewrite_sources(rewritten, {new: old for old, new in there.items()}) == query
        assert errors(check("esql", rewritten)) == ()
        found += bool(before)
    print(f"{date}: {found} of {len(queries)} ES|QL queries have sources")
    assert found == len(queries)


@unhurried
@given(st.lists(names, min_size=1, max_size=5), names, names)
def test_rewriting_replaces_each_equal_name(patterns: list[str], old: str, new: str) -> None:
    """For any list of names the result has the new name where the old one was, and the others as they were."""
    query = f'FROM {", ".join(patterns)} METADATA _id | WHERE a == "{old}"'
    expected = tuple(new if pattern == old else pattern for pattern in patterns)
    rewritten = rewrite_sources(query, {old: new})
    assert sources(rewritten) == expected
    assert rewritten.endswith(f' METADATA _id | WHERE a == "{old}"')


@unhurried
@given(st.lists(pieces, max_size=30).map("".join) | st.text(max_size=60))
def test_no_text_raises_and_an_empty_mapping_changes_nothing(text: str) -> None:
    """Any text has sources and can be rewritten; without a mapping, or onto itself, not a byte changes."""
    patterns = sources(text)
    assert rewrite_sources(text, {}) == text
    assert rewrite_sources(text, {pattern: pattern for pattern in patterns}) == text


@unhurried
@given(st.lists(pieces, max_size=30).map("".join))
def test_rewriting_is_exact_for_any_text(text: str) -> None:
    """Whatever stands in the text, afterwards exactly the mapped patterns are others."""
    mapping = {"logs-*": "us:logs-*", "-logs": "elsewhere"}
    rewritten = rewrite_sources(text, mapping)
    assert sources(rewritten) == tuple(mapping.get(pattern, pattern) for pattern in sources(text))


@unhurried
@given(st.text(min_size=1).filter(lambda name: "," not in name and name == name.strip()))
def test_any_new_name_is_read_back(name: str) -> None:
    """Whatever the new name has in it, it is quoted so that the query reads it as that name."""
    rewritten = rewrite_sources("FROM logs-* METADATA _id | LIMIT 1", {"logs-*": name})
    assert sources(rewritten) == (name,)
    assert errors(check("esql", rewritten)) == ()
