"""The three backends that can be tested whole: a folder, a branch of a bare repository, a bucket of a moto server."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deployer.adapters.state.buckets import connect
from deployer.adapters.state.cloud import CloudStore
from deployer.adapters.state.file import FileStore
from deployer.adapters.state.place import parse_place
from deployer.core.ports import Store
from tests.support.moto import bucket_server
from tests.support.stores import Backend, git, git_store, plain_environ, s3_environ

KINDS = ("file", "git", "s3")


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
    with bucket_server() as url:
        yield url


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


@pytest.fixture(params=KINDS)
def backend(request: pytest.FixtureRequest, make_backend: Callable[[str], Backend]) -> Backend:
    """Each kind in turn."""
    return make_backend(request.param)


@pytest.fixture
def store(backend: Backend) -> Store:
    """One handle on a store of each kind in turn."""
    return backend.open()
