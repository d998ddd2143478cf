"""Normalisations, actions and connectors, default lists, exceptions of a rule (facts.md 2.4, 7.2, 7.4, 9.3)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.sandbox.test_sandbox_rules import of_type
from tests.support.sandbox import RULES, Space, query_rule

BULK = f"{RULES}/_bulk_action"
FREQUENCY = {"summary": True, "notifyWhen": "onActiveAlert", "throttle": None}
ENTRY = {"field": "process.name", "type": "match", "operator": "included", "value": "tool"}
ITEM = {"name": "Tool", "description": "A tool", "type": "simple", "entries": [ENTRY]}


def action(**fields: Any) -> dict[str, Any]:
    """An action through a preconfigured connector."""
    return {"id": "soc-slack", "action_type_id": ".slack", "group": "default", "params": {"message": "m"}} | fields


def default_list(list_id: str = "own") -> dict[str, Any]:
    """A reference to a list of one rule alone."""
    return {"id": f"id-{list_id}", "list_id": list_id, "type": "rule_default", "namespace_type": "single"}


def refusal(space: Space, body: dict[str, Any]) -> Any:
    """The message of a refused POST."""
    answer = space.request("POST", RULES, body)
    assert answer.status in (400, 409), answer.body
    return answer.json["message"]


@pytest.mark.parametrize(("field", "stored"), [("a", ["a"]), ("", []), (None, []), (["a", "b"], ["a", "b"]), ([], [])])
def test_threshold_fields_are_a_list(space: Space, field: Any, stored: list[str]) -> None:
    """One name or several, always shown as a list; five at most."""
    rule = space.create(of_type("threshold", threshold={"field": field, "value": 1}))
    assert rule["threshold"] == {"field": stored, "value": 1}
    too_many = of_type("threshold", rule_id="x", threshold={"field": list("abcdef"), "value": 1})
    assert "Array must contain at most 5 element(s)" in refusal(space, too_many)


def test_required_fields_say_whether_ecs_has_them(space: Space) -> None:
    """`ecs` is computed from name and type, whatever is sent, on every write."""
    sent = [
        {"name": "process.name", "type": "keyword", "ecs": False},
        {"name": "process.name", "type": "text"},
        {"name": "my.own", "type": "keyword", "ecs": True},
    ]
    rule = space.create(query_rule(required_fields=sent))
    assert [entry["ecs"] for entry in rule["required_fields"]] == [True, False, False]
    patch = {"rule_id": "r-1", "type": "query", "required_fields": sent[2:]}
    assert space.request("PATCH", RULES, patch).json["required_fields"] == [
        {"name": "my.own", "type": "keyword", "ecs": False}
    ]


@pytest.mark.parametrize(
    ("throttle", "frequency"),
    [
        (None, FREQUENCY),
        ("rule", FREQUENCY),
        ("no_actions", FREQUENCY),
        ("1h", {"summary": True, "notifyWhen": "onThrottleInterval", "throttle": "1h"}),
    ],
)
def test_the_rule_throttle_becomes_the_frequency_of_actions(space: Space, throttle: Any, frequency: Any) -> None:
    """`throttle` is never shown; what an action says itself wins."""
    own = {"summary": False, "notifyWhen": "onActionGroupChange", "throttle": None}
    rule = space.create(query_rule(throttle=throttle, actions=[action(), action(frequency=own)]))
    assert "throttle" not in rule
    assert [one["frequency"] for one in rule["actions"]] == [frequency, own]
    assert all(uuid.UUID(one["uuid"]).version == 4 for one in rule["actions"])


def test_system_actions_come_last_and_bare(space: Space) -> None:
    """Ordinary actions first; a system action has neither group nor frequency."""
    system = {"id": "system-connector-.cases", "action_type_id": ".cases", "params": {}, "group": "default"}
    actions = space.create(query_rule(actions=[system, action()]))["actions"]
    assert [one["id"] for one in actions] == ["soc-slack", "system-connector-.cases"]
    assert set(actions[1]) == {"id", "action_type_id", "params", "uuid"}


def test_actions_without_uuid_are_new_on_every_write(space: Space) -> None:
    """The same body twice gives other uuids, and a rule with actions bumps its revision each time (section 3.6)."""
    first = space.create(query_rule(actions=[action()]))
    second = space.request("PUT", RULES, query_rule(actions=[action()])).json
    assert second["actions"][0]["uuid"] != first["actions"][0]["uuid"]
    assert second["revision"] == 1


def test_the_connector_decides_the_action_type(space: Space) -> None:
    """`action_type_id` is the connector's, whatever is sent."""
    assert (
        space.create(query_rule(actions=[action(action_type_id=".email")]))["actions"][0]["action_type_id"] == ".slack"
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"actions": [action(id="no")]}, "Failed to load action no (404): Saved object [action/no] not found"),
        (
            {"actions": [{key: value for key, value in action().items() if key != "group"}]},
            "Error validating create data - [actions.0.group]: expected value of type [string] but got [undefined]",
        ),
        (
            {"actions": [action(group="other")]},
            "Failed to validate actions due to the following error: Invalid action groups: other",
        ),
        (
            {"actions": [action(uuid="u", group="other"), action(uuid="u")]},
            "Failed to validate actions due to the following 2 errors:\n"
            "- Actions have duplicated UUIDs\n- Invalid action groups: other",
        ),
        (
            {"actions": [action(frequency={**FREQUENCY, "notifyWhen": "onThrottleInterval", "throttle": "1m"})]},
            "Failed to validate actions due to the following error: "
            "Action frequency cannot be shorter than the schedule interval of 5m: default (1m)",
        ),
        ({"interval": "5x"}, "Error validating create data - [schedule.interval]: string is not a valid duration: 5x"),
        ({"from": "yesterday"}, "[request body]: from: Failed to parse date-math expression"),
        (
            {"exceptions_list": [default_list(), default_list("b")]},
            "More than one default exception list found on rule",
        ),
        ({"timeline_id": "t"}, ['when "timeline_id" exists, "timeline_title" must also exist']),
        ({"timeline_title": "t"}, ['when "timeline_title" exists, "timeline_id" must also exist']),
        (
            {"timeline_id": "", "timeline_title": ""},
            ['"timeline_id" cannot be an empty string', '"timeline_title" cannot be an empty string'],
        ),
        ({"rule_id": 'a"b'}, 'KQLSyntaxError: Expected AND, OR, end of input but "a" found.\n'
                             'alert.attributes.params.ruleId: "a"b"'),
    ],
)  # fmt: skip
def test_rules_that_are_refused(space: Space, fields: dict[str, Any], message: Any) -> None:
    """Each with Kibana's own words (sections 7.2, 7.4, 9.3 and 9.4)."""
    assert refusal(space, query_rule(**fields)) == message


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        (
            "threat_match",
            {"items_per_search": 1},
            'when "items_per_search" exists, "concurrent_searches" must also exist',
        ),
        (
            "threat_match",
            {"threat_mapping": [{"entries": [{"field": "a", "type": "mapping", "value": "b", "negate": True}]}]},
            "Negate mappings cannot be used as a single entry in the AND condition. "
            "Please use at least one matching mapping entry.",
        ),
        (
            "threshold",
            {"threshold": {"field": ["a"], "value": 1, "cardinality": [{"field": "a", "value": 2}]}},
            "Cardinality of a field that is being aggregated on is always 1",
        ),
    ],
)
def test_rules_of_a_type_that_are_refused(space: Space, kind: str, fields: dict[str, Any], message: str) -> None:
    """The extra validation of a type, as a list."""
    assert refusal(space, of_type(kind, **fields)) == [message]


def test_a_history_must_reach_back_further(space: Space) -> None:
    """new_terms: a window within interval and lookback is refused by the rule type (section 9.3)."""
    assert refusal(space, of_type("new_terms", history_window_start="now-5m")).startswith("params invalid: ")


def test_a_default_list_belongs_to_one_rule(space: Space) -> None:
    """Another rule with the same list is a conflict that names the first; the rule itself may keep it."""
    rule = space.create(query_rule(exceptions_list=[default_list()]))
    message = refusal(space, query_rule("r-2", exceptions_list=[default_list()]))
    assert message == f"default exception list already exists in rule(s): {rule['id']}"
    assert space.request("PUT", RULES, query_rule(exceptions_list=[default_list()], name="x")).status == 200
    other = space.create(query_rule("r-3"))
    answer = space.request("PUT", RULES, query_rule("r-3", exceptions_list=[default_list()]))
    assert answer.json["message"].startswith(f"default exception list for rule: {other['id']} already exists")


def test_exceptions_of_a_rule_make_its_list(space: Space) -> None:
    """The first item makes and links the list, the next ones use it (sections 1.1 and 7.2)."""
    rule = space.create(query_rule())
    path = f"{RULES}/{rule['id']}/exceptions"
    added = space.request("POST", path, {"items": [{**ITEM, "comments": [{"comment": "ok"}]}, ITEM]})
    assert [item["name"] for item in added.json] == ["Tool", "Tool"]
    assert added.json[0]["comments"][0]["created_by"] == "elastic"
    linked = space.rule()
    reference = linked["exceptions_list"][0]
    assert (reference["type"], linked["revision"]) == ("rule_default", 1)
    again = space.request("POST", path, {"items": [ITEM]}).json
    assert again[0]["list_id"] == reference["list_id"] == added.json[0]["list_id"]
    assert len(space.rule()["exceptions_list"]) == 1
    assert space.request("POST", f"{RULES}/nope/exceptions", {"items": []}).status == 400
    assert space.request("POST", f"{RULES}/{uuid.uuid4()}/exceptions", {"items": []}).status == 404


def test_a_duplicate_gets_its_own_exceptions(space: Space) -> None:
    """Shared lists are shared, the rule's own list is copied, expired items only if wanted (section 4.3)."""
    shared = {"id": "s", "list_id": "shared", "type": "detection", "namespace_type": "single"}
    rule = space.create(query_rule(exceptions_list=[shared]))
    items = [ITEM, {**ITEM, "name": "Old", "expire_time": "2020-01-01T00:00:00.000Z"}]
    space.request("POST", f"{RULES}/{rule['id']}/exceptions", {"items": items})
    for wanted, names in (((True, True), ["Old", "Tool"]), ((True, False), ["Tool"]), ((False, False), [])):
        body = dict(zip(("include_exceptions", "include_expired_exceptions"), wanted, strict=True))
        answer = space.request("POST", BULK, {"action": "duplicate", "ids": [rule["id"]], "duplicate": body})
        copy = answer.json["attributes"]["results"]["created"][0]
        exported = space.request("POST", f"{RULES}/_export", {"objects": [{"rule_id": copy["rule_id"]}]}).lines
        assert sorted(line["name"] for line in exported if "item_id" in line) == names
        kinds = [reference["type"] for reference in copy["exceptions_list"]]
        assert kinds == (["detection", "rule_default"] if wanted[0] else [])


def test_the_first_rule_brings_the_endpoint_list(space: Space) -> None:
    """Creating a rule makes the agnostic list of the Elastic Endpoint where it is missing (section 2.1)."""
    space.create(query_rule())
    found = space.request("GET", "/api/exception_lists?list_id=endpoint_list&namespace_type=agnostic")
    assert (found.status, found.json["type"]) == (200, "endpoint")
