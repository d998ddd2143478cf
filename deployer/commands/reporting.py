"""The outputs of `validate`, and the option of `plan`, too: `--format KIND[=FILE]`, repeated, at most one on stdout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deployer.commands.workspace import Workspace
from deployer.errors import DeployerError, UsageError
from deployer.render.problems.report import Report

KINDS: Final = ("text", "json", "junit", "sarif", "github", "gitlab")
LARGEST_SOURCE: Final = 4_000_000
"""Bytes of a file beyond which no source line is shown."""


@dataclass(frozen=True, slots=True)
class Output:
    """One output: what kind, and the file that it goes to, None for stdout."""

    kind: str
    path: Path | None = None


def parse_outputs(written: Sequence[str], *, as_json: bool = False, kinds: Sequence[str] = KINDS) -> tuple[Output, ...]:
    """
    Return the outputs that `--format` asks for; `--json` is `--format json`, and without any on stdout it is text.

    Raises UsageError for an unknown kind, and for two that both go to stdout or into one file.
    """
    found = [_output(word, kinds) for word in written] + ([Output("json")] if as_json else [])
    if all(output.path for output in found):
        found.insert(0, Output("text"))
    found = list(dict.fromkeys(found))
    places = [output.path for output in found]
    for place in places:
        if places.count(place) > 1:
            where = f"into {place}" if place else "to stdout"
            raise UsageError(f"two formats go {where}", hint="write one of them into a file: --format junit=report.xml")
    return tuple(found)


def _output(word: str, kinds: Sequence[str]) -> Output:
    kind, equals, path = word.partition("=")
    if kind not in kinds or (equals and not path):
        raise UsageError(f'"{word}" is not a format', hint=f"write KIND or KIND=FILE; kinds are {', '.join(kinds)}")
    return Output(kind, Path(path) if path else None)


def write_report(workspace: Workspace, report: Report, outputs: Sequence[Output]) -> None:
    """Write a report in every format that was asked for. Raises DeployerError for a file that cannot be written."""
    for note in report.notes:
        workspace.console.note(f"note: {note}")
    for output in outputs:
        if output.path:
            save(output.path, _rendered(workspace, report, output))
        else:
            is_json = output.kind in ("json", "sarif", "gitlab")
            workspace.console.deliver(_rendered(workspace, report, output), is_json=is_json)


def _rendered(workspace: Workspace, report: Report, output: Output) -> str:
    """Return the text of one output; renderers are imported when they are needed."""
    if output.kind == "junit":
        from deployer.render.problems.junit import problems_junit

        return problems_junit(report)
    if output.kind == "github":
        from deployer.render.problems.github import problems_github

        return problems_github(report)
    if output.kind == "gitlab":
        from deployer.render.problems.gitlab import problems_gitlab

        return problems_gitlab(report)
    if output.kind == "sarif":
        from deployer.core.checks.registry import CHECKS
        from deployer.render.problems.sarif import problems_sarif

        return problems_sarif(report, {code: check.summary for code, check in CHECKS.items()})
    return _json(report) if output.kind == "json" else _text(workspace, report, output)


def _json(report: Report) -> str:
    from deployer.render.json_text import document, problem_json

    body: dict[str, Any] = {
        "files": len(report.files),
        "errors": report.errors,
        "warnings": report.warnings,
        "problems": [problem_json(problem) for problem in report.problems],
        "notes": list(report.notes),
    }
    return document("validate", body)


def _text(workspace: Workspace, report: Report, output: Output) -> str:
    from deployer.render.problems.text import problems_text
    from deployer.render.style import Style

    style = Style() if output.path else workspace.console.style
    return problems_text(report, style, _Sources(workspace.root))


class _Sources:
    """The lines of the files that have problems, the last one kept."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = ""
        self._lines: list[str] = []

    def __call__(self, path: str) -> list[str]:
        """Return the lines of one file, none where it cannot be read as text."""
        if path != self._path:
            self._path, self._lines = path, self._read(self._root / path)
        return self._lines

    def _read(self, path: Path) -> list[str]:
        try:
            if not path.is_file() or path.stat().st_size > LARGEST_SOURCE:
                return []
            return path.read_bytes().decode("utf-8-sig", "replace").split("\n")
        except OSError:
            return []


def save(path: Path, text: str) -> None:
    """Write a file that was asked for. Raises DeployerError if it cannot be written."""
    try:
        path.write_bytes(text.encode("utf-8"))
    except OSError as exc:
        raise DeployerError(f"cannot write {path}: {exc.strerror}", hint="name another file") from exc


def prefix_of(root: Path) -> str:
    """Return the way from the repository's root to the project, `""` or ending in `/`."""
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            inside = root.relative_to(folder).as_posix()
            return "" if inside == "." else f"{inside}/"
    return ""
