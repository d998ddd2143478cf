"""`deployer format`: TOML files in one layout. Data, comments, quotes and the order of keys are never touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deployer.adapters.environments import toml_files
from deployer.adapters.rewriting import TextFile, read_text, write_text
from deployer.commands.naming_files import in_project
from deployer.commands.workspace import Workspace
from deployer.core.toml import TomlError
from deployer.core.toml.layout import format_text
from deployer.errors import ExitCode, Problem
from deployer.render.json_text import problem_json
from deployer.render.style import line, plural


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for: only to `check`, to show the `diff`; either writes nothing."""

    paths: tuple[Path, ...] = ()
    check: bool = False
    diff: bool = False

    @property
    def dry(self) -> bool:
        """Whether nothing is written."""
        return self.check or self.diff


@dataclass(frozen=True, slots=True)
class _Change:
    path: str
    file: TextFile
    text: str


def format_files(workspace: Workspace, options: Options) -> int:
    """
    Format the named files, or every TOML file of the project. Lock files are left alone: `promote` writes them.

    Returns 1 where a file cannot be read as TOML, and where --check or --diff found something to change.
    """
    paths = in_project(workspace.root, options.paths) if options.paths else _every_file(workspace)
    paths = [path for path in paths if not path.endswith(".lock.toml")]
    changes: list[_Change] = []
    problems: list[Problem] = []
    for path in paths:
        outcome = _laid_out(workspace.root, path)
        if isinstance(outcome, Problem):
            problems.append(outcome)
        elif outcome:
            changes.append(outcome)
    for change in () if options.dry else changes:
        write_text(change.file, change.text)
    _tell(workspace, options, changes, problems, len(paths))
    return int(ExitCode.ERROR if problems or (options.dry and changes) else ExitCode.DONE)


def _every_file(workspace: Workspace) -> list[str]:
    project = workspace.project
    folders = (*project.rules, *project.exceptions, *project.prebuilt, "environments")
    own = ["deployer.toml"] if (workspace.root / "deployer.toml").is_file() else []
    return sorted({*own, *toml_files(workspace.root, folders)})


def _laid_out(root: Path, path: str) -> _Change | Problem | None:
    """Return what has to change in a file, None for nothing, a Problem where it cannot be read."""
    try:
        file = read_text(root / path)
        text = format_text(file.text)
    except TomlError as exc:
        remedy = "mend the syntax; the file is as it was"
        return Problem(path, exc.line, exc.column, "", f"not TOML: {exc.message}", "toml-syntax", remedy)
    except UnicodeDecodeError as exc:
        row = exc.object.count(b"\n", 0, exc.start) + 1
        return Problem(path, row, 1, "", "not UTF-8", "encoding", "save the file as UTF-8")
    except OSError as exc:
        return Problem(path, 0, 0, "", f"cannot be read: {exc.strerror}", "unreadable", "check its permissions")
    return _Change(path, file, text) if text != file.text else None


def _tell(
    workspace: Workspace, options: Options, changes: Sequence[_Change], problems: Sequence[Problem], count: int
) -> None:
    console, style = workspace.console, workspace.console.style
    for problem in problems:
        console.say(f"{style.red('error  ')} {line(str(problem))}")
    for change in changes:
        if options.diff:
            console.say("".join(_diff(change)))
        else:
            console.say(f"{'would format' if options.check else 'formatted'} {line(change.path)}")
    done = "would be formatted" if options.dry else "formatted"
    console.say(f"{plural(count, 'file')}, {len(changes):,} {done}.")
    body = {
        "files": count,
        "changed": [change.path for change in changes],
        "written": not options.dry,
        "problems": [problem_json(problem) for problem in problems],
    }
    console.document("format", body)


def _diff(change: _Change) -> Iterator[str]:
    from difflib import unified_diff

    before, after = (text.splitlines(keepends=True) for text in (change.file.text, change.text))
    name = line(change.path)
    for piece in unified_diff(before, after, f"a/{name}", f"b/{name}"):
        yield line(piece.rstrip("\r\n")) + "\n"
