"""Places of keys and values, by example; the laws and the oracle are in test_toml_laws and test_toml_corpus."""

from __future__ import annotations

import pytest

from deployer.core.toml.positions import positions

pytestmark = pytest.mark.quick

TEXT = """# top
site."a.b".c = [1, { x = "y" },
  3]

[rule]
name = "é" # c
[[rule.threat]]
  framework = "A"
  [rule.threat.tactic]
  id = "1"
[[rule.threat]]
framework = "B"
[x.y]
"""


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        (("site",), (2, 1, "site"), (2, 1, "site")),
        (("site", "a.b"), (2, 6, '"a.b"'), (2, 6, '"a.b"')),
        (("site", "a.b", "c", 0), (2, 17, "1"), (2, 17, "1")),
        (("site", "a.b", "c", 1, "x"), (2, 22, "x"), (2, 26, '"y"')),
        (("site", "a.b", "c", 2), (3, 3, "3"), (3, 3, "3")),
        (("rule",), (5, 2, "rule"), (5, 1, "[rule]")),
        (("rule", "name"), (6, 1, "name"), (6, 8, '"é"')),
        (("rule", "threat"), (7, 8, "threat"), (7, 1, "[[rule.threat]]")),
        (("rule", "threat", 0), (7, 1, "[[rule.threat]]"), (7, 1, "[[rule.threat]]")),
        (("rule", "threat", 0, "tactic"), (9, 16, "tactic"), (9, 3, "[rule.threat.tactic]")),
        (("rule", "threat", 0, "tactic", "id"), (10, 3, "id"), (10, 8, '"1"')),
        (("rule", "threat", 1, "framework"), (12, 1, "framework"), (12, 13, '"B"')),
        (("x",), (13, 2, "x"), (13, 2, "x")),
        (("x", "y"), (13, 4, "y"), (13, 1, "[x.y]")),
    ],
    ids=str,
)
def test_keys_and_values_have_their_places(path, key, value):
    """Tables, arrays of tables, dotted keys, inline tables and array items: place and text of key and value."""
    place = positions(TEXT).find(path)
    assert (place.key.line, place.key.column, TEXT[place.key.start : place.key.end]) == key
    assert (place.value.line, place.value.column, TEXT[place.value.start : place.value.end]) == value


def test_a_span_ends_where_its_text_ends():
    """End line and column are those behind the last character, also over several lines."""
    span = positions(TEXT).find(("site", "a.b", "c")).value
    assert (span.line, span.column, span.end_line, span.end_column) == (2, 16, 3, 5)


def test_a_missing_key_is_reported_at_its_table():
    """`nearest` gives the closest table or array around a path that is not there."""
    places = positions(TEXT)
    assert places.find(("rule", "severity")) is None
    assert places.nearest(("rule", "severity")).value.line == 5
    assert places.nearest(("rule", "threat", 0, "tactic", "name")).value.line == 9
    assert places.nearest(("rule", "threat", 7, "tactic")).value.line == 7
    assert places.nearest(("rule", "name", 0)).value.line == 6
    assert places.nearest(("nothing",)).value.line == 1


STRINGS = {
    "literal block": ("q = '''\none\n  two\n'''", {(1, 1): (2, 1), (2, 3): (3, 3), (2, 99): (3, 6), (9, 1): (4, 1)}),
    "literal block from its first line": ("q = '''one\ntwo'''", {(1, 1): (1, 8), (1, 3): (1, 10), (2, 2): (2, 2)}),
    "two newlines at the start": ('q = """\n\none"""', {(1, 1): (2, 1), (2, 1): (3, 1)}),
    "windows newlines": ("q = '''\r\none\r\ntwo'''", {(1, 3): (2, 3), (2, 1): (3, 1)}),
    "basic block with escapes": (
        'q = """\na\\\\b \\u00e9x\n"c" """',
        {(1, 2): (2, 2), (1, 3): (2, 4), (1, 5): (2, 6), (1, 6): (2, 12), (2, 2): (3, 2)},
    ),
    "joined lines": (
        'q = """\none \\\n   two \\  \n\n  three\nfour"""',
        {(1, 4): (2, 4), (1, 5): (3, 4), (1, 8): (3, 7), (1, 9): (5, 3), (2, 1): (6, 1)},
    ),
    "one line": (
        'q = "a\\tb\\nc\\"d"',
        {(1, 2): (1, 7), (1, 3): (1, 9), (2, 1): (1, 12), (2, 2): (1, 13), (2, 3): (1, 15)},
    ),
    "one literal line": ("q = 'C:\\x'", {(1, 1): (1, 6), (1, 4): (1, 9), (1, 5): (1, 10)}),
    "empty": ('q = ""', {(1, 1): (1, 6), (3, 3): (1, 6)}),
    "quotes at the end": ('q = """a"""""', {(1, 2): (1, 9), (1, 3): (1, 10), (1, 4): (1, 11)}),
}


@pytest.mark.parametrize("name", STRINGS)
def test_a_place_in_a_string_leads_to_the_file(name):
    """For each way to write a string: places in the value, and where they are in the file."""
    text, expected = STRINGS[name]
    places = positions(text)
    assert {place: places.position_in_string(("q",), *place) for place in expected} == expected


def test_a_place_in_no_string_is_the_start_of_the_value():
    """A path that is a number, a table or not there gives the start of what is nearest."""
    places = positions("[t]\na = 1\nb = [2]\n")
    assert places.position_in_string(("t", "a"), 3, 3) == (2, 5)
    assert places.position_in_string(("t",), 3, 3) == (1, 1)
    assert places.position_in_string(("t", "c"), 3, 3) == (1, 1)
