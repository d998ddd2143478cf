"""
The files of another commit, read without touching the work tree: `plan --base` compares with them.

Rules are read in memory, and a file that both commits have alike is not parsed again. Settings, lists and lock files go
into a folder of their own, from where they are read like any project. What is wrong with a file of another commit is
nobody's problem here: such a rule counts as not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from deployer.adapters.git import Git
from deployer.adapters.rules import RuleTree
from deployer.core.rule_file import RuleFile, read_rule
from deployer.errors import DeployerError

SETTINGS: tuple[str, ...] = ("deployer.toml", "environments")


def write_files(git: Git, commit: str, paths: Iterable[str], folder: Path) -> None:
    """Write the files below `paths` as of a commit into `folder`. Raises DeployerError."""
    for path, content in git.files_at(commit, paths).items():
        parts = PurePosixPath(path).parts
        if PurePosixPath(path).is_absolute() or ".." in parts or ".git" in parts or "\\" in path:
            raise DeployerError(f"commit {commit[:12]} has a file that no work tree may have: {path!r}")
        target = folder.joinpath(*parts)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        except (OSError, ValueError) as exc:
            raise DeployerError(f"cannot write {path!r} of commit {commit[:12]} into {folder}: {exc}") from exc


def rules_at(git: Git, commit: str, folders: Sequence[str], known: RuleTree) -> RuleTree:
    """Return the rules below the folders as of a commit; `known` has those of the work tree."""
    here = {file.path: file for file in known.files}
    files: list[RuleFile] = []
    for path, content in sorted(git.files_at(commit, folders).items()):
        if _is_rule(path):
            file = _alike(here, path, content, known.root) or _read(path, content)
            files += [file] if file is not None else []
    return RuleTree(known.root, tuple(files), ())


def _is_rule(path: str) -> bool:
    return path.endswith(".toml") and not any(part.startswith(".") for part in path.split("/"))


def _alike(here: Mapping[str, RuleFile], path: str, content: bytes, root: Path) -> RuleFile | None:
    """Return the work tree's rule where its file has the same bytes."""
    try:
        return here[path] if path in here and (root / path).read_bytes() == content else None
    except OSError:
        return None


def _read(path: str, content: bytes) -> RuleFile | None:
    try:
        return read_rule(path, content.decode("utf-8-sig"))[0]
    except UnicodeDecodeError:
        return None
