"""
Sandboxes for the tests of this folder. Every response of theirs is checked against the OpenAPI document, where that is
beside the repository (`tests/support/contract.py`).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import contract
from tests.support.sandbox import Sandbox, Space, fresh_space, running

Start = Callable[..., Sandbox]


def _watched(sandbox: Sandbox) -> Sandbox:
    sandbox.watch = contract.check if contract.available() else None
    return sandbox


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start sandboxes with options of a test's own; all end with the test."""
    started: list[Sandbox] = []

    def begin(data: Path | None = None, **options: Any) -> Sandbox:
        started.append(_watched(Sandbox.start(data or tmp_path / "kibana.sqlite3", **options)))
        return started[-1]

    yield begin
    for sandbox in started:
        if sandbox.process.poll() is None:
            assert not sandbox.stop()


@pytest.fixture(scope="session")
def sandbox_with(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Sandbox]]:
    """One running sandbox per stack version and options for the whole session; tests take spaces of their own in it."""
    kept: dict[str, Sandbox] = {}
    with contextlib.ExitStack() as stack:

        def of(version: str, **options: Any) -> Sandbox:
            name = json.dumps([version, options], sort_keys=True)
            if name not in kept:
                data = tmp_path_factory.mktemp("shared") / "kibana.sqlite3"
                kept[name] = _watched(
                    stack.enter_context(running(data, checked=False, stack_version=version, **options))
                )
            return kept[name]

        yield of


@pytest.fixture(scope="session")
def shared_sandboxes(sandbox_with: Callable[..., Sandbox]) -> Callable[[str], Sandbox]:
    """The shared sandbox of each stack version."""
    return sandbox_with


@pytest.fixture
def space(shared_sandboxes: Callable[[str], Sandbox]) -> Space:
    """A fresh space in a 9.3 sandbox."""
    return fresh_space(shared_sandboxes("9.3"))


@pytest.fixture
def space_of(shared_sandboxes: Callable[[str], Sandbox]) -> Callable[[str], Space]:
    """A fresh space in a sandbox of any stack version."""
    return lambda version: fresh_space(shared_sandboxes(version))
