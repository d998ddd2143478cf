"""`plan --format` as CI uses it: every kind from one run, several targets in one document, failures included."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from deployer.commands.plan_outputs import KINDS
from tests.support.project import ProjectFolder, new_project

pytestmark = pytest.mark.quick


GONE = (
    '[kibana]\nurl = "http://127.0.0.1:9"\nusername = "a"\npassword = "env:PW"\n'
    'timeout = { connect = "1s", read = "1s" }\n'  # how long a connection that is refused is tried again
)


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    """A project of two rules in a folder of a repository, with a second environment."""
    (tmp_path / ".git").mkdir()
    made = new_project(tmp_path / "detections")
    made.write("environments/t.toml", '[kibana]\nurl = "sandbox"\n')
    made.rules(2)
    return made


def formats(*, but: str = "text") -> list[str]:
    """The options for every kind into a file."""
    return [word for kind in KINDS if kind != but for word in ("--format", f"{kind}={kind}.out")]


def test_one_run_writes_every_format(project: ProjectFolder) -> None:
    """Text on stdout, every other kind in its file, all of the same plan; `--detailed-exitcode` stays."""
    ran = project.run("plan", "-e", "s", "--detailed-exitcode", *formats())
    made = {kind: (project.root / f"{kind}.out").read_text("utf-8") for kind in KINDS if kind != "text"}

    assert ran.code == 3, ran.err
    digest = json.loads(made["json"])["plans"][0]["digest"].removeprefix("sha256:")[:12]
    for kind in ("markdown", "html", "junit", "github"):
        assert digest in made[kind], kind
    assert digest in ran.out
    assert json.loads(made["gitlab-terraform"]) == {"create": 2, "update": 0, "delete": 0}
    assert json.loads(made["gitlab"]) == []
    assert "detections/rules/rule_1.toml" in made["markdown"]


def test_one_format_may_have_stdout(project: ProjectFolder) -> None:
    """Then nothing else is there."""
    ran = project.run("plan", "-e", "s", "--format", "gitlab-terraform")

    assert json.loads(ran.out) == {"create": 2, "update": 0, "delete": 0}


def test_several_targets_are_one_document(project: ProjectFolder) -> None:
    """Also one that cannot be planned, with the reason."""
    project.write("environments/gone.toml", GONE)
    ran = project.run("plan", "-e", "s", "-e", "t", "-e", "gone", *formats(), PW="x")
    made = {kind: (project.root / f"{kind}.out").read_text("utf-8") for kind in KINDS if kind != "text"}

    assert ran.code == 1
    plans = json.loads(made["json"])["plans"]
    assert [plan["target"] if "error" in plan else plan["target"]["name"] for plan in plans] == ["gone", "s", "t"]
    assert made["markdown"].startswith("## Plan for 3 targets")
    assert made["html"].count('<section class="card target"') == 2
    suites = ElementTree.fromstring(made["junit"]).findall("testsuite")
    assert sorted(str(suite.get("name")) for suite in suites) == ["gone", "s", "t"]
    assert made["github"].startswith("::error title=deployer plan gone::")
    assert json.loads(made["gitlab-terraform"])["create"] == 4


def test_a_single_target_that_fails_leaves_files_that_say_so(project: ProjectFolder) -> None:
    """A comment of an earlier run must not stay as if it were of this one."""
    project.write("environments/gone.toml", GONE)
    ran = project.run("plan", "-e", "gone", *formats(), PW="x")

    assert ran.code == 1
    assert ran.out == ""
    assert "gone" in (project.root / "markdown.out").read_text("utf-8")
    assert json.loads((project.root / "json.out").read_text("utf-8"))["plans"][0]["exit_code"] == 1


def test_an_unknown_format_is_a_usage_error(project: ProjectFolder) -> None:
    """The kinds are named."""
    ran = project.run("plan", "-e", "s", "--format", "sarif")

    assert ran.code == 2
    assert "gitlab-terraform" in ran.err


def test_the_schema_is_printed(project: ProjectFolder) -> None:
    """`schema plan` prints what the document of `plan --json` is held to."""
    ran = project.run("schema", "plan")

    assert ran.code == 0
    assert ran.document["properties"]["command"] == {"const": "plan"}
