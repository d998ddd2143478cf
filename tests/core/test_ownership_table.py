"""Every field, every ownership, and who changed it: what happens to the field, and what the plan says of it."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core.environment import Ownership, OwnershipPolicy
from deployer.core.fields import ABSENT, FIELDS, RULE_TYPES
from deployer.core.normalise import same_field, without_markers
from deployer.core.plan import Plan
from deployer.core.rule_file import RuleFile
from deployer.render.plan.text import plan_text
from deployer.render.style import Style
from tests.support.planning import OPEN, World, edits, rule_file, world

pytestmark = pytest.mark.quick

SITUATIONS = ("neither", "git", "analyst", "both")
OWNERS: tuple[Ownership, ...] = get_args(Ownership)
OWN_TEST = {"type"}
"""A change of type is a recreate, which carries other fields along: tests/core/test_planner.py."""


def listed(list_id: str) -> dict[str, str]:
    """An entry of `exceptions_list`."""
    return {"id": f"id-{list_id}", "list_id": list_id, "type": "detection", "namespace_type": "single"}


def slack(message: str) -> dict[str, Any]:
    """An action."""
    return {"id": "c-1", "action_type_id": ".slack", "group": "default", "params": {"message": message}}


def mapped(name: str) -> dict[str, Any]:
    """A filter, a mapping, an entry: an object of a list."""
    return {"field": name, "operator": "equals", "value": ""}


def suppressed(name: str) -> dict[str, Any]:
    """A suppression, a threshold, a set of fields: an object."""
    return {"group_by": [name], "missing_fields_strategy": "suppress"}


VALUES: dict[str, tuple[Any, Any, Any]] = {
    "tags": (["a"], ["a", "b"], ["a", "c"]),
    "index": (["a-*"], ["a-*", "b-*"], ["a-*", "c-*"]),
    "threat_index": (["a-*"], ["a-*", "b-*"], ["a-*", "c-*"]),
    "exceptions_list": ([listed("a")], [listed("a"), listed("b")], [listed("a"), listed("c")]),
    "actions": ([slack("a")], [slack("a"), slack("b")], [slack("a"), slack("c")]),
    "response_actions": tuple([{"action_type_id": ".osquery", "params": {"query": q}}] for q in "abc"),
    "threat": tuple(
        [{"framework": "MITRE ATT&CK", "tactic": {"id": q, "name": q, "reference": q}, "technique": []}] for q in "abc"
    ),
    "risk_score": (21, 47, 73),
    "anomaly_threshold": (50, 60, 70),
    "max_signals": (50, 60, 70),
    "version": (3, 4, 5),
    "concurrent_searches": (1, 2, 3),
    "items_per_search": (1, 2, 3),
    "severity": ("low", "medium", "high"),
    "interval": ("6m", "7m", "8m"),
    "from": ("now-7m", "now-8m", "now-9m"),
    "history_window_start": ("now-7d", "now-8d", "now-9d"),
    "meta": ({"a": 1}, {"a": 2}, {"a": 3}),
    "investigation_fields": tuple({"field_names": [q]} for q in "abc"),
    "alert_suppression": tuple(suppressed(q) for q in "abc"),
    "threshold": tuple({"field": [q], "value": 1} for q in "abc"),
    "threat_mapping": tuple([{"entries": [{"field": q, "type": "mapping", "value": q}]}] for q in "abc"),
    "related_integrations": tuple([{"package": q, "version": "^1.0.0"}] for q in "abc"),
    "required_fields": tuple([{"name": q, "type": "keyword"}] for q in "abc"),
    "filters": tuple([{"meta": {"key": q}}] for q in "abc"),
    "threat_filters": tuple([{"meta": {"key": q}}] for q in "abc"),
    "severity_mapping": tuple([{**mapped(q), "severity": "high"}] for q in "abc"),
    "risk_score_mapping": tuple([mapped(q)] for q in "abc"),
    **{name: (["a"], ["a", "b"], ["a", "c"]) for name in ("references", "author", "false_positives")},
    **{name: (["a"], ["b"], ["c"]) for name in ("new_terms_fields", "machine_learning_job_id")},
    "language": ("kuery", "lucene", "eql"),
}
LISTS = {"tags", "index", "threat_index", "exceptions_list", "actions", "references", "author", "false_positives"}
TWO_VALUES: dict[str, tuple[Any, Any]] = {
    "timestamp_override_fallback_disabled": (False, True),
    "enabled": (True, False),
    "building_block_type": (None, "default"),
}
"""Fields of two values: git and Kibana cannot change them to different ones."""

REST = sorted(FIELDS.keys() - OWN_TEST - TWO_VALUES.keys() - {"throttle"})  # Kibana never answers `throttle`


def values_of(name: str) -> tuple[Any, Any, Any]:
    """What was deployed, what git makes of it, what an analyst makes of it."""
    return VALUES.get(name, ("a", "b", "c"))


def file_with(name: str, value: Any) -> RuleFile:
    """A rule of a type that has the field."""
    kind = next(kind for kind in RULE_TYPES if FIELDS[name].exists_for(kind))
    known = {key for key in ("language", "query", "index") if FIELDS[key].exists_for(kind)}
    gone = {key: None for key in ("language", "query", "index") if key not in known}
    return rule_file("r1", **{**gone, "type": kind, name: value})


def situated(name: str, owner: Ownership, situation: str) -> World:
    """A deployed rule, and the changes of a situation."""
    was, git, kibana = values_of(name)
    made = world(file_with(name, was), policy=OwnershipPolicy(fields={name: owner}), limits=OPEN)
    if situation in ("git", "both"):
        made.git(file_with(name, git))
    if situation in ("analyst", "both"):
        made.edit("r1", **{name: kibana})
    return made


def outcome(plan: Plan, name: str) -> tuple[str, Any]:
    """What a plan does to the one field: the kind of the edit ("" for none), and the value that is written."""
    kind = edits(plan).get(("r1", name), "")
    written = [change.after[name] for change in plan.changes if change.after and name in change.after]
    return kind, written[0] if written else ABSENT


def expected(name: str, owner: Ownership, situation: str) -> tuple[str, Any]:
    """What design section 6 says."""
    was, git, kibana = values_of(name)
    merges = owner == "merge" and isinstance(was, list)
    if owner in ("live", "once") or situation == "neither":
        return "", ABSENT
    if situation == "git":
        return "", git
    if merges and situation == "analyst":
        return ("kept", ABSENT) if name in LISTS else ("kept", [*kibana, *was])
    if merges:
        return "kept", [*kibana, *(item for item in git if item not in kibana)]
    if owner == "git":
        return ("back", was) if situation == "analyst" else ("", git)
    return ("left", ABSENT) if situation == "analyst" else ("conflict", ABSENT)


WORDS = {
    "left": "CHANGED IN KIBANA, LEFT ALONE",
    "back": "CHANGED IN KIBANA, PUT BACK",
    "kept": "ADDED IN KIBANA, KEPT",
    "conflict": "git and Kibana both changed",
}


def check_words(plan: Plan, name: str, kind: str) -> None:
    """The plan names the field under the title of what happens to it, and under no other."""
    text = plan_text(plan, Style(False, 96))
    assert {key for key, words in WORDS.items() if words in text} == ({kind} if kind else set())
    if kind:
        rest = text.partition(WORDS[kind])[2]
        assert name[:9] in rest
        assert "soc-day" in rest


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize("name", REST)
def test_every_field_under_every_ownership(name: str, owner: Ownership, situation: str) -> None:
    """Field by field: what is written, what is left, what blocks, and the plan's words for it."""
    plan = situated(name, owner, situation).plan()

    kind, value = outcome(plan, name)

    wanted_kind, wanted = expected(name, owner, situation)
    assert kind == wanted_kind
    kind_of_rule = file_with(name, values_of(name)[0]).payload["type"]
    assert (value is ABSENT) == (wanted is ABSENT)
    assert value is ABSENT or same_field(name, value, wanted, kind_of_rule)
    assert bool(plan.notes.blocked) == (kind == "conflict")
    check_words(plan, name, kind)


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize("name", sorted(TWO_VALUES))
def test_every_field_of_two_values_under_every_ownership(name: str, owner: Ownership, situation: str) -> None:
    """Where git and Kibana both changed it, they changed it to the same, and nothing is left to do."""
    was, other = TWO_VALUES[name]
    made = world(rule_file("r1", **{name: was}), policy=OwnershipPolicy(fields={name: owner}), limits=OPEN)
    if situation in ("git", "both"):
        made.git(rule_file("r1", **{name: other}))
    if situation in ("analyst", "both"):
        made.edit("r1", **{name: other})

    plan = made.plan()

    kinds = {("analyst", owner): "back" if owner == "git" else "left" for owner in ("git", "shared", "merge")}
    kind = kinds.get((situation, owner), "")
    changes = [change for change in plan.changes if name in {*(change.before or {}), *(change.after or {})}]
    written = kind == "back" or (situation == "git" and owner not in ("live", "once"))
    assert (outcome(plan, name)[0], bool(changes), plan.notes.blocked) == (kind, written, ())
    check_words(plan, name, kind)
    if changes:
        made.apply()
        assert made.live["r1"].get(name) == (was if kind == "back" else other)


def test_no_field_is_forgotten() -> None:
    """The table covers every field but those that have tests of their own, and each field's three values differ."""
    assert {*REST, *OWN_TEST, *TWO_VALUES, "throttle"} == FIELDS.keys()
    for name in REST:
        was, git, kibana = values_of(name)
        kind = file_with(name, was).payload["type"]
        assert not any(same_field(name, a, b, kind) for a, b in ((was, git), (was, kibana), (git, kibana)))


def content_of(made: World, name: str) -> Any:
    """What the live rule has at a field; our marker is no content."""
    value = made.live["r1"].get(name)
    return without_markers(value) if name == "tags" else value


EDITABLE = [name for name in REST if FIELDS[name].exists_for("query") and name not in ("query", "note", "language")]


@given(
    st.sampled_from(EDITABLE),
    st.sampled_from([owner for owner in OWNERS if owner != "git"]),
    st.lists(st.tuples(st.sampled_from(["query", "note"]), st.sampled_from(["x", "y", "z"])), min_size=1, max_size=5),
)
def test_applies_of_unrelated_changes_never_alter_a_kept_edit(
    name: str, owner: Ownership, steps: list[tuple[str, str]]
) -> None:
    """Law: whatever field an analyst edited, and whoever owns it but git, applies of other changes leave it alone."""
    was, _, kibana = values_of(name)
    made = world(rule_file("r1", **{name: was}), policy=OwnershipPolicy(fields={name: owner}), limits=OPEN)
    made.edit("r1", **{name: kibana})
    made.apply()
    after_one = content_of(made, name)
    git: dict[str, Any] = {}
    for number, (field, value) in enumerate(steps):
        git[field] = f"{value}{number}"
        made.git(rule_file("r1", **{name: was}, **git))
        made.apply()
        assert made.live["r1"][field] == git[field]
        assert content_of(made, name) == after_one
    if owner != "merge":
        assert after_one == kibana
    else:
        assert not isinstance(kibana, list) or all(item in after_one for item in kibana)
