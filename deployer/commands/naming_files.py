"""Files that people name on the command line, as paths of the project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deployer.errors import DeployerError


def in_project(root: Path, paths: Sequence[Path]) -> list[str]:
    """Return the files relative to the project, with `/`. Raises DeployerError for what is none of its files."""
    found: list[str] = []
    for path in paths:
        absolute = path.absolute()
        if not absolute.is_file():
            raise DeployerError(f"there is no file {path}")
        resolved = absolute.parent.resolve() / absolute.name
        if not resolved.is_relative_to(root):
            raise DeployerError(f"{path} is not in the project {root}")
        found.append(resolved.relative_to(root).as_posix())
    return list(dict.fromkeys(found))
