"""What is checked before a handler runs, roles, status, spaces and unknown paths (facts.md sections 1, 9 and 10)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.sandbox import RULES, Sandbox, Space, basic, query_rule

BULK = f"{RULES}/_bulk_action"
ACTION = {"id": "soc-slack", "action_type_id": ".slack", "group": "default", "params": {"message": "m"}}


@pytest.mark.quick
@pytest.mark.parametrize(
    "credentials",
    [
        None,
        "",
        "Basic",
        basic("elastic", "wrong"),
        basic("nobody"),
        "ApiKey " + base64.b64encode(b"id:key").decode(),
        "Bearer x",
        "Basic %%%",
    ],
)
def test_wrong_credentials_are_401_before_anything_else(space: Space, credentials: str | None) -> None:
    """401 comes first, even without kbn-xsrf and with a broken body."""
    headers = {"authorization": credentials, "kbn-xsrf": None}
    answer = space.request("POST", RULES, b"{broken", headers=headers)
    assert (answer.status, answer.json["error"]) == (401, "Unauthorized")


def test_writes_need_the_xsrf_header(space: Space) -> None:
    """Any value will do, `kbn-version` too where it is right; reads need none."""
    answer = space.request("POST", RULES, query_rule(), headers={"kbn-xsrf": None})
    assert answer.json["message"] == "Request must contain a kbn-xsrf header."
    old = space.request("POST", RULES, query_rule(), headers={"kbn-xsrf": None, "kbn-version": "1.2.3"})
    assert old.json["message"].startswith("Browser client is out of date")
    version = space.request("GET", "/api/status").json["version"]["number"]
    assert space.request("POST", RULES, query_rule(), headers={"kbn-xsrf": None, "kbn-version": version}).status == 200
    assert space.request("GET", f"{RULES}/_find", headers={"kbn-xsrf": None}).status == 200


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ("1", 'Invalid version. Received "1", expected a valid date string formatted as YYYY-MM-DD.'),
        (
            "2020-01-01",
            f'No version "2020-01-01" available for [get] [{RULES}/_find]. Available versions are: [2023-10-31]',
        ),
    ],
)
def test_the_api_version_is_checked(space: Space, sent: str, message: str) -> None:
    """The one public version, or none, and it is echoed."""
    answer = space.request("GET", f"{RULES}/_find", headers={"elastic-api-version": sent})
    assert (answer.status, answer.json["message"]) == (400, message)
    for version in (None, "2023-10-31"):
        found = space.request("GET", f"{RULES}/_find", headers={"elastic-api-version": version})
        assert (found.status, found.headers["elastic-api-version"]) == (200, "2023-10-31")
    assert "apiVersion" in space.request("GET", f"{RULES}/_find?apiVersion=2023-10-31").json["message"]


def test_unknown_and_unimplemented_paths(space: Space) -> None:
    """An unknown path, method or space is Kibana's 404; what is documented only says so with a 501."""
    missing = {"statusCode": 404, "error": "Not Found", "message": "Not Found"}
    assert space.request("GET", "/api/nope").json == missing
    assert space.request("PUT", f"{RULES}/_find").json == missing
    assert space.sandbox.request("GET", f"/s/nowhere{RULES}/_find").json == missing
    answer = space.request("POST", "/api/detection_engine/signals/search", {})
    assert answer.status == 501
    assert "/api/detection_engine/signals/search" in answer.json["message"]


def test_internal_paths_are_restricted_from_9_0(space_of: Callable[[str], Space]) -> None:
    """Without the internal-origin header the uri exists but is not available (section 1.3)."""
    path = "/internal/detection_engine/rules/_search"
    answer = space_of("9.3").request("POST", path, {})
    assert answer.json["message"].endswith("exists but is not available with the current configuration")
    assert space_of("8.19").request("POST", path, {}).status == 404


def test_status_tells_strangers_the_level_only(space: Space) -> None:
    """Without valid credentials the version stays unknown (section 10)."""
    for headers in ({"authorization": None}, {"authorization": "ApiKey bad"}):
        answer = space.sandbox.request("GET", "/api/status", headers=headers)
        assert answer.json == {"status": {"overall": {"level": "available"}}}
    full = space.sandbox.request("GET", "/api/status", user="viewer").json
    assert full["version"]["build_flavor"] == "traditional"


@pytest.mark.parametrize(
    ("version", "number", "flavor"),
    [("8.19", "8.19.", "traditional"), ("9.5", "9.5.", "traditional"), ("serverless", "9.5.", "serverless")],
)
def test_status_names_the_version(space_of: Callable[[str], Space], version: str, number: str, flavor: str) -> None:
    """The number and the flavor of the stack version that was asked for."""
    found = space_of(version).sandbox.request("GET", "/api/status").json["version"]
    assert found["number"].startswith(number)
    assert found["build_flavor"] == flavor


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (
            "9.3",
            f"API [POST {RULES}] is unauthorized for user, this action is granted by the Kibana privileges [rules-all]",
        ),
        ("9.0", 'Unauthorized by "siem" to create "siem.queryRule" rule'),
    ],
)
def test_a_reader_may_read_only(space_of: Callable[[str], Space], version: str, message: str) -> None:
    """The read-only role: reads are 200, every write is 403 in the words of the version."""
    space = space_of(version)
    rule = space.create(query_rule())
    assert space.request("GET", f"{RULES}?rule_id=r-1", user="viewer").status == 200
    answer = space.request("POST", RULES, query_rule("x"), user="viewer")
    assert (answer.status, answer.json["message"]) == (403, message)
    for method, path, body in (
        ("PUT", RULES, query_rule()),
        ("DELETE", f"{RULES}?rule_id=r-1", None),
        ("POST", BULK, {"action": "disable", "ids": [rule["id"]]}),
        ("POST", "/api/spaces/space", {"id": "new", "name": "New"}),
    ):
        assert space.request(method, path, body, user="viewer").status == 403
    assert space.request("POST", BULK, {"action": "export"}, user="viewer").status == 200


def test_roles_without_exceptions_or_actions(space: Space, space_of: Callable[[str], Space]) -> None:
    """Lists are refused under the name of their version, and rules with actions need actions privileges."""
    refused = space.request("GET", "/api/exception_lists/_find", user="no-exceptions")
    assert "[lists-read]" in refused.json["message"]
    assert (
        "[exceptions-read]"
        in space_of("9.5").request("GET", "/api/exception_lists/_find", user="no-exceptions").json["message"]
    )
    assert space.request("POST", RULES, query_rule(actions=[ACTION]), user="no-actions").status == 403
    assert space.request("POST", RULES, query_rule(), user="no-actions").status == 200


def test_from_9_4_exceptions_of_a_rule_are_guarded_by_field(space_of: Callable[[str], Space]) -> None:
    """Who may not edit exceptions cannot change a rule's list references (section 9.5)."""
    reference = {"id": "i", "list_id": "l", "type": "detection", "namespace_type": "single"}
    body = query_rule(exceptions_list=[reference])
    newer, older = space_of("9.5"), space_of("9.3")
    for space in (newer, older):
        space.create(query_rule())
    answer = newer.request("PUT", RULES, body, user="no-exceptions")
    assert answer.json == {
        "message": "The current user does not have the permissions to edit the following fields: exceptions_list",
        "status_code": 403,
    }
    assert newer.request("PUT", RULES, query_rule(name="x"), user="no-exceptions").status == 200
    assert older.request("PUT", RULES, body, user="no-exceptions").status == 200


def test_privileges_name_the_user(space: Space) -> None:
    """The `_has_privileges` answer with its two additions."""
    mine = space.request("GET", "/api/detection_engine/privileges", user="soc-day").json
    assert (mine["username"], mine["is_authenticated"], mine["has_encryption_key"]) == ("soc-day", True, True)
    assert mine["index"][f".alerts-security.alerts-{space.name}"]["write"] is True


def test_spaces_are_islands(start: Callable[..., Sandbox]) -> None:
    """Rules of a space are its own; deleting the space removes them; the default space stays."""
    sandbox = start()
    path = "/api/spaces/space"
    assert sandbox.request("POST", path, {"id": "soc", "name": "SOC"}).json["disabledFeatures"] == []
    assert sandbox.request("POST", path, {"id": "soc", "name": "SOC"}).status == 409
    assert sandbox.request("POST", path, {"id": "Bad Id", "name": "x"}).status == 400
    sandbox.create(query_rule(), space="soc")
    assert sandbox.request("GET", f"{RULES}?rule_id=r-1").status == 404
    assert sandbox.request("GET", f"/s/default{RULES}/_find").json["total"] == 0
    assert [space["id"] for space in sandbox.request("GET", path).json] == ["default", "soc"]
    changed = sandbox.request("PUT", f"{path}/soc", {"id": "soc", "name": "Night"})
    assert sandbox.request("GET", f"{path}/soc").json == changed.json
    assert sandbox.request("DELETE", f"{path}/soc").status == 204
    assert sandbox.request("GET", f"{path}/soc").status == 404
    assert sandbox.request("DELETE", f"{path}/default").status == 400
    sandbox.request("POST", path, {"id": "soc", "name": "SOC"})
    assert sandbox.request("GET", f"/s/soc{RULES}/_find").json["total"] == 0


def test_the_alerts_index_comes_and_goes(space: Space) -> None:
    """Read, delete, read again, create."""
    path = "/api/detection_engine/index"
    assert space.request("GET", path).json["name"] == f".alerts-security.alerts-{space.name}"
    assert space.request("DELETE", path).json == {"acknowledged": True}
    assert space.request("GET", path).status == 404
    assert space.request("POST", path).status == 200
    assert space.request("GET", path).status == 200


def test_tags_are_listed_once(space: Space) -> None:
    """All tags of the space, sorted."""
    space.create(query_rule("a", tags=["x", "y"]))
    space.create(query_rule("b", tags=["y", "z"]))
    assert space.request("GET", "/api/detection_engine/tags").json == ["x", "y", "z"]


def test_legacy_bulk_endpoints_ended_with_9_0(space_of: Callable[[str], Space]) -> None:
    """8.19: an array of rules and errors with a warning header; 9.0: the path is gone (section 1.2)."""
    space = space_of("8.19")
    bodies = [query_rule("a"), query_rule("b"), query_rule("b"), query_rule("c")]
    space.create(query_rule("c"))
    answer = space.request("POST", f"{RULES}/_bulk_create", bodies)
    assert answer.status == 200
    assert answer.headers["warning"].startswith('299 Kibana "Deprecated endpoint: ')
    kinds: list[Any] = [entry.get("error", {}).get("message") for entry in answer.json]
    assert kinds == [None, 'rule_id: "c" already exists', 'rule_id: "b" already exists']
    updated = space.request("PUT", f"{RULES}/_bulk_update", [query_rule("a", name="x"), query_rule("z")]).json
    assert [entry.get("name") for entry in updated] == ["x", None]
    patched = space.request("PATCH", f"{RULES}/_bulk_update", [{"rule_id": "a", "type": "query", "note": "n"}]).json
    assert patched[0]["note"] == "n"
    for method in ("DELETE", "POST"):
        assert space.request(method, f"{RULES}/_bulk_delete", [{"rule_id": "a"}, {"rule_id": "c"}]).status == 200
    assert space_of("9.0").request("POST", f"{RULES}/_bulk_create", bodies).status == 404


def test_previews_find_nothing_in_every_run(space: Space) -> None:
    """One log entry per run; a bad count is a log, a bad rule a 400 (section 8)."""
    path = f"{RULES}/preview"
    body = query_rule(invocationCount=3, timeframeEnd="2026-01-01T00:00:00.000Z")
    assert len(space.request("POST", path, body).json["logs"]) == 3
    none = space.request("POST", path, {**body, "invocationCount": 0}).json
    assert none["logs"][0]["errors"] == ["Invalid invocation count"]
    assert "previewId" not in none
    assert space.request("POST", path, query_rule()).status == 400
    assert space.request("GET", f"{RULES}/_find").json["total"] == 0
