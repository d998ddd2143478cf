"""`deployer validate`: every problem in every file, with line and column. Asks no server."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deployer import __version__
from deployer.commands.collecting import Collected, collect, collect_files
from deployer.commands.naming_files import in_project
from deployer.commands.reporting import Output, prefix_of, write_report
from deployer.commands.workspace import Workspace
from deployer.errors import DeployerError, ExitCode, UsageError
from deployer.render.problems.report import Report


def validate(
    workspace: Workspace, paths: Sequence[Path], outputs: Sequence[Output], changed_since: str | None = None
) -> int:
    """
    Check the named files, the files changed since a git revision, or the whole project. Returns 0, or 1 for an error.

    Changed files are those that HEAD, the index or the work tree changed since HEAD left the revision, new ones too.
    """
    with _keeping_everything():
        collected = _collected(workspace, paths, changed_since)
    report = Report(
        problems=collected.problems,
        files=tuple(file.path for file in collected.files),
        notes=collected.notes,
        prefix=prefix_of(workspace.root),
        version=__version__,
    )
    write_report(workspace, report, outputs)
    return int(ExitCode.ERROR) if report.errors else int(ExitCode.DONE)


@contextmanager
def _keeping_everything() -> Iterator[None]:
    """Look for no garbage meanwhile: thousands of rules live to the end, and each look at them all costs a tenth."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _collected(workspace: Workspace, paths: Sequence[Path], changed_since: str | None) -> Collected:
    if changed_since is None:
        return collect_files(workspace, in_project(workspace.root, paths)) if paths else collect(workspace)
    if paths:
        raise UsageError("--changed-since finds the files itself", hint="leave the file names out")
    from deployer.adapters.git import Git

    git = Git(workspace.root, workspace.surroundings.environ)
    if not git.is_repository():
        raise DeployerError("--changed-since needs a git repository", hint="leave it out to check every file")
    return collect(workspace, frozenset(git.changed_since(changed_since)))
