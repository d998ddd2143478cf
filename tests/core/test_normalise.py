"""The canonical form: one for every way in which Kibana or an author may write the same rule."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deployer.core.canonical import canonical_json
from deployer.core.fields import ABSENT, RULE_TYPES
from deployer.core.normalise import canonical, canonical_field, markers, same_field, without_markers

pytestmark = pytest.mark.quick

SAME: list[tuple[str, str, Any, Any]] = [
    ("interval", "query", ABSENT, "5m"),
    ("max_signals", "query", ABSENT, 100),
    ("query", "query", ABSENT, ""),
    ("language", "threshold", ABSENT, "kuery"),
    ("tags", "query", ["a", "b"], ["b", "a", "deployer:x", "Missing Universal Api Key"]),
    ("index", "eql", ["a", "b"], ["b", "a"]),
    ("threshold", "threshold", {"field": "a", "value": 1}, {"field": ["a"], "value": 1, "cardinality": []}),
    ("threshold", "threshold", {"field": "", "value": 1}, {"field": [], "value": 1}),
    ("machine_learning_job_id", "machine_learning", "a", ["a"]),
    ("required_fields", "query", [{"name": "a", "type": "keyword"}], [{"name": "a", "type": "keyword", "ecs": True}]),
    ("investigation_fields", "query", ABSENT, {"field_names": []}),
    ("investigation_fields", "query", ["a"], {"field_names": ["a"]}),
    ("filters", "query", ABSENT, []),
    ("filters", "query", [{"meta": {"key": "a"}}], [{"meta": {"key": "a", "alias": None}}]),
    ("actions", "query", [{"id": "c", "params": {"a": {}}}], [{"id": "c", "params": {"a": {"b": None}, "c": None}}]),
    ("brand_new", "query", {"a": [{}]}, {"a": [{"b": None}]}),
    ("threat", "query", [{"tactic": {"reference": "u"}}], [{"tactic": {"reference": "u/"}, "technique": []}]),
    ("threat", "query", [{"technique": [{"id": "T1", "subtechnique": []}]}], [{"technique": [{"id": "T1"}]}]),
    ("alert_suppression", "query", {"group_by": ["a"]}, {"group_by": ["a"], "missing_fields_strategy": "suppress"}),
    ("alert_suppression", "threshold", {"duration": 1, "group_by": ["a"]}, {"duration": 1}),
    ("threat_indicator_path", "threat_match", ABSENT, "threat.indicator"),
    ("query", "machine_learning", "x", ABSENT),
    (
        "actions",
        "query",
        [{"id": "c", "params": {}}],
        [
            {
                "id": "c",
                "params": {},
                "group": "default",
                "uuid": "1",
                "frequency": {"summary": True, "notifyWhen": "onActiveAlert", "throttle": None},
            }
        ],
    ),
    ("exceptions_list", "query", [{"list_id": "a"}, {"list_id": "b"}], [{"list_id": "b"}, {"list_id": "a"}]),
]

DIFFERENT: list[tuple[str, str, Any, Any]] = [
    ("interval", "query", "60s", "1m"),
    ("query", "query", "a", "a "),
    ("references", "query", ["a", "b"], ["b", "a"]),
    ("risk_score", "query", 1, True),
    ("max_signals", "query", 100, 100.5),
    ("tags", "query", ["a"], ["A"]),
    ("actions", "query", [{"id": "c"}], [{"id": "d"}]),
    ("note", "query", "a", ABSENT),
]


@pytest.mark.parametrize(("name", "rule_type", "a", "b"), SAME)
def test_two_ways_to_write_one_thing_are_the_same(name: str, rule_type: str, a: Any, b: Any) -> None:
    """What Kibana fills in, rewrites or reorders is no difference (facts.md 2.2 to 2.4)."""
    assert same_field(name, a, b, rule_type)


@pytest.mark.parametrize(("name", "rule_type", "a", "b"), DIFFERENT)
def test_a_real_difference_stays_one(name: str, rule_type: str, a: Any, b: Any) -> None:
    """Normalising hides nothing that matters."""
    assert not same_field(name, a, b, rule_type)


def test_silence_about_a_field_without_default_opinion_is_kept() -> None:
    """`enabled`, `version` and the like appear only where they are set."""
    assert {"enabled", "version", "meta", "required_fields"}.isdisjoint(canonical({"type": "query"}))
    assert canonical({"type": "query", "enabled": False})["enabled"] is False


def test_unknown_fields_survive_and_server_fields_do_not() -> None:
    """A field that the table does not know is kept; what the server owns is dropped."""
    result = canonical(
        {"type": "query", "rule_id": "r", "future_field": 1, "id": "x", "revision": 3, "updated_at": "t"}
    )

    assert result["future_field"] == 1
    assert {"id", "revision", "updated_at"}.isdisjoint(result)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "field", "uuid", "group_by", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(deadline=None)
@example("threshold", {"threshold": {"field": 1}})
@example("query", {"threat": [{"technique": 1}]})
@example("query", {"threat": [{"technique": [{"subtechnique": 1}]}]})
@example("query", {"actions": [{"frequency": 1}]})
@given(
    st.sampled_from(RULE_TYPES),
    st.dictionaries(
        st.sampled_from(["tags", "threat", "threshold", "actions", "filters", "exceptions_list", "index", "note", "x"]),
        values,
    ),
)
def test_normalising_is_idempotent(rule_type: str, content: dict[str, Any]) -> None:
    """The canonical form of a canonical form is itself, whatever somebody wrote."""
    once = canonical({**content, "type": rule_type, "rule_id": "r"})

    assert canonical_json(canonical(once)) == canonical_json(once)


@given(st.lists(st.text(max_size=8) | st.sampled_from(["deployer:a", "deployer:b"])))
def test_markers_and_tags_are_a_partition(tags: list[str]) -> None:
    """Every tag is a marker, a tag that Kibana added, or the rule's own."""
    assert len(markers(tags)) + len(without_markers(tags)) == len(tags)


def test_an_unknown_type_keeps_every_field() -> None:
    """A rule type from a newer Kibana loses nothing (facts.md, evidence tags)."""
    assert canonical_field("query", "x", "vulnerability_check") == "x"
