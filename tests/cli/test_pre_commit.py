"""The hooks of `.pre-commit-hooks.yaml`, run by pre-commit on staged files of a real repository."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.project import ProjectFolder, new_project

pytest.importorskip("pre_commit", reason="pre-commit is not installed")

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = ROOT / ".pre-commit-hooks.yaml"
HOOKS = {hook["id"]: hook for hook in yaml.safe_load(MANIFEST.read_text("utf-8"))}


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder, with this Python's programs first and pre-commit's files beside the project."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environ = {**os.environ, "PATH": path, "PRE_COMMIT_HOME": str(folder.parent / "pre-commit"), "LC_ALL": "C.UTF-8"}
    return subprocess.run(words, cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    """A project in a repository whose hooks are ours, taken from the work tree and not installed anew."""
    made = new_project(tmp_path / "project")
    local = [{**hook, "language": "system", "types": ["file"]} for hook in HOOKS.values()]
    made.write(".pre-commit-config.yaml", json.dumps({"repos": [{"repo": "local", "hooks": local}]}))
    made.write("pyproject.toml", "[project]\nname='not ours'\n")
    run(made.root, "git", "init", "-q")
    run(made.root, "git", "add", ".")
    return made


def hook(project: ProjectFolder, name: str) -> subprocess.CompletedProcess[str]:
    """Run one hook over the staged files."""
    run(project.root, "git", "add", ".")
    return run(project.root, sys.executable, "-m", "pre_commit", "run", name)


def test_the_manifest_is_one() -> None:
    """pre-commit accepts the manifest, and its hooks are the two that the documentation names."""
    done = run(ROOT, sys.executable, "-m", "pre_commit", "validate-manifest", str(MANIFEST))

    assert done.returncode == 0, done.stdout
    assert set(HOOKS) == {"deployer-validate", "deployer-format"}


def test_validate_passes_and_fails_with_the_line(project: ProjectFolder) -> None:
    """Right files pass; a staged rule with a mistake fails, with file and line; other TOML is not looked at."""
    assert hook(project, "deployer-validate").returncode == 0

    text = project.rule(1).read_text("utf-8")
    project.write("rules/rule_1.toml", text.replace('severity = "low"', 'severity = "lo"'))
    done = hook(project, "deployer-validate")

    assert done.returncode == 1
    assert re.search(r"rules/rule_1\.toml:\d+:\d+: rule\.severity", done.stdout), done.stdout
    assert "pyproject" not in done.stdout


def test_format_changes_files_and_then_passes(project: ProjectFolder) -> None:
    """A file in another layout fails the commit once and is laid out; the next run passes."""
    text = project.rule(1).read_text("utf-8")
    project.write("rules/rule_1.toml", text.replace('severity = "low"', 'severity="low"'))

    first, second = hook(project, "deployer-format"), hook(project, "deployer-format")

    assert first.returncode == 1
    assert "files were modified by this hook" in first.stdout
    assert second.returncode == 0, second.stdout
    assert (project.root / "rules/rule_1.toml").read_text("utf-8") == text
