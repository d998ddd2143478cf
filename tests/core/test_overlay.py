"""Overlays: what overrides make of a rule, in which order, and what is said about it."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core.environment import Override
from deployer.core.fields import RULE_TYPES
from deployer.core.overlay import apply_overrides, unmatched_overrides
from deployer.core.selector import parse_selector
from deployer.errors import Severity
from tests.support.subject import RuleSubject

pytestmark = pytest.mark.quick

ALL = (parse_selector("*"),)


def words(query, mapping):
    """Stand in for the ES|QL rewriter: replace whole words before the first pipe."""
    source, pipe, rest = query.partition("|")
    return ", ".join(mapping.get(word, word) for word in source.split(", ")) + pipe + rest


def rule(**fields):
    """Make a payload; a threshold rule unless told otherwise."""
    return {
        "rule_id": "r-1",
        "name": "Many failures",
        "type": "threshold",
        "tags": ["a", "b"],
        "interval": "5m",
        "threshold": {"field": ["user.name"], "value": 10},
        **fields,
    }


def subject(payload):
    """Return what selectors see of a payload."""
    return RuleSubject(
        payload["rule_id"], payload["name"], tuple(payload.get("tags", ())), "rules/r.toml", payload["type"]
    )


def override(name="o", match=ALL, **parts):
    """Make an override that stands in line 7."""
    return Override(name=name, match=match, origin="environments/prod.toml:7", **parts)


def overlay(payload, *overrides):
    """Apply overrides, and hold that the payload handed in is untouched."""
    before = copy.deepcopy(payload)
    result = apply_overrides(payload, subject(payload), overrides, words)
    assert payload == before
    return result


def test_without_a_matching_override_the_very_payload_comes_back():
    """Nothing applies: the same object, so that nobody has to compare it."""
    payload = rule()
    result = overlay(payload, override(match=(parse_selector("type:eql"),), add_tags=("x",)))
    assert result.payload is payload
    assert (result.origins, result.problems) == ({}, ())


def test_a_dotted_key_sets_one_value_and_keeps_its_neighbours():
    """`threshold.value` leaves `threshold.field` alone; a whole field is replaced; the origin is the dotted key."""
    result = overlay(rule(), override(set={"threshold.value": 40, "interval": "10m"}))
    assert result.payload["threshold"] == {"field": ["user.name"], "value": 40}
    assert result.payload["interval"] == "10m"
    label = '"o" (environments/prod.toml:7)'
    assert result.origins == {"threshold.value": label, "interval": label}


def test_a_dotted_key_makes_the_tables_that_are_missing():
    """A rule without suppression gets it."""
    suppression = {"alert_suppression.duration.value": 5, "alert_suppression.duration.unit": "m"}
    result = overlay(rule(), override(set=suppression))
    assert result.payload["alert_suppression"] == {"duration": {"value": 5, "unit": "m"}}


def test_later_overrides_win_and_take_over_the_origin():
    """The last one that sets a value is the one that `render` names, also when it sets the field around it."""
    first = override("first", set={"threshold.value": 20, "threshold.cardinality": [{"field": "host.id", "value": 2}]})
    result = overlay(rule(), first, override("second", set={"threshold.value": 30}))
    assert result.payload["threshold"]["value"] == 30
    assert {key: origin.split('"')[1] for key, origin in result.origins.items()} == {
        "threshold.value": "second",
        "threshold.cardinality": "first",
    }
    whole = overlay(rule(), first, override("third", set={"threshold": 1}))
    assert [*whole.origins] == ["threshold"]


def test_matching_looks_at_the_rule_as_its_file_has_it():
    """A tag that an earlier override adds, or a severity it sets, does not make a later one match."""
    result = overlay(
        rule(severity="low"),
        override("mark", add_tags=("noisy",), set={"severity": "critical"}),
        override(
            "never", match=(parse_selector("tag:noisy"), parse_selector("severity:critical")), set={"interval": "1h"}
        ),
    )
    assert result.payload["interval"] == "5m"


def test_tags_keep_their_order_and_never_double():
    """Removing comes before adding, a tag that is there stays where it is, and origins follow the final places."""
    result = overlay(
        rule(tags=["a", "b", "c"]),
        override("one", add_tags=("x", "b", "y")),
        override("two", remove_tags=("a", "x", "nothing"), add_tags=("z",)),
    )
    assert result.payload["tags"] == ["b", "c", "y", "z"]
    assert {key: origin.split('"')[1] for key, origin in result.origins.items()} == {"tags[2]": "one", "tags[3]": "two"}


def test_setting_tags_as_a_whole_forgets_the_origins_of_single_tags():
    """After `set = { tags = … }` the field has one origin."""
    result = overlay(rule(), override("one", add_tags=("x",)), override("two", set={"tags": ["x"]}))
    assert {key: origin.split('"')[1] for key, origin in result.origins.items()} == {"tags": "two"}


def test_actions_are_appended_and_not_shared_between_rules():
    """Each rule gets its own copy, behind its own actions."""
    action = {"connector": "soc-pager", "params": {"summary": "s"}}
    paging = override(add_actions=(action,))
    one = overlay(rule(actions=[{"connector": "own"}]), paging)
    two = overlay(rule(), paging)
    assert one.payload["actions"] == [{"connector": "own"}, action]
    assert [*one.origins] == ["actions[1]"]
    two.payload["actions"][0]["params"]["summary"] = "changed"
    assert action["params"]["summary"] == "s"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"type": "query", "index": ["logs-*", "other-*"]}, {"index": ["us:logs-*", "other-*"]}),
        ({"type": "eql", "index": ["logs-endpoint.*"]}, {"index": ["logs-endpoint.*"]}),
        ({"type": "saved_query", "index": ["logs-*"]}, {"index": ["us:logs-*"]}),
        ({"type": "threshold", "index": ["logs-*"]}, {"index": ["us:logs-*"]}),
        ({"type": "new_terms", "index": ["logs-*"]}, {"index": ["us:logs-*"]}),
        (
            {"type": "threat_match", "index": ["logs-*"], "threat_index": ["ti-*"]},
            {"index": ["us:logs-*"], "threat_index": ["us:ti-*"]},
        ),
        ({"type": "esql", "query": "FROM, logs-*| WHERE x"}, {"query": "FROM, us:logs-*| WHERE x"}),
        ({"type": "machine_learning", "machine_learning_job_id": ["logs-*"]}, {"machine_learning_job_id": ["logs-*"]}),
    ],
    ids=lambda value: value.get("type", ""),
)
def test_index_patterns_are_rewritten_for_every_rule_type(fields, expected):
    """Exact patterns in `index`, `threat_index` and the source of ES|QL; nothing else, and no partial match."""
    payload = {"rule_id": "r", "name": "n", **fields}
    result = overlay(payload, override(rewrite_index={"logs-*": "us:logs-*", "ti-*": "us:ti-*"}))
    assert {key: result.payload[key] for key in expected} == expected
    assert result.payload.keys() == payload.keys()
    assert fields["type"] in RULE_TYPES


def test_a_query_language_that_only_looks_like_esql_is_not_rewritten():
    """A KQL query is no source command, whatever it says."""
    payload = rule(type="query", query="FROM, logs-*| x", index=["a"])
    assert overlay(payload, override(rewrite_index={"logs-*": "us:logs-*"})).payload["query"] == payload["query"]


def test_rewriting_is_simultaneous_within_an_override_and_chained_between_them():
    """`a -> b, b -> a` swaps; a second override works on what the first one left; what meets stands once."""
    swap = override(rewrite_index={"a": "b", "b": "a"})
    assert overlay(rule(index=["a", "b"]), swap).payload["index"] == ["b", "a"]
    chain = (override("1", rewrite_index={"a": "b"}), override("2", rewrite_index={"b": "c"}))
    result = overlay(rule(index=["a", "b", "x"]), *chain)
    assert result.payload["index"] == ["c", "x"]
    assert {key: origin.split('"')[1] for key, origin in result.origins.items()} == {"index[0]": "2"}


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"query": "_index:logs-* and x"}, ["query"]),
        ({"query": '_index: "us:logs-*"'}, []),
        ({"query": "logs-*-foo or my-logs-* or logs-*.x"}, []),
        ({"threat_query": "_index : logs-*"}, ["threat_query"]),
        ({"filters": [{"query": {"term": {"_index": "logs-*"}}}]}, ["filters"]),
        ({"threat_filters": [{"meta": {"index": "logs-*"}}]}, ["threat_filters"]),
        ({"index": ["-logs-*", "x"]}, ["index"]),
        ({"index": ["x,logs-*"]}, ["index"]),
        ({"index": ["logs-*"]}, []),
        ({"note": "look into logs-*"}, []),
    ],
)
def test_old_patterns_that_stay_are_named(fields, kept):
    """A pattern that is rewritten elsewhere and stays in a query, a filter or a longer entry is named with its rule."""
    result = overlay(rule(**fields), override(rewrite_index={"logs-*": "us:logs-*"}))
    assert [(p.path, p.key, p.code, p.severity) for p in result.problems] == [
        ("rules/r.toml", f"rule.{name}", "kept-index", Severity.WARNING) for name in kept
    ]


def test_a_new_pattern_that_lies_inside_the_old_one_hides_nothing():
    """us:logs-* becomes logs-*: the old one is found although the new one is a part of it."""
    result = overlay(rule(query="_index: us:logs-*"), override(rewrite_index={"us:logs-*": "logs-*"}))
    assert [(p.key, "us:logs-*" in p.message) for p in result.problems] == [("rule.query", True)]


def test_a_field_that_the_type_does_not_have_is_refused_with_the_place_of_the_override():
    """An override on `*` that sets a threshold does not make a broken query rule."""
    payload = rule(type="query")
    result = overlay(payload, override(set={"threshold.value": 40, "interval": "1h"}))
    assert (result.payload["threshold"], result.payload["interval"]) == (payload["threshold"], "1h")
    (problem,) = result.problems
    assert str(problem) == (
        'environments/prod.toml:7:1: override: "o": "Many failures" (rules/r.toml) is of type query, which has no '
        '"threshold"; narrow its match, for example with type:threshold [override-mismatch]'
    )


def test_a_list_that_is_set_to_no_list_is_refused():
    """Later steps go through tags, actions and exception lists entry by entry; the field stays as it was."""
    result = overlay(rule(), override(set={"tags": "x", "actions": 3, "exceptions_list": {"list_id": "x"}, "index": 3}))
    assert result.payload["tags"] == ["a", "b"]
    assert not result.payload.keys() & {"actions", "exceptions_list"}
    assert [problem.code for problem in result.problems] == ["override-mismatch"] * 4


def test_a_key_that_leads_into_a_list_is_refused():
    """There is no way into a list or a text; the field stays as it was."""
    result = overlay(rule(), override(set={"tags.0": "x", "interval.unit": "h"}))
    assert (result.payload["tags"], result.payload["interval"]) == (["a", "b"], "5m")
    assert [problem.code for problem in result.problems] == ["override-mismatch"] * 2


def test_an_override_that_selects_nothing_is_a_warning_at_its_line():
    """It names the environment and stands where the override stands; the ones that select are not named."""
    lost = override("lost", match=(parse_selector("tag:gone"), parse_selector("type:eql")), add_tags=("x",))
    found = override("found", match=(parse_selector("tag:gone"), parse_selector("tag:a")), add_tags=("x",))
    (problem,) = unmatched_overrides([lost, found], [subject(rule())], "prod/emea")
    assert (problem.path, problem.line, problem.severity) == ("environments/prod.toml", 7, Severity.WARNING)
    assert '"lost": selects no rule of prod/emea' in str(problem)


NAMES = st.sampled_from(["x", "y", "z", "a", "b"])
CHANGES = st.builds(
    override,
    name=NAMES,
    set=st.dictionaries(st.sampled_from(["interval", "threshold.value", "note"]), st.integers(0, 3), max_size=2),
    add_tags=st.lists(NAMES, max_size=3).map(tuple),
    remove_tags=st.lists(NAMES, max_size=2).map(tuple),
    rewrite_index=st.dictionaries(NAMES, NAMES, max_size=2),
)


@given(st.lists(CHANGES, max_size=4), st.lists(CHANGES, max_size=4))
def test_applying_in_two_parts_equals_applying_at_once(first, second):
    """Base first, space last: the space's overrides work on what the base's left, nothing more."""
    payload = rule(index=["a", "b", "x"])
    of_file = subject(payload)
    halfway = apply_overrides(payload, of_file, first, words).payload
    parts = apply_overrides(halfway, of_file, second, words).payload
    assert parts == apply_overrides(payload, of_file, [*first, *second], words).payload


@given(st.lists(CHANGES, max_size=5))
def test_every_origin_names_a_value_that_is_there(changes):
    """`render` finds each key of `origins` in the payload; tags and patterns never double."""
    result = apply_overrides(rule(index=["a", "b"]), subject(rule()), changes, words)
    for key in result.origins:
        value = result.payload
        for part in key.replace("[", ".").replace("]", "").split("."):
            value = value[int(part)] if part.isdigit() else value[part]
    for name in ("tags", "index"):
        assert len(result.payload[name]) == len(set(result.payload[name]))
