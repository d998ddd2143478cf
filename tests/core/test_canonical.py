"""One text for one value, and the comparison that walks values in place of writing them out."""

from __future__ import annotations

import copy
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core.canonical import canonical_json, same

pytestmark = pytest.mark.quick


class _Word(StrEnum):
    ON = "on"


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=3)
)
CLOSE = st.sampled_from(
    [0, 0.0, -0.0, False, 1, 1.0, True, None, "", "0", "1", [], {}, [0], [0.0], {"a": 1}, {"a": True}]
)
VALUES = st.recursive(
    SCALARS | CLOSE,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.sampled_from("abc"), part, max_size=3),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_same_says_whether_the_texts_are_one(a, b):
    assert same(a, b) == (canonical_json(a) == canonical_json(b))
    assert same(a, copy.deepcopy(a))


@given(VALUES, CLOSE, CLOSE)
def test_same_sees_one_leaf(around, a, b):
    left, right = {"around": around, "leaf": [a]}, {"leaf": [b], "around": copy.deepcopy(around)}
    assert same(left, right) == (canonical_json(left) == canonical_json(right))


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((1, 2), [1, 2], True),
        ([(1,)], [[1]], True),
        (_Word.ON, "on", True),
        ({"a": _Word.ON}, {"a": "on"}, True),
        ("on", ["on"], False),
        ("1", 1, False),
    ],
    ids=repr,
)
def test_same_takes_pythons_other_spellings_of_a_json_value(a, b, expected):
    assert same(a, b) is expected
    assert same(b, a) is expected


def test_what_is_no_json_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        same(float("nan"), float("nan") + 1)
    with pytest.raises(TypeError):
        same(object(), object())
