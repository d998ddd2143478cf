"""
How a space is read: pages of `_find` against one `_export`, what gzip saves and costs, a space that is mostly others'.

Reading and parsing is timed without the client, so that the figures are those of the two ways and not of our code.
"""

from __future__ import annotations

import gzip
import http.client
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.bench.conftest import FULL
from tests.bench.material import write_environment, write_project
from tests.bench.measuring import Cost, Row, best, run
from tests.support.sandbox import DEFAULT_HEADERS, Sandbox, running

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not FULL, reason="ways to read a space are compared in the full form only"),
]

_RULES = 2068
_PAGE = 1000
_FIND = f"/api/detection_engine/rules/_find?per_page={_PAGE}&page="
_EXPORT = "/api/detection_engine/rules/_export"


def _body(sandbox: Sandbox, method: str, path: str) -> bytes:
    connection = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=120)
    headers = {**DEFAULT_HEADERS, "Authorization": f"ApiKey {sandbox.api_key}", "Content-Type": "application/json"}
    connection.request(method, path, headers=headers)
    body = connection.getresponse().read()
    connection.close()
    return body


def _pages(sandbox: Sandbox, at_once: int) -> tuple[int, int]:
    """Read by pages; return how many rules and how many bytes."""
    numbers = range(1, -(-_RULES // _PAGE) + 1)
    with ThreadPoolExecutor(at_once) as pool:
        bodies = list(pool.map(lambda number: _body(sandbox, "GET", f"{_FIND}{number}"), numbers))
    return sum(len(json.loads(body)["data"]) for body in bodies), sum(map(len, bodies))


def _export(sandbox: Sandbox) -> tuple[int, int]:
    """Read by one export; return how many rules and how many bytes."""
    body = _body(sandbox, "POST", _EXPORT)
    return sum("rule_id" in json.loads(line) for line in body.splitlines()), len(body)


def _timed(read: Callable[[], tuple[int, int]]) -> tuple[Cost, int]:
    costs, received = [], 0
    for _ in range(3):
        started, spent = time.perf_counter(), time.process_time()
        count, received = read()
        costs.append(Cost(time.perf_counter() - started, time.process_time() - spent, 0.0))
        assert count == _RULES
    return best(costs), received // 1024


@pytest.mark.parametrize("latency", [0, 20])
def test_pages_or_export(latency: int, tmp_path: Path, rows: list[Row]) -> None:
    """The same 2,068 rules by pages, one by one and side by side, and by one export; and what gzip would do."""
    with running(tmp_path / "kibana.sqlite3", checked=False, latency_ms=latency) as sandbox:
        root = write_project(tmp_path / "project", _RULES)
        write_environment(root, "remote", sandbox.url)
        run(root, "apply", "-e", "remote", "--yes")
        ways: dict[str, Callable[[], tuple[int, int]]] = {
            "pages, one by one": lambda: _pages(sandbox, 1),
            "pages, 4 at once": lambda: _pages(sandbox, 4),
            "_export": lambda: _export(sandbox),
        }
        for name, read in ways.items():
            cost, received = _timed(read)
            rows.append(Row(f"read by {name}", _RULES, "", f"{latency} ms", cost, received_kb=received))
        if not latency:
            _add_gzip(_body(sandbox, "POST", _EXPORT), rows)


def _add_gzip(body: bytes, rows: list[Row]) -> None:
    packed = gzip.compress(body, 6)
    started, spent = time.perf_counter(), time.process_time()
    assert gzip.decompress(packed) == body
    cost = Cost(time.perf_counter() - started, time.process_time() - spent, 0.0)
    rows.append(Row("inflate what gzip packed", _RULES, "", "", cost, received_kb=len(packed) // 1024))


def test_a_space_of_which_a_tenth_is_ours(tmp_path: Path, rows: list[Row]) -> None:
    """20,000 rules, 2,000 of them of this project: more than the window of `_find`, read by our marker."""
    with running(tmp_path / "kibana.sqlite3", checked=False) as sandbox:
        others = write_project(tmp_path / "others", 20_000)
        (others / "deployer.toml").write_text('project = "others"\n', "utf-8")
        for folder in sorted((others / "rules").iterdir())[:4]:
            for path in folder.iterdir():
                path.unlink()
        root = write_project(tmp_path / "project", 2_000)
        for project in (others, root):
            write_environment(project, "remote", sandbox.url)
            run(project, "apply", "-e", "remote", "--yes")
        sandbox.admin("DELETE", "requests")
        taken = run(root, "plan", "-e", "remote")
        requests = sandbox.admin("GET", "counters")["total"]
        taken = best([taken, run(root, "plan", "-e", "remote")])
    rows.append(Row("plan, of 20,000 in the space", 2_000, "0", "0 ms", taken, requests))
