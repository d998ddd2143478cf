"""One Kibana for the tests of a module, and GitHub's API for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.github import GitHub, github
from tests.support.sandbox import Sandbox, running


@pytest.fixture(scope="module")
def kibana(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One Kibana for all tests; each has spaces of its own."""
    with running(tmp_path_factory.mktemp("ci") / "kibana.sqlite3") as server:
        yield server


@pytest.fixture
def hub() -> Iterator[GitHub]:
    """GitHub's API."""
    with github() as server:
        yield server
