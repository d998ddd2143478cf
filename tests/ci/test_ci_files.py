"""The files of the CI integrations hold to their published schemas, to the linters, and to what keeps them safe."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.sandbox import ROOT

ACTION = ROOT / "action.yml"
WORKFLOWS = sorted((ROOT / "docs/github").glob("*.yml"))
GITLAB = [ROOT / "ci/gitlab/deployer.gitlab-ci.yml", ROOT / "docs/gitlab/.gitlab-ci.yml"]
SCRIPTS = [*sorted((ROOT / "ci").rglob("*.sh")), ROOT / "script/venv"]
MODES = {"setup", "validate", "plan", "apply", "promote", "drift", "rollback", "recover"}


def loaded(path: Path) -> dict[Any, Any]:
    """Return a YAML file."""
    return dict(yaml.safe_load(path.read_text("utf-8")))


def steps() -> list[dict[str, Any]]:
    """Every step of the action and of the workflows."""
    found = list(loaded(ACTION)["runs"]["steps"])
    for path in WORKFLOWS:
        found += [step for job in loaded(path)["jobs"].values() for step in job["steps"]]
    return found


@pytest.mark.parametrize(
    ("schema", "files"),
    [("github-actions", [ACTION]), ("github-workflows", WORKFLOWS), ("gitlab-ci", GITLAB)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_published_schemas_hold(schema: str, files: list[Path]) -> None:
    """The schemas that come with check-jsonschema; nothing is downloaded."""
    program = Path(sys.executable).with_name("check-jsonschema")
    command = [str(program), "--builtin-schema", f"vendor.{schema}", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (len(files) > 0, done.returncode) == (True, 0), done.stdout + done.stderr


def test_actionlint_finds_nothing() -> None:
    program = shutil.which("actionlint")
    if program is None:
        pytest.skip("actionlint is not on the PATH")
    done = subprocess.run([program, *map(str, WORKFLOWS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_shellcheck_finds_nothing() -> None:
    program = shutil.which("shellcheck")
    if program is None:
        pytest.skip("shellcheck is not on the PATH")
    done = subprocess.run([program, *map(str, SCRIPTS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_parse_and_stop_at_the_first_error(path: Path) -> None:
    assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0
    assert "\nset -euo pipefail\n" in path.read_text("utf-8")
    assert path.stat().st_mode & 0o100


def test_no_expression_stands_in_a_shell_text() -> None:
    """What is in `${{ }}` is put in before a shell reads the text: the title of a pull request would be a program."""
    scripts = [step["run"] for step in steps() if "run" in step]
    assert len(scripts) == 3
    assert [script for script in scripts if "${{" in script] == []


def test_the_step_becomes_the_script_and_the_script_deployer() -> None:
    """So that the signals of a cancelled job reach deployer and not a shell that waits for it."""
    assert all(step["run"].startswith("exec ") for step in steps() if "run" in step)
    last = (ROOT / "ci/github/run.sh").read_text("utf-8").rstrip().splitlines()[-1]
    assert last.startswith('exec "$DEPLOYER_HOME/deployer" ')


def test_every_action_is_pinned_to_a_full_version() -> None:
    used = [step["uses"] for step in steps() if "uses" in step]
    assert len(used) > 10
    assert [name for name in used if not re.fullmatch(r"[\w.-]+/[\w.-]+@v\d+\.\d+\.\d+", name)] == []


def test_our_version_is_the_one_of_the_package() -> None:
    from deployer import __version__

    used = {step["uses"].rpartition("@v")[2] for step in steps() if step.get("uses", "").startswith("kibana-deployer/")}
    assert used == {__version__}
    assert loaded(GITLAB[0])["variables"]["DEPLOYER_VERSION"] == __version__
    assert f"/v{__version__}/" in loaded(GITLAB[1])["include"][0]["remote"]


def test_inputs_reach_the_scripts_and_scripts_read_only_what_is_passed() -> None:
    """Each INPUT_* of a script is set by the action, from the input of that name; and every input is used."""
    passed: set[str] = set()
    for step in loaded(ACTION)["runs"]["steps"]:
        names = {name for name in step["env"] if name.startswith("INPUT_")}
        for name in names:
            source = name.removeprefix("INPUT_").lower().replace("_", "-")
            assert step["env"][name] == "${{ inputs." + source + " }}"
        texts = [path.read_text("utf-8") for path in _read_by(step["id"])]
        assert {name for text in texts for name in re.findall(r"\bINPUT_[A-Z_]+", text)} == names, step["id"]
        passed |= {name.removeprefix("INPUT_").lower().replace("_", "-") for name in names}
    assert passed == loaded(ACTION)["inputs"].keys()


def _read_by(step: str) -> list[Path]:
    folder = ROOT / "ci/github"
    return [*folder.glob("*.py"), folder / "tell.sh"] if step == "tell" else [folder / f"{step}.sh"]


def test_the_workflows_show_every_mode() -> None:
    """All but setup, which is for steps of one's own; rollback and recover are choices of one form."""
    shown = {step["with"]["mode"] for step in steps() if step.get("uses", "").startswith("kibana-deployer/")}
    form = loaded(ROOT / "docs/github/rollback.yml")[True]["workflow_dispatch"]["inputs"]["mode"]["options"]
    assert (shown | set(form)) - {"${{ inputs.mode }}"} == MODES - {"setup"}


def test_no_workflow_uses_what_hands_secrets_to_strangers() -> None:
    """`on` is read as true by YAML 1.1."""
    events = {event for path in WORKFLOWS for event in loaded(path)[True]}
    assert events == {"pull_request", "push", "schedule", "workflow_dispatch"}


def test_tokens_have_the_least_permissions() -> None:
    """Every workflow names them; the one for pull requests and the nightly one write no code."""
    named = {path.stem: loaded(path)["permissions"] for path in WORKFLOWS}
    assert named["pull-request"] == {"contents": "read", "pull-requests": "write"}
    assert (named["drift"], named["deploy"]) == ({"contents": "read"}, {"contents": "read"})
    assert set().union(*(value.keys() for value in named.values())) == {"contents", "pull-requests"}


def test_a_job_that_writes_is_never_cut_off_by_a_newer_one() -> None:
    for path in WORKFLOWS:
        file = loaded(path)
        for job in file["jobs"].values():
            modes = {step.get("with", {}).get("mode") for step in job["steps"]}
            if modes & {"apply", "promote", "${{ inputs.mode }}"}:
                concurrency = job.get("concurrency") or file["concurrency"]
                assert concurrency["cancel-in-progress"] is False, path.name


def test_a_pull_requests_job_sees_the_read_key_only() -> None:
    text = (ROOT / "docs/github/pull-request.yml").read_text("utf-8")
    assert set(re.findall(r"secrets\.(\w+)", text)) == {"DEV_KIBANA_READ_API_KEY", "PROD_KIBANA_READ_API_KEY"}
    assert "vars.DEPLOYER_HOSTS" in text
