"""`pull` as a process against a real sandbox: files say what Kibana has, and nothing else changes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.project import new_project
from tests.support.pull_world import RULES, SECRETS, World, content, imported
from tests.support.sandbox import Sandbox, query_rule, running
from tests.support.shared import corpus, needs_shared, rule_pairs


@pytest.fixture(scope="module")
def kibana(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox; every test takes a space of its own."""
    with running(tmp_path_factory.mktemp("pull") / "kibana.sqlite3") as sandbox:
        yield sandbox


_numbers = itertools.count(1)


@pytest.fixture
def world(kibana: Sandbox, tmp_path: Path) -> World:
    """A fresh space and a fresh project."""
    return World(kibana, tmp_path, f"pull-{next(_numbers)}")


def test_a_space_becomes_files_and_the_plan_after_it_only_adopts(world: World) -> None:
    """Rules of every kind, with unknown spellings, lists, actions, nulls and one that is off; Kibana sees no write."""
    list_ = {"list_id": "scanners", "name": "S", "description": "d", "type": "detection", "namespace_type": "single"}
    made = world.kibana.request("POST", f"/s/{world.space}/api/exception_lists", list_).json
    connector = {
        "name": "SOC",
        "connector_type_id": ".slack",
        "config": {},
        "secrets": {"webhookUrl": "https://x.example"},
    }
    soc = world.kibana.request("POST", f"/s/{world.space}/api/actions/connector", connector).json
    named = {key: made[key] for key in ("id", "list_id", "type", "namespace_type")}
    frequency = {"summary": True, "notifyWhen": "onActiveAlert", "throttle": None}
    action = {"id": soc["id"], "action_type_id": ".slack", "group": "default", "params": {"message": "a\nb"}}
    world.create(
        "r-1", exceptions_list=[named], actions=[{**action, "frequency": frequency}], note="# N\n\n## Setup\nx"
    )
    world.create(
        "r-2", enabled=False, filters=[{"meta": {"alias": None, "key": "a"}, "query": {"exists": {"field": "a"}}}]
    )
    world.create("r-3", description="two\nlines", tags=["deployer tests", " edge "])
    before = world.written()

    found = world.pull()

    assert world.written() == before
    assert [(file["path"], file["new"]) for file in found["files"]] == [
        ("rules/rule_r_1.toml", True), ("rules/rule_r_2.toml", True), ("rules/rule_r_3.toml", True)
    ]  # fmt: skip
    assert found["overridden"] == {"r-2": ["enabled"], "r-3": ["description", "tags"]}
    text = world.texts()["rules/rule_r_1.toml"].decode()
    assert 'connector = "SOC"' in text
    assert soc["id"] not in text
    assert made["id"] not in text
    plan = world.plan()
    assert content(plan) == []
    assert world.run("validate").code == 0


def test_a_second_pull_and_one_after_an_apply_change_no_byte(world: World) -> None:
    """What was pulled, and what was applied, is what the files say; nothing of ours comes back into them."""
    for number in range(1, 4):
        world.create(f"r-{number}", tags=["a", "b"], enabled=number != 2)
    world.pull()
    once = world.texts()

    assert world.pull()["files"] == []
    assert world.texts() == once
    world.run("apply", "-e", "s", "--adopt", "--yes")
    world.project.rule(7)
    world.run("apply", "-e", "s", "--yes")
    applied = world.texts()
    assert world.pull()["environment"] is None
    assert world.texts() == applied


def test_edits_come_into_the_files_that_are_there(world: World) -> None:
    """An analyst's edits change the lines of their fields in the author's file, wherever it lies."""
    path = world.project.rule(1)
    text = path.read_text("utf-8").replace('severity = "low"', 'severity = "low" # for now')
    moved = world.project.write("rules/deep/Own name.toml", text)
    path.unlink()
    world.run("apply", "-e", "s", "--yes")
    rule_id = "00000000-0000-4000-8000-000000000001"
    world.edit(rule_id, severity="high", note="Look twice.", enabled=False)

    found = world.pull("--only", f"id:{rule_id}")

    assert found["files"] == [
        {"path": "rules/deep/Own name.toml", "rule_id": rule_id, "name": "Rule 1", "new": False,
         "fields": ["note", "severity"]}
    ]  # fmt: skip
    assert 'severity = "high" # for now' in moved.read_text("utf-8")
    assert f'match = ["id:{rule_id}"]\nset = {{ enabled = false }}' in world.texts()["environments/s.toml"].decode()
    assert world.plan()["plans"][0]["changes"] == []
    assert world.run("drift", "-e", "s").code == 0


def test_a_rule_that_git_let_go_does_not_come_back(world: World) -> None:
    """The file is deleted, the rule retired: a pull of the space leaves it gone."""
    world.project.rules(2)
    world.run("apply", "-e", "s", "--yes")
    (world.project.root / "rules/rule_2.toml").unlink()
    world.run("apply", "-e", "s", "--yes")

    assert world.pull()["left"] == {"gone from git": 1}
    assert not (world.project.root / "rules/rule_2.toml").exists()


def test_dry_run_and_diff_write_nothing(world: World) -> None:
    """Both say what would be written; the diff line by line."""
    world.create("r-1", enabled=False)
    before = world.texts()

    dry = world.run("pull", "-e", "s", "--dry-run").out
    diff = world.run("pull", "-e", "s", "--diff").out

    assert world.texts() == before
    assert "new       rules/rule_r_1.toml" in dry
    assert "1 rule of s pulled: 1 new, 0 changed, 1 override would be written." in dry
    assert '+rule_id = "r-1"' in diff
    assert "+set = { enabled = false }" in diff
    assert max(len(line) for line in dry.splitlines()) <= 96


def test_prebuilt_rules_are_counted_and_left_alone(world: World, tmp_path: Path) -> None:
    """Elastic's own rules do not become files."""
    export = world.project.write("export.ndjson", json.dumps(query_rule("r-1")) + "\n")
    prebuilt = json.dumps(query_rule("r-2", immutable=True, rule_source={"type": "external", "is_customized": False}))
    export.write_text(export.read_text("utf-8") + prebuilt + "\n", "utf-8")
    assert tmp_path == world.project.root

    found = world.pull("--from", "export.ndjson")

    assert (found["left"], [file["rule_id"] for file in found["files"]]) == ({"prebuilt": 1}, ["r-1"])


def test_an_export_gives_the_same_files_as_the_space_itself(world: World) -> None:
    """`--from` reads what Kibana's export page wrote; nobody is asked."""
    soc = {"name": "SOC", "connector_type_id": ".slack", "config": {}, "secrets": {"webhookUrl": "https://x.example"}}
    id_ = world.kibana.request("POST", f"/s/{world.space}/api/actions/connector", soc).json["id"]
    action = {"id": id_, "action_type_id": ".slack", "group": "default", "params": {"message": "m"}}
    frequency = {"summary": True, "notifyWhen": "onActiveAlert", "throttle": None}
    world.create("r-1", actions=[{**action, "frequency": frequency}])
    world.create("r-2", enabled=False, tags=["x"])
    export = world.kibana.request("POST", f"/s/{world.space}{RULES}/_export")
    assert export.status == 200
    (world.project.root / "export.ndjson").write_bytes(export.body)
    start = world.texts()
    world.pull("--from", "export.ndjson")
    from_file = world.texts()
    for path in from_file.keys() - start.keys():
        (world.project.root / path).unlink()
    world.project.write("environments/s.toml", start["environments/s.toml"].decode())

    world.pull()

    assert world.texts() == from_file
    assert content(world.plan()) == []


def test_new_files_go_where_deployer_toml_says(world: World) -> None:
    """The template of `pull` decides; names are slugs, and stay in the folder."""
    world.project.write("deployer.toml", 'project = "tests"\npull = "rules/{severity}/{name}.toml"\n')
    world.create("r-1", name="../../etc/Pässwd & more", severity="high")

    assert world.pull()["files"][0]["path"] == "rules/high/etc_passwd_more.toml"


def test_a_link_out_of_the_project_is_not_followed(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A folder of the rules that is a link to elsewhere gets no file."""
    outside = tmp_path_factory.mktemp("outside")
    world.project.write("deployer.toml", 'project = "tests"\npull = "rules/{severity}/{name}.toml"\n')
    (world.project.root / "rules/high").symlink_to(outside)
    world.create("r-1", severity="high")

    ran = world.project.run("pull", "-e", "s", **SECRETS)

    assert (ran.code, list(outside.iterdir())) == (1, [])
    assert "leads out of the project" in ran.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--only", "id:nobody"), 1, "chooses no rule"),
        (("--from", "nowhere.ndjson"), 1, "cannot read nowhere.ndjson"),
        (("-e", "t"), 2, "one target"),
    ],
)
def test_what_cannot_be_pulled_is_said_in_a_sentence(
    world: World, words: tuple[str, ...], code: int, said: str
) -> None:
    """Nothing chosen, no export, two targets: a sentence and the exit code of its kind."""
    world.project.write("environments/t.toml", '[kibana]\nurl = "sandbox"\n')
    world.create("r-1")
    before = world.texts()

    ran = world.project.run("pull", "-e", "s", *words, **SECRETS)

    assert (ran.code, world.texts()) == (code, before)
    assert said in ran.err


@needs_shared
def test_every_pair_that_was_imported_plans_empty_after_a_pull(world: World) -> None:
    """A space filled through `_import` with the payload of every pair; the generated fields are in the files."""
    bodies = [pair["api_payload"] for pair in rule_pairs().values()]
    taken = imported(world, bodies)

    found = world.pull()

    assert found["taken"] == taken > 10
    assert content(world.plan()) == []
    once = world.texts()
    world.pull()
    assert world.texts() == once


@needs_shared
@pytest.mark.parametrize("step", [60, pytest.param(1, marks=pytest.mark.torture)])
def test_the_corpus_comes_back_empty(world: World, step: int) -> None:
    """Rules of 2026-08, every one or each 60th: applied, pulled over their own files, and into an empty project."""
    for path, text in corpus("2026-08")[::step]:
        world.project.write(f"rules/{path}", text)
    world.run("apply", "-e", "s", "--yes")
    own = world.texts()
    assert world.pull()["files"] == []
    assert world.texts() == own
    fresh = new_project(world.project.root.parent / f"fresh-{step}")
    fresh.write("environments/s.toml", own["environments/s.toml"].decode())
    world.project = fresh

    found = world.pull()

    assert found["taken"] > (2000 if step == 1 else 30)
    assert found["problems"] == []
    assert content(world.plan()) == []
