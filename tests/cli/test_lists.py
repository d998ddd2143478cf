"""Exception lists, items and value lists through plan, apply and undo: real processes, real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.deploying import SECRET, against, live, until
from tests.support.project import ProjectFolder, Ran
from tests.support.sandbox import RULES, Sandbox

LISTS = "/api/exception_lists"
ITEMS = "/api/exception_lists/items"
VALUES = "/api/lists/items"
LINK = """
[[rule.exceptions_list]]
list_id = "travel"
namespace_type = "single"
type = "detection"
"""
HEAD = '[[list]]\nlist_id = "travel"\ndescription = "Announced travel."\n'
ITEM = '\n[[list.items]]\nitem_id = "{0}"\ncomments = ["agreed"]\nwhen = {{ "user.name" = "{1}" }}\n'
RULE_ID = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def kibana(tmp_path: Path) -> Iterator[Sandbox]:
    """A Kibana of this test."""
    sandbox = Sandbox.start(tmp_path / "kibana.sqlite3")
    yield sandbox
    sandbox.stop()


@pytest.fixture
def project(tmp_path: Path, kibana: Sandbox) -> ProjectFolder:
    """A project with one rule that refers to one list with two items."""
    made = against(tmp_path / "project", kibana.url)
    write_rule(made)
    write_items(made, sg="kim", my="lee")
    return made


def write_rule(project: ProjectFolder, query: str = "event.action : *", more: str = LINK) -> None:
    """Write the one rule."""
    path = project.rule(1, query=query)
    path.write_text(path.read_text("utf-8") + more, "utf-8")


def write_items(project: ProjectFolder, **items: str) -> None:
    """Write the one list with these items."""
    text = HEAD + "".join(ITEM.format(name, value) for name, value in items.items())
    project.write("exceptions/travel.toml", text)


def applied(project: ProjectFolder, *words: str, **environ: str) -> Ran:
    """Apply, which must go well."""
    ran = project.run("apply", "-e", "s", "--yes", *words, **SECRET, **environ)
    assert ran.code == 0, ran.err + ran.out
    return ran


def planned(project: ProjectFolder, *words: str) -> dict[str, Any]:
    """Return the plan of the one target."""
    ran = project.run("plan", "-e", "s", "--json", *words, **SECRET)
    assert ran.code in (0, 3), ran.err
    (plan,) = ran.document["plans"]
    return dict(plan)


def items(kibana: Sandbox, list_id: str = "travel", namespace: str = "single") -> dict[str, dict[str, Any]]:
    """Return the live items of a list, by id."""
    answer = kibana.request("GET", f"{ITEMS}/_find?list_id={list_id}&namespace_type={namespace}&per_page=10000")
    assert answer.status == 200, answer.body
    return {item["item_id"]: item for item in answer.json["data"]}


def edit(kibana: Sandbox, item_id: str, **fields: Any) -> dict[str, Any]:
    """Edit an item as an analyst does; comments given as texts are added."""
    old = items(kibana)[item_id]
    body = {key: old[key] for key in ("item_id", "name", "description", "type", "entries", "tags", "os_types")}
    known = [{"id": one["id"], "comment": one["comment"]} for one in old["comments"]]
    added = [{"comment": text} for text in fields.pop("comments", [])]
    answer = kibana.request("PUT", ITEMS, {**body, **fields, "comments": [*known, *added]}, user="soc-day")
    assert answer.status == 200, answer.body
    return dict(answer.json)


def entry(value: str) -> list[dict[str, str]]:
    """Return one match of a user name."""
    return [{"field": "user.name", "type": "match", "operator": "included", "value": value}]


def matched(kibana: Sandbox, number: int) -> int:
    """Return how often a fault has struck."""
    return int(next(one["done"] for one in kibana.admin("GET", "faults") if one["number"] == number))


def test_a_list_that_the_plan_creates_is_no_missing_list(project: ProjectFolder, kibana: Sandbox) -> None:
    """List and items come before the rule, which names the list by the id that Kibana gave it; then all is quiet."""
    applied(project)
    found = kibana.request("GET", f"{LISTS}?list_id=travel").json
    (rule,) = live(kibana)
    assert rule["exceptions_list"] == [{key: found[key] for key in ("id", "list_id", "type", "namespace_type")}]
    assert set(items(kibana)) == {"sg", "my"}
    after = planned(project)
    assert not after["has_changes"]
    assert after["notes"]["census"]["items_unchanged"] == 2
    assert not project.run("plan", "-e", "s", "--detailed-exitcode", **SECRET).code


def test_a_list_that_is_nowhere_is_a_problem_and_endpoint_list_never_is(project: ProjectFolder) -> None:
    """A missing list is an error with file and line; Elastic's own list is made by Kibana on demand."""
    write_rule(project, more=LINK.replace("travel", "nowhere"))
    ran = project.run("plan", "-e", "s", **SECRET)
    assert ran.code == 1
    assert "rules/rule_1.toml:21" in ran.err
    assert 'no exception list "nowhere"' in ran.err
    write_rule(project, more=LINK.replace("travel", "endpoint_list").replace("single", "agnostic"))
    assert project.run("plan", "-e", "s", **SECRET).code == 0


def test_a_saved_plan_is_applied_without_the_files(project: ProjectFolder, kibana: Sandbox) -> None:
    """The plan file has lists and items; nothing of the work tree is needed to apply it."""
    assert project.run("plan", "-e", "s", "-o", "plan.json", **SECRET).code == 0
    (project.root / "exceptions" / "travel.toml").unlink()
    ran = project.run("apply", "plan.json", "--yes", **SECRET)
    assert ran.code == 0, ran.err
    assert set(items(kibana)) == {"sg", "my"}


def test_lists_are_part_of_the_digest(project: ProjectFolder) -> None:
    """Another item is another plan."""
    first = planned(project)["digest"]
    assert planned(project)["digest"] == first
    write_items(project, sg="kim", my="other")
    assert planned(project)["digest"] != first


def test_what_analysts_add_is_there_after_the_second_and_third_apply(project: ProjectFolder, kibana: Sandbox) -> None:
    """An item, a rule exception and a comment of an analyst outlive applies, and the plan names them."""
    applied(project)
    own = {"item_id": "mine", "list_id": "travel", "name": "Mine", "description": "d", "type": "simple"}
    assert kibana.request("POST", ITEMS, {**own, "entries": entry("ana")}, user="soc-day").status == 200
    (rule,) = live(kibana)
    exception = {"name": "From an alert", "description": "d", "type": "simple", "entries": entry("bob")}
    answer = kibana.request("POST", f"{RULES}/{rule['id']}/exceptions", {"items": [exception]}, user="soc-day")
    assert answer.status == 200, answer.body
    comments = edit(kibana, "my", comments=["seen"])["comments"]
    default = next(one for one in live(kibana)[0]["exceptions_list"] if one["type"] == "rule_default")

    for number in (2, 3):
        write_rule(project, query=f"event.action : {number}")
        write_items(project, sg=f"kim{number}", my="lee")
        text = project.run("plan", "-e", "s", **SECRET).out
        assert 'keeps "Mine"' in text
        applied(project)
        found = items(kibana)
        assert found["mine"]["entries"] == entry("ana")
        assert found["sg"]["entries"] == entry(f"kim{number}")
        assert found["my"]["comments"] == comments
        assert default in live(kibana)[0]["exceptions_list"]
        assert [one["name"] for one in items(kibana, default["list_id"]).values()] == ["From an alert"]


def test_an_edit_after_the_plan_is_stale_and_nothing_is_written(project: ProjectFolder, kibana: Sandbox) -> None:
    """A saved plan whose item was edited meanwhile is refused before the first write."""
    applied(project)
    write_items(project, sg="kim2", my="lee")
    assert project.run("plan", "-e", "s", "-o", "plan.json", **SECRET).code == 0
    edited = edit(kibana, "sg", entries=entry("analyst"))
    ran = project.run("apply", "plan.json", "--yes", **SECRET)
    assert ran.code == 4
    assert "entries edited by soc-day" in ran.err
    assert items(kibana)["sg"] == edited


def test_an_edit_during_the_apply_is_a_version_conflict_and_undoes_everything(
    project: ProjectFolder, kibana: Sandbox
) -> None:
    """
    The `_version` that was read no longer holds: the item keeps the edit and its comments' ids, everything else that
    this apply wrote is as before.
    """
    applied(project)
    before, rule = items(kibana), live(kibana)[0]
    write_items(project, my="lee2", sg="kim2", new="one")
    write_rule(project, query="event.action : 2")
    number = kibana.fault(f"delay:method=PUT,path={ITEMS},seconds=2,times=2")
    process = project.start("apply", "-e", "s", "--yes", **SECRET)
    until(lambda: matched(kibana, number) == 2, "both updates are under way")
    edit(kibana, "sg", entries=entry("analyst"))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 5, err + out
    after = items(kibana)
    assert "edited by soc-day" in err
    assert set(after) == {"sg", "my"}
    assert after["sg"]["entries"] == entry("analyst")
    for name in ("sg", "my"):
        assert [one["id"] for one in after[name]["comments"]] == [one["id"] for one in before[name]["comments"]]
    assert after["my"]["entries"] == before["my"]["entries"]
    assert live(kibana)[0]["query"] == rule["query"]
