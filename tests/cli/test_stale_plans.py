"""A plan and what happens between planning and applying: what makes it stale, and what does not (issue 5)."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer.executor.journal import Journal
from tests.support.deploying import SECRET, against, live, wrote
from tests.support.project import ProjectFolder
from tests.support.sandbox import RULES, Sandbox, query_rule, running
from tests.support.uploads import form, ndjson

CHANGED = 50
OTHER = CHANGED + 1  # a rule of ours that the plan does not touch


@pytest.fixture
def kibana(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox in a process of its own."""
    with running(tmp_path / "kibana.sqlite3") as server:
        yield server


def rule_id(number: int) -> str:
    """The id of a rule of the project."""
    return f"00000000-0000-4000-8000-{number:012d}"


def body(kibana: Sandbox, number: int) -> dict[str, Any]:
    """A rule of the project, as it is live."""
    return kibana.rule(rule_id(number))


def patched(kibana: Sandbox, number: int, **fields: Any) -> None:
    """Edit a rule as an analyst does."""
    change = {"rule_id": rule_id(number), "type": "query", "max_signals": 100, **fields}
    assert kibana.request("PATCH", RULES, change, user="soc-day").status == 200


def filled(kibana: Sandbox, count: int) -> None:
    """Put that many rules of nobody into the space."""
    for start in range(0, count, 5_000):
        lines = [query_rule(f"theirs-{number}", enabled=False) for number in range(start, min(start + 5_000, count))]
        content, headers = form(ndjson(lines))
        answer = kibana.request("POST", f"{RULES}/_import", content, headers=headers)
        assert answer.json["success_count"] == len(lines)


def planned(tmp_path: Path, kibana: Sandbox, rules: int) -> tuple[ProjectFolder, str]:
    """A project with so many live rules and a saved plan that changes fifty of them; and the plan's file."""
    project = against(tmp_path / "p", kibana.url)
    project.rules(rules)
    off = project.root / f"rules/rule_{OTHER}.toml"
    off.write_text(off.read_text("utf-8") + "enabled = false\n")
    assert project.run("apply", "-e", "s", "--yes", **SECRET).code == 0
    for number in range(1, CHANGED + 1):
        project.rule(number, query="event.action : changed")
    path = str(tmp_path / "plan.json")
    assert project.run("plan", "-e", "s", "-o", path, **SECRET).code == 0
    return project, path


SIZES = [
    pytest.param(300, 1_700, id="2,000 rules"),
    pytest.param(1_000, 19_000, id="20,000 rules", marks=pytest.mark.torture),
]


@pytest.mark.parametrize(("managed", "others"), SIZES)
def test_what_others_add_meanwhile_is_kept_and_only_the_planned_rules_are_journaled(
    tmp_path: Path, kibana: Sandbox, managed: int, others: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception, a tag and a note on planned rules and another rule switched on: applied, and all four kept."""
    filled(kibana, others)
    project, path = planned(tmp_path, kibana, managed)
    entry = {"id": "x", "list_id": "soc", "type": "detection", "namespace_type": "single"}
    assert kibana.request("POST", "/api/exception_lists", _list("soc")).status == 200
    patched(kibana, 1, exceptions_list=[entry])
    patched(kibana, 2, tags=[*body(kibana, 2)["tags"], "seen"])
    patched(kibana, 3, note="ask the night shift")
    patched(kibana, OTHER, enabled=True)
    monkeypatch.setattr(Journal, "discard", lambda self: None)  # to look at it after the commit

    ran = project.run("apply", path, **SECRET)

    assert ran.code == 0, ran.err
    assert {body(kibana, number)["query"].strip() for number in range(1, CHANGED + 1)} == {"event.action : changed"}
    assert body(kibana, 1)["exceptions_list"] == [entry]
    assert "seen" in body(kibana, 2)["tags"]
    assert body(kibana, 3)["note"] == "ask the night shift"
    assert body(kibana, OTHER)["enabled"] is True
    assert len(live(kibana)) == min(managed + others, 10_000)
    _only_the_planned_are_journaled(project)


def _list(list_id: str) -> dict[str, str]:
    return {"list_id": list_id, "name": "SOC", "description": "d", "type": "detection", "namespace_type": "single"}


def _only_the_planned_are_journaled(project: ProjectFolder) -> None:
    """Intents and before-images are of the fifty, and of no other rule."""
    store = project.root / ".deployer"
    wanted = {rule_id(number) for number in range(1, CHANGED + 1)}
    journal = max((store / "targets/s/default/journal").iterdir())
    objects = [json.loads(path.read_text("utf-8")) for path in sorted(journal.glob("0*.json"))]
    assert {intent["rule_id"] for entry in objects for intent in entry.get("intents", ())} == wanted
    assert objects[0]["before"].keys() == wanted
    images = (store / objects[0]["snapshot"]).read_text("utf-8").splitlines()
    assert len(images) == CHANGED


def test_a_planned_field_that_somebody_edited_is_refused_by_name(tmp_path: Path, kibana: Sandbox) -> None:
    """Exit 4 (stale) names the rule, the field and who edited it; nothing is written."""
    project, path = planned(tmp_path, kibana, OTHER)
    patched(kibana, 7, query="event.action : theirs")
    before = wrote(kibana)

    ran = project.run("apply", path, "--json", **SECRET)

    assert (ran.code, ran.document["refusal"]) == (4, "stale")
    for word in ('"Rule 7"', "query", "soc-day"):
        assert word in ran.err
    assert wrote(kibana) == before


def test_a_saved_plan_is_for_once(tmp_path: Path, kibana: Sandbox) -> None:
    """Applied again it is refused by the number of its deployment; made anew, the same change is another plan."""
    project, path = planned(tmp_path, kibana, OTHER)
    query = body(kibana, 1)["query"]
    assert project.run("apply", path, **SECRET).code == 0
    before = wrote(kibana)

    ran = project.run("apply", path, "--json", **SECRET)

    assert (ran.code, ran.document["refusal"]) == (4, "stale")
    assert "carried out already, as deployment #2" in ran.err
    assert wrote(kibana) == before
    for number in range(1, CHANGED + 1):  # somebody takes it back by hand: git does it again, with the same digest
        patched(kibana, number, query=query)
    them = [word for number in range(1, CHANGED + 1) for word in ("--only", f"id:{rule_id(number)}")]
    ran = project.run("apply", "-e", "s", "--yes", "--take", "git", *them, "--json", **SECRET)
    assert ran.code == 0, ran.err
    assert ran.document["targets"][0]["digest"] == json.loads(Path(path).read_text("utf-8"))["plan"]["digest"]
    assert {body(kibana, number)["query"].strip() for number in range(1, CHANGED + 1)} == {"event.action : changed"}


@pytest.mark.parametrize("happened", ["gone", "retyped"])
def test_a_planned_rule_that_is_gone_or_has_another_type_is_refused(
    tmp_path: Path, kibana: Sandbox, happened: str
) -> None:
    """A rule that vanished, or came back as another type, makes the plan stale."""
    project, path = planned(tmp_path, kibana, OTHER)
    kibana.request("DELETE", f"{RULES}?rule_id={rule_id(7)}")
    if happened == "retyped":
        kibana.create(query_rule(rule_id(7), type="eql", language="eql", query="any where true"))
    before = wrote(kibana)

    ran = project.run("apply", path, "--json", **SECRET)

    assert (ran.code, ran.document["refusal"]) == (4, "stale")
    assert "Rule 7" in ran.err
    assert wrote(kibana) == before


def test_a_plan_file_edited_by_one_byte_is_refused_wherever_it_is(tmp_path: Path, kibana: Sandbox) -> None:
    """Sixty bytes, one at a time: never carried out, whether it still is JSON or not."""
    project, path = planned(tmp_path, kibana, OTHER)
    content, source = Path(path).read_bytes(), random.Random(5)
    before = wrote(kibana)

    for at in source.sample(range(len(content) - 1), 60):
        other = b"7" if content[at : at + 1] != b"7" else b"8"
        Path(path).write_bytes(content[:at] + other + content[at + 1 :])
        ran = project.run("apply", path, **SECRET)
        assert ran.code in (1, 4), (at, content[at - 20 : at + 20], ran.err)
        assert "Traceback" not in ran.err

    assert wrote(kibana) == before
    Path(path).write_bytes(content)
    assert project.run("apply", path, **SECRET).code == 0
