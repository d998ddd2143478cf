"""Every field of every rule type: a planted problem is found, alone, with its key, at its line; real rules pass."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from deployer.core.fields import FIELDS, IDENTITY, RULE_TYPES
from deployer.core.flaw import Path, dotted, located
from deployer.core.rule_file import read_rule
from deployer.core.shape import shape_flaws
from deployer.core.toml import locator
from deployer.core.toml.emit import emit
from deployer.errors import Problem, Severity
from tests.support.shared import corpus, needs_shared, rule_pairs, tables

pytestmark = pytest.mark.quick

SIGN = 987654321
"""What is planted: a number that no right rule has, so that the line it stands in is known without our own locator."""

NEIGHBOUR = "zz_planted"
FREE = ("meta", "filters", "threat_filters", "params", "alerts_filter")
"""Tables of Kibana that may hold anything."""

_EQUALS = {"field": "event.severity", "operator": "equals", "value": "9"}
_REFERENCE = {"id": "T1", "name": "Name", "reference": "https://example.com/T1/"}
_FILTER = [{"meta": {"negate": False}, "query": {"match_phrase": {"a": "b"}}}]
COMPLETE: dict[str, Any] = {
    "name": "Name",
    "description": "Text",
    "note": "Text",
    "setup": "Text",
    "tags": ["one", "two"],
    "references": ["https://example.com"],
    "author": ["tests"],
    "license": "MIT",
    "false_positives": ["none"],
    "threat": [
        {
            "framework": "MITRE ATT&CK",
            "tactic": _REFERENCE,
            "technique": [{**_REFERENCE, "subtechnique": [_REFERENCE]}],
        }
    ],
    "timeline_id": "one",
    "timeline_title": "One",
    "investigation_fields": {"field_names": ["user.name"]},
    "version": 3,
    "meta": {"from": "1m"},
    "related_integrations": [{"package": "aws", "version": "^2.0.0", "integration": "cloudtrail"}],
    "required_fields": [{"name": "user.name", "type": "keyword", "ecs": True}],
    "language": "kuery",
    "query": "a: b",
    "index": ["logs-*"],
    "data_view_id": "one",
    "filters": _FILTER,
    "saved_id": "one",
    "event_category_override": "event.kind",
    "tiebreaker_field": "event.sequence",
    "timestamp_field": "event.created",
    "machine_learning_job_id": ["job"],
    "new_terms_fields": ["user.name"],
    "threat_index": ["ti-*"],
    "threat_query": "*:*",
    "threat_language": "kuery",
    "threat_filters": _FILTER,
    "threat_mapping": [{"entries": [{"field": "a", "type": "mapping", "value": "b", "negate": False}]}],
    "threat_indicator_path": "threat.indicator",
    "threshold": {"field": ["user.name"], "value": 3, "cardinality": [{"field": "host.id", "value": 2}]},
    "anomaly_threshold": 50,
    "history_window_start": "now-7d",
    "concurrent_searches": 1,
    "items_per_search": 9,
    "alert_suppression": {
        "group_by": ["host.id"],
        "duration": {"value": 5, "unit": "m"},
        "missing_fields_strategy": "suppress",
    },
    "exceptions_list": [{"list_id": "one", "id": "x", "type": "detection", "namespace_type": "single"}],
    "interval": "5m",
    "from": "now-9m",
    "to": "now",
    "max_signals": 100,
    "timestamp_override": "event.ingested",
    "timestamp_override_fallback_disabled": True,
    "enabled": True,
    "severity": "low",
    "severity_mapping": [{**_EQUALS, "severity": "high"}],
    "risk_score": 21,
    "risk_score_mapping": [{**_EQUALS, "risk_score": 50}],
    "rule_name_override": "event.action",
    "building_block_type": "default",
    "actions": [
        {
            "id": "x",
            "connector": "soc",
            "action_type_id": ".slack",
            "group": "default",
            "params": {"message": "text"},
            "uuid": "one",
            "frequency": {"summary": True, "notifyWhen": "onThrottleInterval", "throttle": "1h"},
            "alerts_filter": {"query": {"kql": "a: b", "filters": []}},
        }
    ],
    "response_actions": [{"action_type_id": ".endpoint", "params": {"command": "isolate"}}],
    "throttle": "rule",
    "namespace": "default",
}


def complete(rule_type: str) -> dict[str, Any]:
    """Return a rule file of a type that sets every field it has, rightly."""
    rule = {
        name: json.loads(json.dumps(value)) for name, value in COMPLETE.items() if FIELDS[name].exists_for(rule_type)
    }
    rule |= {"type": rule_type, IDENTITY: "00000000-0000-4000-8000-000000000001"}
    rule |= {"language": rule_type} if rule_type in ("eql", "esql") else {}
    if rule_type == "threshold":
        rule["alert_suppression"] = {"duration": rule["alert_suppression"]["duration"]}
    metadata = {"creation_date": "2026/11/24", "maturity": "production", "min_stack_version": "9.3.0"}
    return {"metadata": metadata, "rule": rule}


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of everything below a value, of what Kibana leaves free only the top."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield (*path, step)
        if step not in FREE:
            yield from places(inner, (*path, step))


def at(data: Any, path: Path) -> Any:
    """Return what stands at a path."""
    for step in path:
        data = data[step]
    return data


def problems(text: str) -> list[Problem]:
    """Return what reading and shape find in a rule file."""
    file, found = read_rule("r.toml", text)
    if file is None:
        return list(found)
    return [*found, *located(shape_flaws(file.payload), "r.toml", lambda _, key: locator(text)(key))]


def line_of(text: str, sign: str) -> int:
    """Return the one line that has the sign."""
    (line,) = [number for number, line in enumerate(text.split("\n"), 1) if sign in line]
    return line


@pytest.mark.parametrize("rule_type", RULE_TYPES)
def test_a_complete_rule_has_every_field_and_no_problem(rule_type: str) -> None:
    """The rule to plant in has all fields of its type, and nothing wrong."""
    data = complete(rule_type)
    assert data["rule"].keys() == {name for name, row in FIELDS.items() if row.exists_for(rule_type)} | {IDENTITY}
    assert problems(emit(data)) == []


@pytest.mark.parametrize("rule_type", RULE_TYPES)
def test_a_wrong_type_is_found_in_every_field_at_its_line(rule_type: str) -> None:
    """A number where a text, list, table or truth value belongs, a text where a number does: each found alone."""
    right = complete(rule_type)
    paths = list(places(right))
    for path in paths:
        if path in (("metadata",), ("rule",), ("metadata", "creation_date")):
            continue
        data = deepcopy(right)
        at(data, path[:-1])[path[-1]] = SIGN if not isinstance(at(right, path), int) else str(SIGN)
        if isinstance(at(right, path), bool):
            at(data, path[:-1])[path[-1]] = SIGN
        text = emit(data)
        found = problems(text)
        assert [problem.line for problem in found] == [line_of(text, str(SIGN))], (path, found)
        assert found[0].key == dotted(path)
        assert found[0].code in ("wrong-type", "unknown-type"), found
        assert found[0].severity is Severity.ERROR
    assert len(paths) > 70


@pytest.mark.parametrize("rule_type", RULE_TYPES)
def test_an_unknown_key_is_found_beside_every_field_at_its_line(rule_type: str) -> None:
    """A key that does not exist, in every table that Kibana does not leave free, is found alone."""
    right = complete(rule_type)
    homes = [("rule",), *(path for path in places(right) if isinstance(at(right, path), dict) and path[0] == "rule")]
    for home in dict.fromkeys(homes):
        if home[-1] in FREE or any(step in FREE for step in home):
            continue
        data = deepcopy(right)
        at(data, home)[NEIGHBOUR] = 1
        text = emit(data)
        found = problems(text)
        assert [(problem.line, problem.code) for problem in found] == [(line_of(text, NEIGHBOUR), "unknown-key")], home
        assert found[0].key == dotted((*home, NEIGHBOUR))
        assert found[0].remedy


@pytest.mark.parametrize("rule_type", RULE_TYPES)
def test_a_missing_key_is_shown_at_the_table_that_lacks_it(rule_type: str) -> None:
    """What every rule of a type needs is missed, at the line of [rule]."""
    for name in ("description", "risk_score", "severity"):
        data = complete(rule_type)
        del data["rule"][name]
        text = emit(data)
        (found,) = problems(text)
        assert (found.line, found.key, found.code) == (line_of(text, "[rule]"), f"rule.{name}", "missing-key")


@pytest.mark.parametrize("rule_type", RULE_TYPES)
def test_a_field_of_another_type_is_no_field_of_this_one(rule_type: str) -> None:
    """A field that Kibana drops for this rule type is an error at its line."""
    for name in COMPLETE.keys() - complete(rule_type)["rule"].keys():
        data = complete(rule_type)
        data["rule"][name] = deepcopy(COMPLETE[name])
        found = problems(emit(data))
        assert [(problem.key, problem.code) for problem in found] == [(f"rule.{name}", "not-for-type")]
        assert found[0].line > 1


@pytest.mark.parametrize(
    ("path", "value", "code", "said"),
    [
        (("rule", "severity"), "hihg", "wrong-value", 'did you mean "high"?'),
        (("rule", "timestamp_overide"), "x", "unknown-key", 'did you mean "timestamp_override"?'),
        (("rule", "alert_suppression", "groupby"), ["a"], "unknown-key", 'did you mean "group_by"?'),
        (("rule", "threat", 0, "tactic", "refrence"), "x", "unknown-key", 'did you mean "reference"?'),
        (("rule", "exceptions_list", 0, "list_idd"), "x", "unknown-key", 'did you mean "list_id"?'),
        (("rule", "risk_score"), "47", "wrong-type", "write it without quotes: 47"),
        (("rule", "risk_score"), 101, "wrong-value", "must be 100 or less, not 101"),
        (("rule", "risk_score"), -1, "wrong-value", "must be 0 or more, not -1"),
        (("rule", "max_signals"), 0, "wrong-value", "must be 1 or more"),
        (("rule", "interval"), "1w", "bad-duration", "90s, 5m, 24h, 7d"),
        (("rule", "interval"), "PT5M", "bad-duration", "is not a duration that Kibana takes"),
        (("rule", "alert_suppression", "duration", "unit"), "d", "wrong-value", "known: h, m, s"),
        (("rule", "alert_suppression", "group_by"), ["a", "b", "c", "d"], "too-many", "at most 3"),
        (("rule", "alert_suppression", "group_by"), [], "wrong-value", "an empty list"),
        (
            ("rule", "alert_suppression", "missing_fields_strategy"),
            "supress",
            "wrong-value",
            'did you mean "suppress"?',
        ),
        (("rule", "tags"), "one", "wrong-type", "list of texts"),
        (("rule", "timeline_id"), "", "wrong-value", "an empty text"),
        (("rule", "enabled"), "true", "wrong-type", "write it without quotes: true"),
        (("rule", "references"), "https://example.com", "wrong-type", "put it into [ ]"),
        (("rule", "license"), 2, "wrong-type", 'write it in quotes: "2"'),
        (("rule", "related_integrations", 0, "version"), "", "wrong-value", "an empty text"),
        (("metadata", "min_stack_version"), "new", "wrong-value", "is not a version"),
    ],
)
def test_the_remedy_says_what_to_write(path: Path, value: Any, code: str, said: str) -> None:
    """The commonest mistakes are named with what was probably meant."""
    data = complete("query")
    at(data, path[:-1])[path[-1]] = value
    (found,) = problems(emit(data))
    assert (found.key, found.code) == (dotted(path), code)
    assert said in f"{found.message}; {found.remedy}"


NESTED = """[metadata]
maturity = "production"

[rule]
name = "Name"
description = "Text"
rule_id = "00000000-0000-4000-8000-000000000001"
severity = "low"
risk_score = 21
type = "new_terms"
query = "a: b"
index = ["logs-*"]

[rule.new_terms]
field = "new_terms_fields"
value = ["user.name"]

[[rule.new_terms.history_window_start]]
field = "history_window_start"
value = "now-7d"

[[transform.osquery]]
label = "One"
query = "SELECT 1"

[[transform.investigate]]
label = "Two"
providers = []
"""


@pytest.mark.parametrize(
    ("old", "new", "key", "code"),
    [
        ('value = ["user.name"]', "value = 987654321", "rule.new_terms_fields", "wrong-type"),
        ('value = ["user.name"]', "value = [\n987654321]", "rule.new_terms_fields[0]", "wrong-type"),
        ('value = "now-7d"', "value = 987654321", "rule.history_window_start", "wrong-type"),
        ('field = "new_terms_fields"', 'field = "987654321"', "rule.new_terms.field", "wrong-value"),
        ('value = "now-7d"', 'value = "now-7d"\nx987654321 = 1', "x987654321", "unknown-key"),
        ('value = ["user.name"]', 'value = ["user.name"]\nx987654321 = 1', "rule.new_terms.x987654321", "unknown-key"),
        ('label = "One"', "label = 987654321", "transform.osquery[0].label", "wrong-type"),
        ('query = "SELECT 1"', "query = 987654321", "transform.osquery[0].query", "wrong-type"),
        ("providers = []", "providers = 987654321", "transform.investigate[0].providers", "wrong-type"),
        ('label = "Two"', "x987654321 = 1", "transform.investigate[0].x987654321", "unknown-key"),
        ('maturity = "production"', "maturity = 987654321", "metadata.maturity", "wrong-type"),
        ("[[transform.osquery]]", "[[x987654321]]", "x987654321", "unknown-key"),
    ],
)
def test_what_the_payload_steps_use_up_is_checked_where_it_is_written(old: str, new: str, key: str, code: str) -> None:
    """Nested new terms, [transform] and [metadata] are judged at their own lines."""
    assert problems(NESTED) == []
    text = NESTED.replace(old, new)
    found = problems(text)
    assert [(problem.line, problem.code) for problem in found] == [(line_of(text, "987654321"), code)], found
    assert found[0].key.endswith(key)


def test_all_problems_of_a_file_are_told_at_once() -> None:
    """One wrong field hides no other."""
    data = complete("query")
    data["rule"] |= {"interval": "1w", "severity": "hihg", "max_signals": 0, "notee": "x"}
    assert {problem.key for problem in problems(emit(data))} == {
        "rule.interval",
        "rule.severity",
        "rule.max_signals",
        "rule.notee",
    }


@needs_shared
@pytest.mark.parametrize("date", ["2026-05", "2026-08"])
def test_no_field_of_a_real_rule_is_rejected(date: str) -> None:
    """0 false rejects over every file of a corpus."""
    found = [problem for path, text in corpus(date) for problem in _of(path, text)]
    print(f"{date}: {len(corpus(date))} files, {len(found)} problems")
    assert found == []


@needs_shared
def test_no_field_of_the_pairs_is_rejected() -> None:
    """The rules that use every field of detection-rules, and the payloads that it makes of them, pass."""
    for name, pair in rule_pairs().items():
        file, found = read_rule(name, emit(tables(pair)))
        assert file is not None, found
        assert list(shape_flaws(file.payload)) == [], name


def _of(path: str, text: str) -> list[Any]:
    file, found = read_rule(path, text)
    return [*found, *(shape_flaws(file.payload) if file else ())]
