"""`_bulk_action`: choosing, limits, partial failure, and what each action does (facts.md section 4)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.test_sandbox_rules import of_type
from tests.support.sandbox import RULES, Sandbox, Space, query_rule

BULK = f"{RULES}/_bulk_action"
DUPLICATE = {"duplicate": {"include_exceptions": True, "include_expired_exceptions": True}}


def bulk(space: Space, action: str, *, dry_run: bool = False, **body: Any) -> Any:
    """The answer of one bulk action."""
    return space.request("POST", f"{BULK}{'?dry_run=true' if dry_run else ''}", {"action": action, **body})


def edit(space: Space, kind: str, value: Any, *, dry_run: bool = False, **extra: Any) -> Any:
    """The answer of one edit of all rules of the space."""
    operation = {"type": kind, "value": value, **extra}
    return bulk(space, "edit", dry_run=dry_run, query="", edit=[operation])


@pytest.fixture
def pair(space: Space) -> list[dict[str, Any]]:
    """Two disabled rules of the space."""
    return [space.create(query_rule(name, enabled=False, tags=["t"])) for name in ("r-1", "r-2")]


@pytest.mark.quick
def test_enable_and_disable_move_updated_at_and_not_the_revision(space: Space, pair: list[dict[str, Any]]) -> None:
    """Both rules come back as updated; one that is enabled already is written again."""
    for _ in range(2):
        answer = bulk(space, "enable", ids=[rule["id"] for rule in pair])
        assert (answer.status, answer.json["rules_count"], answer.json["success"]) == (200, 2, True)
        updated = answer.json["attributes"]["results"]["updated"]
        assert [(rule["enabled"], rule["revision"]) for rule in updated] == [(True, 0)] * 2
    assert bulk(space, "disable", query="").json["attributes"]["summary"]["succeeded"] == 2
    assert space.rule()["enabled"] is False


def test_no_selection_means_every_rule(space: Space, pair: list[dict[str, Any]]) -> None:
    """Without ids and query the whole space is meant (section 0.7)."""
    assert bulk(space, "delete").json["rules_count"] == len(pair)
    assert space.request("GET", f"{RULES}/_find").json["total"] == 0


def test_partial_failure_is_a_500_with_attributes(space: Space, pair: list[dict[str, Any]]) -> None:
    """An unknown id fails, the others are done, and the body says all of it (section 0.8)."""
    answer = bulk(space, "enable", ids=[pair[0]["id"], "nope"])
    assert answer.status == 500
    body = answer.json
    assert (body["message"], body["status_code"]) == ("Bulk edit partially failed", 500)
    assert body["attributes"]["errors"] == [
        {"message": "Rule not found", "status_code": 500, "rules": [{"id": "nope"}]}
    ]
    assert body["attributes"]["summary"] == {"failed": 1, "skipped": 0, "succeeded": 1, "total": 2}
    assert bulk(space, "enable", ids=["nope"]).json["message"] == "Bulk edit failed"


def test_a_dry_run_writes_nothing(space: Space, pair: list[dict[str, Any]]) -> None:
    """Result lists are empty and the summary is filled; an export takes no dry run."""
    answer = bulk(space, "delete", dry_run=True, query="").json
    assert answer["attributes"]["results"] == {"updated": [], "created": [], "deleted": [], "skipped": []}
    assert answer["attributes"]["summary"]["succeeded"] == 2
    assert space.rule() == pair[0]
    assert bulk(space, "export", dry_run=True).json["message"] == "Export action doesn't support dry_run mode"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"ids": ["a"], "query": "x"}, "Both query and ids are sent. Define either ids or query in request payload."),
        (
            {"gaps_range_start": "a"},
            "gaps_range_start, gaps_range_end and gap_fill_statuses must be provided together.",
        ),
        (
            {"ids": ["a"], "gaps_range_start": "a", "gaps_range_end": "b"},
            "Cannot use both ids and gaps_range_start/gaps_range_end in request payload.",
        ),
        ({"ids": [str(number) for number in range(101)]}, "More than 100 ids sent for bulk edit action."),
    ],
)
def test_requests_that_are_refused(space: Space, body: dict[str, Any], message: str) -> None:
    """The checks before anything is done, as errors of the detection engine."""
    answer = bulk(space, "enable", **body)
    assert (answer.status, answer.json["message"]) == (400, message)


def test_limits_of_ids_per_version(space_of: Callable[[str], Space]) -> None:
    """100 ids up to 9.4, 10,000 from 9.5 on, 2,000 for edits."""
    space = space_of("9.5")
    ids = [str(number) for number in range(2001)]
    assert bulk(space, "enable", ids=ids).status == 500  # none is found, but all are taken
    tags = [{"type": "add_tags", "value": ["x"]}]
    assert bulk(space, "edit", ids=ids, edit=tags).json["message"] == "More than 2000 ids sent for bulk edit action."


def test_a_duplicate_is_a_disabled_custom_rule(space: Space) -> None:
    """New ids and name, everything else kept, tags included (section 4.3)."""
    rule = space.create(query_rule(version=5, tags=["deployer:x"], note="n"))
    copy = bulk(space, "duplicate", ids=[rule["id"]], **DUPLICATE).json["attributes"]["results"]["created"][0]
    assert copy["name"] == f"{rule['name']} [Duplicate]"
    assert (copy["enabled"], copy["version"], copy["tags"], copy["note"]) == (False, 5, ["deployer:x"], "n")
    assert copy["id"] != rule["id"]
    assert copy["rule_id"] != rule["rule_id"]


@pytest.mark.parametrize(
    ("kind", "value", "name", "expected"),
    [
        ("add_tags", ["t", "u", "u"], "tags", ["t", "u"]),
        ("delete_tags", ["t"], "tags", []),
        ("set_tags", ["v", "v"], "tags", ["v"]),
        ("add_index_patterns", ["a-*", "logs-*"], "index", ["logs-*", "a-*"]),
        ("set_index_patterns", ["b-*"], "index", ["b-*"]),
        ("add_investigation_fields", {"field_names": ["x"]}, "investigation_fields", {"field_names": ["x"]}),
        ("set_timeline", {"timeline_id": "t", "timeline_title": "T"}, "timeline_title", "T"),
        ("set_schedule", {"interval": "10m", "lookback": "2m"}, "from", "now-720s"),
        (
            "set_alert_suppression",
            {"group_by": ["host.name"]},
            "alert_suppression",
            {"group_by": ["host.name"], "missing_fields_strategy": "suppress"},
        ),
    ],
)
def test_edits_change_a_field_and_bump_the_revision(
    space: Space, kind: str, value: Any, name: str, expected: Any
) -> None:
    """Each edit type changes its field."""
    space.create(query_rule(tags=["t"], index=["logs-*"]))
    answer = edit(space, kind, value)
    assert answer.status == 200, answer.body
    rule = answer.json["attributes"]["results"]["updated"][0]
    assert rule[name] == expected
    assert rule["revision"] == 1
    assert space.rule() == rule


def test_set_schedule_writes_meta_from(space: Space) -> None:
    """The lookback is remembered in `meta.from`, beside what is there."""
    space.create(query_rule(meta={"kibana_siem_app_url": "u"}))
    edit(space, "set_schedule", {"interval": "1h", "lookback": "5m"})
    assert space.rule()["meta"] == {"kibana_siem_app_url": "u", "from": "5m"}


def test_an_edit_without_effect_skips_the_rule(space: Space) -> None:
    """A rule is skipped only where every operation leaves it alone."""
    space.create(query_rule(tags=["t"], data_view_id="dv"))
    answer = edit(space, "add_tags", ["t"]).json["attributes"]
    assert [skip["skip_reason"] for skip in answer["results"]["skipped"]] == ["RULE_NOT_MODIFIED"]
    assert edit(space, "add_index_patterns", ["x"]).json["attributes"]["summary"]["skipped"] == 1
    assert edit(space, "set_index_patterns", ["x"], overwrite_data_views=True).json["attributes"]["summary"] == {
        "failed": 0,
        "skipped": 0,
        "succeeded": 1,
        "total": 1,
    }
    assert "data_view_id" not in space.rule()


@pytest.mark.parametrize(
    ("kind", "edit_type", "value", "code"),
    [
        ("machine_learning", "add_index_patterns", ["x"], "MACHINE_LEARNING_INDEX_PATTERN"),
        ("esql", "set_index_patterns", ["x"], "ESQL_INDEX_PATTERN"),
        ("threshold", "set_alert_suppression", {"group_by": ["a"]}, "THRESHOLD_RULE_TYPE_IN_SUPPRESSION"),
        (
            "query",
            "set_alert_suppression_for_threshold",
            {"duration": {"value": 1, "unit": "h"}},
            "UNSUPPORTED_RULE_IN_SUPPRESSION_FOR_THRESHOLD",
        ),
    ],
)
def test_edits_that_do_not_fit_the_type(space: Space, kind: str, edit_type: str, value: Any, code: str) -> None:
    """They fail per rule with the code of the API, in a dry run too."""
    space.create(of_type(kind))
    for dry_run in (False, True):
        answer = edit(space, edit_type, value, dry_run=dry_run)
        assert answer.status == 500
        assert answer.json["attributes"]["errors"][0]["err_code"] == code


def test_suppression_edits_arrive_with_9_1(space_of: Callable[[str], Space]) -> None:
    """9.0 does not know the edit types."""
    assert edit(space_of("9.0"), "set_alert_suppression", {"group_by": ["a"]}).status == 400


def test_edited_actions_take_no_unknown_keys(space: Space) -> None:
    """The only strict object: an action in an edit with a uuid is refused (section 1.7)."""
    space.create(query_rule())
    action = {"id": "soc-slack", "group": "default", "params": {"message": "m"}, "uuid": "u"}
    assert (
        "Unrecognized key(s) in object: 'uuid'"
        in edit(space, "add_rule_actions", {"actions": [action]}).json["message"]
    )
    del action["uuid"]
    rule = edit(space, "add_rule_actions", {"actions": [action], "throttle": "1h"}).json["attributes"]["results"][
        "updated"
    ][0]
    assert rule["actions"][0]["action_type_id"] == ".slack"
    assert rule["actions"][0]["frequency"] == {"summary": True, "notifyWhen": "onThrottleInterval", "throttle": "1h"}


def test_runs_need_an_enabled_rule(space: Space) -> None:
    """A manual run of a disabled rule fails with its code; filling gaps finds none."""
    dates = {"start_date": "2026-01-01T00:00:00.000Z", "end_date": "2026-01-02T00:00:00.000Z"}
    space.create(query_rule("on"))
    space.create(query_rule("off", enabled=False))
    answer = bulk(space, "run", query="", run=dates)
    assert (answer.status, answer.json["message"]) == (500, "Bulk manual rule run partially failed")
    assert answer.json["attributes"]["errors"][0]["err_code"] == "MANUAL_RULE_RUN_DISABLED_RULE"
    filled = bulk(space, "fill_gaps", query="", fill_gaps=dates).json["attributes"]
    assert filled["results"]["skipped"][0]["skip_reason"] == "NO_GAPS_TO_FILL"
    assert filled["errors"][0]["err_code"] == "RULE_FILL_GAPS_DISABLED_RULE"


def test_the_breaker_trips_for_the_whole_batch(start: Callable[..., Sandbox]) -> None:
    """Every rule of the batch gets the error, and none is enabled (section 9.4)."""
    sandbox = start(rules_per_minute=1)
    rules = [sandbox.create(query_rule(f"r-{number}", interval="1m", enabled=False)) for number in range(3)]
    answer = sandbox.request("POST", BULK, {"action": "enable", "ids": [rule["id"] for rule in rules]})
    error = answer.json["attributes"]["errors"][0]
    assert (answer.status, error["status_code"], len(error["rules"])) == (500, 400, 3)
    assert "Rules cannot be bulk enabled." in error["message"]
    assert sandbox.rule("r-0")["enabled"] is False
    assert sandbox.request("POST", RULES, query_rule("ok", interval="1m")).status == 200
    single = sandbox.request("POST", RULES, query_rule("more", interval="1m")).json["message"]
    assert "Rule 'Rule more' cannot be created." in single
    assert "The rule has 1 run per minute; there are only 0 runs per minute available." in single


def test_five_bulk_actions_at_a_time(start: Callable[..., Sandbox]) -> None:
    """The sixth in flight is answered 429 without `retry-after` (section 4.1)."""
    sandbox = start(rule_cost_ms=700)
    sandbox.request("POST", RULES, query_rule())
    statuses: list[int] = []

    def call() -> None:
        statuses.append(sandbox.request("POST", BULK, {"action": "disable", "query": ""}).status)

    threads = [threading.Thread(target=call) for _ in range(7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 5 + [429] * 2


def test_the_export_action_is_ndjson_with_details(space: Space, pair: list[dict[str, Any]]) -> None:
    """As `_export`, under its own file name."""
    answer = bulk(space, "export", ids=[pair[0]["id"]])
    assert answer.headers["content-disposition"] == 'attachment; filename="rules_export.ndjson"'
    assert [line.get("rule_id") for line in answer.lines] == ["r-1", None]
    assert answer.lines[-1]["exported_rules_count"] == 1
