"""What a target is to run whatever git says: pins of records, and what they do to what git wants."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core.behaviour import behaviour_digest
from deployer.core.environment import Override
from deployer.core.pins import Pin, pin_of, pinned
from deployer.core.references import Space, resolve
from deployer.core.selector import parse_selector
from tests.support.planning import World, actions, rule_file, world

pytestmark = pytest.mark.quick


def override(**fields):
    """An override of every rule."""
    return Override("o", (parse_selector("*"),), **fields)


def pins(made: World, why: str = "held"):
    """The pins of everything that the current record has."""
    assert made.record is not None
    return {
        rule_id: pin_of(rule_id, entry, made.documents, made.rendering, why)
        for rule_id, entry in made.record.rules.items()
    }


CONTENT = st.fixed_dictionaries(
    {},
    optional={
        "query": st.sampled_from(["a : 1", "b : 2"]),
        "note": st.just("look"),
        "tags": st.lists(st.sampled_from(["a", "b", "c"])),
        "interval": st.sampled_from(["5m", "15m"]),
        "enabled": st.booleans(),
        "exceptions_list": st.just([{"list_id": "allow"}]),
        "actions": st.just([{"connector": "soc", "params": {"message": "x"}}]),
    },
)
OVERRIDES = st.lists(
    st.sampled_from([override(set={"interval": "9m"}), override(add_tags=("env:prod",)), override(set={"query": "c"})]),
    max_size=2,
)
SPACE = Space(
    connectors=({"id": "c1", "name": "soc", "connector_type_id": ".slack"},),
    lists=({"id": "l1", "list_id": "allow", "type": "detection", "namespace_type": "single"},),
)


@given(
    st.lists(CONTENT, min_size=1, max_size=3),
    st.lists(CONTENT, max_size=2),
    OVERRIDES,
    OVERRIDES,
    st.sampled_from("ab"),
)
def test_planned_towards_its_own_record_a_target_has_nothing_to_do(first, then, before, after, removed):
    """Law: pins of the current record give an empty plan, whatever files and overlays have become since."""
    made = World(overrides=tuple(before), space=SPACE, policy=World().policy)
    made.git(*(rule_file(f"r{n}", **fields) for n, fields in enumerate(first)))
    made.apply()
    if removed == "a":
        made.git(*(rule_file(f"r{n}", **fields) for n, fields in enumerate(then)))
        made.apply(allow={})
    made.git()
    made.overrides = tuple(after)

    plan = made.plan(pins=pins(made))

    assert (plan.changes, dict(plan.entries), plan.notes.blocked, plan.notes.edits) == ((), {}, (), ())


def test_a_pin_of_the_file_takes_todays_overlays():
    """The content is that of the record, the environment that of today."""
    made = world(rule_file("r1", query="good : 1"))
    made.git(rule_file("r1", query="bad : 1"))
    keep = pins(made)
    made.overrides = (override(set={"interval": "9m"}),)

    (change,) = made.plan(pins=keep).changes

    assert (change.names, change.after) == (("interval",), {"interval": "9m"})


def test_where_an_overlay_made_the_difference_the_rendered_rule_is_pinned():
    """A bad override is kept out though the file never changed."""
    made = world(rule_file("r1", query="good : 1"))
    made.overrides = (override(set={"query": "bad : 1"}),)

    pin = pins(made)["r1"]

    assert (pin.kind, pin.rendered["query"]) == ("rendered", "good : 1")
    assert made.plan(pins={"r1": pin}).changes == ()
    assert actions(made.plan()) == {"r1": "update"}


def test_an_absent_pin_retires_a_rule_that_git_has():
    """Something that must not be there is as gone from git, and the plan says why."""
    made = world(rule_file("r1"), rule_file("r2"))

    plan = made.plan(pins={"r1": Pin("r1", "absent", "rolled back in #3")})

    assert actions(plan) == {"r1": "disable"}
    assert plan.notes.details["r1"][0] == "gone from git: rolled back in #3"


def test_a_pin_brings_back_a_rule_whose_file_is_gone():
    """The saved content is enough: the same object is switched on again."""
    made = world(rule_file("r1", query="good : 1"), rule_file("r2"))
    record, documents = made.record, dict(made.documents)
    assert record is not None
    made.git(rule_file("r2"))
    made.apply()
    pin = pin_of("r1", record.rules["r1"], documents, made.rendering, "rolled back")

    plan = made.plan(pins={"r1": pin})

    assert actions(plan) == {"r1": "enable"}


def test_off_switches_the_pinned_rule_off():
    """A hold can stop a rule without changing its content."""
    made = world(rule_file("r1"))
    pin = replace(pins(made)["r1"], off=True)

    (change,) = made.plan(pins={"r1": pin}).changes

    assert (change.action.value, change.names) == ("disable", ("enabled",))


def test_references_of_a_rendered_pin_are_resolved_anew():
    """A connector and a list that were made again since have new ids: the pin finds them by name."""
    old = rule_file(
        "r1", actions=[{"connector": "soc", "params": {"message": "x"}}], exceptions_list=[{"list_id": "allow"}]
    )
    ran, _ = resolve(old.payload, SPACE, "", lambda _p, _k: (0, 0))
    made = World(overrides=(override(set={"query": "bad : 1"}),))
    made.space = Space(
        connectors=({"id": "c2", "name": "soc", "connector_type_id": ".slack"},),
        lists=({"id": "l2", "list_id": "allow", "type": "detection", "namespace_type": "single"},),
    )
    made.git()
    pin = Pin("r1", "rendered", "held", old.canonical, rendered=ran)

    from deployer.core.desired import Desired

    rule = pinned(Desired({}), {"r1": pin}, made.rendering).rules["r1"]

    assert (rule.payload["actions"][0]["id"], rule.payload["exceptions_list"][0]["id"]) == ("c2", "l2")
    assert rule.payload["query"] == "a : 1"


def test_behaviour_ignores_what_is_cosmetic_and_what_kibana_numbered():
    """Note, tags and list ids do not count; query, interval and the connector do."""
    base = rule_file("r1").canonical
    listed = {**base, "exceptions_list": [{"list_id": "a", "id": "1"}]}
    acting = {**base, "actions": [{"id": "c1", "params": {}}]}
    again = {**base, "actions": [{"id": "c2", "params": {}}]}
    one, two = [{"id": "c1", "name": "soc"}], [{"id": "c2", "name": "soc"}]

    same = behaviour_digest(base)

    assert behaviour_digest({**base, "note": "n", "tags": ["t"], "name": "other"}) == same
    assert behaviour_digest({**base, "query": "b : 1"}) != same
    assert behaviour_digest({**base, "interval": "9m"}) != same
    assert behaviour_digest(listed) == behaviour_digest({**base, "exceptions_list": [{"list_id": "a", "id": "2"}]})
    assert behaviour_digest(acting, one) == behaviour_digest(again, two)
    assert behaviour_digest(acting, one) != behaviour_digest(again, [{"id": "c2", "name": "pager"}])
