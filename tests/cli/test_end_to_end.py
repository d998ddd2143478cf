"""The main job as a user's CI does it: real processes, real HTTP, the embedded sandbox."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli

from deployer import __version__
from deployer.core.payload import payload
from tests.support.live import LIVE
from tests.support.project import ProjectFolder, new_project
from tests.support.sandbox import RULES
from tests.support.shared import SHARED, corpus, needs_shared
from tests.support.where import ALSO_BY_ADDRESS, EVERYWHERE, Where, place

GUARDS_OPEN = "\n[limits]\ndisable = 5000\nrecreate = 100\n"


def actions(document: dict[str, Any]) -> Counter[str]:
    """How many changes of each action a plan document has."""
    return Counter(change["action"] for plan in document["plans"] for change in plan["changes"])


def plan_of(project: ProjectFolder, *more: str) -> dict[str, Any]:
    """The plan of the one target."""
    ran = project.run_process("plan", "-e", "s", "--json", *more)
    assert ran.code in (0, 3), ran.err
    return ran.document


@pytest.fixture
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Where]:
    """Where a test deploys: into the embedded sandbox, and with `make live` into a real Kibana."""
    with place(getattr(request, "param", "embedded"), tmp_path) as found:
        yield found


def everywhere(kinds: list[Any]) -> pytest.MarkDecorator:
    """Run a test in each of these places."""
    return pytest.mark.parametrize("where", kinds, indirect=True)


@everywhere(ALSO_BY_ADDRESS)
def test_plan_apply_plan_ends_with_nothing_to_do(where: Where, tmp_path: Path) -> None:
    """Rules are planned, applied, and planned again with nothing to do."""
    project = where.project(tmp_path)
    project.rule(1)
    project.rule(2)

    assert project.run_process("plan", "-e", "s", "--detailed-exitcode").code == 3
    applied = project.run_process("apply", "-e", "s", "--yes")
    again = project.run_process("plan", "-e", "s", "--detailed-exitcode")

    assert applied.code == 0, applied.err
    assert again.code == 0
    assert "Nothing to do" in again.out
    assert "2 rules unchanged" in again.out


@everywhere(EVERYWHERE)
def test_one_character_of_one_query_is_one_semantic_change(where: Where, tmp_path: Path) -> None:
    """A changed character gives exactly one change that shows the line."""
    project = where.project(tmp_path)
    project.rule(1, query="a : 1")
    project.rule(2, query="a : 1")
    assert project.run_process("apply", "-e", "s", "--yes").code == 0
    project.rule(2, query="a : 2")

    document = plan_of(project)
    text = project.run_process("plan", "-e", "s").out

    (change,) = document["plans"][0]["changes"]
    assert (change["action"], change["category"], change["fields"]) == ("update", "semantic", ["query"])
    assert "-   a : 1" in text
    assert "+   a : 2" in text


@everywhere(EVERYWHERE)
def test_two_machines_get_one_digest(where: Where, tmp_path: Path) -> None:
    """Two folders and two users plan the same change to the same digest."""
    digests = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        project = where.project(tmp_path / name)
        project.rule(1)
        ran = project.run_process("plan", "-e", "s", "--json", USER=name, LOGNAME=name)
        digests.add(ran.document["plans"][0]["digest"])

    assert len(digests) == 1


@everywhere(EVERYWHERE)
def test_a_saved_plan_is_applied_and_an_edited_one_refused(where: Where, tmp_path: Path) -> None:
    """`apply plan.json` carries out what was saved; one edited byte is refused with nothing changed."""
    project = where.project(tmp_path)
    project.rule(1)
    assert project.run_process("plan", "-e", "s", "-o", "plan.json").code == 0
    text = (tmp_path / "plan.json").read_text("utf-8")
    project.write("edited.json", text.replace("A rule of the tests", "A rule of the testz"))
    shutil.rmtree(tmp_path / "rules")

    refused = project.run_process("apply", "edited.json")
    applied = project.run_process("apply", "plan.json")

    assert refused.code == 4
    assert "changed after it was made" in refused.err
    assert applied.code == 0, applied.err


@everywhere(ALSO_BY_ADDRESS)
def test_a_stale_plan_is_refused_naming_rule_field_and_editor(where: Where, tmp_path: Path) -> None:
    """A planned field that somebody edited makes the plan stale; another field does not."""
    project = where.project(tmp_path)
    project.rule(1, query="a : 1")
    assert project.run_process("apply", "-e", "s", "--yes").code == 0
    project.rule(1, query="a : 2")
    assert project.run_process("plan", "-e", "s", "-o", "plan.json").code == 0
    who = where.edit(project, 1, query="a : 3")

    ran = project.run_process("apply", "plan.json")

    assert ran.code == 4
    assert "Rule 1" in ran.err
    assert "query" in ran.err
    assert who in ran.err


@everywhere(EVERYWHERE)
def test_an_analysts_edit_survives_two_applies_of_other_changes(where: Where, tmp_path: Path) -> None:
    """What only Kibana changed is left alone and reported, apply after apply."""
    project = where.project(tmp_path)
    project.rule(1, query="a : 1")
    assert project.run_process("apply", "-e", "s", "--yes").code == 0
    where.edit(project, 1, interval="15m")

    for query in ("a : 2", "a : 3"):
        project.rule(1, query=query)
        assert project.run_process("apply", "-e", "s", "--yes").code == 0
        left = plan_of(project)["plans"][0]["notes"]["edits"]
        assert [(e["field"], e["kind"], e["live"], e["by"]) for e in left] == [
            ("interval", "left", "15m", left[0]["by"])
        ]
    assert plan_of(project)["plans"][0]["changes"] == []


@everywhere(EVERYWHERE)
def test_a_rule_gone_from_git_is_disabled_and_comes_back(where: Where, tmp_path: Path) -> None:
    """A removed file disables its rule; the file's return enables the same object again."""
    project = where.project(tmp_path)
    project.rule(1)
    path = project.rule(2)
    assert project.run_process("apply", "-e", "s", "--yes").code == 0
    text = path.read_text("utf-8")
    path.unlink()

    assert actions(plan_of(project)) == {"disable": 1}
    assert project.run_process("apply", "-e", "s", "--yes").code == 0
    assert actions(plan_of(project)) == {}
    path.write_text(text, "utf-8")
    assert actions(plan_of(project)) == {"enable": 1}


@everywhere(EVERYWHERE)
def test_a_type_change_is_a_recreate_that_needs_its_number(where: Where, tmp_path: Path) -> None:
    """A recreate is refused with the limit's number, and passes when --allow names it."""
    project = where.project(tmp_path)
    path = project.rule(1, query="any where true")
    assert project.run_process("apply", "-e", "s", "--yes").code == 0
    path.write_text(path.read_text("utf-8").replace('"query"\n', '"eql"\n').replace('"kuery"', '"eql"'), "utf-8")

    refused = project.run_process("apply", "-e", "s", "--yes")
    wrong = project.run_process("apply", "-e", "s", "--yes", "--allow", "recreate=2")
    right = project.run_process("apply", "-e", "s", "--yes", "--allow", "recreate=1")

    assert (refused.code, wrong.code, right.code) == (4, 4, 0), right.err
    assert "recreate 1, limit 0" in refused.err
    assert project.run_process("plan", "-e", "s", "--detailed-exitcode").code == 0


@everywhere(EVERYWHERE)
def test_without_a_terminal_apply_needs_yes_or_a_plan_file(where: Where, tmp_path: Path) -> None:
    """CI must say --yes: nothing is applied by accident."""
    project = where.project(tmp_path)
    project.rule(1)

    ran = project.run_process("apply", "-e", "s")

    assert ran.code == 2
    assert "--yes" in ran.err


@everywhere(EVERYWHERE)
def test_the_before_images_and_record_are_in_the_store(where: Where, tmp_path: Path) -> None:
    """An apply leaves one deployment record with every rule, and a chained event."""
    project = where.project(tmp_path)
    project.rule(1)
    assert project.run_process("apply", "-e", "s", "--yes", "--reason", "first").code == 0

    (record,) = (tmp_path / ".deployer").glob("targets/s/*/records/*")
    (event,) = (tmp_path / ".deployer").glob("environments/s/events/*")

    found = json.loads(record.read_text("utf-8"))
    assert found["version"] == 1
    assert set(found["rules"]) == {"00000000-0000-4000-8000-000000000001"}
    assert json.loads(event.read_text("utf-8"))["reason"] == "first"


def corpus_project(where: Where, root: Path, name: str) -> ProjectFolder:
    """A project with the rules of one date of the corpus."""
    project = where.project(root, more=GUARDS_OPEN)
    shutil.rmtree(root / "rules")
    for folder in ("rules", "rules_building_block"):
        shutil.copytree(SHARED / "corpus" / name / folder, root / "rules" / folder, copy_function=shutil.copyfile)
    return project


def counted(old: str, new: str) -> Counter[str]:
    """Count creates, recreates, updates and removals between two dates straight from the rendered payloads."""
    sides = []
    for name in (old, new):
        data = [tomli.loads(text) for _, text in corpus(name)]
        live = [entry for entry in data if entry["metadata"].get("maturity") != "deprecated"]
        sides.append({e["rule"]["rule_id"]: payload(e["rule"], e.get("transform")) for e in live})
    before, after = sides
    found: Counter[str] = Counter()
    found["create"] = len(after.keys() - before.keys())
    found["disable"] = sum(before[r].get("enabled", True) for r in before.keys() - after.keys())
    for rule_id in before.keys() & after.keys():
        one, other = (json.dumps(side[rule_id], sort_keys=True) for side in sides)
        if before[rule_id]["type"] != after[rule_id]["type"]:
            found["recreate"] += 1
        elif one != other:
            found["update"] += 1
    return +found


@needs_shared
@everywhere(EVERYWHERE)
def test_the_corpus_of_two_dates_plans_what_a_count_of_payloads_says(where: Where, tmp_path: Path) -> None:
    """2026-05 applied, then 2026-08 planned: creates, updates, recreates and removals equal an independent count."""
    project = corpus_project(where, tmp_path, "2026-05")
    applied = project.run_process("apply", "-e", "s", "--yes")
    assert applied.code == 0, applied.err
    assert project.run_process("plan", "-e", "s", "--detailed-exitcode").code == 0
    shutil.rmtree(tmp_path / "rules")
    newer = corpus_project(where, tmp_path, "2026-08")

    assert actions(plan_of(newer)) == counted("2026-05", "2026-08")


@needs_shared
@everywhere(EVERYWHERE)
def test_the_whole_corpus_is_created_and_planned_empty(where: Where, tmp_path: Path) -> None:
    """All 2,192 files load, the 2,068 live ones are created, and the plan afterwards is empty."""
    project = corpus_project(where, tmp_path, "2026-08")

    applied = project.run_process("apply", "-e", "s", "--yes", "--json")
    again = project.run_process("plan", "-e", "s", "--detailed-exitcode", "--json")

    assert applied.code == 0, applied.err
    assert applied.document["targets"][0]["counts"] == {"create": 2068}
    assert again.code == 0
    assert again.document["plans"][0]["notes"]["census"]["unchanged"] == 2068


@everywhere(["by address", LIVE])
def test_a_duplicate_of_a_managed_rule_is_never_touched(where: Where, tmp_path: Path) -> None:
    """A copy made in Kibana, edited and enabled, carries our tag: it is listed, and nothing touches it."""
    kibana = where.kibana
    assert kibana is not None
    project = where.project(tmp_path)
    path = project.rule(1)
    project.rule(2)
    assert project.run_process("apply", "-e", "s", "--yes").code == 0
    one = kibana.rule("00000000-0000-4000-8000-000000000001")
    kibana.must("POST", f"{RULES}/_bulk_action", {"action": "duplicate", "ids": [one["id"]]})
    found = kibana.must("GET", f"{RULES}/_find?per_page=10")["data"]
    (copy,) = [rule for rule in found if rule["name"] == "Rule 1 [Duplicate]"]
    kibana.edit(copy["rule_id"], query="edited : 1", enabled=True)
    before = kibana.rule(copy["rule_id"])
    path.unlink()

    document = project.run_process("plan", "-e", "s", "--json").document
    assert project.run_process("apply", "-e", "s", "--yes").code == 0
    after = kibana.rule(copy["rule_id"])

    assert actions(document) == {"disable": 1}
    assert document["plans"][0]["notes"]["census"]["copies"] == ["Rule 1 [Duplicate]"]
    assert after == before


def test_sqlite_state_is_a_file(tmp_path: Path) -> None:
    """The sandbox keeps its state in one SQLite file per environment, below .deployer."""
    project = new_project(tmp_path)
    project.rule(1)
    assert project.run_process("apply", "-e", "s", "--yes").code == 0

    with sqlite3.connect(tmp_path / ".deployer" / "sandbox" / "s.sqlite3") as database:
        assert database.execute("SELECT count(*) FROM rules").fetchone() == (1,)


@pytest.mark.quick
def test_heavy_modules_are_not_imported_by_help(tmp_path: Path) -> None:
    """`--help` and `plan --help` import none of requests, deepdiff, pydantic, rich, jinja2."""
    import subprocess
    import sys

    script = (
        "import sys\nfrom deployer.cli import app\n"
        "for words in (['--help'], ['plan', '--help']):\n"
        "    try:\n        app(words)\n    except SystemExit:\n        pass\n"
        "heavy = {'requests', 'deepdiff', 'pydantic', 'pydantic_core', 'rich', 'jinja2'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "HEAVY []" in done.stderr


@pytest.mark.quick
def test_the_version_is_said_without_the_command_line() -> None:
    """`--version` alone imports not even the options' parser, and says what it says beside other options."""
    import subprocess
    import sys

    script = (
        "import sys\nfrom deployer.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "print('typer' in sys.modules)"
    )
    alone, beside = (
        subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=True).stdout
        for words in (["--version"], ["--quiet", "--version"])
    )

    assert alone == f"deployer {__version__}\nFalse\n"
    assert beside == f"deployer {__version__}\nTrue\n"
