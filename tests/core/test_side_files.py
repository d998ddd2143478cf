"""Files beside rules and environments: a mistake in an exception list or a prebuilt entry is found at its line."""

from __future__ import annotations

from datetime import date

import pytest

from deployer.core.settings import SettingsFile
from deployer.core.settings.exceptions import check_exceptions, repeated
from deployer.core.settings.prebuilt import prebuilt_of
from deployer.core.toml import locator, read
from deployer.errors import Problem, Severity
from tests.support.shared import SHARED, needs_shared

pytestmark = pytest.mark.quick

TODAY = date(2026, 11, 24)
LISTS = """[metadata]
list_name = "Scanners"

[[exceptions]]

[exceptions.container]
description = "Scanners of ours."
list_id = "scanners"
name = "Scanners"
namespace_type = "single"
tags = ["owner:network"]
type = "detection"

[[exceptions.items]]
comments = [{ comment = "asked for by the network team" }]
description = "The weekly scan."
expire_time = "2027-01-31T00:00:00Z"
item_id = "weekly"
list_id = "scanners"
name = "Weekly"
namespace_type = "single"
os_types = ["linux"]
type = "simple"

[[exceptions.items.entries]]
field = "source.ip"
operator = "included"
type = "match"
value = "203.0.113.30"

[[exceptions.items.entries]]
field = "user.name"
operator = "included"
type = "match_any"
value = ["a", "b"]

[[exceptions.items.entries]]
field = "host.name"
operator = "excluded"
type = "exists"

[[exceptions.items.entries]]
field = "source.address"
list = { id = "scanners.txt", type = "ip" }
operator = "included"
type = "list"

[[exceptions.items.entries]]
entries = [{ field = "trusted", operator = "included", type = "match", value = "true" }]
field = "file.Ext.code_signature"
type = "nested"
"""
PREBUILT = """[[prebuilt]]
rule_id = "9d110cb3-5f4b-4c9a-b9f5-53f0a1707ae6"
name = "Microsoft Build Engine Started by a Script Process"
enabled = true
actions = [{ connector = "soc-slack", params = { message = "x" } }]
exceptions = ["build-servers"]
"""


def parsed(text: str, path: str = "exceptions/x.toml") -> SettingsFile:
    """Return a file as the adapter gives it."""
    places = locator(text)

    def locate(keys: tuple[str | int, ...]) -> tuple[int, int]:
        while (place := places(keys)) == (0, 0) and keys:
            keys = keys[:-1]
        return place

    return SettingsFile(path, read(text), locate)


def prebuilt_problems(text: str) -> tuple[Problem, ...]:
    """Return what is wrong with a file of prebuilt entries."""
    return prebuilt_of([parsed(text)])[1]


def exception_problems(text: str) -> list[Problem]:
    """Return what is wrong with a file of exception lists."""
    checked = check_exceptions(parsed(text), TODAY)
    return [*checked.problems, *repeated(list(checked.named))]


ITEM = "exceptions[0].items[0]"
EXCEPTION_MISTAKES = [
    ('list_name = "Scanners"', "list_name = 3", "", ""),  # metadata is free
    ("[[exceptions.items]]", "[[exceptions.item]]", "exceptions[0].item", "unknown-key"),
    ('description = "Scanners of ours."', 'descriptio = "x"', "exceptions[0].container.descriptio", "unknown-key"),
    ('type = "detection"', 'type = "detections"', "exceptions[0].container.type", "wrong-value"),
    ('tags = ["owner:network"]', 'tags = "owner"', "exceptions[0].container.tags", "wrong-type"),
    ('expire_time = "2027-01-31T00:00:00Z"', 'expire_time = "soon"', f"{ITEM}.expire_time", "wrong-value"),
    ('expire_time = "2027-01-31T00:00:00Z"', "expire_time = 3", f"{ITEM}.expire_time", "wrong-type"),
    ('expire_time = "2027-01-31T00:00:00Z"', "expire_time = 2026-11-01T00:00:00Z", f"{ITEM}.expire_time", "expired"),
    ('os_types = ["linux"]', 'os_types = ["lynux"]', f"{ITEM}.os_types[0]", "wrong-value"),
    (
        'item_id = "weekly"\nlist_id = "scanners"',
        'item_id = "weekly"\nlist_id = "scaners"',
        f"{ITEM}.list_id",
        "wrong-value",
    ),
    ('type = "simple"', 'type = "complex"', f"{ITEM}.type", "wrong-value"),
    ('value = "203.0.113.30"', "value = 3", f"{ITEM}.entries[0].value", "wrong-type"),
    ('value = "203.0.113.30"', 'values = "x"', f"{ITEM}.entries[0].values", "unknown-key"),
    ('value = ["a", "b"]', 'value = "a"', f"{ITEM}.entries[1].value", "wrong-type"),
    ('value = ["a", "b"]', "value = []", f"{ITEM}.entries[1].value", "wrong-value"),
    (
        'operator = "excluded"\ntype = "exists"',
        'operator = "excluded"\ntype = "exists"\nvalue = "x"',
        f"{ITEM}.entries[2].value",
        "unknown-key",
    ),
    ('operator = "excluded"', 'operator = "exclude"', f"{ITEM}.entries[2].operator", "wrong-value"),
    (
        'list = { id = "scanners.txt", type = "ip" }',
        'list = { id = "scanners.txt", type = "ipp" }',
        f"{ITEM}.entries[3].list.type",
        "wrong-value",
    ),
    (
        'type = "match", value = "true"',
        'type = "wildcard", value = "t*"',
        f"{ITEM}.entries[4].entries[0].type",
        "wrong-value",
    ),
    ('comment = "asked', 'coment = "asked', f"{ITEM}.comments[0].coment", "unknown-key"),
]


@pytest.mark.parametrize(("old", "new", "key", "code"), EXCEPTION_MISTAKES)
def test_a_mistake_in_an_exception_list_is_found_at_its_line(old: str, new: str, key: str, code: str) -> None:
    """Unknown keys, wrong types, wrong words and what can never match are named with key and line."""
    assert exception_problems(LISTS) == []
    text = LISTS.replace(old, new, 1)
    assert text != LISTS
    found = [problem for problem in exception_problems(text) if problem.key == key]
    assert [problem.code for problem in found] == ([code] if code else [])
    changed = [n for n, (a, b) in enumerate(zip(text.split("\n"), LISTS.split("\n"), strict=False), 1) if a != b]
    assert not found or found[0].line == changed[0]


def test_two_items_with_one_id_are_refused() -> None:
    """An item id that comes twice in a namespace is an error at the second; in two namespaces it is none."""
    again = LISTS[LISTS.index("[[exceptions.items]]") :]
    (found,) = exception_problems(LISTS + "\n" + again)
    assert (found.code, found.key) == ("duplicate-item-id", "exceptions[0].items[1].item_id")
    assert found.line > LISTS.count("\n")
    other = LISTS.replace('"single"', '"agnostic"')
    named = [*check_exceptions(parsed(LISTS), TODAY).named, *check_exceptions(parsed(other), TODAY).named]
    assert list(repeated(named)) == []


def test_an_item_past_its_time_is_a_warning() -> None:
    """An expired item stops nothing: it only does nothing any more."""
    (found,) = exception_problems(LISTS.replace("2027-01-31T00:00:00Z", "2026-11-23T23:59:59Z"))
    assert found.severity is Severity.WARNING
    assert exception_problems(LISTS.replace("2027-01-31T00:00:00Z", "2026-11-24T00:00:01Z")) == []


SIMPLE = """[[list]]
list_id = "egress"
description = "Where our own people come from."

[[list.items]]
item_id = "load-test"
expires = 2027-03-31
comments = ["Agreed with its owner."]
when = { "source.ip" = "203.0.113.30", "user.name" = "load*", "a" = ["b"], "c" = true, "d" = { not = "e" } }
"""


@pytest.mark.parametrize(
    ("old", "new", "key", "code"),
    [
        ("list_id", "list_idd", "list[0].list_idd", "unknown-key"),
        ("description =", "desription =", "list[0].desription", "unknown-key"),
        ('item_id = "load-test"', "item_id = 3", "list[0].items[0].item_id", "wrong-type"),
        ("2027-03-31", "2026-11-23", "list[0].items[0].expires", "expired"),
        ("2027-03-31", "3", "list[0].items[0].expires", "wrong-type"),
        ('"203.0.113.30"', "3", 'list[0].items[0].when."source.ip"', "wrong-value"),
        ('["b"]', "[]", "list[0].items[0].when.a", "wrong-value"),
        ("when =", "wehn =", "list[0].items[0].wehn", "unknown-key"),
    ],
)
def test_a_mistake_in_our_simpler_form_is_found_at_its_line(old: str, new: str, key: str, code: str) -> None:
    """`[[list]]` with `when` is judged like the API's form."""
    assert exception_problems(SIMPLE) == []
    text = SIMPLE.replace(old, new, 1)
    changed = [n for n, (a, b) in enumerate(zip(text.split("\n"), SIMPLE.split("\n"), strict=False), 1) if a != b]
    assert [(p.code, p.line) for p in exception_problems(text) if p.key == key] == [(code, changed[0])]


def test_what_kibana_sets_is_a_warning() -> None:
    """Keys of an export that Kibana writes itself are told and hurt nobody."""
    (found,) = exception_problems(LISTS.replace('item_id = "weekly"', 'item_id = "weekly"\ncreated_by = "elastic"'))
    assert (found.code, found.severity) == ("server-owned", Severity.WARNING)


def test_a_file_without_a_list_is_named() -> None:
    """An exceptions file that describes no list is a mistake."""
    assert [problem.code for problem in exception_problems("[metadata]\n")] == ["missing-key"]


PREBUILT_MISTAKES = [
    ("[[prebuilt]]", "[[prebuild]]", "prebuild", "unknown-key"),
    ('rule_id = "9d', 'ruleid = "9d', "prebuilt[0].ruleid", "unknown-key"),
    ("enabled = true", 'enabled = "true"', "prebuilt[0].enabled", "wrong-type"),
    ("enabled = true", 'enabled = true\nseverity = "low"', "prebuilt[0].severity", "unknown-key"),
    ("enabled = true", 'enabled = true\ntags = ["x"]', "prebuilt[0].tags", "unknown-key"),
    ('connector = "soc-slack", ', "", "prebuilt[0].actions[0]", "missing-key"),
    ('exceptions = ["build-servers"]', 'exceptions = "build-servers"', "prebuilt[0].exceptions", "wrong-type"),
]


@pytest.mark.parametrize(("old", "new", "key", "code"), PREBUILT_MISTAKES)
def test_a_mistake_in_a_prebuilt_file_is_found_at_its_line(old: str, new: str, key: str, code: str) -> None:
    """enabled, actions and exceptions are what we manage on Elastic's rules; any other key is refused."""
    assert prebuilt_problems(PREBUILT) == ()
    text = PREBUILT.replace(old, new, 1)
    found = [problem for problem in prebuilt_problems(text) if problem.key == key]
    assert [problem.code for problem in found] == [code]
    changed = [n for n, (a, b) in enumerate(zip(text.split("\n"), PREBUILT.split("\n"), strict=False), 1) if a != b]
    assert found[0].line == changed[0]


def test_a_prebuilt_entry_that_says_nothing_and_one_that_comes_twice_are_named() -> None:
    """An entry without effect and a rule with two entries are errors."""
    nothing = '[[prebuilt]]\nrule_id = "a"\n'
    assert [problem.code for problem in prebuilt_problems(nothing)] == ["no-effect"]
    (found,) = prebuilt_problems(PREBUILT + PREBUILT)
    assert (found.code, found.line) == ("duplicate-rule-id", 8)


@needs_shared
def test_the_example_of_a_prebuilt_file_passes() -> None:
    """The file that users are shown has no problem."""
    text = (SHARED / "examples" / "prebuilt_windows.toml").read_text("utf-8")
    assert prebuilt_problems(text) == ()
