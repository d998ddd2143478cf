"""The one JSON of `--json`: a documented, versioned envelope around what each command found (docs/reference.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from deployer.core.outcomes import ApplyIncompleteError, ApplyUndoneError
from deployer.core.plan import Plan
from deployer.errors import DeployerError, Problem, ProblemsError, RefusedError
from deployer.render.style import CONTROL

_ACTIVE: Final = re.compile(f"{CONTROL.pattern}|[\ud800-\udfff]|##(?=\\w*\\[)")
FORMAT: Final = "deployer-output"
VERSION: Final = 1


def document(command: str, body: Mapping[str, Any]) -> str:
    """Return the document of a command, indented, ending in a newline."""
    outer = {"format": FORMAT, "version": VERSION, "command": command, **body}
    return _harmless(json.dumps(outer, indent=2, ensure_ascii=False, default=str)) + "\n"


def _harmless(text: str) -> str:
    """
    Escape what is data to a program and does something to a terminal or a CI log: the same JSON, spelled otherwise.

    Lone surrogates are bytes of file names that are not UTF-8; `##[` is a command to the runner of GitHub Actions.
    """
    return _ACTIVE.sub(lambda found: f"\\u{ord(found[0][0]):04x}{found[0][1:]}", text)


def counts(plan: Plan) -> dict[str, int]:
    """Return how many changes have each action."""
    found: dict[str, int] = {}
    for change in plan.changes:
        found[change.action.value] = found.get(change.action.value, 0) + 1
    return found


def problem_json(problem: Problem) -> dict[str, Any]:
    """Return one Problem for programs."""
    return {**asdict(problem), "severity": problem.severity.value}


def error_json(error: DeployerError) -> dict[str, Any]:
    """Return an error for programs: the same sentence that people read, exit code and refusal."""
    result: dict[str, Any] = {"error": str(error), "exit_code": int(error.exit_code)}
    if error.hint:
        result["hint"] = error.hint
    if isinstance(error, RefusedError):
        result["refusal"] = error.refusal.value
    if isinstance(error, ApplyUndoneError | ApplyIncompleteError):
        result["outcomes"] = [{**asdict(outcome), "status": outcome.status.value} for outcome in error.ending.outcomes]
    if isinstance(error, ProblemsError):
        result["problems"] = [problem_json(problem) for problem in error.problems]
    return result
