"""Exception lists and value lists through `pull`: files say what Kibana has, authors' files keep their form."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.pull_world import RULES, SECRETS, World, content
from tests.support.sandbox import Sandbox, running

ITEMS = "/api/exception_lists/items"
VALUES = "/api/lists/items"
OWN = """# ours: the SOC keeps it
[[list]]
list_id = "travel"
description = "Announced travel."    # ask HR

# who travels
[[list.items]]
item_id = "sg"
expires = 2099-03-31
when = { "user.name" = "kim" }  # Singapore

[[list.items]]
item_id = "my"
comments = ["agreed"]
when = { "user.name" = "lee" }
"""
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def kibana(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox; every test takes a space of its own."""
    with running(tmp_path_factory.mktemp("pull") / "kibana.sqlite3") as sandbox:
        yield sandbox


@pytest.fixture
def world(kibana: Sandbox, tmp_path: Path) -> World:
    """A fresh space and a fresh project."""
    return World(kibana, tmp_path, f"lists-{next(_numbers)}")


def match(field: str, value: str, kind: str = "match") -> dict[str, Any]:
    """An entry of an item."""
    return {"field": field, "type": kind, "operator": "included", "value": value}


def fill(world: World) -> None:
    """Fill a space with lists of every kind that rules name, lists that no rule names, and lists that are not ours."""
    travel = world.exception_list("travel", tags=["b", "a"], description="two\nlines")
    own = world.exception_list("4711-own", type="rule_default", name="Exceptions for rule - R")
    every = world.exception_list(f"every-{world.space}", namespace_type="agnostic", os_types=["linux"])
    world.exception_list("free")
    world.exception_list("artifacts", type="endpoint_events")
    world.values("ips.txt", "ip", "203.0.113.7", "203.0.113.20")
    world.values("Names of ours", "keyword", "kim", 'the "best", they say')
    world.values("scanners.csv", "keyword", "nessus", "value", "a,b")
    ips = {"field": "source.ip", "type": "list", "operator": "included", "list": {"id": "ips.txt", "type": "ip"}}
    nested = {"field": "file.sig", "type": "nested", "entries": [match("trusted", "true")]}
    world.item("travel", f"{world.space}-1", [match("user.name", "kim"), ips][1:], comments=[{"comment": "c 1"}])
    world.item("travel", f"{world.space}-2", [match("user.name", "k*", "wildcard"), nested], tags=["z", "y"])
    world.item("4711-own", f"{world.space}-3", [{"field": "a", "type": "exists", "operator": "excluded"}])
    several = {"field": "host.name", "type": "match_any", "operator": "excluded", "value": ["b", "a"]}
    late = {"expire_time": "2099-12-31T10:00:00.000Z", "os_types": ["windows"]}
    world.item(f"every-{world.space}", f"{world.space}-4", [several], namespace_type="agnostic", **late)
    world.create("r-1", exceptions_list=[travel, own])
    world.create("r-2", exceptions_list=[every, travel])


def test_the_lists_of_a_space_become_files_and_the_plan_after_it_only_adopts(world: World) -> None:
    """Every kind of list, item, entry and value list; another project gets the same with an apply; no write is seen."""
    fill(world)
    before = world.written()

    found = world.pull()

    assert world.written() == before
    assert {path for path in world.texts() if path.startswith(("exceptions", "value_lists"))} == {
        "exceptions/exceptions_for_rule_r.toml", f"exceptions/every_{world.space.replace('-', '_')}.toml",
        "exceptions/free.toml", "exceptions/travel.toml",
        "value_lists/ips.txt", "value_lists/names_of_ours.txt", "value_lists/scanners.csv",
    }  # fmt: skip
    assert found["lists_left"] == {"of others": 1}
    assert (found["problems"], found["waiting"]) == ([], 0)
    text = world.texts()["exceptions/travel.toml"].decode()
    assert "_version" not in text
    assert "created_by" not in text
    assert world.texts()["value_lists/ips.txt"] == b"# type: ip\n203.0.113.20\n203.0.113.7\n"
    assert content(world.plan()) == []
    assert world.run("validate").code == 0
    once = world.texts()
    again = world.pull()
    assert (again["files"], again["lists"], world.texts()) == ([], [], once)
    world.run("apply", "-e", "s", "--adopt", "--yes")
    world.pull()
    assert world.texts() == once
    assert content(world.plan()) == []


def test_an_authors_file_is_patched_in_place_and_keeps_its_form(world: World) -> None:
    """Analysts edit, add and delete items, and a field of the list: lines of these change, comments and order stay."""
    world.project.rule(1)
    world.project.write("exceptions/own/hr.toml", OWN)
    world.project.write("value_lists/names.txt", "# ours\nkim\n\n# guests\nlee\n")
    world.run("apply", "-e", "s", "--yes")
    assert world.pull()["lists"] == []
    world.item("travel", "de", [match("user.name", "max")], comments=[{"comment": "by phone"}])
    edited = {
        "item_id": "sg",
        "name": "sg",
        "description": "sg",
        "type": "simple",
        "entries": [match("user.name", "k")],
    }
    world.put(ITEMS, {**edited, "expire_time": "2099-04-30T00:00:00.000Z", "comments": [{"comment": "longer"}]})
    world.delete(f"{ITEMS}?item_id=my&namespace_type=single")
    world.delete(f"{VALUES}?list_id=names.txt&value=kim")
    world.post(VALUES, {"list_id": "names.txt", "value": "ann"})

    found = world.pull()

    assert found["lists"] == [
        {"path": "exceptions/own/hr.toml", "names": ["travel"], "new": False},
        {"path": "value_lists/names.txt", "names": ["names.txt"], "new": False},
    ]
    assert (
        world.texts()["exceptions/own/hr.toml"].decode()
        == """# ours: the SOC keeps it
[[list]]
list_id = "travel"
description = "Announced travel."    # ask HR

# who travels
[[list.items]]
item_id = "sg"
expires = "2099-04-30T00:00:00.000Z"
when = { "user.name" = "k" }  # Singapore
comments = ["longer"]

[[list.items]]
item_id = "de"
name = "De"
description = "d"
comments = ["by phone"]
when = { "user.name" = "max" }
"""
    )
    assert world.texts()["value_lists/names.txt"] == b"# ours\n\n# guests\nlee\nann\n"
    assert content(world.plan()) == []


def test_work_that_nobody_deployed_yet_stays(world: World) -> None:
    """An item, a comment and a value that git has and no record knows are not taken out by a pull."""
    world.project.rule(1)
    world.project.write("exceptions/hr.toml", OWN)
    world.project.write("value_lists/names.txt", "kim\n")
    world.run("apply", "-e", "s", "--yes")
    new = '\n[[list.items]]\nitem_id = "new"\nwhen = { "user.name" = "zoe" }\n'
    world.project.write("exceptions/hr.toml", OWN + new)
    world.project.write("value_lists/names.txt", "kim\nzoe\n")
    before = world.texts()
    world.item("travel", "de", [match("user.name", "max")])

    found = world.pull()

    assert found["waiting"] == 2
    after = world.texts()
    assert after["value_lists/names.txt"] == before["value_lists/names.txt"]
    assert after["exceptions/hr.toml"].startswith(before["exceptions/hr.toml"])
    (plan,) = world.plan()["plans"]
    assert [(d["kind"], d["name"]) for d in plan["dependencies"]] == [
        ("value list", "names.txt"), ("exception item", "new"),
    ]  # fmt: skip


def test_a_selection_takes_only_the_lists_of_its_rules(world: World) -> None:
    """`--only` takes a rule, its lists, and the value lists that these use."""
    fill(world)

    world.pull("--only", "id:r-1")

    assert {path for path in world.texts() if path.startswith(("exceptions", "value_lists"))} == {
        "exceptions/exceptions_for_rule_r.toml", "exceptions/travel.toml", "value_lists/ips.txt",
    }  # fmt: skip


def test_an_export_has_its_lists(world: World) -> None:
    """Kibana's own export of rules gives the same files of lists as the space, but for value lists."""
    fill(world)
    export = world.kibana.request("POST", f"/s/{world.space}{RULES}/_export")
    (world.project.root / "export.ndjson").write_bytes(export.body)
    world.pull("--from", "export.ndjson")
    exported = {path: text for path, text in world.texts().items() if path.startswith("exceptions")}
    assert len(exported) == 3
    for path in exported:
        (world.project.root / path).unlink()

    world.pull()

    assert {path: world.texts()[path] for path in exported} == exported


def test_a_list_that_a_file_cannot_say_is_named_and_the_others_are_pulled(world: World) -> None:
    """An item without a description is no item of a file; exit 1, and nothing is lost elsewhere."""
    odd = world.exception_list("odd")
    good = world.exception_list("good")
    world.item("odd", f"{world.space}-o", [match("user.name", "kim")], description="")
    world.create("r-1", exceptions_list=[odd, good])

    ran = world.project.run("pull", "-e", "s", "--json", **SECRETS)

    assert ran.code == 1
    assert [problem["code"] for problem in ran.document["problems"]] == ["not-pulled"]
    assert '"odd"' in ran.document["problems"][0]["message"]
    assert [entry["path"] for entry in ran.document["lists"]] == ["exceptions/good.toml"]


def test_lists_of_another_project_and_of_other_environments_are_left(world: World) -> None:
    """A list that only rules of others name is theirs; one of a file that is deployed elsewhere keeps its file."""
    theirs = world.exception_list("theirs")
    world.create("r-9", exceptions_list=[theirs], tags=["deployer:other"])
    world.exception_list("elsewhere")
    rule = world.project.rule(1)
    link = '\n[[rule.exceptions_list]]\nlist_id = "elsewhere"\nnamespace_type = "single"\ntype = "detection"\n'
    rule.write_text(rule.read_text("utf-8") + link, "utf-8")
    world.project.write("exceptions/e.toml", '[[list]]\nlist_id = "elsewhere"\ndescription = "Of dev."\n')
    path = world.project.root / "environments/s.toml"
    path.write_text(path.read_text("utf-8") + '\n[rules]\ninclude = ["name:nothing like it", "id:r-*"]\n', "utf-8")
    before = world.texts()

    found = world.pull()

    assert found["lists_left"] == {"not deployed here": 1, "of others": 1}
    assert world.texts() == before


def test_new_files_of_lists_go_where_deployer_toml_says(world: World) -> None:
    """`pull_lists` is a template as `pull` is; names are slugs, and what leaves the folder is refused."""
    world.project.write("deployer.toml", 'project = "tests"\npull_lists = "exceptions/{type}/{list_id}.toml"\n')
    world.create("r-1", exceptions_list=[world.exception_list("../../odd Id", name="N")])

    assert [entry["path"] for entry in world.pull()["lists"]] == ["exceptions/detection/odd_id.toml"]
    assert content(world.plan()) == []

    for template in ("rules/{name}.toml", "exceptions/../{name}.toml", "exceptions/{tactic}.toml", "exceptions/{name}"):
        world.project.write("deployer.toml", f'project = "tests"\npull_lists = "{template}"\n')
        ran = world.project.run("pull", "-e", "s", **SECRETS)
        assert (ran.code, "deployer.toml:2:1: pull_lists:" in ran.err) == (1, True), ran.err
