"""
How many writes at once: the limiter of the client against fixed numbers, at realistic latency and rule cost.

The same creates go over real HTTP to a sandbox that takes its time. `adapting` is what every apply uses: four at first,
eight at most.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from deployer.adapters.kibana import KibanaWriter, Secrets, connect
from deployer.adapters.kibana.limiter import Limiter
from deployer.adapters.surroundings import SystemClock
from deployer.core.environment import Connection
from tests.bench.conftest import FULL
from tests.bench.measuring import Cost, Row
from tests.support.sandbox import PASSWORD, Sandbox, query_rule, running

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not FULL, reason="concurrency is compared in the full form only"),
]

_COUNT = 200
_SERVERS = {
    "20 ms, 0 ms/rule": {"latency_ms": 20},
    "20 ms, 20 ms/rule": {"latency_ms": 20, "rule_cost_ms": 20},
    "100 ms, 20 ms/rule": {"latency_ms": 100, "rule_cost_ms": 20},
    "20 ms, 1 s refresh": {"latency_ms": 20, "refresh_ms": 1000},
}


class _Fixed(Limiter):
    """A limit that never moves."""

    def __init__(self, most: int) -> None:
        super().__init__(most, most)

    @property
    def limit(self) -> int:
        """What it was set to."""
        return self.most


def _open(sandbox: Sandbox, limiter: Limiter) -> KibanaWriter:
    connection = Connection(url=sandbox.url, credentials=None, read_credentials=None, connections=limiter.most)
    secrets = Secrets(username="elastic", password=PASSWORD)
    kibana = connect(connection, "default", secrets, clock=SystemClock(), read_only=False)
    kibana._session._limiter = limiter  # only a benchmark wants a limit that does not adapt
    return kibana


def _create_all(kibana: KibanaWriter) -> int:
    bodies: list[Any] = [query_rule(f"bench-{number}") for number in range(_COUNT)]
    results = kibana.map_concurrently(kibana.create, bodies, stop=lambda: False)
    return sum(not isinstance(result, Exception) for _, result in results)


@pytest.mark.parametrize("at_once", [1, 4, 8, 16, 0], ids=lambda most: f"fixed-{most}" if most else "adapting")
@pytest.mark.parametrize("server", _SERVERS)
def test_creating_rules(server: str, at_once: int, tmp_path: Path, rows: list[Row]) -> None:
    """200 creates, from the first request to the last answer."""
    limiter = _Fixed(at_once) if at_once else Limiter(8)
    with running(tmp_path / "kibana.sqlite3", **_SERVERS[server]) as sandbox, _open(sandbox, limiter) as kibana:
        started, spent = time.perf_counter(), time.process_time()
        assert _create_all(kibana) == _COUNT
        cost = Cost(time.perf_counter() - started, time.process_time() - spent, 0.0)
    name = f"POST, {at_once} at once" if at_once else "POST, adapting"
    rows.append(Row(name, _COUNT, "all new", server, cost, _COUNT))
