"""
GitLab CI files carried out as a runner does: `include`, `extends`, variables, before_script and script in one shell.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.project import bare_environ
from tests.support.sandbox import ROOT

TEMPLATE = ROOT / "ci/gitlab/deployer.gitlab-ci.yml"
PIPELINE = ROOT / "docs/gitlab/.gitlab-ci.yml"
_KEYWORDS = {"include", "workflow", "stages", "variables"}


@dataclass(frozen=True)
class Done:
    """What became of one job: its exit code and log."""

    code: int
    log: str


@dataclass
class Pipeline:
    """A pipeline in a checkout; `variables` are those of the project's settings, which win over the files'."""

    checkout: Path
    source: str = "push"
    branch: str = "main"
    variables: dict[str, str] = field(default_factory=dict, repr=False)

    def jobs(self) -> dict[str, dict[str, Any]]:
        """The jobs that this pipeline has, by name; hidden ones and those whose rules say no are left out."""
        found = resolved()
        return {name: job for name, job in found.items() if not name.startswith(".") and self._due(job)}

    def run(self, name: str, *, whatever_rules_say: bool = False) -> Done:
        """Run one job. The image is not there: what it would have is on the PATH."""
        job = (resolved() if whatever_rules_say else self.jobs())[name]
        script = "\n".join(["set -eu", *job.get("before_script", []), *job["script"]])
        process = subprocess.run(
            ["sh"],
            input=script,  # as the Docker executor does: a program that reads its input would eat the script
            cwd=self.checkout,
            env={**bare_environ(), **self._environ(job)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        return Done(process.returncode, process.stdout)

    def _environ(self, job: Mapping[str, Any]) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {
            **{name: str(value) for name, value in job.get("variables", {}).items()},
            "CI": "true",
            "GITLAB_CI": "true",
            "PATH": path,
            **self._predefined(),
            **self.variables,
        }

    def _predefined(self) -> dict[str, str]:
        common = {"CI_PROJECT_ID": "1", "CI_DEFAULT_BRANCH": "main", "CI_PIPELINE_SOURCE": self.source}
        if self.source == "merge_request_event":
            request = {"IID": "7", "SOURCE_PROJECT_ID": "1", "TARGET_BRANCH_NAME": "main"}
            return {**common, **{f"CI_MERGE_REQUEST_{name}": value for name, value in request.items()}}
        return {
            **common,
            "CI_COMMIT_BRANCH": self.branch,
            "CI_COMMIT_REF_PROTECTED": str(self.branch == "main").lower(),
        }

    def _due(self, job: Mapping[str, Any]) -> bool:
        known = self._environ(job)
        for rule in job.get("rules", [{}]):
            if _holds(rule.get("if", ""), known):
                return rule.get("when") != "never"
        return False


def resolved() -> dict[str, dict[str, Any]]:
    """Return every job of the pipeline with what it extends, template included."""
    files = [yaml.safe_load(path.read_text("utf-8")) for path in (TEMPLATE, PIPELINE)]
    variables = {name: value for file in files for name, value in file.get("variables", {}).items()}
    jobs = {name: job for file in files for name, job in file.items() if name not in _KEYWORDS}
    found = {name: _extended(name, jobs) for name in jobs}
    return {name: {**job, "variables": {**variables, **job.get("variables", {})}} for name, job in found.items()}


def _extended(name: str, jobs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Merge as GitLab does: tables key by key, lists replaced, the last of several `extends` wins."""
    job = dict(jobs[name])
    parents = job.pop("extends", [])
    merged: dict[str, Any] = {}
    for parent in [parents] if isinstance(parents, str) else parents:
        merged = _merged(merged, _extended(parent, jobs))
    return _merged(merged, job)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        name: _merged(below[name], value) if isinstance(value, dict) and isinstance(below.get(name), dict) else value
        for name, value in above.items()
    }
    return {**below, **both}


def _holds(condition: str, known: Mapping[str, str]) -> bool:
    """Evaluate `$A == "b"`, `!=`, `&&` and `||`, which is all that the files use."""
    return not condition or any(
        all(_compared(part.strip(), known) for part in either.split("&&")) for either in condition.split("||")
    )


def _compared(text: str, known: Mapping[str, str]) -> bool:
    left, operator, right = text.split()
    values = [known.get(side[1:], "") if side.startswith("$") else side.strip('"') for side in (left, right)]
    return (values[0] == values[1]) is (operator == "==")
