"""The three backends that can be tested whole: a folder, a branch of a bare repository, a bucket of a moto server."""

import importlib.util
import itertools
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployer.adapters.git import GitProgram
from deployer.adapters.state.branch import Branch
from deployer.adapters.state.buckets import connect
from deployer.adapters.state.cloud import CloudStore
from deployer.adapters.state.file import FileStore
from deployer.adapters.state.git import GitStore
from deployer.adapters.state.place import parse_place
from deployer.core.ports import Store

KINDS = ("file", "git", "s3")


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


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """The environment of a bare runner."""
    home = tmp_path / "home"
    home.mkdir()
    return plain_environ(home)


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """An empty bare repository."""
    path = tmp_path / "remote.git"
    git(tmp_path, "init", "-q", "--bare", str(path))
    return path


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The URL of a moto server with one bucket, `state`."""
    if importlib.util.find_spec("moto") is None or importlib.util.find_spec("flask") is None:
        pytest.skip("moto[server] is not installed: the S3 backend is not tested")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as server:
        try:
            url = f"http://127.0.0.1:{port}"
            _await(port, server)
            with urllib.request.urlopen(urllib.request.Request(f"{url}/state", method="PUT")):
                yield url
        finally:
            server.terminate()


def _await(port: int, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        assert server.poll() is None, "the moto server ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the moto server did not start")


def s3_environ(url: str) -> dict[str, str]:
    """Return made-up credentials for a server on this machine."""
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "eu-central-1"}
    return keys | {"AWS_ENDPOINT_URL": url}


_prefixes = itertools.count()


@pytest.fixture
def make_backend(request: pytest.FixtureRequest, tmp_path: Path, environ: dict[str, str]) -> Callable[[str], Backend]:
    """A function from a kind to a new, empty store of that kind."""

    def make(kind: str) -> Backend:
        if kind == "file":
            folder = tmp_path / "store"
            return Backend(kind, f"file:{folder}", environ, tmp_path, lambda: FileStore(folder, "file:store"))
        if kind == "git":
            url = request.getfixturevalue("remote")
            return Backend(kind, f"git:{url}#state", environ, tmp_path, lambda: git_store(url, tmp_path, environ))
        settings = s3_environ(request.getfixturevalue("moto"))
        place = parse_place(f"s3://state/{os.getpid()}/{next(_prefixes)}")
        return Backend(
            kind, place.text, settings, tmp_path, lambda: CloudStore(lambda: connect(place, settings), place.text)
        )

    return make


def git_store(url: Path | str, root: Path, environ: dict[str, str], *, fresh_for: float = 0.0) -> GitStore:
    """Return a handle on the branch `state`, whose reads look at the remote each time unless told otherwise."""
    program = GitProgram(root, environ)
    cache = (root / ".deployer" / "git-store", "test")
    return GitStore(lambda: Branch(str(url), "state", program, cache), f"git:{url}#state", fresh_for=fresh_for)


@pytest.fixture(params=KINDS)
def backend(request: pytest.FixtureRequest, make_backend: Callable[[str], Backend]) -> Backend:
    """Each kind in turn."""
    return make_backend(request.param)


@pytest.fixture
def store(backend: Backend) -> Store:
    """One handle on a store of each kind in turn."""
    return backend.open()
