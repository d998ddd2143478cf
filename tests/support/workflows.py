"""
Workflow files carried out as the runner of GitHub Actions does: jobs in order, steps in order, our action in place.

The steps are the ones in the files, word for word: `uses:` of our action leads to the repository's `action.yml`, whose
`run:` lines are started by bash the way the runner starts them. Steps of other actions are only evaluated.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.expressions import evaluate, filled, text
from tests.support.github import REPOSITORY, TOKEN
from tests.support.project import bare_environ
from tests.support.sandbox import ROOT

OURS = "kibana-deployer/kibana-deployer@"
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail")


@dataclass
class Step:
    """What became of one step. `inner` has the steps of a composite action by id."""

    outcome: str = "success"
    code: int = 0
    log: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    inner: dict[str, Step] = field(default_factory=dict)


@dataclass
class Job:
    """What became of one job: its steps by id (or number), and its outputs."""

    steps: dict[str, Step] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    skipped: bool = False

    @property
    def failed(self) -> bool:
        """Whether a step failed."""
        return any(step.outcome == "failure" for step in self.steps.values())

    @property
    def log(self) -> str:
        """What all steps printed."""
        return "".join(step.log for step in self.steps.values())

    def our(self, number: int = 0) -> Step:
        """Our action's steps, in order."""
        return [step for step in self.steps.values() if step.inner][number]


@dataclass
class Runner:
    """
    A runner with a checkout. `event` is what GITHUB_EVENT_PATH holds; `api` where GitHub is.

    `started` is called with each process of a `run:` line, for tests that signal it.
    """

    checkout: Path
    temp: Path
    event_name: str
    event: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    environ: dict[str, str] = field(default_factory=dict)
    api: str = "http://127.0.0.1:9"
    ref: str = "refs/heads/main"
    started: Callable[[str, subprocess.Popen[str]], None] | None = None
    inputs: dict[str, str] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """What all steps wrote into the step summary."""
        path = self.temp / "summary.md"
        return path.read_text("utf-8") if path.exists() else ""

    def workflow(self, path: Path) -> dict[str, Job]:
        """Run every job of a workflow, a matrix as `NAME (number)`; a job whose needs failed is skipped."""
        done: dict[str, Job] = {}
        for name, job in yaml.safe_load(path.read_text("utf-8"))["jobs"].items():
            needs = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
            needed = {one: {"outputs": done[one].outputs} for one in needs}
            context = self._context(needs=needed)
            if any(done[one].failed or done[one].skipped for one in needs) or not _wanted(job.get("if"), context):
                done[name] = Job(skipped=True)
                continue
            matrix = filled(job.get("strategy", {}).get("matrix", {}), context).get("include") or [None]
            for number, entry in enumerate(matrix):
                key = name if entry is None else f"{name} ({number})"
                done[key] = self.job(job, self._context(needs=needed, matrix=entry or {}))
        return done

    def job(self, job: Mapping[str, Any], context: dict[str, Any]) -> Job:
        """Run the steps of one job; after a failure only those that ask for it with always()."""
        result = Job()
        context["steps"] = {}
        for number, step in enumerate(job["steps"]):
            if not self._due(step.get("if"), context, failed=result.failed):
                continue
            uses, name = step.get("uses", ""), step.get("id", str(number))
            environ = {**self.environ, **_texts(filled(step.get("env", {}), context))}
            if uses.startswith(OURS):
                result.steps[name] = self.action(_texts(filled(step.get("with", {}), context)), environ)
            elif uses:
                assert "@v" in uses, f"{uses} is not pinned"
                result.steps[name] = Step(log=json.dumps(filled(step.get("with", {}), context)))
            else:
                result.steps[name] = self._run(step["run"], environ)
            context["steps"][name] = {"outputs": result.steps[name].outputs, "outcome": result.steps[name].outcome}
        result.outputs = filled(dict(job.get("outputs", {})), context)
        return result

    def action(self, given: Mapping[str, str], environ: Mapping[str, str]) -> Step:
        """Run our action with these inputs, with the deployer that is installed here."""
        action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
        assert given.keys() <= action["inputs"].keys(), given
        context = self._context()
        defaults = {name: filled(one.get("default", ""), context) for name, one in action["inputs"].items()}
        context |= {"inputs": {**defaults, **given, "installed": "true"}, "steps": {}}
        result = Step()
        for number, step in enumerate(action["runs"]["steps"]):
            if not self._due(step.get("if"), context, failed=result.outcome == "failure"):
                context["steps"][step.get("id", "")] = {"outputs": {}, "outcome": "skipped"}
                continue
            name = step.get("id", str(number))
            done = self._run(step["run"], {**environ, **_texts(filled(step.get("env", {}), context))}, name)
            context["steps"][name] = {"outputs": done.outputs, "outcome": done.outcome}
            result.inner[name] = done
            result.log += done.log
            if done.outcome == "failure" and result.outcome == "success":
                result.outcome, result.code = "failure", done.code
        outputs = {name: filled(one["value"], context) for name, one in action["outputs"].items()}
        result.outputs = _texts(outputs)
        return result

    def _due(self, condition: str | None, context: Mapping[str, Any], *, failed: bool) -> bool:
        always = condition is not None and "always()" in condition
        return _wanted(condition, context) and (always or not failed)

    def _run(self, script: str, environ: Mapping[str, str], name: str = "") -> Step:
        self.temp.mkdir(parents=True, exist_ok=True)
        file, output = self.temp / "step.sh", self.temp / f"output-{len(list(self.temp.iterdir()))}"
        file.write_text(script, "utf-8")
        output.touch()
        process = subprocess.Popen(
            [*BASH, str(file)],
            cwd=self.checkout,
            env={**bare_environ(), **self._default_environ(), **environ, "GITHUB_OUTPUT": str(output)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if self.started is not None:
            self.started(name, process)
        log, _ = process.communicate(timeout=300)
        outcome = "failure" if process.returncode else "success"
        return Step(outcome, process.returncode, log, _outputs(output.read_text("utf-8")))

    def _default_environ(self) -> dict[str, str]:
        event = self.temp / "event.json"
        event.write_text(json.dumps(self.event), "utf-8")
        return {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_API_URL": self.api,
            "GITHUB_BASE_REF": str(self.event.get("pull_request", {}).get("base", {}).get("ref", "")),
            "GITHUB_EVENT_NAME": self.event_name,
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_PATH": str(self.temp / "path"),
            "GITHUB_REF": self.ref,
            "GITHUB_REF_NAME": self.ref.removeprefix("refs/heads/").removeprefix("refs/pull/"),
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_RUN_ID": "12345",
            "GITHUB_STEP_SUMMARY": str(self.temp / "summary.md"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "RUNNER_TEMP": str(self.temp),
        }

    def _context(self, **more: Any) -> dict[str, Any]:
        github = {"event": self.event, "token": TOKEN, "repository": REPOSITORY, "ref": self.ref}
        plain = {"github": github, "vars": self.variables, "secrets": self.secrets, "inputs": self.inputs}
        return {**plain, "needs": {}, "matrix": {}, **more}


def _wanted(condition: str | None, context: Mapping[str, Any]) -> bool:
    return condition is None or bool(evaluate(condition, context))


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: text(value) for name, value in values.items()}


def _outputs(written: str) -> dict[str, str]:
    """Read a GITHUB_OUTPUT file: `name=value` lines, and `name<<END`, lines, `END`."""
    found: dict[str, str] = {}
    lines = iter(written.splitlines())
    for line in lines:
        name, equals, value = line.partition("=")
        start, heredoc, end = line.partition("<<")
        if heredoc and (not equals or len(start) < len(name)):
            body: list[str] = []
            for inner in lines:
                if inner == end:
                    break
                body.append(inner)
            found[start] = "\n".join(body)
        elif equals:
            found[name] = value
    return found
