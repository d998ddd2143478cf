"""The check of all traffic against the OpenAPI document: it sees everything, and it can fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deployer.adapters.kibana import Secrets, connect
from tests.adapters.kibana.exchanges import RealClock, connection
from tests.support import contract
from tests.support.sandbox import PASSWORD, RULES, Answer, Sandbox, Space, query_rule, running

if not contract.available():
    pytest.skip(contract.ABSENT, allow_module_level=True)


def answer(path: str, status: int, body: Any, method: str = "GET") -> Answer:
    """An answer as a server might have given it."""
    return Answer(method, path, status, {"content-type": "application/json"}, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        (f"{RULES}/_find", 200, {"page": 1, "perPage": 20, "total": 1, "data": [{"name": "no rule"}]}),
        (f"/s/x{RULES}?rule_id=r-1", 200, query_rule()),
        ("/api/exception_lists?list_id=l", 200, {"list_id": "l"}),
        ("/api/detection_engine/tags", 200, [1]),
        (f"{RULES}/_find", 400, {"error": "odd"}),
        (f"{RULES}/_find", 404, {"message": "m", "status_code": 400}),
        (f"{RULES}/_find", 500, {"message": "Traceback (most recent call last)", "status_code": 500}),
    ],
)
def test_a_broken_answer_is_seen(path: str, status: int, body: Any) -> None:
    """A wrong shape, a third error body, a status that differs from the body's, a traceback."""
    with pytest.raises(AssertionError):
        contract.check(answer(path, status, body))


def test_what_facts_add_is_all_that_is_let_through() -> None:
    """A connector may have the one key that facts.md adds to the document, and no other."""
    fields = ("is_preconfigured", "is_deprecated", "is_system_action")
    row = {"id": "c", "name": "n", "connector_type_id": ".slack", "config": {}} | dict.fromkeys(fields, False)
    contract.check(answer("/api/actions/connectors", 200, [{**row, "referenced_by_count": 1}]))
    with pytest.raises(AssertionError, match="breaks the contract"):
        contract.check(answer("/api/actions/connectors", 200, [{**row, "odd": 1}]))


def test_every_exception_has_its_reason() -> None:
    """Where facts.md wins over the document, the case says why and names the section."""
    for reason, *_ in (*contract.FACTS_WIN, *contract.FACTS_ADD):
        assert "(facts.md " in reason


def test_every_documented_operation_is_answered(space: Space) -> None:
    """No operation of the document is a path that Kibana has not: what the sandbox lacks is a 501 naming itself."""
    for template, methods in contract.document()["paths"].items():
        path = template.removeprefix("/s/{spaceId}").replace("{id}", "00000000-0000-4000-8000-000000000000")
        for method in {"get", "post", "put", "patch", "delete"} & set(methods):
            found = space.request(method.upper(), path)
            unknown = found.status == 404 and found.json.get("message") == "Not Found"
            assert not unknown or path.startswith("/api/spaces/space/"), f"{method} {path}"
            if found.status == 501:
                assert f"{method.upper()} {path} is documented" in found.json["message"]


def test_documented_paths_beyond_the_document_say_that_they_are_not_there(space: Space) -> None:
    """Alerts are documented and not played: each path says 501 and which it is; an unknown neighbour is a 404."""
    for name in ("search", "status", "tags", "assignees"):
        path = f"/api/detection_engine/signals/{name}"
        found = space.request("POST", path, {})
        assert found.status == 501
        assert found.json["message"].startswith(f"POST {path} is documented")
    found = space.request("POST", "/api/detection_engine/signals/none", {})
    assert found.json == {"statusCode": 404, "error": "Not Found", "message": "Not Found"}


def test_what_our_own_client_is_answered_is_checked_too(tmp_path: Path) -> None:
    """Every answer to anybody is written down, and each is held to the document at the end."""
    with running(tmp_path / "kibana.sqlite3") as sandbox:
        recorded = sandbox.recorded
        assert recorded is not None
        secrets = Secrets(username="elastic", password=PASSWORD)
        with connect(connection(sandbox.url), "default", secrets, clock=RealClock(), read_only=False) as kibana:
            kibana.create(query_rule())
        seen = [json.loads(line) for line in recorded.read_text("utf-8").splitlines()]
        assert [(one["method"], one["status"]) for one in seen if one["path"].startswith(f"{RULES}?")] == [
            ("POST", 200)
        ]
    assert not recorded.exists()


def test_a_recorded_answer_that_breaks_the_contract_is_found(tmp_path: Path) -> None:
    """The check of a recording fails for one wrong line among right ones."""
    good = {"method": "GET", "path": "/api/detection_engine/tags?", "status": 200, "type": "application/json"}
    path = tmp_path / "answers"
    path.write_text("".join(json.dumps({**good, "body": body}) + "\n" for body in ('["a"]', "[1]")), "utf-8")
    with pytest.raises(AssertionError, match="GET /api/detection_engine/tags"):
        contract.check_recorded(path)


def test_the_recording_is_off_unless_asked_for(tmp_path: Path) -> None:
    """A sandbox that people start writes nothing but its data."""
    sandbox = Sandbox.start(tmp_path / "kibana.sqlite3")
    assert sandbox.request("GET", "/api/status").status == 200
    assert not sandbox.stop()
    assert {path.name.split("-")[0] for path in tmp_path.iterdir()} == {"kibana.sqlite3"}
