"""The matrix of rules and environments, read from records, Kibana and git."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deployer.core.matrix import Cell, Matrix, Row
from deployer.render.matrix_text import matrix_markdown
from tests.support.project import ProjectFolder, new_project
from tests.support.sandbox import running

TARGET = '[kibana]\nurl = "{url}"\nusername = "elastic"\npassword = "env:PASSWORD"\nspace = "{space}"\n'
SECRETS = {"PASSWORD": "changeme", "DEPLOYER_HOSTS": "127.0.0.1"}


def rule_id(number: int) -> str:
    """The id of a rule that `ProjectFolder.rule` wrote."""
    return f"00000000-0000-4000-8000-{number:012d}"


def cells(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any] | None]:
    """The cells of a matrix by rule name and target."""
    return {
        (row["name"], target): cell
        for row in document["rows"]
        for target, cell in zip(document["targets"], row["cells"], strict=True)
    }


def two_environments(tmp_path: Path, url: str) -> ProjectFolder:
    """A project with dev and prod in two spaces of one Kibana, three rules applied to both."""
    project = new_project(tmp_path)
    for name in ("dev", "prod"):
        project.write(f"environments/{name}.toml", TARGET.format(url=url, space=name))
    for number in (1, 2, 3):
        project.rule(number)
    assert project.run("apply", "-e", "dev", "-e", "prod", "--yes", **SECRETS).code == 0
    return project


def test_the_matrix_says_what_runs_where_and_how_it_is(tmp_path: Path) -> None:
    """Content, deployment, enabled, health, drift, what is behind and what is missing, cell by cell."""
    with running(tmp_path / "kibana.sqlite3") as kibana:
        for space in ("dev", "prod"):
            kibana.request("POST", "/api/spaces/space", {"id": space, "name": space})
        project = two_environments(tmp_path, kibana.url)
        project.rule(1, query="b : 2")
        project.rule(4)
        assert project.run("apply", "-e", "dev", "--yes", **SECRETS).code == 0
        kibana.request("PATCH", "/s/prod/api/detection_engine/rules", {"rule_id": rule_id(2), "note": "x"})
        failing = {"rule_id": rule_id(3), "status": "failed", "message": "no such index"}
        kibana.admin("POST", "executions", {"space": "prod", **failing})

        ran = project.run("status", "-e", "dev", "-e", "prod", "--json", **SECRETS)
        text = project.run("status", "-e", "dev", "-e", "prod", **SECRETS)
        alone = project.run("status", "-e", "dev", **SECRETS)

    assert ran.code == 0, ran.err
    found = cells(ran.document)
    assert found[("Rule 1", "dev")]["since"] == 2
    assert found[("Rule 1", "dev")]["flags"] == []
    assert found[("Rule 1", "prod")]["flags"] == ["behind"]
    assert found[("Rule 1", "prod")]["fingerprint"] != found[("Rule 1", "dev")]["fingerprint"]
    assert found[("Rule 2", "prod")]["flags"] == ["drift"]
    assert found[("Rule 3", "prod")]["health"] == "failed"
    assert found[("Rule 3", "prod")]["enabled"] is True
    assert found[("Rule 4", "prod")]["flags"] == ["behind"]
    assert found[("Rule 4", "prod")]["since"] == 0
    assert "4 rules in 2 targets: 2 behind, 1 drift, 1 failed" in text.out
    assert "4 rules the same everywhere" in alone.out


def test_a_target_that_cannot_be_read_is_said_and_the_others_are_shown(tmp_path: Path) -> None:
    """One broken target: exit 1, and the matrix of the rest."""
    project = new_project(tmp_path)
    project.write("environments/dead.toml", TARGET.format(url="https://127.0.0.1:9", space="default"))
    project.rule(1)

    ran = project.run("status", "-e", "s", "-e", "dead", "--json", DEPLOYER_HOSTS="127.0.0.1")

    assert ran.code == 1
    assert json.loads(ran.out)["failed"] == ["dead"]
    assert ran.document["targets"] == ["s"]


@pytest.mark.parametrize("name", ["a | b", "<img src=x>", "[x](http://y)", "@all", "line\nbreak", "`code`"])
def test_nothing_in_a_name_is_read_as_markdown(name: str) -> None:
    """A hostile rule name stays one cell of text."""
    found = Matrix(
        ("s",), (Row("r", name, (Cell(since=1, fingerprint="sha256:abc", enabled=False, flags=("drift",)),)),)
    )

    (row,) = [line for line in matrix_markdown(found, everything=True).splitlines() if "drift" in line and "|" in line]

    assert row.count("|") == 3
    assert not set(row.replace("|", "")) & set("<>[]`@()")
