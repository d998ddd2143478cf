"""Laws of the TOML tools, over texts that say generated data in every way that TOML has."""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise

import pytest
import tomli
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from deployer.core.toml.amend import amend
from deployer.core.toml.data import same_data
from deployer.core.toml.emit import emit, emit_rule
from deployer.core.toml.layout import format_text
from deployer.core.toml.patch import Put, Remove, patch
from deployer.core.toml.place import TomlError
from deployer.core.toml.positions import positions
from deployer.core.toml.reading import read
from deployer.core.toml.restyle import string_like
from deployer.core.toml.strings import decode
from tests.support.toml import DATA, SCALARS, STRINGS, VALUES, documents, repr_of

pytestmark = pytest.mark.quick

laws = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


def leaves(value, path=()):
    """Yield path and value of everything in a document, tables and arrays included."""
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, item in items:
        yield from leaves(item, (*path, part))


def comments(text):
    """Return the sorted numbers of the generated comments in a text."""
    return sorted(int(number) for number in re.findall(r"#c(\d+);", text))


@laws
@given(documents(newer=True))
def test_read_accepts_what_tomli_accepts(document):
    """`read` returns the data that was written, TOML 1.1 and mixed newlines included."""
    text, data, _ = document
    assert repr_of(read(text)) == repr_of(data)


_TOKENS = ['"', "'", '"""', "'''", "\n", "\r\n", "\r", " ", "=", ".", "[", "]", "{", "}", ",", "#", "\\", "\\x41", "0"]
_TOKENS += [
    "_",
    "-",
    "+",
    "e",
    "inf",
    "true",
    "T",
    "Z",
    ":",
    "1979-05-27",
    "\x00",
    "\x7f",
    "\ufeff",
    "\u2028",
    "\ud800",
    "é",
]


@example(("", {}, 0), [(0.0, 0, "\r\r\n\n")])
@settings(laws, max_examples=400)
@given(
    documents(newer=True), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), st.sampled_from(_TOKENS)), max_size=3)
)
def test_read_is_tomli_to_the_letter(document, edits):
    """Whatever stands in a text, `read` refuses it where tomli does, or gives the same data; keys have no order."""
    text = document[0]
    for place, gone, token in edits:
        at = int(place * len(text))
        text = text[:at] + token + text[at + gone :]
    try:
        wanted = tomli.loads(text)
    except (tomli.TOMLDecodeError, RecursionError):
        with pytest.raises(TomlError):
            read(text)
        return
    assert repr_of(read(text)) == repr_of(wanted)


@laws
@given(documents(newer=True))
def test_every_path_has_a_place(document):
    """`find` knows every path of the data, and the text of a value's span reads as that value."""
    text, data, _ = document
    places = positions(text)
    for path, value in leaves(data):
        place = places.find(path)
        assert place is not None, path
        if not isinstance(value, dict | list):
            assert same_data(tomli.loads(f"v = {text[place.value.start : place.value.end]}")["v"], value)
    assert places.find(("no", "such", "key")) is None


@laws
@given(documents(newer=True), st.data())
def test_a_place_in_a_string_is_its_character_in_the_file(document, draw):
    """A line and column of a string value leads to the file's line and column of that character, or of its escape."""
    text, data, _ = document
    strings = [(path, value) for path, value in leaves(data) if isinstance(value, str) and value]
    if not strings:
        return
    path, value = draw.draw(st.sampled_from(strings))
    offset = draw.draw(st.integers(0, len(value) - 1))
    line, column = value.count("\n", 0, offset) + 1, offset - value.rfind("\n", 0, offset)
    file_line, file_column = positions(text).position_in_string(path, line, column)
    found = text.split("\n")[file_line - 1][file_column - 1 :]
    assert found.startswith("\\") or (found + "\n").replace("\r\n", "\n").startswith(value[offset])


@laws
@given(documents(newer=True), DATA)
def test_any_text_can_be_amended_to_any_data(document, wanted):
    """`amend` turns a text into one that holds other data; what did not change keeps its line."""
    text, data, _ = document
    result = amend(text, wanted)
    assert same_data(tomli.loads(result), wanted)
    assert amend(result, wanted) == result
    assert same_data(tomli.loads(amend(result, data)), data)


@laws
@given(documents(newer=True), VALUES, st.data())
def test_one_value_changes_only_its_span(document, value, draw):
    """A plain value that becomes another one changes its own span; every byte before and behind it stays."""
    text, data, _ = document
    paths = [path for path, old in leaves(data) if path and not isinstance(old, dict | list)]
    inside_array = {path for path in paths if any(isinstance(part, int) for part in path)}
    candidates = [path for path in paths if path not in inside_array]
    if not candidates or isinstance(value, dict | list) or text.count("\r\n") not in (0, text.count("\n")):
        return
    path = draw.draw(st.sampled_from(candidates))
    span = positions(text).find(path).value
    result = patch(text, [Put(path, value)])
    assert result.startswith(text[: span.start])
    assert result.endswith(text[span.end :])


@laws
@given(documents(newer=True), st.data())
def test_edits_at_any_path_give_the_data_of_the_edits(document, draw):
    """Putting and removing at random paths, several at once, gives the data that the edits give."""
    text, data, _ = document
    changes = []
    for path in draw.draw(st.lists(st.sampled_from([path for path, _ in leaves(data)]), max_size=4)):
        put = draw.draw(st.booleans()) or not path
        changes.append(Put(path, draw.draw(DATA if not path else VALUES)) if put else Remove(path))
    try:
        result = patch(text, changes)
    except LookupError:
        return  # an earlier edit took the place of a later one away
    again = tomli.loads(text)
    for change in changes:
        again = applied(again, change)
    assert same_data(tomli.loads(result), again)


def applied(data, change):
    """Carry out one edit on data in place, the plain way."""
    if not change.path:
        return change.value
    node = data
    for part, following in pairwise(change.path):
        if isinstance(node, dict):
            node.setdefault(part, [] if isinstance(following, int) else {})
        elif part == len(node):
            node.append([] if isinstance(following, int) else {})
        node = node[part]
    if isinstance(change, Remove):
        del node[change.path[-1]]
    elif isinstance(node, list) and change.path[-1] == len(node):
        node.append(change.value)
    else:
        node[change.path[-1]] = change.value
    return data


@laws
@given(documents(newer=True), st.data())
def test_removing_one_key_writes_no_line_anew(document, draw):
    """A key of the document that goes takes lines away; every line that is left was there before, in this order."""
    text, data, _ = document
    names = list(data)
    if not names:
        return
    name = draw.draw(st.sampled_from(names))
    result = patch(text, [Remove((name,))])
    before = iter(text.split("\n"))
    assert all(line in before for line in result.removesuffix("\n").split("\n") if line.strip())


@laws
@given(documents(newer=True))
def test_formatting_keeps_data_and_comments_and_is_stable(document):
    """`format_text` changes no data, loses no comment, and a second run changes nothing."""
    text, data, count = document
    result = format_text(text)
    assert same_data(tomli.loads(result), data)
    assert comments(result) == list(range(1, count + 1)) == comments(text)
    assert format_text(result) == result
    assert result == "" or result.endswith("\n")


@laws
@given(DATA)
def test_what_is_emitted_reads_back(data):
    """`emit` loses nothing: types, dates, backslashes, quotes, control characters, CR; and needs no TOML 1.1."""
    for text in (emit(data), emit_rule(data), emit(data, like={"b": 1, "a": {"c": 2}}, inline=("a", "b"))):
        assert same_data(tomllib.loads(text), data)
        assert format_text(text) == text


@laws
@given(st.dictionaries(st.sampled_from(["query", "note", "name", "tags", "threat"]), VALUES), DATA)
def test_a_rule_file_reads_back(rule, metadata):
    """The blocks of a rule file (query, note) hold any value."""
    data = {"metadata": metadata, "rule": rule}
    assert same_data(tomllib.loads(emit_rule(data)), data)


@laws
@given(documents(newer=True), STRINGS)
def test_a_string_in_the_style_of_another_is_that_string(document, value):
    """Whatever quotes a string takes over, it says what it should."""
    text, data, _ = document
    places = positions(text)
    for path, old in leaves(data):
        if isinstance(old, str):
            span = places.find(path).value
            raw = text[span.start : span.end]
            assert decode(raw) == old
            assert decode(string_like(raw, value)) == value
            assert tomli.loads("v = " + string_like(raw, value, lines=False))["v"] == value


@laws
@given(SCALARS, SCALARS)
def test_same_data_tells_types_apart(a, b):
    """1, true and 1.0 differ, 0.0 and -0.0 differ, nan is nan, and two moments differ by their offset."""
    assert same_data(a, b) == (repr_of(a) == repr_of(b))
