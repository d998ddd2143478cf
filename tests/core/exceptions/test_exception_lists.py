"""Exception lists on three sides: git, Kibana, and what git asked for last time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.lists import Space, entry, list_file


def test_a_list_and_its_items_are_created_once() -> None:
    """A list that is nowhere is created with its items; then there is nothing to do."""
    space = Space()
    wanted = list_file(sg="kim", my="lee")
    diff = space.apply(wanted)
    assert [(c.action, c.name) for c in diff.changes] == [("create", "travel"), ("create", "my"), ("create", "sg")]
    again = space.plan(wanted)
    assert not again.changes
    assert not again.edits


def test_only_the_changed_field_of_a_changed_item_is_written() -> None:
    """One changed item is one update that carries one field."""
    space = Space()
    space.apply(list_file(sg="kim", my="lee"))
    (change,) = space.plan(list_file(sg="kim2", my="lee")).changes
    assert (change.action, change.name, change.names) == ("update", "sg", ("entries",))


def test_items_of_analysts_stay_and_are_named() -> None:
    """An item that an analyst added is still there after further applies, and every plan names it."""
    space = Space()
    space.apply(list_file(sg="kim"))
    space.edit("mine", name="Analyst's own", description="d", type="simple", entries=entry("ana"))
    for value in ("kim2", "kim3"):
        diff = space.apply(list_file(sg=value))
        (kept,) = diff.edits
        assert (kept.kind, kept.live, kept.by) == ("kept", ["Analyst's own"], "soc-day")
    assert space.values() == {"sg": "kim3", "mine": "ana"}


def test_an_edit_of_an_analyst_is_left_alone_for_good() -> None:
    """What only Kibana changed stays through applies of other items, and is named each time."""
    space = Space()
    space.apply(list_file(sg="kim", my="lee"))
    space.edit("sg", entries=entry("edited"))
    for value in ("lee2", "lee3"):
        diff = space.apply(list_file(sg="kim", my=value))
        assert [(e.field, e.kind, e.by) for e in diff.edits] == [("entries", "left", "soc-day")]
    assert space.values() == {"sg": "edited", "my": "lee3"}


@pytest.mark.parametrize(
    ("manners", "ends_as", "blocked"),
    [
        ({}, "kim", "conflict"),
        ({"take": "git"}, "kim2", ""),
        ({"take": "live"}, "edited", ""),
        ({"conflict": "git"}, "kim2", ""),
        ({"conflict": "live"}, "edited", ""),
        ({"ownership": "git"}, "kim2", ""),
        ({"ownership": "live"}, "edited", ""),
    ],
)
def test_both_sides_changed(manners: dict[str, str], ends_as: str, blocked: str) -> None:
    """Git and an analyst changed one item: a conflict, unless somebody decided."""
    space = Space()
    space.apply(list_file(sg="kim"))
    space.edit("sg", entries=entry("edited"))
    wanted = list_file(sg="kim2")
    diff = space.plan(wanted, **manners)
    assert [one.kind for one in diff.blocked] == ([blocked] if blocked else [])
    if not blocked:
        space.apply(wanted, **manners)
        assert space.values() == {"sg": ends_as}


def test_a_skipped_conflict_is_left_as_it_was_and_comes_back() -> None:
    """With conflict = "skip" the rest is applied, and the next plan finds the conflict again."""
    space = Space()
    space.apply(list_file(sg="kim", my="lee"))
    space.edit("sg", entries=entry("edited"))
    diff = space.apply(list_file(sg="kim2", my="lee2"), conflict="skip")
    assert diff.left_out == ["exception item:single:sg"]
    assert space.values() == {"sg": "edited", "my": "lee2"}
    assert [one.kind for one in space.plan(list_file(sg="kim2", my="lee2")).blocked] == ["conflict"]


def test_an_item_gone_from_git_is_deleted_only_if_untouched() -> None:
    """Ours and untouched is deleted; one that an analyst edited or commented on stays and is named."""
    space = Space()
    space.apply(list_file(a="1", b="2", c="3", d="4"))
    space.edit("b", entries=entry("edited"))
    space.edit("c", comments=["still needed"])
    diff = space.apply(list_file(d="4"))
    assert [(c.action, c.name) for c in diff.changes] == [("delete", "a")]
    assert sorted((e.rule_id.split(":")[2], e.field) for e in diff.edits) == [("b", "entries"), ("c", "comments")]
    assert set(space.live.items) == {"b", "c", "d"}
    assert {c.name for c in space.plan(list_file(d="4"), take="git").changes} == {"b", "c"}


def test_an_item_that_an_analyst_deleted_stays_deleted() -> None:
    """An analyst's delete is an edit: left alone where git did not change, a conflict where it did."""
    space = Space()
    space.apply(list_file(a="1", b="2"))
    space.drop("a")
    diff = space.apply(list_file(a="1", b="3"))
    assert [(e.field, e.kind) for e in diff.edits] == [("item", "left")]
    assert set(space.live.items) == {"b"}
    assert [one.kind for one in space.plan(list_file(a="9", b="3")).blocked] == ["conflict"]
    assert [c.name for c in space.plan(list_file(a="9", b="3"), take="git").changes] == ["a"]


def test_comments_only_grow_and_keep_their_ids() -> None:
    """Comments of analysts stay, ours is added once, and every comment keeps its id."""
    space = Space()
    space.apply(list_file(a="1|agreed"))
    space.edit("a", comments=["seen"])
    first = [comment["id"] for comment in space.live.items["a"]["comments"]]
    assert not space.plan(list_file(a="1|agreed")).changes
    space.apply(list_file(a="2|agreed again"))
    comments = space.live.items["a"]["comments"]
    assert [comment["comment"] for comment in comments] == ["agreed", "seen", "agreed again"]
    assert [comment["id"] for comment in comments[:2]] == first


def test_what_exists_already_needs_adopt_where_it_differs() -> None:
    """Without a record, equal content is taken over silently, other content only with --adopt."""
    space = Space()
    space.apply(list_file(a="1", b="2"))
    space.authored = None
    assert not space.plan(list_file(a="1")).blocked
    assert [one.kind for one in space.plan(list_file(a="9")).blocked] == ["unmanaged"]
    assert [c.name for c in space.plan(list_file(a="9"), adopt=True).changes] == ["a"]


def test_a_list_of_another_type_is_blocked() -> None:
    """Kibana cannot change the type of a list, and a list is never deleted and created again."""
    space = Space()
    space.apply(list_file(a="1"))
    assert space.live.container is not None
    space.live.container["type"] = "endpoint"
    assert [one.kind for one in space.plan(list_file(a="1")).blocked] == ["list-type"]


_VALUES = st.sampled_from(["1", "2", "3"])


@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), _VALUES, max_size=3), min_size=1, max_size=4),
    st.dictionaries(st.sampled_from("cx"), _VALUES, min_size=1, max_size=2),
)
def test_law_applies_of_other_items_never_alter_an_edit(versions: list[dict[str, str]], edited: dict[str, str]) -> None:
    """Law: whatever git does to other items, an item that an analyst wrote stays as it is through every apply."""
    space = Space()
    space.apply(list_file(a="1", c="1"))
    for name, value in edited.items():
        space.edit(name, name=name, description=name, type="simple", entries=entry(f"edited {value}"))
    for version in versions:
        space.apply(list_file(**{name: value for name, value in version.items() if name != "c"}, c="1"))
    assert {name: space.values()[name] for name in edited} == {n: f"edited {v}" for n, v in edited.items()}
