"""
Whose rules they are: copies of ours, rules without their marker, a store that is gone (design section 6).

Real HTTP against the sandbox; whoever is not deployer goes past our client.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.deploying import SECRET, against, live
from tests.support.project import ProjectFolder, Ran
from tests.support.sandbox import RULES, Sandbox

DAY = 86_400
MARKER = "deployer:tests"
POLICY = '[ownership]\nremoved = "delete"\ndelete_after = "7d"\n\n[limits]\ndisable = 100\ndelete = 100\n'


def rule_id(number: int) -> str:
    """The id of a rule of `ProjectFolder.rule`."""
    return f"00000000-0000-4000-8000-{number:012d}"


class World:
    """A Kibana whose clock can be moved, and a project with four rules that are deployed."""

    def __init__(self, kibana: Sandbox, root: Path) -> None:
        self.kibana = kibana
        self.project: ProjectFolder = against(root, kibana.url, more=POLICY)
        self.project.rules(4)
        self.apply()

    def run(self, *words: str) -> Ran:
        """Run the program."""
        return self.project.run(*words, **SECRET)

    def apply(self, *words: str) -> Ran:
        """Apply, which must go well."""
        ran = self.run("apply", "-e", "s", "--yes", *words)
        assert ran.code == 0, ran.err + ran.out
        return ran

    def plan(self, *words: str) -> dict[str, Any]:
        """Return the plan of the one target."""
        ran = self.run("plan", "-e", "s", "--json", *words)
        assert ran.code == 0, ran.err
        (plan,) = ran.document["plans"]
        return dict(plan)

    def wait(self, days: float) -> None:
        """Move Kibana's clock on."""
        self.kibana.admin("POST", "clock", {"offset": days * DAY})

    def bulk(self, action: str, *ids: str, user: str = "soc-day", **more: Any) -> Any:
        """Do something to rules at once, as the UI does."""
        body = {"action": action, "ids": list(ids), **more}
        answer = self.kibana.request("POST", f"{RULES}/_bulk_action", body, user=user)
        assert answer.status == 200, answer.body
        return answer.json

    def by_name(self, name: str) -> dict[str, Any]:
        """Return the live rule of this name."""
        (found,) = [rule for rule in live(self.kibana) if rule["name"] == name]
        return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A Kibana of this test."""
    sandbox = Sandbox.start(tmp_path / "kibana.sqlite3")
    yield World(sandbox, tmp_path / "project")
    assert not sandbox.stop()


def actions(plan: dict[str, Any]) -> list[tuple[str, str]]:
    """What a plan does to which rule."""
    return [(change["rule_id"], change["action"]) for change in plan["changes"]]


def test_a_duplicate_of_ours_is_listed_and_never_touched(world: World) -> None:
    """Edited, enabled, with `removed = "delete"` and a month later, while ours beside it is retired and deleted."""
    original = world.by_name("Rule 1")
    duplicating = {"include_exceptions": True, "include_expired_exceptions": True}
    world.bulk("duplicate", original["id"], duplicate=duplicating)
    made = world.by_name("Rule 1 [Duplicate]")
    assert made["tags"] == original["tags"] == [MARKER]
    edited = {"rule_id": made["rule_id"], "type": "query", "query": "event.action : mine", "note": "mine"}
    assert world.kibana.request("PATCH", RULES, edited, user="soc-day").status == 200
    world.bulk("enable", made["id"])
    copy = world.by_name("Rule 1 [Duplicate]")
    assert (copy["enabled"], copy["query"], MARKER in copy["tags"]) == (True, "event.action : mine", True)

    for number in (1, 2):
        (world.project.root / f"rules/rule_{number}.toml").unlink()
    assert actions(world.plan()) == [(rule_id(1), "disable"), (rule_id(2), "disable")]
    world.apply()
    world.wait(30)
    plan = world.plan()
    assert actions(plan) == [(rule_id(1), "delete"), (rule_id(2), "delete")]
    assert plan["notes"]["census"]["copies"] == ["Rule 1 [Duplicate]"]
    text = world.run("plan", "-e", "s").out
    assert "1 with a copied marker" in text
    assert "Rule 1 [Duplicate]" in text
    world.apply()

    assert world.by_name("Rule 1 [Duplicate]") == copy
    assert {rule["name"] for rule in live(world.kibana)} == {"Rule 1 [Duplicate]", "Rule 3", "Rule 4"}
    assert actions(world.plan("--adopt", "--take", "git", "--only", "*")) == []
    drift = world.run("drift", "-e", "s").out
    assert "Rule 1 [Duplicate]" in drift
    assert "a copy that carries our marker" in drift


def test_a_rule_without_its_marker_is_drift_and_comes_back(world: World) -> None:
    """`set_tags` takes the marker: no adoption, no duplicate; the next write puts it back, and the tags stay."""
    stripped = world.by_name("Rule 2")
    world.bulk("edit", stripped["id"], edit=[{"type": "set_tags", "value": ["theirs"]}])
    assert world.by_name("Rule 2")["tags"] == ["theirs"]
    plan = world.plan()
    assert (actions(plan), plan["notes"]["blocked"], plan["notes"]["unmarked"]) == ([], [], [rule_id(2)])
    assert plan["notes"]["census"]["unmanaged"] == 0
    assert plan["notes"]["census"]["equal_unmanaged"] == 0
    drift = world.run("drift", "-e", "s").out
    assert "our marker was taken off" in drift
    assert world.run("drift", "-e", "s", "--detailed-exitcode").code == 3

    world.project.rule(2, query="event.action : changed")
    (change,) = world.plan()["changes"]
    assert (change["action"], change["marker"]) == ("update", True)
    world.apply()
    found = world.by_name("Rule 2")
    assert (found["tags"], found["query"].strip()) == (["theirs", MARKER], "event.action : changed")
    assert world.plan()["notes"]["unmarked"] == []

    world.bulk("edit", found["id"], edit=[{"type": "set_tags", "value": []}])
    (world.project.root / "rules/rule_2.toml").unlink()  # gone from git, and recorded: still ours to retire
    assert actions(world.plan()) == [(rule_id(2), "disable")]


@pytest.mark.parametrize("words", [(), ("--adopt",), ("--take", "live", "--only", "*")])
def test_without_the_store_nothing_is_disabled_or_deleted(world: World, words: tuple[str, ...]) -> None:
    """Rules are gone from git, off in git, retired, a month old: no plan without a record stops or removes any."""
    (world.project.root / "rules/rule_1.toml").unlink()
    world.apply()
    (world.project.root / "rules/rule_2.toml").unlink()
    path = world.project.rule(3, query="event.action : changed")
    path.write_text(path.read_text("utf-8").replace("[rule]\n", "[rule]\nenabled = false\n"), "utf-8")
    world.wait(30)
    assert actions(world.plan()) == [(rule_id(1), "delete"), (rule_id(2), "disable"), (rule_id(3), "update")]

    shutil.rmtree(world.project.root / ".deployer/targets")
    plan = world.plan(*words)
    assert "nothing is recorded" in plan["notes"]["lines"][0]
    for change in plan["changes"]:
        assert change["action"] not in ("disable", "delete", "recreate")
        assert (change["after"] or {}).get("enabled") is not False
    edits = {(edit["rule_id"], edit["field"], edit["kind"]) for edit in plan["notes"]["edits"]}
    assert (rule_id(3), "enabled", "left") in edits
    before = {rule["rule_id"]: rule["enabled"] for rule in live(world.kibana)}
    world.apply(*words)
    after = {rule["rule_id"]: rule["enabled"] for rule in live(world.kibana)}
    assert after == before
    assert len(after) == 4
    plan = world.plan()
    assert actions(plan) == []
    assert sorted(plan["notes"]["census"]["copies"]) == ["Rule 1", "Rule 2"]


def test_without_the_store_no_rule_is_created_again(world: World) -> None:
    """Another type in git means delete and create: blocked without a record, until a person says so."""
    path = world.project.rule(4)
    eql = path.read_text("utf-8").replace('"query"', '"eql"').replace('"kuery"', '"eql"')
    path.write_text(eql.replace("event.action : *", "any where true"), "utf-8")
    assert actions(world.plan()) == [(rule_id(4), "recreate")]
    shutil.rmtree(world.project.root / ".deployer/targets")
    old = world.by_name("Rule 4")
    plan = world.plan()
    assert actions(plan) == []
    assert [(one["rule_id"], one["kind"]) for one in plan["notes"]["blocked"]] == [(rule_id(4), "retyped")]
    assert world.run("apply", "-e", "s", "--yes").code == 4
    assert world.by_name("Rule 4") == old
    world.apply("--take", "git", "--only", f"id:{rule_id(4)}", "--allow", "recreate=1")
    assert world.by_name("Rule 4")["type"] == "eql"
