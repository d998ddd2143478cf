"""
schemathesis makes requests from the OpenAPI document, for every documented operation: valid ones and broken ones.

No answer is a server error, and none breaks its schema (`tests/support/contract.py`). A short form with a fixed seed
runs with every test run, a long one, with another seed each time, with `make torture`.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.support import contract
from tests.support.sandbox import PASSWORD, RULES, Answer, Space, fresh_space, query_rule

if not contract.available():
    pytest.skip(contract.ABSENT, allow_module_level=True)
schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed: nothing makes requests")
requests = pytest.importorskip("requests")

KNOWN = {"rule_id": "r-1", "list_id": "l-1", "item_id": "i-1", "namespace_type": "single"}
"""Values that exist in the space: half of the requests get them, so that more than 404 is reached."""

FACTS_FAIL = {
    f"{RULES}/_bulk_action": "a partial failure is a 500 with attributes (facts.md 4.2)",
    f"{RULES}/_import": "an upload without the part `file` is a TypeError (facts.md 5.3)",
    "/api/exception_lists/_import": "an upload without the part `file`, as for rules; the document knows this 500",
}
"""Paths where Kibana itself answers 500, and why."""


@functools.cache
def operations() -> dict[str, Any]:
    """Every documented operation by its label, such as `GET /api/lists`."""
    schema = schemathesis.openapi.from_path(contract.DOCUMENT)
    return {found.ok().label: found.ok() for found in schema.get_all_operations()}


@pytest.fixture(scope="module")
def stocked(shared_sandboxes: Callable[[str], Any]) -> Space:
    """A space with one rule, one list with an item, and one value list."""
    space = fresh_space(shared_sandboxes("9.3"))
    space.create(query_rule())
    made = [
        ("/api/exception_lists", {"list_id": "l-1", "name": "L", "description": "d", "type": "detection"}),
        (
            "/api/exception_lists/items",
            {
                "list_id": "l-1",
                "item_id": "i-1",
                "name": "I",
                "description": "d",
                "type": "simple",
                "entries": [{"field": "a", "type": "exists", "operator": "included"}],
            },
        ),
        ("/api/lists/index", None),
        ("/api/lists", {"id": "l-1", "name": "V", "description": "d", "type": "keyword"}),
    ]
    for path, body in made:
        assert space.request("POST", path, body).status == 200
    return space


def test_the_document_has_the_operations_of_the_issue() -> None:
    """Rules, exceptions and lists are among what is driven."""
    labels = set(operations())
    assert f"POST {RULES}/_bulk_action" in labels
    assert {"PUT /api/exception_lists/items", "PATCH /api/lists", "POST /s/{spaceId}" + RULES} <= labels


@pytest.mark.parametrize("label", operations())
def test_no_documented_request_breaks_the_sandbox(stocked: Space, label: str) -> None:
    """A few valid and a few broken requests of every operation, the same ones each time."""
    drive(stocked, label, examples=6, fixed=20261124)


@pytest.mark.torture
@pytest.mark.parametrize("label", operations())
def test_no_documented_request_breaks_the_sandbox_in_the_long_run(stocked: Space, label: str) -> None:
    """Hundreds of requests of every operation, others each time; a failure shows the seed."""
    fixed = int.from_bytes(os.urandom(4))
    print(f"seed {fixed}")
    drive(stocked, label, examples=300, fixed=fixed)


def drive(space: Space, label: str, *, examples: int, fixed: int) -> None:
    """Send that many generated requests of one operation into the space, half of them broken ones."""
    operation = operations()[label]
    modes = [operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode]
    session = requests.Session()
    session.auth = ("elastic", PASSWORD)

    @seed(fixed)
    @settings(
        max_examples=examples, database=None, deadline=None, suppress_health_check=list(HealthCheck), phases=FRESH
    )
    @given(case=st.one_of(modes), known=st.booleans())
    def send(case: Any, known: bool) -> None:
        if known:
            season(case)
        judge(label, answered(case, space, session))

    with session:
        send()


FRESH = [Phase.generate]


def season(case: Any) -> None:
    """Put the names of what exists into a request."""
    for part in (case.query, case.body):
        if isinstance(part, dict):
            part.update({name: value for name, value in KNOWN.items() if name in part})


def answered(case: Any, space: Space, session: Any) -> Answer:
    """Send one generated request; requests that no client can put on the wire are left out."""
    if "spaceId" in case.path_parameters:
        case.path_parameters["spaceId"] = space.name
    prefix = "" if case.path.startswith("/s/") else f"/s/{space.name}"
    try:
        sent = case.as_transport_kwargs(base_url=space.sandbox.url + prefix)
        response = session.request(**{**sent, "timeout": 60, "headers": headers(sent)})
    except (requests.exceptions.InvalidHeader, UnicodeError):
        return Answer(case.method, case.path, 0, {}, b"")
    path = response.request.path_url
    found = {name.lower(): value for name, value in response.headers.items()}
    return Answer(case.method, path, response.status_code, found, response.content)


def headers(sent: dict[str, Any]) -> dict[str, str]:
    """The headers of a generated request, with those that every request to Kibana has."""
    return {**(sent.get("headers") or {}), "kbn-xsrf": "tests", "elastic-api-version": "2023-10-31"}


def judge(label: str, answer: Answer) -> None:
    """Raise AssertionError for a server error that is not Kibana's own, and for a broken schema."""
    path = label.split(" ", 1)[1]
    if answer.status == 501:
        assert "is documented" in answer.json["message"]
    elif answer.status >= 500:
        assert path in FACTS_FAIL, f"{label}: {answer.status} {answer.body[:500]!r}"
        assert b"internal server error" not in answer.body, f"{label}: the sandbox has a bug"
    contract.check(answer)
