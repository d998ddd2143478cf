"""Connectors, and a rule as the alerting framework shows it (facts.md sections 7.4 and 11)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.sandbox import Space, query_rule

PATH = "/api/actions/connector"
HOOK = {
    "name": "Hook",
    "connector_type_id": ".webhook",
    "config": {"url": "https://h.example"},
    "secrets": {"key": "s"},
}


def test_the_life_of_a_connector(space: Space) -> None:
    """With a chosen id or a new one; secrets are never shown; gone after DELETE."""
    made = space.request("POST", f"{PATH}/hook", HOOK).json
    assert (made["id"], made["config"], made["is_missing_secrets"]) == ("hook", HOOK["config"], False)
    assert "secrets" not in made
    other = space.request("POST", PATH, HOOK).json
    assert other["id"] != "hook"
    assert space.request("POST", f"{PATH}/hook", HOOK).status == 409
    assert space.request("GET", f"{PATH}/hook").json == made
    changed = space.request("PUT", f"{PATH}/hook", {"name": "New", "config": {}}).json
    assert (changed["name"], changed["connector_type_id"], changed["config"]) == ("New", ".webhook", {})
    action = {"id": "hook", "group": "default", "params": {}, "action_type_id": ".webhook"}
    space.create(query_rule(actions=[action]))
    space.create(query_rule("r-2"))
    listed = {row["id"]: row for row in space.request("GET", "/api/actions/connectors").json}
    assert (listed["hook"]["referenced_by_count"], listed[other["id"]]["referenced_by_count"]) == (1, 0)
    assert listed["soc-slack"]["is_preconfigured"] is True
    assert space.request("DELETE", f"{PATH}/hook").status == 204
    assert space.request("GET", f"{PATH}/hook").status == 404
    assert space.request("DELETE", f"{PATH}/hook").status == 404


def test_servicenow_over_the_table_api_is_deprecated(space: Space) -> None:
    """Whoever does not say which API it uses is from before the other one."""
    for id_, config, deprecated in (("old", {}, True), ("table", {"usesTableApi": True}, True),
                                    ("new", {"usesTableApi": False}, False)):  # fmt: skip
        body = {"name": id_, "connector_type_id": ".servicenow", "config": config, "secrets": {}}
        assert space.request("POST", f"{PATH}/{id_}", body).json["is_deprecated"] is deprecated
        assert space.request("GET", f"{PATH}/{id_}").json["is_deprecated"] is deprecated
    listed = {row["id"]: row["is_deprecated"] for row in space.request("GET", "/api/actions/connectors").json}
    assert (listed["old"], listed["table"], listed["new"], listed["soc-slack"]) == (True, True, False, False)


@pytest.mark.parametrize(
    ("method", "id_", "message"),
    [
        ("POST", "soc-slack", "This soc-slack already exists in a preconfigured action."),
        ("POST", "system-connector-.cases", "This system-connector-.cases already exists in a preconfigured action."),
        ("PUT", "soc-slack", "Preconfigured action soc-slack is not allowed to update."),
        ("PUT", "system-connector-.cases", "System action system-connector-.cases is not allowed to update."),
        ("DELETE", "soc-slack", "Preconfigured action soc-slack is not allowed to delete."),
        ("DELETE", "system-connector-.cases", "System action system-connector-.cases is not allowed to delete."),
    ],
)
def test_fixed_connectors_stay(space: Space, method: str, id_: str, message: str) -> None:
    """Those of kibana.yml and of the system can be neither made, changed nor removed."""
    body = {"POST": HOOK, "PUT": {"name": "x"}, "DELETE": None}[method]
    answer = space.request(method, f"{PATH}/{id_}", body)
    assert (answer.status, answer.json["message"]) == (400, message)


def test_connector_types_by_feature(space: Space) -> None:
    """All of them serve detection rules; an unknown type cannot be made."""
    ids = [row["id"] for row in space.request("GET", "/api/actions/connector_types").json]
    assert {".slack", ".webhook"} <= set(ids)
    assert [row["id"] for row in space.request("GET", "/api/actions/connector_types?feature_id=siem").json] == ids
    assert space.request("GET", "/api/actions/connector_types?feature_id=cases").json == []
    answer = space.request("POST", PATH, HOOK | {"connector_type_id": ".odd"})
    assert (answer.status, answer.json["message"]) == (400, 'Action type ".odd" is not registered.')


def test_connectors_belong_to_a_space(space: Space) -> None:
    """And a role without actions may not see them."""
    space.request("POST", f"{PATH}/mine", HOOK)
    assert space.sandbox.request("GET", f"{PATH}/mine").status == 404
    assert space.request("GET", "/api/actions/connectors", user="no-actions").status == 403
    assert space.request("POST", PATH, HOOK, user="soc-day").status == 403
    assert space.request("GET", f"{PATH}/mine", user="soc-day").status == 200


@pytest.mark.parametrize(
    ("status", "shown", "outcome"),
    [
        (None, "pending", None),
        ("succeeded", "ok", "succeeded"),
        ("partial failure", "warning", "warning"),
        ("failed", "error", "failed"),
        ("running", "pending", None),
    ],
)
def test_a_rule_as_alerting_shows_it(space: Space, status: Any, shown: str, outcome: Any) -> None:
    """With its rule type, parameters and the outcome of its last run."""
    rule = space.create(query_rule(interval="10m"))
    if status:
        space.admin("POST", "executions", {"rule_id": "r-1", "status": status, "message": "said"})
    view = space.request("GET", f"/api/alerting/rule/{rule['id']}").json
    assert (view["rule_type_id"], view["consumer"], view["schedule"]) == ("siem.queryRule", "siem", {"interval": "10m"})
    assert (view["params"]["ruleId"], view["params"]["riskScore"]) == ("r-1", 21)
    assert (view["enabled"], view["revision"], view["running"]) == (True, 0, status == "running")
    assert view["execution_status"]["status"] == shown
    assert view.get("last_run", {}).get("outcome") == outcome
    assert space.request("GET", "/api/alerting/rule/gone").status == 404
