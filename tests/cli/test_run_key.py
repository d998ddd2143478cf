"""With whose API key rules run: plans open with how many will run with another one (issue 8, point 8)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.deploying import SECRET, against
from tests.support.project import ProjectFolder
from tests.support.sandbox import RULES, Sandbox, query_rule

IDS = [f"00000000-0000-4000-8000-{number:012d}" for number in range(5)]


@pytest.fixture(scope="module")
def kibana(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One Kibana for all tests here."""
    sandbox = Sandbox.start(tmp_path_factory.mktemp("kibana") / "kibana.sqlite3")
    yield sandbox
    assert not sandbox.stop()


_numbers = iter(range(1, 100))


@pytest.fixture
def world(kibana: Sandbox, tmp_path: Path) -> tuple[Sandbox, str, ProjectFolder]:
    """A space with four rules of a person, one of them off, and a project that has the same rules."""
    space = f"key-{next(_numbers)}"
    assert kibana.request("POST", "/api/spaces/space", {"id": space, "name": space}).status == 200
    project = against(tmp_path / "project", kibana.url, space=space)
    project.rules(4)
    for number in range(1, 5):
        rule = query_rule(IDS[number], description="A rule of the tests.", query="event.action : *", index=["logs-*"])
        rule |= {"name": f"Rule {number}", "language": "kuery", "author": ["tests"], "enabled": number != 4}
        kibana.create(rule, space=space, user="soc-day")
    return kibana, space, project


def plan(project: ProjectFolder, *words: str) -> tuple[str, dict[str, Any]]:
    """Return the head of the plan as text, and its notes as JSON."""
    text = project.run("plan", "-e", "s", *words, **SECRET)
    document = project.run("plan", "-e", "s", "--json", *words, **SECRET).document
    assert text.code == 0, text.err
    (found,) = document["plans"]
    return text.out.partition("\n\n")[0], dict(found["notes"])


def apply(project: ProjectFolder, *words: str) -> None:
    """Apply, which must go well."""
    ran = project.run("apply", "-e", "s", "--yes", *words, **SECRET)
    assert ran.code == 0, ran.err


def test_an_adoption_opens_with_the_number(world: tuple[Sandbox, str, ProjectFolder]) -> None:
    """Three of four rules run; all four get our marker, and three another key. Without `--adopt` none does."""
    _, _, project = world
    assert plan(project)[1]["rekeyed"] == []
    head, notes = plan(project, "--adopt")
    assert "run key     3 rules will run with another API key than now: that of whoever applies this plan" in head
    assert notes["rekeyed"] == IDS[1:4]
    head, notes = plan(project, "--adopt", "--only", f"id:{IDS[2]}")
    assert "run key     1 rule will run with another API key than now" in head
    saved = project.root / "plan.json"
    assert project.run("plan", "-e", "s", "--adopt", "-o", str(saved), **SECRET).code == 0
    assert json.loads(saved.read_text("utf-8"))["plan"]["notes"]["rekeyed"] == IDS[1:4]
    assert project.run("apply", str(saved), "--yes", **SECRET).code == 0


def test_an_update_counts_rules_that_others_wrote_last(world: tuple[Sandbox, str, ProjectFolder]) -> None:
    """What we deployed runs with our key already; what a person wrote since does not, nor does what is not written."""
    kibana, space, project = world
    apply(project, "--adopt")
    project.rules(4, query="event.action : changed")
    head, notes = plan(project)
    assert ("run key" in head, notes["rekeyed"]) == (False, [])

    path = f"/s/{space}{RULES}"
    for number in (1, 4):
        body = {"rule_id": IDS[number], "type": "query", "note": "mine"}
        assert kibana.request("PATCH", path, body, user="soc-night").status == 200
    head, notes = plan(project)
    assert "run key     1 rule will run with another API key" in head
    assert notes["rekeyed"] == [IDS[1]]
    apply(project)
    assert plan(project)[1]["rekeyed"] == []


def test_switching_off_or_linking_exceptions_keeps_the_key(world: tuple[Sandbox, str, ProjectFolder]) -> None:
    """A switch writes no key, an edit of exceptions alone none since 9.2; another edit of such a rule does."""
    kibana, space, project = world
    apply(project, "--adopt")
    body = {"rule_id": IDS[1], "type": "query", "note": "mine"}
    assert kibana.request("PATCH", f"/s/{space}{RULES}", body, user="soc-night").status == 200
    path = project.rule(1)
    path.write_text(path.read_text("utf-8") + '\n[[rule.exceptions_list]]\nlist_id = "endpoint_list"\n', "utf-8")
    _, notes = plan(project)
    assert notes["rekeyed"] == []
    path.write_text(path.read_text("utf-8").replace('severity = "low"', 'severity = "high"'), "utf-8")
    assert plan(project)[1]["rekeyed"] == [IDS[1]]
    path.unlink()
    assert plan(project)[1]["rekeyed"] == []
