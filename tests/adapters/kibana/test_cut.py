"""Cutting a client: what is under way ends at once with an unknown outcome, and nothing further is sent."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.adapters.kibana import KibanaWriter, Secrets, connect
from deployer.adapters.surroundings import SystemClock
from deployer.core.environment import Connection, Credentials
from deployer.errors import DeployerError, RemoteError, UnknownOutcomeError
from tests.support.sandbox import PASSWORD, Sandbox, query_rule, running


@pytest.fixture
def kibana(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox that answers no write for a minute."""
    server = Sandbox.start(tmp_path / "kibana.sqlite3", fault=["delay:method=P*,seconds=60"])
    yield server
    server.kill()  # it still sleeps on what was cut


@pytest.fixture
def writer(kibana: Sandbox) -> Iterator[KibanaWriter]:
    """Our client."""
    address = Connection(kibana.url, Credentials(), Credentials())
    with connect(
        address, "default", Secrets(username="elastic", password=PASSWORD), clock=SystemClock(), read_only=False
    ) as client:
        yield client


def test_open_writes_end_as_unknown_and_later_ones_are_not_sent(writer: KibanaWriter, kibana: Sandbox) -> None:
    """Four writes hang, one on a connection that was used before; after the cut a fifth is refused for certain."""
    assert writer.rule("r-1") is None
    ended: list[DeployerError] = []

    def write(number: int) -> None:
        try:
            writer.create(query_rule(f"r-{number}"))
        except DeployerError as error:
            ended.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while sum(fault["done"] for fault in kibana.admin("GET", "faults")) < 4:
        time.sleep(0.01)
    writer.cut()
    for thread in threads:
        thread.join(10)

    assert [type(error) for error in ended] == [UnknownOutcomeError] * 4
    with pytest.raises(RemoteError, match="interrupted") as later:
        writer.create(query_rule("r-9"))
    assert not isinstance(later.value, UnknownOutcomeError)
    with pytest.raises(RemoteError, match="interrupted"):
        writer.rule("r-1")


def test_cutting_what_is_idle_or_cut_is_nothing(writer: KibanaWriter) -> None:
    """Two signals, or one that comes between two requests, do no harm."""
    writer.rule("r-1")
    writer.cut()
    writer.cut()


def test_the_sandbox_of_this_test_delays(tmp_path: Path) -> None:
    """The fault that the tests above rely on holds a write back and no read."""
    with running(tmp_path / "k.sqlite3", fault=["delay:method=P*,seconds=0.01"]) as server:
        server.create(query_rule("r-1"))
        assert [fault["done"] for fault in server.admin("GET", "faults")] == [1]
