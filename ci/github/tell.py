"""
After a mode has run: say what it found, as outputs, in the log, in the step summary, in the comment, as a pull request.

It reads what `run.sh` left in WORK and fails only where the pull request of `promote` cannot be made: a comment that
cannot be written, as on a token that may only read, is a warning.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api import Api, ApiError, Proposal, close_request, keep_comment, keep_request
from branch import BranchError, push, rewritten
from found import outputs, read
from words import promoted, told

LONGEST_SUMMARY = 1_000_000  # GitHub takes 1 MiB a step
LONGEST_COMMENT = 65_300  # GitHub takes 65,536 characters, our mark included


@dataclass(frozen=True)
class Run:
    """What ran, and where it left its results. `environ` has the token."""

    environ: Mapping[str, str]

    def of(self, name: str) -> str:
        """Return a variable, "" where it is not set."""
        return self.environ.get(name, "").strip()

    @property
    def work(self) -> Path:
        """The folder of this run."""
        return Path(self.of("WORK"))

    @property
    def mode(self) -> str:
        """The mode, in one word."""
        return self.of("INPUT_MODE")

    @property
    def where(self) -> str:
        """The environments, on one line."""
        return " ".join(self.of("INPUT_ENVIRONMENT").replace(",", " ").split())

    @property
    def api(self) -> Api:
        """The repository at GitHub."""
        url = self.of("GITHUB_API_URL") or "https://api.github.com"
        return Api(url.rstrip("/"), self.of("GITHUB_REPOSITORY"), self.of("INPUT_TOKEN"))


def main(environ: Mapping[str, str]) -> int:
    """Tell everybody; return the exit code."""
    run = Run(environ)
    if (run.work / "fork").exists():
        text = f"`deployer {run.mode}` was left out: this pull request comes from a fork, and a fork gets no key.\n"
        _write(run.of("GITHUB_STEP_SUMMARY"), text)
        return 0
    document = read(run.work / "result.json")
    text = _markdown(run, document)
    results = outputs(document) | _paths(run)
    _show(run)
    _write(run.of("GITHUB_STEP_SUMMARY"), text[:LONGEST_SUMMARY])
    if run.mode == "plan":
        _comment(run, text)
    code = 0
    if run.mode in ("promote", "rollback") and "error" not in document:
        number, code = _request(run, document)
        results["pull_request"] = str(number or "")
    _write(run.of("GITHUB_OUTPUT"), "".join(_output(name, value) for name, value in results.items()))
    return code


def _markdown(run: Run, document: Mapping[str, Any]) -> str:
    written = run.work / "plan.md"
    if run.mode == "plan" and written.exists():  # also of a plan that failed
        return written.read_text("utf-8")
    if run.mode == "validate" and "error" not in document:
        errors, warnings = document.get("errors", 0), document.get("warnings", 0)
        return f"deployer validate: {document.get('files', 0)} files, {errors} errors, {warnings} warnings\n"
    return told(document, run.mode, run.where)


def _paths(run: Run) -> dict[str, str]:
    """Return where the files of this run are, absolute; "" for one that was not written."""
    saved = run.of("INPUT_PLAN_FILE")
    places = {
        "json_path": run.work / "result.json",
        "markdown_path": run.work / "plan.md",
        "plan_path": Path(run.of("INPUT_PROJECT") or ".") / saved if run.mode == "plan" and saved else None,
    }
    return {name: str(path.resolve()) if path and path.exists() else "" for name, path in places.items()}


def _show(run: Run) -> None:
    """Print what people read; while it is printed, no line of it is taken for a command to the runner."""
    annotations, text = run.work / "annotations", run.work / "result.txt"
    if text.exists():
        token = secrets.token_hex(16)
        print(f"::stop-commands::{token}", text.read_text("utf-8"), f"::{token}::", sep="\n")
    if annotations.exists():
        print(annotations.read_text("utf-8"), end="")
    sys.stdout.flush()


def _comment(run: Run, text: str) -> None:
    number = run.of("PULL_REQUEST")
    if run.of("INPUT_COMMENT") != "true" or not number.isdigit() or not text:
        return
    if len(text) > LONGEST_COMMENT:
        text = f"{_link(run)} has the plan, which is too long for a comment.\n"
    name = run.of("INPUT_COMMENT_ID") or f"plan {run.where}"
    try:
        print(f"comment {keep_comment(run.api, int(number), name, text)}")
    except ApiError as error:
        print(
            f"::warning::{error}; the comment needs `permissions: pull-requests: write`. The step summary has the plan."
        )


def _link(run: Run) -> str:
    server = run.of("GITHUB_SERVER_URL") or "https://github.com"
    return f"[The run]({server}/{run.of('GITHUB_REPOSITORY')}/actions/runs/{run.of('GITHUB_RUN_ID')})"


def _request(run: Run, document: Mapping[str, Any]) -> tuple[int | None, int]:
    """Keep the one pull request with the lock file that this run rewrote; return its number and the exit code."""
    folder = Path(run.of("INPUT_PROJECT") or ".")
    title = f"Promote to {run.where}" if run.mode == "promote" else f"Follow the rollback in {run.where}"
    body = promoted(document) if run.mode == "promote" else told(document, run.mode, run.where)
    proposal = Proposal(f"deployer/{run.mode}-{run.where}", run.of("GITHUB_REF_NAME"), title, f"{body}\n\n{_link(run)}")
    try:
        paths = rewritten(folder)
        if not paths:
            gone = (
                "There is nothing to promote any more: what was pinned here waits again, or is on the branch already."
            )
            number = close_request(run.api, proposal, gone) if run.mode == "promote" else None
            print(f"closed #{number}" if number else "no lock file was rewritten")
            return None, 0
        how = push(folder, proposal.branch, title, paths)
        number, done = keep_request(run.api, proposal)
    except (ApiError, BranchError) as error:
        needs = "`permissions: contents: write, pull-requests: write`"
        level, code = ("warning", 0) if run.mode == "rollback" else ("error", 1)
        print(f"::{level}::{error}. The pull request needs {needs}; docs/github.md says what else may be missing.")
        return None, code
    print(f"{proposal.branch} {how}, #{number} {done}")
    return number, 0


def _output(name: str, value: str) -> str:
    """Return an output in the form that holds whatever the value contains."""
    end = secrets.token_hex(16)
    return f"{name}<<{end}\n{value}\n{end}\n"


def _write(path: str, text: str) -> None:
    """Append to one of the files of the runner; without one it goes nowhere."""
    if path and text:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    sys.exit(main(os.environ))
