"""The case files: every wrong query is rejected at its token, every right one is accepted with its fields."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.queries import LANGUAGES, check
from tests.support.queries import cases, errors

pytestmark = pytest.mark.quick

LEAST_INVALID = 120
LEAST_VALID = {"kuery": 60, "eql": 60, "lucene": 25, "esql": 40}


def parameters(kind: str) -> list[Any]:
    """Return one parameter for each case of each language."""
    return [
        pytest.param(language, case, id=f"{language}-{number}")
        for language in LANGUAGES
        for number, case in enumerate(cases(language, kind), 1)
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_case_files_are_as_long_as_promised(language: str) -> None:
    """Each language has at least 120 wrong queries and its number of right ones, all different."""
    invalid = [case["query"] for case in cases(language, "invalid")]
    valid = [case["query"] for case in cases(language, "valid")]
    assert len(set(invalid)) == len(invalid) >= LEAST_INVALID
    assert len(set(valid)) == len(valid) >= LEAST_VALID[language]
    assert not set(valid) & set(invalid)


@pytest.mark.parametrize(("language", "case"), parameters("invalid"))
def test_wrong_query_is_rejected_at_the_offending_token(language: str, case: dict[str, Any]) -> None:
    """The first error of a wrong query stands at the line, column and token that the case names."""
    query = case["query"]
    found = errors(check(language, query))
    assert found, case["reason"]
    first = found[0]
    token = query[first.offset : first.offset + first.length]
    assert (first.line, first.column, token) == (case["line"], case["column"], case["token"]), first.message
    assert first.message
    assert first.code


@pytest.mark.parametrize(("language", "case"), [entry for entry in parameters("invalid") if "light" in entry.values[1]])
def test_light_check_rejects_what_is_marked_light(language: str, case: dict[str, Any]) -> None:
    """Without the libraries, the cases marked `light` are rejected at the same token."""
    checked = check(language, case["query"], full=False)
    assert checked.engine.endswith("-light")
    found = errors(checked)
    assert bool(found) is case["light"]
    assert not found or (found[0].line, found[0].column) == (case["line"], case["column"])


@pytest.mark.parametrize("full", [True, False], ids=["full", "light"])
@pytest.mark.parametrize(("language", "case"), parameters("valid"))
def test_right_query_is_accepted_with_its_fields(language: str, case: dict[str, Any], full: bool) -> None:
    """A right query has no error, the warnings that the case names, and the fields that the case names."""
    checked = check(language, case["query"], full=full)
    assert errors(checked) == ()
    assert sorted({finding.code for finding in checked.findings}) == case.get("warnings", [])
    assert sorted(checked.fields) == case["fields"]
