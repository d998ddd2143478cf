"""Drift: every kind of manual edit is found and named, an untouched space has none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.project import ProjectFolder, new_project
from tests.support.sandbox import Sandbox, running

RULES = "/api/detection_engine/rules"
BULK = f"{RULES}/_bulk_action"
TARGET = '[kibana]\nurl = "{url}"\nusername = "elastic"\npassword = "env:PASSWORD"\n'
SECRETS = {"PASSWORD": "changeme", "DEPLOYER_HOSTS": "127.0.0.1"}


def rule_id(number: int) -> str:
    """The id of a rule that `ProjectFolder.rule` wrote."""
    return f"00000000-0000-4000-8000-{number:012d}"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, ProjectFolder]]:
    """A sandbox with fourteen applied rules."""
    folder = tmp_path_factory.mktemp("drift")
    with running(folder / "kibana.sqlite3") as kibana:
        project = new_project(folder, environment=TARGET.format(url=kibana.url))
        for number in range(1, 15):
            project.rule(number)
        ran = project.run("apply", "-e", "s", "--yes", **SECRETS)
        assert ran.code == 0, ran.err
        yield kibana, project


def found(project: ProjectFolder) -> dict[tuple[str, str, str], dict[str, Any]]:
    """What `drift` finds, by rule, kind and field."""
    ran = project.run("drift", "-e", "s", "--json", **SECRETS)
    assert ran.code == 0, ran.err
    rows = ran.document["targets"][0]["drift"]
    return {(row["rule_id"], row["kind"], row["field"]): row for row in rows}


def patch(kibana: Sandbox, number: int, **fields: Any) -> None:
    """Edit a rule as soc-day does."""
    answer = kibana.request("PATCH", RULES, {"rule_id": rule_id(number), **fields}, user="soc-day")
    assert answer.status == 200, answer.body


def bulk(kibana: Sandbox, number: int, action: str, **more: Any) -> None:
    """Run a bulk action on one rule as soc-night does."""
    body = {"action": action, "ids": [kibana.rule(rule_id(number))["id"]], **more}
    answer = kibana.request("POST", BULK, body, user="soc-night")
    assert answer.status == 200, answer.body


def test_an_untouched_space_has_no_drift(deployed: tuple[Sandbox, ProjectFolder]) -> None:
    """Right after an apply nothing drifted, exit 0 also with --detailed-exitcode."""
    _, project = deployed

    ran = project.run("drift", "-e", "s", "--detailed-exitcode", **SECRETS)

    assert ran.code == 0, ran.err
    assert "No drift: 14 rules as deployed" in ran.out


def test_twelve_kinds_of_manual_edits_are_found_and_named(deployed: tuple[Sandbox, ProjectFolder]) -> None:
    """Each edit made through the API is one difference, with field and editor; nothing else is named."""
    kibana, project = deployed
    patch(kibana, 1, query="other : *")
    patch(kibana, 2, severity="high")
    bulk(kibana, 3, "edit", edit=[{"type": "add_tags", "value": ["triaged"]}])
    patch(kibana, 4, note="Call the analyst on duty.")
    bulk(kibana, 5, "disable")
    assert kibana.request("DELETE", f"{RULES}?rule_id={rule_id(6)}", user="soc-day").status == 200
    old = kibana.rule(rule_id(7))
    assert kibana.request("DELETE", f"{RULES}?rule_id={rule_id(7)}").status == 200
    kept = {name: old[name] for name in ("name", "description", "risk_score", "severity", "type", "language", "query")}
    kibana.create(kept | {"rule_id": rule_id(7), "index": old["index"], "author": old["author"], "tags": old["tags"]})
    bulk(kibana, 8, "edit", edit=[{"type": "set_tags", "value": ["mine"]}])
    bulk(kibana, 9, "edit", edit=[{"type": "add_index_patterns", "value": ["wide-*"]}])
    bulk(kibana, 10, "edit", edit=[{"type": "set_schedule", "value": {"interval": "1h", "lookback": "1m"}}])
    patch(kibana, 11, exceptions_list=[
        {"id": "endpoint_list", "list_id": "endpoint_list", "namespace_type": "agnostic", "type": "endpoint"}
    ])  # fmt: skip
    patch(kibana, 12, timeline_id="t-1", timeline_title="Triage")
    bulk(kibana, 13, "duplicate", duplicate={"include_exceptions": False, "include_expired_exceptions": False})
    kibana.create(kept | {"rule_id": "new-one", "name": "Made by hand"}, user="soc-day")

    drifted = found(project)
    expected = {
        (rule_id(1), "changed", "query"),
        (rule_id(2), "changed", "severity"),
        (rule_id(3), "changed", "tags"),
        (rule_id(4), "changed", "note"),
        (rule_id(5), "disabled", ""),
        (rule_id(6), "deleted", ""),
        (rule_id(7), "recreated", ""),
        (rule_id(8), "unmarked", ""),
        (rule_id(8), "changed", "tags"),
        (rule_id(9), "changed", "index"),
        (rule_id(10), "changed", "interval"),
        (rule_id(10), "changed", "from"),
        (rule_id(11), "changed", "exceptions_list"),
        (rule_id(12), "changed", "timeline_id"),
        (rule_id(12), "changed", "timeline_title"),
        ("new-one", "new", ""),
    }
    copies = {key for key in drifted if key[1] == "copy"}

    assert drifted.keys() - copies == expected
    assert len(copies) == 1
    assert drifted[(rule_id(1), "changed", "query")]["by"] == "soc-day"
    assert drifted[(rule_id(1), "changed", "query")]["now"] == "other : *"
    assert drifted[(rule_id(5), "disabled", "")]["by"] == "soc-night"


def test_drift_says_the_three_answers_and_exits_3_if_asked(deployed: tuple[Sandbox, ProjectFolder]) -> None:
    """The text names rule, field and both values, and ends with what can be done."""
    kibana, project = deployed
    patch(kibana, 14, note="Look twice.")

    ran = project.run("drift", "-e", "s", "--detailed-exitcode", **SECRETS)

    assert ran.code == 3
    assert "Look twice." in ran.out
    assert "deployer pull -e s --only id:" in ran.out
    assert ran.out.rstrip().splitlines()[-1].endswith("--take git")
    assert max(len(line) for line in ran.out.splitlines()) <= 96


def test_what_the_environment_leaves_to_kibana_cannot_drift(deployed: tuple[Sandbox, ProjectFolder]) -> None:
    """A field that the policy gives to Kibana is not named any more."""
    kibana, project = deployed
    patch(kibana, 14, note="Look three times.")
    assert (rule_id(14), "changed", "note") in found(project)
    project.write("environments/s.toml", TARGET.format(url=kibana.url) + '[ownership.fields]\nnote = "live"\n')

    assert (rule_id(14), "changed", "note") not in found(project)


def test_without_a_deployment_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    """A target that was never deployed is an error with a remedy, not "no drift"."""
    project = new_project(tmp_path)

    ran = project.run("drift", "-e", "s")

    assert ran.code == 1
    assert "no deployment" in ran.err
    assert "deployer plan -e s" in ran.err
