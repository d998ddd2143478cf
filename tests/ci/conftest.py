"""One Kibana for the tests of a module, and GitHub's API for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.detections import Detections, detections
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


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, kibana: Sandbox) -> Detections:
    """A pushed repository with one rule and the environments dev and prod, for jobs that must be refused."""
    return detections(tmp_path_factory.mktemp("plain"), kibana, "dev", "prod", small=1)
