"""Text diffs: what is shown of two texts, and that it is all there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core.text_diff import DiffLine, line_diff

pytestmark = pytest.mark.quick

TEXTS = st.lists(st.sampled_from(["a", "b", "c", "", "a\r", " a"]), max_size=12).map("\n".join)


def shown(before, after, context=2):
    """Return a diff as text, one line each."""
    return [f"{line.old or ''}:{line.new or ''} {line.kind} {line.text}" for line in line_diff(before, after, context)]


def test_a_changed_line_is_shown_with_the_lines_around_it():
    """One line replaced: two lines of context on both sides, with the numbers of both texts."""
    before = "one\ntwo\nthree\nfour\nfive\nsix\n"
    after = "zero\none\ntwo\nthree\nFOUR\nfive\nsix\n"
    assert shown(before, after, 1) == [
        ":1 + zero",
        "1:2   one",
        "3:4   three",
        "4: - four",
        ":5 + FOUR",
        "5:6   five",
    ]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a\n", "a\n", []),
        ("", "", []),
        ("", "a\nb\n", [":1 + a", ":2 + b"]),
        ("a", "", ["1: - a"]),
        ("a\n", "a", ["1:1   a", "2: - "]),
        ("a", "a\n", ["1:1   a", ":2 + "]),
        ("a\n", "b\n", ["1: - a", ":1 + b"]),
        ("a\r\nb", "a\nb", ["1: - a\r", ":1 + a", "2:2   b"]),
        ("a\u2028b", "a\u2028c", ["1: - a\u2028b", ":1 + a\u2028c"]),
        ("", "\n", [":1 + "]),
    ],
    ids=repr,
)
def test_the_ends_of_texts_and_lines(before, after, expected):
    """A newline at the end, CR, other line separators, and texts that are empty."""
    assert shown(before, after) == expected


def both_sides(before, after, context):
    """Return the lines that a diff shows of either text, by line number."""
    lines = line_diff(before, after, context)
    return ({line.old: line.text for line in lines if line.old}, {line.new: line.text for line in lines if line.new})


@given(TEXTS, TEXTS)
def test_a_diff_with_all_context_has_both_texts(before, after):
    """With enough context every line of both texts is there, once and in order; equal texts have no diff."""
    old, new = both_sides(before, after, 100)
    if before == after:
        assert (old, new) == ({}, {})
        return
    for found, text in ((old, before), (new, after)):
        assert list(found) == list(range(1, len(found) + 1))
        assert "\n".join(found.values()) in (text, text.removesuffix("\n"))


@given(TEXTS, TEXTS, st.integers(0, 3))
def test_the_change_turns_one_text_into_the_other(before, after, context):
    """Taking the "-" lines out of the old text and the "+" lines out of the new one leaves the same lines."""
    lines = line_diff(before, after, context)
    ended = all(text.endswith("\n") for text in (before, after) if text)
    left = []
    for text, kind in ((before, "-"), (after, "+")):
        all_lines = (text.removesuffix("\n") if ended else text).split("\n") if text else []
        gone = {line.old or line.new for line in lines if line.kind == kind}
        left.append([line for number, line in enumerate(all_lines, 1) if number not in gone])
    assert left[0] == left[1]


def test_a_long_text_shows_its_one_changed_line():
    """50 kB with one line changed in the middle: five lines of diff."""
    lines = [f'process.name : "tool-{number}.exe" or' for number in range(1700)]
    changed = [*lines[:700], "new", *lines[701:]]
    assert len("\n".join(lines)) > 50_000
    assert [line.kind for line in line_diff("\n".join(lines), "\n".join(changed))] == [" ", " ", "-", "+", " ", " "]


def test_texts_that_repeat_one_line_are_shown_as_replaced():
    """Twenty thousand equal lines would cost difflib minutes; they are shown as replaced between the equal ends."""
    before = "head\nx\n" + "a\nb\n" * 10_000 + "tail\n"
    after = "head\ny\n" + "b\na\n" * 10_000 + "z\ntail\n"
    lines = line_diff(before, after)
    assert lines[0] == DiffLine(" ", 1, 1, "head")
    assert lines[-1] == DiffLine(" ", 20_003, 20_004, "tail")
    assert sum(line.kind == "-" for line in lines) == 20_001
    assert sum(line.kind == "+" for line in lines) == 20_002
