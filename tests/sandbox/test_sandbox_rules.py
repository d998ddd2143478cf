"""One rule at a time: defaults, normalisations, PUT, PATCH, DELETE and their errors (facts.md sections 2 and 3)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.support import contract
from tests.support.sandbox import RULES, Space, query_rule

TYPES: dict[str, dict[str, Any]] = {
    "query": {"query": "a: b"},
    "saved_query": {"saved_id": "s-1"},
    "eql": {"query": "process where true", "language": "eql"},
    "esql": {"query": "from logs-*", "language": "esql"},
    "machine_learning": {"anomaly_threshold": 50, "machine_learning_job_id": "job"},
    "new_terms": {"query": "*", "new_terms_fields": ["host.name"], "history_window_start": "now-7d"},
    "threat_match": {
        "query": "*",
        "threat_query": "*",
        "threat_index": ["threat-*"],
        "threat_mapping": [{"entries": [{"field": "a", "type": "mapping", "value": "b"}]}],
    },
    "threshold": {"query": "*", "threshold": {"field": "host.name", "value": 3}},
}
ALWAYS_EMPTY = (
    *("risk_score_mapping", "severity_mapping", "exceptions_list", "false_positives", "actions", "references"),
    *("related_integrations", "required_fields", "threat", "tags", "author"),
)
NEVER_NULL = (
    *("building_block_type", "license", "note", "timeline_id", "timeline_title", "meta", "rule_name_override"),
    *("timestamp_override", "timestamp_override_fallback_disabled", "namespace", "investigation_fields"),
    *("response_actions", "throttle", "execution_summary", "outcome", "alert_suppression", "index", "filters"),
)


def of_type(kind: str, **fields: Any) -> dict[str, Any]:
    """A minimal valid rule of one type."""
    rule = query_rule(**fields)
    del rule["query"]
    return rule | TYPES[kind] | {"type": kind} | fields


def put(space: Space, body: dict[str, Any]) -> Any:
    """PUT a rule."""
    return space.request("PUT", RULES, body)


def test_the_official_contract_is_checked() -> None:
    """Responses of this folder are checked against the OpenAPI document where it is there, else a skip says why."""
    if not contract.available():
        pytest.skip(contract.ABSENT)
    assert len(contract.document()["paths"]) > 30


@pytest.mark.quick
@pytest.mark.parametrize("kind", TYPES)
def test_create_fills_the_defaults_of_every_type(space: Space, kind: str) -> None:
    """A minimal rule of each type comes back with all common defaults, and without keys that nobody set."""
    rule = space.create(of_type(kind))
    assert {name: rule[name] for name in ALWAYS_EMPTY} == {name: [] for name in ALWAYS_EMPTY}
    assert not set(NEVER_NULL) & set(rule)
    expected = {"interval": "5m", "from": "now-6m", "to": "now", "max_signals": 100, "setup": "", "output_index": ""}
    expected |= {"version": 1, "revision": 0, "immutable": False, "enabled": True, "rule_source": {"type": "internal"}}
    assert {name: rule[name] for name in expected} == expected
    assert rule["created_at"] == rule["updated_at"]
    assert rule["created_by"] == rule["updated_by"] == "elastic"
    assert space.rule() == rule


def test_type_specific_defaults_are_those_of_the_type(space: Space) -> None:
    """Only the types that default `query`, `language` or the indicator path show them (section 2.3)."""
    rules = {kind: space.create(of_type(kind, rule_id=kind)) for kind in TYPES}
    languages = {kind: rule.get("language") for kind, rule in rules.items()}
    assert languages == dict.fromkeys(TYPES, "kuery") | {"eql": "eql", "esql": "esql", "machine_learning": None}
    assert "query" not in rules["saved_query"]
    assert space.create(query_rule("bare", query=""))["query"] == ""
    assert rules["threat_match"]["threat_indicator_path"] == "threat.indicator"
    assert rules["machine_learning"]["machine_learning_job_id"] == ["job"]
    assert rules["threshold"]["threshold"] == {"field": ["host.name"], "value": 3}


def test_fields_of_other_types_and_unknown_keys_are_stripped(space: Space) -> None:
    """Whatever the type does not have is dropped in silence."""
    sent = of_type(
        "esql", index=["a"], filters=[], threshold={"field": [], "value": 1}, nonsense=1, id=str(uuid.uuid4())
    )
    rule = space.create(sent)
    assert not {"index", "filters", "threshold", "nonsense"} & set(rule)
    assert rule["id"] != sent["id"]


def test_put_resets_everything_but_enabled_and_version(space: Space) -> None:
    """What a PUT leaves out goes back to its default; `enabled`, `version`, ids and creation stay."""
    first = space.create(query_rule(enabled=False, version=7, tags=["a"], note="n", meta={"a": 1}, index=["x"]))
    rule = put(space, query_rule(name="New")).json
    assert (rule["enabled"], rule["version"], rule["revision"]) == (False, 7, 1)
    assert rule["tags"] == []
    assert not {"note", "meta", "index"} & set(rule)
    assert [rule[key] for key in ("id", "created_at", "created_by")] == [
        first[key] for key in ("id", "created_at", "created_by")
    ]


def test_patch_merges_and_never_makes_absent(space: Space) -> None:
    """PATCH changes what it names; an empty text or list can be set, a field cannot be taken away."""
    space.create(query_rule(tags=["a"], note="n"))
    rule = space.request("PATCH", RULES, {"rule_id": "r-1", "type": "query", "note": "", "tags": []}).json
    assert (rule["note"], rule["tags"], rule["query"]) == ("", [], "event.action: start")
    assert rule["revision"] == 1


@pytest.mark.parametrize(("version", "changed"), [("9.3", False), ("9.4", False), ("9.5", True)])
def test_a_patch_without_type_loses_type_specific_fields(space_of: Any, version: str, changed: bool) -> None:
    """Before the mend of 9.4.6 an untyped PATCH of a threshold changes nothing and says 200 (section 0.4)."""
    space = space_of(version)
    space.create(of_type("threshold"))
    answer = space.request("PATCH", RULES, {"rule_id": "r-1", "threshold": {"field": [], "value": 9}})
    assert answer.status == 200
    assert (answer.json["threshold"]["value"] == 9) is changed


@pytest.mark.parametrize(("version", "left"), [("9.3", 55), ("9.4", 100), ("9.5", 55)])
def test_a_patch_resets_max_signals_in_9_4(space_of: Any, version: str, left: int) -> None:
    """The zod 4 bug: a PATCH that does not name max_signals sets it to 100 (section 0.5)."""
    space = space_of(version)
    space.create(query_rule(max_signals=55))
    assert space.request("PATCH", RULES, {"rule_id": "r-1", "type": "query", "note": "x"}).json["max_signals"] == left


def test_a_type_cannot_change_but_query_and_saved_query_can(space: Space) -> None:
    """PUT and PATCH with another type are 400, between query and saved_query a PUT works (section 3.4)."""
    space.create(query_rule())
    refused = put(space, of_type("eql"))
    assert refused.status == 400
    assert refused.json["message"].startswith("params invalid: ")
    assert space.request("PATCH", RULES, {"rule_id": "r-1", "type": "eql"}).status == 400
    assert put(space, of_type("saved_query")).json["type"] == "saved_query"


@pytest.mark.parametrize(("version", "moves"), [("8.19", True), ("9.3", False)])
def test_a_put_that_changes_nothing(space_of: Any, version: str, moves: bool) -> None:
    """Up to 9.2 it rewrites updated_at, from 9.3 on it writes nothing; the revision stays (section 3.6)."""
    space = space_of(version)
    first = space.create(query_rule())
    second = put(space, query_rule()).json
    assert second["revision"] == 0
    assert (space.rule() == first) is not moves


def test_enabling_by_put_shows_the_first_write_and_stores_the_second(space: Space) -> None:
    """`enabled` is a write of its own: the answer has the update's `updated_at`, the store the later one (3.5)."""
    space.create(query_rule(enabled=False))
    answer = put(space, query_rule(enabled=True, name="x")).json
    stored = space.rule()
    assert [answer["enabled"], stored["enabled"]] == [True, True]
    assert stored["updated_at"] >= answer["updated_at"]
    assert stored["revision"] == answer["revision"] == 1


def test_delete_answers_with_the_rule_and_is_not_idempotent(space: Space) -> None:
    """The first DELETE returns the rule as it was, the second is 404."""
    rule = space.create(query_rule())
    assert space.request("DELETE", f"{RULES}?rule_id=r-1").json == rule
    again = space.request("DELETE", f"{RULES}?rule_id=r-1")
    assert (again.status, again.json) == (404, {"message": 'rule_id: "r-1" not found', "status_code": 404})


def test_ids_and_rule_ids_identify_in_one_way_only(space: Space) -> None:
    """Both or none of `id` and `rule_id` is a 400 with a list as message; an id that is no uuid is the router's."""
    rule = space.create(query_rule())
    both, none = space.request("GET", f"{RULES}?rule_id=r-1&id={rule['id']}"), space.request("GET", RULES)
    assert both.json["message"] == ['both "id" and "rule_id" cannot exist, choose one or the other']
    assert none.json["message"] == ['either "id" or "rule_id" must be set']
    assert space.request("GET", f"{RULES}?id=nope").json["error"] == "Bad Request"
    assert put(space, rule).json["message"] == ['both "id" and "rule_id" cannot exist, choose one or the other']
    assert put(space, {**rule, "rule_id": None, "name": "x"}).status == 400
    by_id = {key: value for key, value in rule.items() if key != "rule_id"}
    assert put(space, {**by_id, "name": "x"}).json["name"] == "x"


def test_a_taken_rule_id_is_a_conflict_in_its_space_only(space: Space, space_of: Any) -> None:
    """rule_id is unique per space."""
    space.create(query_rule())
    again = space.request("POST", RULES, query_rule())
    assert (again.status, again.json["message"]) == (409, 'rule_id: "r-1" already exists')
    assert space_of("9.3").create(query_rule())["rule_id"] == "r-1"


@pytest.mark.parametrize(
    ("version", "text"),
    [
        ("9.3", "[request body]: name: Required, severity: Invalid enum value. Expected 'low' | 'medium' | 'high' | "),
        ("9.5", "[request body]: name: Invalid input: expected string, received undefined, severity: Invalid option: "),
    ],
)
def test_schema_errors_speak_the_zod_of_their_version(space_of: Any, version: str, text: str) -> None:
    """Zod 3 up to 9.3, zod 4 from 9.4 on, with every issue's path."""
    body = {key: value for key, value in query_rule(severity="odd").items() if key != "name"}
    answer = space_of(version).request("POST", RULES, body)
    assert answer.status == 400
    assert answer.json["message"].startswith(text)


def test_more_than_five_issues_are_counted(space: Space) -> None:
    """The text shows five issues and how many more there are."""
    body = query_rule(name=1, description=2, risk_score="x", severity=3, tags="x", version=0, interval=5, to=[])
    assert space.request("POST", RULES, body).json["message"].endswith(", and 3 more")


def test_null_is_not_absent(space: Space) -> None:
    """An optional field takes no null (section 1.7)."""
    answer = space.request("POST", RULES, query_rule(note=None))
    assert answer.json["message"] == "[request body]: note: Expected string, received null"


def test_who_wrote_is_remembered(space: Space) -> None:
    """created_by and updated_by are the users who did it, through passwords and through API keys alike."""
    space.create(query_rule(), user="soc-day")
    keys = {user["username"]: user["api_key"] for user in space.sandbox.admin("GET", "users")}
    header = {"authorization": f"ApiKey {keys['soc-night']}"}
    rule = space.request("PUT", RULES, query_rule(name="x"), headers=header).json
    assert (rule["created_by"], rule["updated_by"]) == ("soc-day", "soc-night")
