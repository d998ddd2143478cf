"""`deployer validate`: every problem in every file, with line and column. Asks no server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deployer.adapters.rules import RuleTree, read_some
from deployer.commands.checking import rule_problems
from deployer.commands.workspace import Workspace
from deployer.errors import DeployerError, ExitCode, Problem, Severity
from deployer.render.json_text import problem_json
from deployer.render.style import clean, plural


def validate(workspace: Workspace, paths: Sequence[Path]) -> int:
    """Check the named rule files, or the whole project. Returns 0, or 1 if anything is an error."""
    tree = read_some(workspace.root, _relative(workspace, paths)) if paths else workspace.tree
    problems = list(tree.problems) + list(rule_problems(tree, tree.files))
    if not paths:
        problems += workspace.settings.problems
    problems = sorted(set(problems))
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    for problem in problems:
        workspace.console.say(_line(workspace, problem))
    workspace.console.say(_summary(tree, errors, problems))
    body = {"files": len(tree.files), "errors": len(errors), "problems": [problem_json(p) for p in problems]}
    workspace.console.document("validate", body)
    return int(ExitCode.ERROR) if errors else int(ExitCode.DONE)


def _relative(workspace: Workspace, paths: Sequence[Path]) -> list[str]:
    found: list[str] = []
    for path in paths:
        absolute = path.resolve()
        if not absolute.is_file():
            raise DeployerError(f"there is no file {path}")
        if not absolute.is_relative_to(workspace.root):
            raise DeployerError(f"{path} is not in the project {workspace.root}")
        found.append(absolute.relative_to(workspace.root).as_posix())
    return found


def _line(workspace: Workspace, problem: Problem) -> str:
    style = workspace.console.style
    word = style.red("error  ") if problem.severity is Severity.ERROR else style.yellow("warning")
    return f"{word} {clean(str(problem))}"


def _summary(tree: RuleTree, errors: Sequence[Problem], problems: Sequence[Problem]) -> str:
    files = plural(len(tree.files), "rule")
    if not problems:
        return f"{files}, no problem."
    warnings = len(problems) - len(errors)
    return f"{files}, {plural(len(errors), 'error')}, {plural(warnings, 'warning')}."
