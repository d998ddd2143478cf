"""Desired, live and baseline become a plan: whose rule is whose, what is retired, what stands in the way."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core.environment import DeployPolicy, Limit, Limits, OwnershipPolicy
from deployer.core.guards import Run, judge_run
from deployer.core.selector import parse_selector
from tests.support.planning import MARKER, OPEN, World, actions, edits, rule_file, world

pytestmark = pytest.mark.quick


def refusals(plan):
    """The guards that say no."""
    return {verdict.guard for verdict in plan.refusals}


def test_a_plan_after_apply_is_empty():
    """Nothing to do, and nothing to record, right after an apply."""
    made = world(rule_file("r1"), rule_file("r2", tags=["a"], enabled=False))

    plan = made.plan()

    assert (plan.changes, dict(plan.entries), plan.notes.edits) == ((), {}, ())
    assert plan.notes.census.unchanged == 2


def test_a_new_rule_without_an_opinion_is_created_enabled():
    """Absent `enabled` means enabled on create, as Kibana's POST does; the marker is no part of the change."""
    made = World()
    made.git(rule_file("r1"), rule_file("r2", enabled=False))

    plan = made.plan()

    assert actions(plan) == {"r1": "create", "r2": "create"}
    assert [change.after["enabled"] for change in plan.changes] == [True, False]
    assert all(MARKER not in str(change.after) for change in plan.changes)


def test_an_equal_rule_without_marker_is_counted_and_not_touched():
    """Somebody deployed the same content by other means: no change until --adopt."""
    made = World()
    made.git(rule_file("r1"))
    made.put("r1")

    plan = made.plan()

    assert plan.changes == ()
    assert (plan.notes.census.equal_unmanaged, plan.notes.blocked) == (1, ())


def test_a_different_rule_without_marker_is_blocked_until_adopted():
    """Content that differs needs --adopt, which shows the fields and puts the marker on."""
    made = World()
    made.git(rule_file("r1"))
    made.put("r1", "mine", query="a : 9", enabled=False)

    (blocked,) = made.plan().notes.blocked
    plan = made.plan(adopt=True)
    made.apply(adopt=True)

    assert (blocked.kind, "query" in blocked.reason) == ("unmanaged", True)
    assert (actions(plan), plan.changes[0].names) == ({"r1": "adopt"}, ("query",))
    assert made.live["r1"]["tags"] == ["mine", MARKER]
    assert made.live["r1"]["enabled"] is True  # put() made it enabled; git has no opinion
    assert made.plan().changes == ()


def test_adopting_an_equal_rule_writes_the_marker_alone():
    """Adoption of an equal rule changes no field, not even `enabled`."""
    made = World()
    made.git(rule_file("r1"))
    made.put("r1")
    made.edit("r1", enabled=False)

    plan = made.apply(adopt=True)

    assert (actions(plan), plan.changes[0].names) == ({"r1": "adopt"}, ())
    assert (made.live["r1"]["tags"], made.live["r1"]["enabled"]) == ([MARKER], False)
    assert made.plan().changes == ()


@pytest.mark.parametrize(
    ("tags", "fields", "kind"),
    [
        (["deployer:other"], {}, "foreign"),
        ([], {"immutable": True}, "prebuilt"),
        ([MARKER, "deployer:x"], {}, "foreign"),
    ],
)
def test_another_projects_and_elastics_rules_stay_blocked(tags, fields, kind):
    """Not even --adopt touches a rule of another project or one of Elastic's own."""
    made = World()
    made.git(rule_file("r1"))
    made.live["r1"] = made.put("r1", *tags, query="a : 9") | fields

    plan = made.plan(adopt=True)

    assert plan.changes == ()
    assert [blocked.kind for blocked in plan.notes.blocked] == [kind]


def test_a_copy_is_listed_and_never_touched():
    """Kibana's Duplicate copies our tag; neither git nor a record knows the copy."""
    made = world(rule_file("r1"))
    made.put("copy", MARKER, name="Rule r1 [Duplicate]", query="edited : 1")
    made.git(rule_file("r2"))

    plan = made.plan()

    assert actions(plan) == {"r1": "disable", "r2": "create"}
    assert plan.notes.census.copies == ("Rule r1 [Duplicate]",)


def test_two_rules_of_one_rule_id_are_blocked():
    """kibana#177283: which of the two is meant nobody can know."""
    made = world(rule_file("r1", query="a : 1"))
    made.git(rule_file("r1", query="a : 2"))
    made.live["again"] = made.live["r1"] | {"id": "so-other"}

    (blocked,) = made.plan().notes.blocked

    assert (blocked.kind, "so-other" in blocked.reason) == ("duplicate", True)


def test_a_stripped_marker_is_drift_and_comes_back_with_the_next_write():
    """A recorded rule without our tag is ours still."""
    made = world(rule_file("r1", query="a : 1"))
    made.edit("r1", tags=[])

    untouched = made.plan()
    made.git(rule_file("r1", query="a : 2"))
    made.apply()

    assert (untouched.changes, untouched.notes.unmarked) == ((), ("r1",))
    assert made.live["r1"]["tags"] == [MARKER]


def test_a_rule_deleted_in_kibana_is_created_again_as_it_was():
    """What git wants and Kibana lost comes back, off if it was off."""
    made = world(rule_file("r1", enabled=False))
    del made.live["r1"]

    plan = made.plan()

    assert (actions(plan), plan.changes[0].after["enabled"]) == ({"r1": "create"}, False)
    assert any("deleted in Kibana" in sentence for sentence in plan.notes.details["r1"])


def test_without_a_record_nothing_is_disabled():
    """A lost store: marked rules that git does not have are copies, not rules to retire."""
    made = world(rule_file("r1"), rule_file("r2"))
    made.record = None
    made.git(rule_file("r1"))

    plan = made.plan()

    assert plan.changes == ()
    assert plan.notes.census.copies == ("Rule r2",)


def test_a_retired_rule_stays_off_and_returns_as_it_was():
    """Gone from git disables once; back in git restores the `enabled` from before, on the same object."""
    made = world(rule_file("r1"), rule_file("r2", path="rules/x.toml"))
    made.edit("r1", enabled=False)
    made.git(rule_file("keep"))

    assert actions(made.apply()) == {"keep": "create", "r2": "disable"}
    assert made.plan().changes == ()
    ids = {rule_id: body["id"] for rule_id, body in made.live.items()}
    made.git(rule_file("keep"), rule_file("r1"), rule_file("r2", path="rules/x.toml"))
    plan = made.apply()

    assert actions(plan) == {"r2": "enable"}
    assert {rule_id: body["id"] for rule_id, body in made.live.items()} == ids
    assert made.live["r1"]["enabled"] is False


def test_a_retired_rule_that_somebody_enabled_is_a_conflict_that_take_decides():
    """Git retired it, an analyst wants it: nobody wins silently, and both answers work."""
    made = world(rule_file("r1"), rule_file("r2"))
    made.git(rule_file("r1"))
    made.apply()
    made.edit("r2", enabled=True)
    only = (parse_selector("id:r2"),)

    plan = made.plan()

    assert [blocked.kind for blocked in plan.notes.blocked] == ["conflict"]
    assert actions(made.plan(take="git", only=only)) == {"r2": "disable"}
    assert made.plan(take="live", only=only).notes.blocked == ()


def test_delete_comes_after_its_time_and_only_for_what_is_still_off():
    """`removed = "delete"` disables now and deletes `delete_after` later, counted from the record."""
    made = world(rule_file("r1"), rule_file("r2"), policy=OwnershipPolicy(removed="delete", delete_after_days=30))
    made.git(rule_file("r1"))
    assert actions(made.apply()) == {"r2": "disable"}
    made.days(29)
    assert made.plan().changes == ()
    made.days(2)

    assert actions(made.plan()) == {"r2": "delete"}


def test_a_delete_that_is_due_only_by_time_is_left_out_above_its_limit():
    """Time alone never blocks a deployment (design 3): with limit 0 the rest goes on, the delete waits."""
    policy = OwnershipPolicy(removed="delete", delete_after_days=30)
    made = world(rule_file("r1"), rule_file("r2"), policy=policy, limits=Limits(delete=Limit(0)))
    made.git(rule_file("r1"))
    made.apply()
    made.days(31)
    made.git(rule_file("r1", query="a : 2"))

    plan = made.plan()

    assert actions(plan) == {"r1": "update"}
    assert refusals(plan) == set()
    assert actions(made.plan(allow={"delete": 1})) == {"r1": "update", "r2": "delete"}


def test_removed_keep_leaves_the_rule_alone():
    """`removed = "keep"` neither disables nor forgets."""
    made = world(rule_file("r1"), rule_file("r2"), policy=OwnershipPolicy(removed="keep"))
    made.git(rule_file("r1"))

    assert (made.plan().changes, dict(made.plan().entries)) == ((), {})


def test_retiring_every_rule_is_refused_whatever_the_limits():
    """A wrong selector must not switch a whole space off."""
    made = world(rule_file("r1"), rule_file("r2"))
    made.git(rule_file("new"))

    assert refusals(made.plan(allow={"disable": 2})) == {"empty"}


def test_a_changed_rule_id_is_called_out():
    """The same file with another id retires one rule and creates another: the plan says that they belong together."""
    made = world(rule_file("r1", path="rules/x.toml"), rule_file("r2"))
    made.git(rule_file("r9", path="rules/x.toml"), rule_file("r2"))

    details = made.plan().notes.details["r1"]

    assert any("rule_id changed" in sentence and "r9" in sentence for sentence in details)


def test_a_type_change_is_a_recreate_that_carries_what_is_kibanas():
    """Live-owned fields, attached lists and `enabled` survive; query and saved_query change in place."""
    linked = {"id": "1", "list_id": "l", "type": "detection", "namespace_type": "single"}
    made = world(rule_file("r1"), policy=OwnershipPolicy(fields={"note": "live"}))
    made.edit("r1", note="an analyst's", exceptions_list=[linked])
    made.edit("r1", enabled=False)
    made.git(rule_file("r1", type="eql", language="eql", query="any where true", note="git's"))

    (change,) = made.plan().changes

    assert change.action.value == "recreate"
    assert (change.after["note"], change.after["exceptions_list"]) == ("an analyst's", [linked])
    assert change.after["enabled"] is False
    made.git(rule_file("r1", type="saved_query", saved_id="s", query=None))
    assert actions(made.plan()) == {"r1": "update"}


def test_only_narrows_both_sides():
    """What --only leaves out is neither planned nor retired, and its record carries over."""
    made = world(rule_file("r1"), rule_file("r2"), rule_file("r3"))
    made.git(rule_file("r1", query="a : 2"), rule_file("r2", query="a : 2"))

    plan = made.apply(only=(parse_selector("id:r1"),))

    assert actions(plan) == {"r1": "update"}
    assert set(made.record.rules) == {"r1", "r2", "r3"}
    assert actions(made.plan()) == {"r2": "update", "r3": "disable"}


def test_a_field_that_git_no_longer_sets_goes_back_to_its_default():
    """Absent after being authored means the default, also for fields without a default opinion."""
    made = world(rule_file("r1", note="n", version=7, interval="10m"))
    made.git(rule_file("r1"))

    made.apply()

    assert "note" not in made.live["r1"]
    assert (made.live["r1"]["version"], made.live["r1"]["interval"]) == (1, "5m")


def test_what_git_never_set_is_carried_over():
    """`version`, `meta`, generated fields and fields that we do not know stay as they are live."""
    made = world(rule_file("r1"))
    made.edit("r1", meta={"a": 1}, version=9, future=1, related_integrations=[{"package": "p", "version": "1"}])
    made.git(rule_file("r1", query="a : 2"))

    plan = made.apply()

    assert (plan.changes[0].names, plan.notes.edits) == (("query",), ())
    assert {key: made.live["r1"][key] for key in ("version", "future")} == {"version": 9, "future": 1}
    assert (made.live["r1"]["meta"], len(made.live["r1"]["related_integrations"])) == ({"a": 1}, 1)


def test_a_rule_switched_off_in_kibana_stays_off_and_is_named_in_every_plan():
    """Three applies with other changes: still off, each plan says who; with `enabled = "git"` it is put back."""
    made = world(rule_file("r1", query="a : 0"))
    made.edit("r1", by="soc-night", enabled=False)
    for number in range(1, 4):
        made.git(rule_file("r1", query=f"a : {number}"))
        plan = made.plan()
        assert edits(plan) == {("r1", "enabled"): "left"}
        assert plan.notes.edits[0].by == ("soc-night" if number == 1 else "ci")
        made.apply()
        assert made.live["r1"]["enabled"] is False
    made.policy = OwnershipPolicy(fields={"enabled": "git"})

    plan = made.apply()

    assert (actions(plan), edits(plan)) == ({"r1": "enable"}, {("r1", "enabled"): "back"})
    assert made.live["r1"]["enabled"] is True


LIMITS = [
    (
        "disable",
        Limits(disable=Limit(1), delete=None, recreate=None),
        lambda n: [rule_file(f"r{i}") for i in range(5 - n)],
    ),
    (
        "recreate",
        Limits(disable=None, delete=None, recreate=Limit(1)),
        lambda n: [rule_file(f"r{i}", **({"type": "eql", "language": "eql"} if i < n else {})) for i in range(5)],
    ),
    (
        "update",
        Limits(disable=None, update=Limit(1)),
        lambda n: [rule_file(f"r{i}", query="a : 2" if i < n else "a : 1") for i in range(5)],
    ),
    (
        "weaken",
        Limits(disable=None, weaken=Limit(1)),
        lambda n: [rule_file(f"r{i}", risk_score=1 if i < n else 21) for i in range(5)],
    ),
    ("create", Limits(create=Limit(1)), lambda n: [rule_file(f"r{i}") for i in range(5 + n)]),
    ("enable", Limits(enable=Limit(1)), lambda n: [rule_file(f"r{i}", enabled=i < n or None) for i in range(5)]),
]


@pytest.mark.parametrize(("guard", "limits", "after"), LIMITS, ids=[guard for guard, _, _ in LIMITS])
def test_each_limit_under_at_over_and_allowed(guard, limits, after):
    """Under and at the limit pass, over it refuses; the right number allows, a wrong one refuses always."""
    made = world(*(rule_file(f"r{i}") for i in range(5)), limits=limits)
    if guard == "enable":
        made = world(*(rule_file(f"r{i}", enabled=False) for i in range(5)), limits=limits)

    verdicts = []
    for count, allow in ((0, {}), (1, {}), (2, {}), (2, {guard: 2}), (2, {guard: 3}), (1, {guard: 2})):
        made.git(*after(count))
        if guard == "enable":
            made.git(*(rule_file(f"r{i}", enabled=i < count) for i in range(5)))
        verdicts.append(guard in refusals(made.plan(allow=allow)))

    assert verdicts == [False, False, True, False, True, True]


def test_cosmetic_updates_do_not_count():
    """Names, notes and tags are free."""
    made = world(*(rule_file(f"r{i}") for i in range(8)), limits=Limits(update=Limit(0)))
    made.git(*(rule_file(f"r{i}", note="n", tags=["t"]) for i in range(8)))

    assert refusals(made.plan()) == set()


def test_a_percentage_never_refuses_fewer_than_five():
    """Ten percent of twenty rules is two, and four updates still pass; five do not."""
    files = [rule_file(f"r{i}") for i in range(20)]
    made = world(*files, limits=Limits(update=Limit(10, percent=True)))
    for count, refused in ((4, False), (5, True)):
        made.git(*(rule_file(f"r{i}", query="a : 2" if i < count else "a : 1") for i in range(20)))
        assert ("update" in refusals(made.plan())) is refused


def test_protection_cannot_be_taken_away_with_its_tag():
    """A rule that is protected by its live tag stays protected when git drops the tag in the same change."""
    limits = Limits(disable=None, delete=None, recreate=None, protected=(parse_selector("tag:Crown Jewel"),))
    made = world(rule_file("r1", tags=["Crown Jewel"]), limits=limits)
    made.git(rule_file("r1", risk_score=1))

    assert refusals(made.plan()) == {"protected"}
    assert refusals(made.plan(allow={"protected": 1})) == set()


def test_arming_a_response_action_needs_its_number():
    """A rule that isolates hosts is created enabled only by name; osquery alone is harmless."""
    isolate = [{"action_type_id": ".endpoint", "params": {"command": "isolate"}}]
    query = [{"action_type_id": ".osquery", "params": {"query": "select 1"}}]
    made = World()
    made.git(rule_file("r1", response_actions=isolate), rule_file("r2", response_actions=query))
    assert refusals(made.plan()) == {"response_actions"}
    made.git(rule_file("r1", response_actions=isolate, enabled=False))
    made.apply()
    made.git(rule_file("r1", response_actions=isolate, enabled=True))

    assert refusals(made.plan()) == {"response_actions"}


RUNS = [
    (DeployPolicy(branch="main"), Run("main", True, True, date(2026, 1, 1), ""), set()),
    (DeployPolicy(branch="main"), Run("x", True, True, date(2026, 1, 1), ""), {"branch"}),
    (DeployPolicy(branch="main"), Run("main", False, True, date(2026, 1, 1), ""), {"branch"}),
    (DeployPolicy(ci_only=True), Run("main", True, False, date(2026, 1, 1), ""), {"ci_only"}),
    (
        DeployPolicy(reason=("allow",)),
        Run("m", True, True, date(2026, 1, 1), "", words=frozenset({"allow"})),
        {"reason"},
    ),
    (DeployPolicy(reason=("allow",)), Run("m", True, True, date(2026, 1, 1), "w", words=frozenset({"allow"})), set()),
    (DeployPolicy(branch="main", ci_only=True), Run("x", False, False, date(2026, 1, 1), "", exempt=True), set()),
]


@pytest.mark.parametrize(("policy", "run", "refused"), RUNS)
def test_deploy_policy_says_who_may_write_where(policy, run, refused):
    """Branch, clean inputs, CI and reason are judged; rollback, hold and recover are exempt."""
    assert {verdict.guard for verdict in judge_run(policy, run) if not verdict.ok} == refused


values = st.sampled_from(["a", "b", "c"])


@given(
    st.lists(
        st.tuples(st.sampled_from(["git", "kibana"]), st.sampled_from(["query", "note", "interval"]), values),
        max_size=6,
    )
)
def test_unrelated_applies_never_alter_a_kept_edit(steps):
    """Law: an edit of a field that git does not change survives any number of applies of other changes."""
    made = world(rule_file("r1", severity="low"), limits=OPEN)
    made.edit("r1", severity="high")
    git = {"query": "a", "note": "a", "interval": "5m"}
    for side, name, value in steps:
        value = f"{ord(value)}m" if name == "interval" else value
        if side == "git":
            git[name] = value
            made.git(rule_file("r1", **git))
        else:
            made.edit("r1", **{name: value})
        if not made.plan().notes.blocked:
            made.apply()
        assert made.live["r1"]["severity"] == "high"
        assert edits(made.plan())[("r1", "severity")] == "left"


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["a : 1", "a : 2", "gone"])), max_size=8))
def test_after_any_history_a_plan_after_apply_is_empty(steps):
    """Law: whatever git did, applying once leaves nothing to do."""
    made = world(rule_file("anchor"), limits=OPEN)
    files = {"anchor": rule_file("anchor")}
    for number, what in steps:
        files[f"r{number}"] = rule_file(f"r{number}", query=what)
        if what == "gone":
            del files[f"r{number}"]
        made.git(*files.values())
        made.apply()
        plan = made.plan()
        assert (plan.changes, dict(plan.entries)) == ((), {})
