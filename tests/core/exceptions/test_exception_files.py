"""Exception files in both forms, their Problems with line, and what expires."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from deployer.core.exceptions.expiry import endings, expiring
from deployer.core.exceptions.form import canonical_item
from deployer.core.exceptions.reading import read_exceptions, repeated_names
from deployer.core.toml import locator

ROOT = Path(__file__).parents[3]
ITEM = '[[list]]\nlist_id = "l"\n\n[[list.items]]\nitem_id = "i"\n'


@pytest.mark.parametrize("path", sorted((ROOT / "exceptions").glob("*.toml")), ids=lambda path: path.stem)
def test_the_project_s_own_files_are_read(path: Path) -> None:
    """detection-rules' format, with lists, items, nested entries and value lists."""
    lists, problems = read_exceptions(path.name, path.read_text("utf-8"))
    assert not problems
    assert all(one.items for one in lists)


def test_the_simpler_form_says_the_same() -> None:
    """Each spelling of `when` is the entry that the API knows."""
    when = """when = { a = "x", b = "x*", c = ["x", "y"], d = true, e = false, f = { list = "ips.txt", type = "ip" }, \
g = { not = "x" } }"""
    (one,), problems = read_exceptions("e.toml", f"{ITEM}expires = 2027-03-31\n{when}\n")
    assert not problems
    item = one.items["i"]
    assert item["expire_time"] == "2027-03-31T00:00:00.000Z"
    assert item["entries"] == [
        {"field": "a", "type": "match", "operator": "included", "value": "x"},
        {"field": "b", "type": "wildcard", "operator": "included", "value": "x*"},
        {"field": "c", "type": "match_any", "operator": "included", "value": ["x", "y"]},
        {"field": "d", "type": "exists", "operator": "included"},
        {"field": "e", "type": "exists", "operator": "excluded"},
        {"field": "f", "type": "list", "operator": "included", "list": {"id": "ips.txt", "type": "ip"}},
        {"field": "g", "type": "match", "operator": "excluded", "value": "x"},
    ]
    assert one.value_lists == {"ips.txt": "ip"}
    assert canonical_item(item) == item


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("[[list]\n", 1, "toml-syntax"),
        ("[metadata]\na = 1\n", 1, "missing-key"),
        ("[[exceptions]]\n", 1, "missing-key"),
        ("[[exceptions]]\n[exceptions.container]\nname = 'n'\n", 2, "missing-key"),
        (ITEM, 4, "missing-key"),
        (ITEM + "when = { a = 1 }\n", 6, "wrong-value"),
        (ITEM + 'when = { a = "x" }\nnamespace_type = "agnostic"\n', 7, "wrong-value"),
        (ITEM + 'when = { a = "x" }\n[[list.items]]\nitem_id = "i"\nwhen = { a = "y" }\n', 8, "duplicate-item-id"),
        (ITEM + 'meta = { when = 2026-01-01 }\nwhen = { a = "x" }\n', 4, "wrong-type"),
        ("list = 1\n", 1, "wrong-type"),
    ],
)
def test_a_wrong_file_is_told_with_its_line(text: str, line: int, code: str) -> None:
    """Each mistake has its line and code, and the file gives no lists."""
    lists, problems = read_exceptions("e.toml", text)
    assert not lists
    assert (problems[0].line, problems[0].code) == (line, code)


def test_one_id_in_two_files_is_a_problem() -> None:
    """Lists and items are told apart by id within a namespace."""
    text = ITEM + 'when = { a = "x" }\n'
    (one,), _ = read_exceptions("one.toml", text)
    (two,), _ = read_exceptions("two.toml", text.replace('"l"', '"m"'))
    (problem,) = repeated_names([one, two])
    assert (problem.path, problem.message) == ("two.toml", 'the item "i" is also in one.toml')


@pytest.mark.parametrize(
    ("day", "code"), [("2026-11-20", "expired"), ("2026-11-30", "expires-soon"), ("2027-11-30", None)]
)
def test_expired_and_soon_expiring_items_are_told(day: str, code: str | None) -> None:
    """Expired and expiring items are warnings at the line of their date."""
    text = f'{ITEM}expires = {day}\nwhen = {{ a = "x" }}\n'
    lists, _ = read_exceptions("e.toml", text)
    found = list(expiring(lists, datetime(2026, 11, 24, tzinfo=UTC), lambda _, key: locator(text)(key)))
    assert [(problem.line, problem.code) for problem in found] == ([(6, code)] if code else [])


def test_every_item_with_an_end_is_named_the_next_one_first() -> None:
    """Expired, soon and later; an item without a date is not among them."""
    days = {"old": "2026-01-01", "soon": "2026-12-01", "later": "2027-06-01"}
    items = "".join(
        f'[[list.items]]\nitem_id = "{name}"\nexpires = {day}\nwhen = {{ "a" = "b" }}\n' for name, day in days.items()
    )
    text = f'[[list]]\nlist_id = "l"\ndescription = "d"\n{items}[[list.items]]\nitem_id = "n"\nwhen = {{ "a" = "b" }}\n'
    lists, problems = read_exceptions("exceptions/l.toml", text)
    assert not problems

    found = endings(lists, datetime(2026, 11, 24, tzinfo=UTC))

    assert [(one.name, one.list_id, one.state) for one in found] == [
        ("old", "l", "expired"),
        ("soon", "l", "soon"),
        ("later", "l", "later"),
    ]
