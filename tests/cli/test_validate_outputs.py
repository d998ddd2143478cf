"""`validate` as CI uses it: formats and files, policy and exceptions, paths from the repository's root, exit codes."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from deployer.commands.reporting import Output, parse_outputs
from deployer.errors import UsageError
from tests.support.project import ProjectFolder, new_project

pytestmark = pytest.mark.quick

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    """A project in a folder of a repository, with one error and one warning in one rule."""
    (tmp_path / ".git").mkdir()
    made = new_project(tmp_path / "detections")
    text = made.rule(1).read_text("utf-8")
    made.write("rules/rule_1.toml", text.replace("risk_score = 21", "risk_score = 80"))
    text = made.rule(2).read_text("utf-8")
    made.write("rules/rule_2.toml", text.replace('severity = "low"', 'severity = "hihg"'))
    return made


def test_this_repository_has_no_problem_and_no_warning() -> None:
    """The project's own rules, environments and lists pass with nothing to say."""
    ran = ProjectFolder(ROOT).run("validate", "--json")

    assert ran.code == 0, ran.out
    assert ran.document["problems"] == []
    assert ran.document["files"] > 20


def in_every_format(project: ProjectFolder) -> dict[str, str]:
    """Return what one run of `validate` that finds errors writes: text on stdout, every other format in its file."""
    kinds = ("json", "junit", "sarif", "github", "gitlab")
    ran = project.run("validate", *(word for kind in kinds for word in ("--format", f"{kind}={kind}.out")))
    assert ran.code == 1, ran.err
    assert "bug in deployer" not in ran.err
    return {"text": ran.out, **{kind: (project.root / f"{kind}.out").read_text("utf-8") for kind in kinds}}


def test_every_format_tells_the_same_problems(project: ProjectFolder) -> None:
    """One run writes every format, and all name both problems; no path is absolute, and CI's count from the root."""
    written = in_every_format(project)

    assert "warning rules/rule_1.toml:" in written["text"]
    assert "error   rules/rule_2.toml:" in written["text"]
    assert '| severity = "hihg"' in written["text"]
    codes = [problem["code"] for problem in json.loads(written["json"])["problems"]]
    assert codes == ["severity-risk", "wrong-value"]
    assert [result["ruleId"] for result in json.loads(written["sarif"])["runs"][0]["results"]] == codes
    assert [entry["check_name"] for entry in json.loads(written["gitlab"])] == codes
    assert [line.partition(" ")[0] for line in written["github"].splitlines()] == ["::warning", "::error"]
    assert len(ElementTree.fromstring(written["junit"]).findall("testsuite/testcase/failure")) == 1
    for kind, out in written.items():
        assert str(project.root) not in out, kind
        assert str(project.root.parent) not in out, kind
        assert ("detections/rules/rule_1.toml" in out) == (kind not in ("text", "json")), kind


def test_one_format_may_have_stdout() -> None:
    """`--json` is a format; text goes to stdout where nothing else does; two of them cannot."""
    assert parse_outputs([]) == (Output("text"),)
    assert parse_outputs(["sarif=x"]) == (Output("text"), Output("sarif", Path("x")))
    assert parse_outputs(["github", "sarif=x"]) == (Output("github"), Output("sarif", Path("x")))
    assert parse_outputs([], as_json=True) == parse_outputs(["json"], as_json=True) == (Output("json"),)
    for wrong in (["github", "text"], ["junit=x", "sarif=x"], ["html"], ["junit="], ["=x"]):
        with pytest.raises(UsageError):
            parse_outputs(wrong)


def test_wrong_formats_and_files_are_sentences(project: ProjectFolder) -> None:
    """An unknown format is wrong usage, a file that cannot be written an error, and both say what to do."""
    unknown = project.run("validate", "--format", "html")
    unwritable = project.run("validate", "--format", "junit=nowhere/x.xml")

    assert (unknown.code, unwritable.code) == (2, 1)
    assert "junit" in unknown.err
    assert "cannot write nowhere/x.xml" in unwritable.err


def test_policy_and_exceptions_decide(project: ProjectFolder) -> None:
    """A level in deployer.toml makes an error of a warning; an exception with a reason takes it away."""
    project.write("rules/rule_2.toml", project.rule(2).read_text("utf-8"))
    settings = (project.root / "deployer.toml").read_text("utf-8") if (project.root / "deployer.toml").exists() else ""
    assert project.run("validate").code == 0

    project.write("deployer.toml", settings + '\n[checks]\nseverity-risk = "error"\n')
    assert project.run("validate").code == 1
    assert project.run("validate", "rules/rule_1.toml").code == 1

    text = (project.root / "rules/rule_1.toml").read_text("utf-8")
    reason = '[metadata.extended]\ndeployer_ignore = [{ code = "severity-risk", reason = "the board wants it so" }]\n'
    project.write("rules/rule_1.toml", text.replace("[rule]", f"{reason}\n[rule]"))
    assert project.run("validate").code == 0
    assert project.run("validate", "rules/rule_1.toml").code == 0


def test_a_wrong_policy_is_a_problem_of_deployer_toml(project: ProjectFolder) -> None:
    """A mistyped check is told with the line of deployer.toml and a suggestion."""
    path = project.root / "deployer.toml"
    text = path.read_text("utf-8") if path.exists() else ""
    project.write("deployer.toml", text + '\n[checks]\nseverity-rsk = "error"\n')

    ran = project.run("validate")

    assert ran.code == 1
    assert f"deployer.toml:{len(text.splitlines()) + 3}:1: checks.severity-rsk" in ran.out
    assert "severity-risk" in ran.out


def test_duplicate_names_are_judged_once_and_by_policy(tmp_path: Path) -> None:
    """Two rules of one name are one finding, which the policy can switch off."""
    project = new_project(tmp_path)
    project.rule(1, name="Same")
    project.rule(2, name="Same")

    codes = [problem["code"] for problem in project.run("validate", "--json").document["problems"]]
    path = project.root / "deployer.toml"
    text = path.read_text("utf-8") if path.exists() else ""
    project.write("deployer.toml", text + '\n[checks]\nduplicate-name = "off"\n')

    assert codes == ["duplicate-name"]
    assert project.run("validate", "--json").document["problems"] == []


HOSTILE = [
    b"a\n::error file=x::owned.toml",
    b"##[error]owned.toml",
    b"\xff\xfe.toml",
    b"\x1b[2J.toml",
    "\u202elmot.toml".encode(),
]


def test_hostile_file_names_inject_nothing(tmp_path: Path) -> None:
    """Files named like commands, escapes and broken bytes are reported, and no output has more than we wrote."""
    project = new_project(tmp_path)
    for name in HOSTILE:
        with open(os.fsencode(project.root / "rules") + b"/" + name, "wb") as file:
            file.write(b"a = \n")

    written = in_every_format(project)

    for kind, out in written.items():
        assert not re.search("\x1b|\u202e|##\\[", out), kind
        commands = [line for line in out.splitlines() if line.lstrip().startswith("::")]
        assert len(commands) == (len(HOSTILE) if kind == "github" else 0), kind
    assert len(json.loads(written["sarif"])["runs"][0]["results"]) == len(HOSTILE)
    assert len(json.loads(written["gitlab"])) == len(HOSTILE)
    assert len(ElementTree.fromstring(written["junit"]).findall("testsuite/testcase")) == len(HOSTILE)
    found = {os.fsencode(problem["path"]) for problem in json.loads(written["json"])["problems"]}
    assert found == {b"rules/" + name for name in HOSTILE}
