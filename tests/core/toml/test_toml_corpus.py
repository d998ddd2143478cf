"""The TOML tools over every real rule: positions against an oracle, edits, new files, layout."""

from __future__ import annotations

import difflib
import functools

import pytest
import tomli

from deployer.core.toml.amend import amend
from deployer.core.toml.data import same_data
from deployer.core.toml.emit import emit, emit_rule
from deployer.core.toml.layout import format_text
from deployer.core.toml.patch import Insert, Put, Remove, patch
from deployer.core.toml.positions import positions
from deployer.core.toml.reading import read
from tests.support.shared import corpus, needs_shared

pytestmark = needs_shared

DATES = ("2026-05", "2026-08")
LATEST = (pytest.param("2026-05", marks=pytest.mark.torture), "2026-08")  # the older date in `make torture`
EDITED = 18  # every eighteenth file in `make test`, every file in `make torture`


@functools.cache
def files(date):
    """Return path, text and data of every file."""
    return tuple((path, text, tomli.loads(text)) for path, text in corpus(date))


def nodes(meta, path=()):
    """Yield path and metadata of everything that toml-rs knows the place of."""
    for name, node in meta.items():
        yield from entry(node, (*path, name)) if isinstance(node.get("key_raw"), str) else nodes(node, (*path, name))


def entry(node, path):
    """Yield a key or an array item, and what is inside it."""
    yield path, node
    if isinstance(node["value"], dict):
        yield from nodes(node["value"], path)
    for index, item in enumerate(node["value"] if isinstance(node["value"], list) else ()):
        inside = isinstance(item.get("value_raw"), str)  # toml-rs gives tables in nested arrays without their place
        yield from entry(item, (*path, index)) if inside else nodes(item, (*path, index))


def start(numbers):
    """Return the first of a range, which toml-rs gives as a number when it is one long."""
    return numbers[0] if isinstance(numbers, tuple) else numbers


@pytest.mark.parametrize("date", LATEST)
def test_places_agree_with_toml_rs(date):
    """Every key and value of every file is where toml-rs says it is, and reads the same there."""
    toml_rs = pytest.importorskip("toml_rs", reason="toml-rs, the oracle for positions, is not installed")
    compared = 0
    for path, text, _ in files(date):
        places = positions(text)
        for key_path, node in nodes(toml_rs.load_with_metadata(text).meta["nodes"]):
            place = places.find(key_path)
            assert place is not None, (path, key_path)
            if "key_line" in node:
                assert (place.key.line, place.key.column) == (start(node["key_line"]), start(node["key_col"])), path
            if "value_line" in node:
                assert text[place.value.start : place.value.end] == node["value_raw"], (path, key_path)
                found = (place.value.line, place.value.column)
                assert found == (start(node["value_line"]), start(node["value_col"])), (path, key_path)
            compared += 1
    assert compared > 120_000


@pytest.mark.parametrize("date", DATES)
def test_read_gives_what_tomli_gives(date):
    """The data of every file, types and the order of keys included."""
    for path, text, data in files(date):
        assert repr(read(text)) == repr(data), path


@pytest.mark.parametrize("date", DATES)
def test_first_and_last_line_of_every_query_are_found(date):
    """The first and the last line of a query are where the file has them."""
    queries = 0
    for path, text, data in files(date):
        query = data["rule"].get("query")
        if not query:
            continue
        places = positions(text)
        lines, wanted = text.split("\n"), query.splitlines() or [""]
        for number in (1, len(wanted)):
            line, column = places.position_in_string(("rule", "query"), number, 1)
            assert lines[line - 1][column - 1 :].startswith(wanted[number - 1]), path
        queries += 1
    assert queries > 1_800


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.torture)])
@pytest.mark.parametrize("date", LATEST)
def test_new_files_lose_nothing(date, every):
    """Files (every fourth in `make test`), emitted anew in either order, hold the same data; none needs a layout."""
    chosen = files(date)[::every]
    assert len(chosen) * every > 1_800
    for path, _, data in chosen:
        text = emit_rule(data)
        assert same_data(tomli.loads(text), data), path
        assert format_text(text) == text, path
        assert same_data(tomli.loads(emit(data)), data), path


@pytest.mark.parametrize("date", LATEST)
def test_layout_keeps_data_and_is_stable(date):
    """Every file keeps its data, and a second run changes nothing."""
    for path, text, data in files(date):
        formatted = format_text(text)
        assert same_data(tomli.loads(formatted), data), path
        assert format_text(formatted) == formatted, path


def edits(text, data):
    """Return edits by name, each with how many lines it may touch at most (an array that outgrows its line: more)."""
    rule = data["rule"]
    note = rule.get("note", "").split("\n")
    unquotable = "C:\\new\n" + '"""' + "'''\n"
    suppression = {"group_by": ["a"], "duration": {"value": 5, "unit": "h"}}
    action = {"id": "x", "params": {"message": "m"}, "group": "default"}
    edits = {
        "severity": (2, [Put(("rule", "severity"), "critical")]),
        "description": (rule["description"].count("\n") + 8, [Put(("rule", "description"), unquotable)]),
        "tag": (len(rule["tags"]) + 5 if '\ntags = ["' in text else 4, [Insert(("rule", "tags", 1), "New: Tag")]),
        "no tag": (2, [Remove(("rule", "tags", 0))]),
        "new keys": (3, [Put(("rule", "enabled"), False), Put(("metadata", "extended_note"), "x")]),
        "suppression": (9, [Put(("rule", "alert_suppression"), suppression)]),
        "actions": (8, [Put(("rule", "actions"), [action])]),
        "gone": (12, [Remove(("rule", "author")), Remove(("metadata", "maturity"))]),
    }
    if rule.get("query"):
        edits["query"] = (2, [Put(("rule", "query"), rule["query"] + "// added 'x'\n")])
    if len(note) > 2 and note[1] != "changed":
        edits["note"] = (2, [Put(("rule", "note"), "\n".join([note[0], "changed", *note[2:]]))])
    threats = rule.get("threat", [])
    if threats:
        last, new = len(threats) - 1, len(threats[0].get("technique", []))
        edits["tactic"] = (2, [Put(("rule", "threat", last, "tactic", "id"), "TA9999")])
        edits["technique"] = (6, [Put(("rule", "threat", 0, "technique", new), {"id": "T9", "name": "x"})])
        edits["threat"] = (12, [Insert(("rule", "threat", 0), {"framework": "MITRE ATLAS", "tactic": {"id": "AML"}})])
    return edits


def touched(before, after):
    """Count the lines that went and came, blank ones included."""
    matcher = difflib.SequenceMatcher(None, before.split("\n"), after.split("\n"), autojunk=False)
    return sum(i2 - i1 + j2 - j1 for tag, i1, i2, j1, j2 in matcher.get_opcodes() if tag != "equal")


def edit_all(date, step):
    """Make every edit on every step-th file: alone it touches only its lines, laid out or not; return their number."""
    count = 0
    for path, text, data in files(date)[::step]:
        formatted = format_text(text)
        for name, (most, changes) in edits(text, data).items():
            result = patch(text, changes)  # reads the result again and compares it with the data of the edits
            assert touched(text, result) <= most, (path, name)
            assert touched(formatted, format_text(patch(formatted, changes))) <= most, (path, name)
            count += 1
    return count


@pytest.mark.parametrize("date", LATEST)
def test_an_edit_touches_only_its_lines(date):
    """Thirteen edits on every eighteenth file: data right, few lines touched, in files as they are and laid out."""
    assert edit_all(date, EDITED) > 1_000


@pytest.mark.torture
@pytest.mark.parametrize("date", DATES)
def test_an_edit_touches_only_its_lines_in_every_file(date):
    """The same on every file."""
    assert edit_all(date, 1) > 20_000


def test_three_months_of_changes_are_patches():
    """Each file of the older date, amended to the data of the newer one, holds that data."""
    newer = {path: (text, data) for path, text, data in files("2026-08")}
    changed = 0
    for path, text, data in files("2026-05"):
        if path in newer and not same_data(data, newer[path][1]):
            assert same_data(tomli.loads(amend(text, newer[path][1])), newer[path][1]), path
            changed += 1
    assert changed > 50
