"""`_export` and `_import` (facts.md sections 5.2 and 5.3)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.sandbox import RULES, Sandbox, Space, query_rule
from tests.support.uploads import form, ndjson

EMPTY = {
    "exceptions_success": True,
    "exceptions_success_count": 0,
    "exceptions_errors": [],
    "action_connectors_success": True,
    "action_connectors_success_count": 0,
    "action_connectors_errors": [],
    "action_connectors_warnings": [],
}
LIST = {
    "list_id": "allowed",
    "name": "Allowed",
    "description": "Known tools",
    "type": "detection",
    "namespace_type": "single",
}
ITEM = {
    "item_id": "tool",
    "list_id": "allowed",
    "name": "Tool",
    "description": "A tool",
    "type": "simple",
    "namespace_type": "single",
    "entries": [{"field": "process.name", "type": "match", "operator": "included", "value": "tool"}],
}
CONNECTOR = {"id": "c-1", "type": "action", "attributes": {"actionTypeId": ".slack", "name": "SOC", "config": {}}}


def upload(space: Space | Sandbox, *lines: Any, query: str = "", user: str = "elastic") -> Any:
    """Import these lines."""
    body, headers = form(ndjson(lines))
    return space.request("POST", f"{RULES}/_import{query}", body, headers=headers, user=user)


def reference(**fields: Any) -> dict[str, Any]:
    """A reference of a rule to LIST, with the id that it had elsewhere."""
    return {"id": "elsewhere", "list_id": "allowed", "type": "detection", "namespace_type": "single"} | fields


def action(connector: str = "c-1") -> dict[str, Any]:
    """A rule action."""
    return {"id": connector, "action_type_id": ".slack", "group": "default", "params": {"message": "m"}}


@pytest.mark.quick
def test_an_import_creates_disabled_rules(space: Space) -> None:
    """A new rule without `enabled` is disabled, version 1, and the counters say what happened (section 0.1)."""
    answer = upload(space, query_rule("a"), query_rule("b", enabled=True), {"exported_count": 2})
    assert answer.json == {"success": True, "success_count": 2, "rules_count": 2, "errors": [], **EMPTY}
    assert [space.rule(name)["enabled"] for name in ("a", "b")] == [False, True]
    assert space.rule("a")["version"] == 1


def test_existing_rules_conflict_without_overwrite(space: Space) -> None:
    """409 per rule, HTTP 200 for the file; nothing is changed."""
    before = space.create(query_rule(name="Before"))
    answer = upload(space, query_rule(name="After"))
    assert answer.status == 200
    error = {"status_code": 409, "message": "Rule with this rule_id already exists"}
    assert answer.json["errors"] == [{"rule_id": "r-1", "error": error}]
    assert answer.json["success"] is False
    assert space.rule() == before


def test_overwriting_replaces_and_resets_the_version(space: Space) -> None:
    """As PUT, but a missing version becomes 1, and `enabled` of the file counts (sections 0.6 and 5.3)."""
    before = space.create(query_rule(version=7, note="n", tags=["a"], enabled=True))
    assert upload(space, query_rule(name="After"), query="?overwrite=true").json["success"] is True
    after = space.rule()
    assert (after["version"], after["enabled"], after["tags"]) == (1, True, [])
    assert "note" not in after
    assert [after[key] for key in ("id", "created_at")] == [before[key] for key in ("id", "created_at")]
    upload(space, query_rule(enabled=False), query="?overwrite=true")
    assert space.rule()["enabled"] is False


def test_the_last_of_several_lines_wins(space: Space) -> None:
    """Without overwrite the repetition is an error and the last line is imported all the same."""
    lines = (query_rule(name="First"), query_rule(name="Last"))
    answer = upload(space, *lines).json
    assert answer["errors"][0]["error"]["message"] == 'More than one rule with rule-id: "r-1" found'
    assert (answer["success_count"], answer["rules_count"]) == (1, 2)
    assert space.rule()["name"] == "Last"
    assert upload(space, *lines, query="?overwrite=true").json["errors"] == []


def test_lines_that_are_no_rules(space: Space) -> None:
    """Bad JSON and invalid rules are errors without a known id; the others are imported."""
    answer = upload(space, "{broken", {"type": "query"}, query_rule(), "", "[]").json
    assert [entry["rule_id"] for entry in answer["errors"]] == ["(unknown id)"] * 3
    assert (answer["success_count"], answer["rules_count"]) == (1, 4)


def test_an_export_comes_back_the_same(space: Space, space_of: Callable[[str], Space]) -> None:
    """Export, import elsewhere, and every authored field is equal; the details line counts."""
    for number in range(3):
        space.create(query_rule(f"r-{number}", version=3, tags=["t"], enabled=number == 1))
    exported = space.request("POST", f"{RULES}/_export")
    assert exported.headers["content-type"] == "application/ndjson"
    assert exported.headers["content-disposition"] == 'attachment; filename="export.ndjson"'
    assert exported.lines[-1]["exported_count"] == 3
    other = space_of("9.3")
    assert upload(other, *exported.lines).json["success_count"] == 3
    for number in range(3):
        here, there = (_authored(one.rule(f"r-{number}")) for one in (space, other))
        assert here == there


def _authored(rule: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in rule.items() if name not in ("id", "created_at", "updated_at")}


def test_an_export_names_what_is_missing(space: Space) -> None:
    """Unknown rule_ids are listed, and without details only rules come."""
    space.create(query_rule())
    space.admin("POST", "executions", {"rule_id": "r-1", "status": "succeeded"})
    body = {"objects": [{"rule_id": "r-1"}, {"rule_id": "gone"}]}
    lines = space.request("POST", f"{RULES}/_export", body).lines
    assert "execution_summary" not in lines[0]
    assert (lines[-1]["missing_rules"], lines[-1]["missing_rules_count"]) == ([{"rule_id": "gone"}], 1)
    bare = space.request("POST", f"{RULES}/_export?exclude_export_details=true&file_name=x.ndjson", body)
    assert [line["rule_id"] for line in bare.lines] == ["r-1"]
    assert bare.headers["content-disposition"] == 'attachment; filename="x.ndjson"'


def test_exceptions_come_along(space: Space) -> None:
    """Lists and items are imported first, references get the local id, and only items are counted."""
    answer = upload(space, query_rule(exceptions_list=[reference()]), LIST, ITEM).json
    assert (answer["success"], answer["exceptions_success_count"]) == (True, 1)
    local = space.request("GET", "/api/exception_lists?list_id=allowed").json["id"]
    assert space.rule()["exceptions_list"] == [reference(id=local)]
    again = upload(space, LIST, ITEM).json
    assert again["exceptions_success"] is False
    assert [entry["error"]["status_code"] for entry in again["exceptions_errors"]] == [409, 409]
    assert upload(space, LIST, ITEM, query="?overwrite_exceptions=true").json["exceptions_success"] is True
    lines = space.request("POST", f"{RULES}/_export").lines
    assert [line.get("item_id") or line.get("list_id") for line in lines[1:3]] == ["allowed", "tool"]


def test_a_reference_to_nothing_is_removed_and_told(space: Space) -> None:
    """The rule counts as imported and as an error at once."""
    answer = upload(space, query_rule(exceptions_list=[reference(list_id="gone")])).json
    assert answer["success_count"] == 1
    assert answer["errors"][0]["error"]["message"] == (
        'Rule with rule_id: "r-1" references a non existent exception list of list_id: "gone". '
        "Reference has been removed."
    )
    assert space.rule()["exceptions_list"] == []


def test_connectors_come_along_without_secrets(space: Space) -> None:
    """A rule and its connector in one file; the warning says that secrets are missing."""
    answer = upload(space, query_rule(actions=[action()]), CONNECTOR).json
    assert (answer["success"], answer["action_connectors_success_count"]) == (True, 1)
    assert answer["action_connectors_warnings"][0]["type"] == "action_required"
    connector = space.request("GET", "/api/actions/connector/c-1").json
    assert connector["is_missing_secrets"] is True
    refused = space.request("POST", RULES, query_rule("r-2", actions=[action()]))
    assert refused.json["message"].endswith("Invalid connectors: SOC")


def test_missing_connectors_keep_a_rule_out(space: Space) -> None:
    """404 with the ids; the rule is not imported."""
    answer = upload(space, query_rule(actions=[action("x"), action("y")])).json
    assert answer["errors"][0]["error"] == {
        "status_code": 404,
        "message": "Rule actions reference the following missing action IDs: x,y",
    }
    assert space.request("GET", f"{RULES}?rule_id=r-1").status == 404


def test_privileges_about_actions(space: Space) -> None:
    """Without actions privileges neither connectors nor rules with actions are imported."""
    answer = upload(space, query_rule(actions=[action()]), CONNECTOR, user="no-actions").json
    assert answer["action_connectors_errors"][0]["error"]["status_code"] == 403
    assert answer["success_count"] == 0


def test_old_investigation_fields_are_converted(space: Space) -> None:
    """A list, as 8.10 exported it, is taken by an import and refused by a POST."""
    upload(space, query_rule("a", investigation_fields=["x"]), query_rule("b", investigation_fields=[]))
    assert space.rule("a")["investigation_fields"] == {"field_names": ["x"]}
    assert "investigation_fields" not in space.rule("b")
    assert space.request("POST", RULES, query_rule("c", investigation_fields=["x"])).status == 400


def test_uploads_that_are_refused(space: Space) -> None:
    """Wrong extension, no file part, no form, too large."""
    path = f"{RULES}/_import"
    body, headers = form(b"{}", file_name="rules.json")
    assert space.request("POST", path, body, headers=headers).json["message"] == "Invalid file extension .json"
    body, headers = form(b"{}", name="other")
    assert space.request("POST", path, body, headers=headers).status == 500
    assert space.request("POST", path, {}).status == 415
    body, headers = form(b" " * 10_485_761)
    assert space.request("POST", path, body, headers=headers).json["statusCode"] == 413


def test_ten_thousand_rules_are_too_many(space: Space) -> None:
    """Exactly the limit fails already, as a 500."""
    answer = upload(space, *["{}"] * 10_000)
    assert (answer.status, answer.json["message"]) == (500, "Can't import more than 10000 rules")


def test_a_cut_off_import_goes_on(start: Callable[..., Sandbox]) -> None:
    """The client leaves in the middle; the server finishes, chunk by chunk (section 5.3)."""
    sandbox = start(rule_cost_ms=4)
    body, headers = form(ndjson(query_rule(f"r-{number}") for number in range(120)))
    sent = {"authorization": f"ApiKey {sandbox.api_key}", "kbn-xsrf": "x", **headers}
    connection = sandbox.connect()
    connection.request("POST", f"{RULES}/_import", body, sent)
    deadline = time.monotonic() + 20
    totals = [0]
    while totals[-1] < 50:
        assert time.monotonic() < deadline
        totals.append(sandbox.request("GET", f"{RULES}/_find?per_page=0").json["total"])
    connection.close()
    while totals[-1] < 120:
        assert time.monotonic() < deadline
        totals.append(sandbox.request("GET", f"{RULES}/_find?per_page=0").json["total"])
    assert set(totals) <= {0, 50, 100, 120}


def test_two_imports_at_once_are_safe(space: Space) -> None:
    """Without a fault that lets them race, no rule_id occurs twice."""
    threads = [
        threading.Thread(target=lambda: upload(space, *[query_rule(f"r-{number}") for number in range(60)]))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert space.request("GET", f"{RULES}/_find?per_page=0").json["total"] == 60
