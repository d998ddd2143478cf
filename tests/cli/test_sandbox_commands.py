"""`deployer sandbox seed`, `edit` and `reset`, as processes: a newcomer plays the analyst."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.project import ProjectFolder, new_project
from tests.support.sandbox import query_rule
from tests.support.uploads import ndjson

LIST = {"list_id": "l", "name": "L", "description": "d", "type": "detection"}
ENTRY = {"field": "a", "operator": "included", "type": "match", "value": "b"}
ITEM = {"list_id": "l", "item_id": "i", "name": "I", "description": "d", "type": "simple", "entries": [ENTRY]}
PREBUILT = query_rule("p-1", immutable=True, version=3, author=["Elastic"], license="Elastic License v2")


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    """A project with one rule and the sandbox environment `s`."""
    project = new_project(tmp_path)
    project.rule(1)
    return project


def seeded(project: ProjectFolder, *lines: object) -> Path:
    """Write an export into the project's folder `seed`."""
    path = project.root / "seed" / "a.ndjson"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(ndjson(lines))
    return path


def test_an_analyst_edits_what_was_deployed(project: ProjectFolder) -> None:
    """After an edit the plan names the field and who changed it; an assignment can add to a list."""
    assert project.run("apply", "-e", "s", "--yes").code == 0
    edited = project.run("sandbox", "edit", "-e", "s", "Rule 1", "severity=high", "tags+=tuned", "--as", "soc-night")
    assert (edited.code, edited.out) == (0, "Rule 1: revision 1, by soc-night\n")
    said = project.run("sandbox", "edit", "-e", "s", "Rule 1", "note=seen", "--json").document
    assert said["rule"]["updated_by"] == "soc-day"
    assert said["rule"]["revision"] == 2
    planned = project.run("plan", "-e", "s")
    assert "severity" in planned.out + planned.err
    assert "soc-day" in planned.out + planned.err


def test_an_export_fills_a_sandbox(project: ProjectFolder) -> None:
    """Custom and prebuilt rules, lists with items; the version of the environment is kept for the commands after."""
    project.write("environments/s.toml", '[kibana]\nurl = "sandbox"\nstack = "8.19"\n')
    seeded(project, query_rule("c-1", enabled=True), PREBUILT, LIST, ITEM)
    answer = project.run("sandbox", "seed", "seed", "-e", "s")
    assert (answer.code, answer.out) == (0, "Loaded 4 objects into s.\n"), answer.err
    again = project.run("sandbox", "seed", "seed/a.ndjson", "-e", "s", "--json").document
    assert (again["objects"], again["environment"], again["space"]) == (4, "s", "default")
    checked = project.run("doctor", "-e", "s", "--json")
    assert "8.19" in checked.out, checked.err
    edited = project.run("sandbox", "edit", "-e", "s", "c-1", "enabled=false", "--json").document
    assert edited["rule"]["enabled"] is False


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({**ITEM, "list_id": "no"}, 'Exception list with list_id: "no", not found'),
        ({**ITEM, "entries": [{**ENTRY, "type": "odd"}]}, "entries.0.type"),
        ({"type": "query"}, "rule_id: Required"),
        ("{", "a.ndjson"),
    ],
)
def test_a_seed_that_kibana_would_refuse(project: ProjectFolder, line: object, said: str) -> None:
    """It names the file and what is wrong, exits 1, and nothing of this file and those before it is there."""
    seeded(project, query_rule("c-1"), LIST).rename(project.root / "seed" / "0.ndjson")
    seeded(project, line)
    answer = project.run("sandbox", "seed", "seed", "-e", "s")
    assert answer.code == 1
    assert said in answer.err
    assert project.run("sandbox", "edit", "-e", "s", "c-1", "note=x").code == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("seed", "nowhere", "-e", "s"), 1, "neither an .ndjson file nor a folder"),
        (("edit", "-e", "s", "c-1", "note=x"), 1, "has no rules yet"),
        (("edit", "-e", "real", "c-1", "note=x"), 1, "is not a sandbox"),
        (("seed", "seed", "-e", "real"), 1, "is not a sandbox"),
        (("edit", "-e", "two/*", "c-1", "note=x"), 2, "names several targets"),
        (("edit", "-e", "s"), 2, "Missing argument"),
    ],
)
def test_what_cannot_be_done_says_why(project: ProjectFolder, words: tuple[str, ...], code: int, said: str) -> None:
    """A sentence and an exit code; a real Kibana is never touched."""
    project.write("environments/real.toml", '[kibana]\nurl = "https://kibana.example"\napi_key = "env:KEY"\n')
    project.write("environments/two.toml", '[kibana]\nurl = "sandbox"\nspaces = ["a", "b"]\n')
    answer = project.run("sandbox", *words)
    assert answer.code == code
    assert said in answer.err
    assert project.run("sandbox", "reset", "-e", "two", "--yes").code == 0


@pytest.mark.parametrize("assignment", ["severity=odd", "nonsense=1", "severity", "name+=x"])
def test_edits_that_kibana_would_refuse(project: ProjectFolder, assignment: str) -> None:
    """Exit 1, and the rule stays as it was."""
    seeded(project, query_rule("c-1"))
    project.run("sandbox", "seed", "seed", "-e", "s")
    assert project.run("sandbox", "edit", "-e", "s", "c-1", assignment).code == 1
    after = project.run("sandbox", "edit", "-e", "s", "c-1", "note=x", "--json").document
    assert after["rule"]["revision"] == 1


def test_a_reset_starts_afresh(project: ProjectFolder) -> None:
    """Rules and the bound version go, in place; a file that is none of ours is removed, and both work afterwards."""
    data = project.root / ".deployer" / "sandbox" / "s.sqlite3"
    seeded(project, query_rule("c-1"))
    project.run("sandbox", "seed", "seed", "-e", "s")
    inode = data.stat().st_ino
    assert project.run("sandbox", "reset", "-e", "s", "--yes").code == 0
    assert data.stat().st_ino == inode
    project.write("environments/s.toml", '[kibana]\nurl = "sandbox"\nstack = "8.19"\n')
    assert project.run("doctor", "-e", "s").code == 0
    data.write_text("no database " * 100)
    answer = project.run("sandbox", "reset", "-e", "s", "--yes", "--json")
    assert json.loads(answer.out)["emptied"] is True
    assert "It was removed." in answer.err
    assert project.run("doctor", "-e", "s").code == 0
