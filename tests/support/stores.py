"""State stores, git repositories and environments for tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deployer.adapters.git import GitProgram
from deployer.adapters.state.branch import Branch
from deployer.adapters.state.git import GitStore
from deployer.core.ports import Store


@dataclass(frozen=True)
class Backend:
    """One store: `open` returns a further handle on it, as another process would have; `place` is its setting."""

    kind: str
    place: str
    environ: dict[str, str]
    root: Path
    open: Callable[[], Store]


def plain_environ(home: Path) -> dict[str, str]:
    """Return an environment as bare as a CI runner's: no user, no configuration."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}


def git(folder: Path, *arguments: str) -> str:
    """Run git for a test's own purposes; return its output."""
    identity = ("-c", "user.name=tester", "-c", "user.email=tester@localhost", "-c", "init.defaultBranch=main")
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def git_store(url: Path | str, root: Path, environ: dict[str, str], *, fresh_for: float = 0.0) -> GitStore:
    """Return a handle on the branch `state`, whose reads look at the remote each time unless told otherwise."""
    program = GitProgram(root, environ)
    cache = (root / ".deployer" / "git-store", "test")
    return GitStore(lambda: Branch(str(url), "state", program, cache), f"git:{url}#state", fresh_for=fresh_for)


def s3_environ(url: str) -> dict[str, str]:
    """Return made-up credentials for a server on this machine."""
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "eu-central-1"}
    return keys | {"AWS_ENDPOINT_URL": url}
