"""Value diffs: how changes of structured fields are named, and that they are real and complete."""

from __future__ import annotations

import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployer.core.align import align
from deployer.core.canonical import canonical_json, same
from deployer.core.fields import ABSENT
from deployer.core.value_diff import value_changes
from tests.support.shared import needs_shared, rule_pairs

pytestmark = pytest.mark.quick


def words(before, after):
    """Return the changes of two values as text."""
    return [
        f"{change.where} {'+' if change.before is ABSENT else change.before} -> "
        f"{'-' if change.after is ABSENT else change.after}"
        for change in value_changes(before, after)
    ]


TACTIC = {"framework": "MITRE ATT&CK", "tactic": {"id": "TA1", "name": "One"}, "technique": [{"id": "T1", "name": "x"}]}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"value": 10, "field": ["a"]}, {"value": 25, "field": ["a"]}, [".value 10 -> 25"]),
        ({"a": 1, "b": 2}, {"b": 2, "c": 3}, [".a 1 -> -", ".c + -> 3"]),
        ({"a": 1, "b": True, "c": 0}, {"a": True, "b": 1, "c": 0.0}, [".a 1 -> True", ".b True -> 1", ".c 0 -> 0.0"]),
        ({"a": None}, {}, [".a None -> -"]),
        ({"__a": 1, "b.c": {"d": 1}}, {"__a": 2, "b.c": {"d": 2}}, [".__a 1 -> 2", ".b.c.d 1 -> 2"]),
        ({"a": {"x": 1}}, {"a": [1]}, [".a {'x': 1} -> [1]"]),
        (["a", "b", "c"], ["new", "a", "c"], [" + -> new", " b -> -"]),
        (["a", "b"], ["b", "a"], [" + -> b", " b -> -"]),
        ([1, True], [True, 1.0], [" 1 -> -", " + -> 1.0"]),
        (
            [{"id": "x", "n": 1}],
            [{"id": "y", "n": 1}],
            ["[0] {'id': 'x', 'n': 1} -> -", "[0] + -> {'id': 'y', 'n': 1}"],
        ),
        ([{"id": "x", "n": 1}], [{"id": "w"}, {"id": "x", "n": 2}], ["[0] + -> {'id': 'w'}", "[1].n 1 -> 2"]),
        (
            [TACTIC],
            [{"framework": "new"}, TACTIC | {"technique": [{"id": "T1", "name": "y"}]}],
            ["[0] + -> {'framework': 'new'}", "[1].technique[0].name x -> y"],
        ),
        ([[1, 2], [3]], [[1, 2], [3, 4]], ["[1] + -> 4"]),
        ({"a": "x"}, "x", [" {'a': 'x'} -> x"]),
        ({"a": {"b": [{"c": "1"}]}}, {"a": {"b": [{"c": "1", "d": "2"}]}}, [".a.b[0].d + -> 2"]),
    ],
    ids=repr,
)
def test_changes_are_named_by_their_path(before, after, expected):
    """Names, types, plain lists, lists of objects: each part that differs, and nothing else."""
    assert words(before, after) == expected


def test_equal_values_have_no_changes():
    """The same canonical JSON, in another order of keys, is no change."""
    assert value_changes({"a": [1], "b": {"c": None}}, {"b": {"c": None}, "a": [1]}) == ()


def test_an_exception_list_is_never_one_that_changed():
    """Two lists of one type and namespace are two, though they share most of what they say."""
    old = {"id": "1", "list_id": "a", "type": "detection", "namespace_type": "single"}
    changes = value_changes([old], [old | {"list_id": "b", "id": "2"}])
    assert [(change.path, change.after is ABSENT) for change in changes] == [((0,), True), ((0,), False)]


NAMES = st.sampled_from(["id", "name", "value", "field", "__x", "a.b", "it's", 'say "x"', "[0]", ""])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=3)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=15
)


def applied(before, changes):
    """Carry out changes, as the docstring of ValueChange describes them."""
    if not changes or changes[0].path == ():
        return changes[0].after if changes else before
    if isinstance(before, list):
        return applied_to_list(before, changes)
    result = dict(before)
    for name in {change.path[0] for change in changes}:
        inner = [change for change in changes if change.path[0] == name]
        if len(inner[0].path) > 1:
            result[name] = applied(before[name], [shorter(change) for change in inner])
        elif inner[0].after is ABSENT:
            assert same(result.pop(name), inner[0].before)
        else:
            assert inner[0].before is ABSENT or same(before[name], inner[0].before)
            result[name] = inner[0].after
    return result


def applied_to_list(before, changes):
    """Take out what went, put in what came, then change the items inside."""
    result = list(before)
    ends = [change for change in changes if len(change.path) == 1]
    for change in sorted((c for c in ends if c.after is ABSENT), key=lambda c: -c.path[0]):
        assert same(result.pop(change.path[0]), change.before)
    for change in sorted((c for c in ends if c.before is ABSENT), key=lambda c: c.path[0]):
        result.insert(change.path[0], change.after)
    for index in {change.path[0] for change in changes if len(change.path) > 1}:
        inner = [shorter(change) for change in changes if len(change.path) > 1 and change.path[0] == index]
        result[index] = applied(result[index], inner)
    return result


def shorter(change):
    """Return a change without the first step of its path."""
    return type(change)(change.path[1:], change.before, change.after)


laws = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])


@laws
@given(VALUES, VALUES)
def test_changes_carried_out_give_the_other_value(before, after):
    """Complete and real: `before` with its changes is `after`; neither side is altered by the comparison."""
    copies = copy.deepcopy((before, after))
    changes = value_changes(before, after)
    assert same(applied(before, changes), after)
    assert canonical_json((before, after)) == canonical_json(copies)
    assert (changes == ()) == same(before, after)
    assert all(not (change.before is ABSENT and change.after is ABSENT) for change in changes)


@laws
@given(VALUES, VALUES)
def test_the_order_of_changes_does_not_depend_on_the_order_of_keys(before, after):
    """The same values with keys in reverse order give the same changes."""
    assert repr(value_changes(reversed_keys(before), reversed_keys(after))) == repr(
        tuple(
            type(change)(change.path, reversed_keys(change.before), reversed_keys(change.after))
            for change in value_changes(before, after)
        )
    )


def reversed_keys(value):
    """Return a value with the keys of every object in reverse order."""
    if isinstance(value, dict):
        return {name: reversed_keys(item) for name, item in reversed(value.items())}
    return [reversed_keys(item) for item in value] if isinstance(value, list) else value


@laws
@given(st.lists(VALUES, max_size=6), st.lists(VALUES, max_size=6), st.lists(NAMES, max_size=2))
def test_an_alignment_has_every_item_once_in_order(old, new, identity):
    """Each item of both lists is in exactly one step, in order; equal neighbours at both ends stay."""
    steps = align(old, new, identity)
    assert [before for before, _ in steps if before is not None] == list(range(len(old)))
    assert [after for _, after in steps if after is not None] == list(range(len(new)))
    assert (None, None) not in steps


def test_many_unequal_objects_are_aligned_in_order():
    """Beyond 2,500 pairs of unequal objects the search for likeness is left out."""
    old, new = ([{"n": number, "side": side} for number in range(60)] for side in ("old", "new"))
    assert align(old, new) == [(index, index) for index in range(60)]
    assert align(old[:9], new[:9]) == [(index, index) for index in range(9)]


@needs_shared
def test_changes_between_real_payloads_are_complete():
    """Any two of the real payloads: their differences carried out on one give the other."""
    payloads = [pair["api_payload"] for pair in rule_pairs().values()]
    assert len(payloads) > 10
    for before in payloads:
        for after in payloads:
            assert same(applied(before, value_changes(before, after)), after)
