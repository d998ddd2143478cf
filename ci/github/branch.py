"""A branch of one commit on top of what is checked out, with the lock files that were rewritten here."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

NAME = "github-actions[bot]"
EMAIL = "41898282+github-actions[bot]@users.noreply.github.com"


class BranchError(Exception):
    """The branch cannot be brought up to date."""


def rewritten(folder: Path) -> list[str]:
    """Return the lock files below a folder that differ from HEAD, relative to the repository's top."""
    # --porcelain counts from the top of the repository, whatever folder it runs in.
    status = _git(folder, "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--", ".")
    return sorted(line[3:] for line in status.split("\0") if line.endswith(".lock.toml"))


def push(folder: Path, branch: str, message: str, paths: list[str]) -> str:
    """
    Make `branch` on `origin` HEAD plus these files. The work tree and HEAD stay as they are.

    Returns "pushed", or "unchanged" where the branch is that already: reviews of it then stay valid. Raises BranchError
    where somebody else committed to it, or git fails.
    """
    ref = f"refs/heads/{branch}"
    top = Path(_git(folder, "rev-parse", "--show-toplevel").strip())
    theirs = _git(top, "ls-remote", "origin", ref).partition("\t")[0]
    with tempfile.TemporaryDirectory() as scratch:
        index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        _git(top, "read-tree", "HEAD", environ=index)
        _git(top, "add", "--", *paths, environ=index)
        tree = _git(top, "write-tree", environ=index).strip()
    if theirs:
        _git(top, "fetch", "--quiet", "--no-tags", "--depth=1", "origin", ref)
        email, same = _git(top, "log", "-1", "--format=%ce%n%T", "FETCH_HEAD").split()
        if email != EMAIL:
            raise BranchError(f"{email} committed to {branch}; merge it or delete the branch, and run this again")
        if same == tree:
            return "unchanged"
    commit = _git(top, "commit-tree", tree, "-p", "HEAD", "-m", message, environ=_identity()).strip()
    _git(top, "push", "--quiet", f"--force-with-lease={ref}:{theirs}", "origin", f"{commit}:{ref}")
    return "pushed"


def _identity() -> dict[str, str]:
    return {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _PERSON}


_PERSON = (("NAME", NAME), ("EMAIL", EMAIL))


def _git(folder: Path, *words: str, environ: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        ["git", *words],
        cwd=folder,
        env={**os.environ, **(environ or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        complaint = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise BranchError(f"git {words[0]} failed: {complaint}")
    return done.stdout
