"""`validate` as CI uses it: formats and files, policy and exceptions, paths from the repository's root, exit codes."""

from __future__ import annotations

import json
import os
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


def test_every_format_tells_the_same_problems(project: ProjectFolder) -> None:
    """One run writes text to stdout and each other format to its file; all name both problems, exit code 1."""
    kinds = ("json", "junit", "sarif", "github", "gitlab")
    ran = project.run("validate", *(word for kind in kinds for word in ("--format", f"{kind}={kind}.out")))

    assert ran.code == 1
    assert "warning rules/rule_1.toml:" in ran.out
    assert "error   rules/rule_2.toml:" in ran.out
    assert '| severity = "hihg"' in ran.out
    written = {kind: (project.root / f"{kind}.out").read_text("utf-8") for kind in kinds}
    codes = [problem["code"] for problem in json.loads(written["json"])["problems"]]
    assert codes == ["severity-risk", "wrong-value"]
    assert [result["ruleId"] for result in json.loads(written["sarif"])["runs"][0]["results"]] == codes
    assert [entry["check_name"] for entry in json.loads(written["gitlab"])] == codes
    assert [line.partition(" ")[0] for line in written["github"].splitlines()] == ["::warning", "::error"]
    assert len(ElementTree.fromstring(written["junit"]).findall("testsuite/testcase/failure")) == 1


def test_no_report_has_an_absolute_path_and_all_count_from_the_root(project: ProjectFolder) -> None:
    """Systems that know the repository get `detections/rules/…`; no output has this machine's folders."""
    for kind in ("text", "json", "junit", "sarif", "github", "gitlab"):
        out = project.run("validate", "--format", kind).out
        assert str(project.root) not in out, kind
        assert str(project.root.parent) not in out, kind
        if kind not in ("text", "json"):
            assert "detections/rules/rule_1.toml" in out, kind


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


@pytest.mark.parametrize("kind", ["text", "json", "junit", "sarif", "github", "gitlab"])
def test_hostile_file_names_inject_nothing(tmp_path: Path, kind: str) -> None:
    """Files named like commands, escapes and broken bytes are reported, and no output has more than we wrote."""
    project = new_project(tmp_path)
    for name in HOSTILE:
        with open(os.fsencode(project.root / "rules") + b"/" + name, "wb") as file:
            file.write(b"a = \n")

    ran = project.run("validate", "--format", kind)

    assert ran.code == 1, ran.err
    assert "bug in deployer" not in ran.err
    assert "\x1b" not in ran.out
    assert "\u202e" not in ran.out
    assert "##[" not in ran.out
    lines = [line for line in ran.out.splitlines() if line.lstrip().startswith("::")]
    assert len(lines) == (len(HOSTILE) if kind == "github" else 0)
    if kind in ("sarif", "gitlab"):
        json.loads(ran.out)
    if kind == "json":
        found = {os.fsencode(problem["path"]) for problem in ran.document["problems"]}
        assert found == {b"rules/" + name for name in HOSTILE}
    if kind == "junit":
        assert len(ElementTree.fromstring(ran.out).findall("testsuite/testcase")) == len(HOSTILE)
