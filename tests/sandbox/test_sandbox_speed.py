"""
How fast the sandbox is, from outside: four raw connections, the server in its own process (`make bench`).

The floors are those of the issue, for two idle cores; the growth test holds anywhere.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.sandbox import RULES, Sandbox, query_rule

pytestmark = pytest.mark.bench
Make = Callable[[int], tuple[str, str, bytes | None]]


def rate(sandbox: Sandbox, count: int, make: Make) -> float:
    """Requests per second over four connections that are kept open; every answer must be 200."""
    headers = {"authorization": f"ApiKey {sandbox.api_key}", "kbn-xsrf": "x", "content-type": "application/json"}
    wrong: list[bytes] = []

    def work(first: int) -> None:
        connection = sandbox.connect()
        for number in range(first, count, 4):
            method, path, body = make(number)
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = response.read()
            if response.status != 200:
                wrong.append(answer)
        connection.close()

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    return count / (time.perf_counter() - started)


def realistic(number: int, **fields: Any) -> dict[str, Any]:
    """A rule of about 7 kB, as the prebuilt ones have on average."""
    note = "## Triage and analysis\n\n" + "Look at the parent process and its command line.\n" * 100
    return query_rule(f"r-{number}", note=note, tags=[f"tag {index}" for index in range(9)], enabled=False, **fields)


def fill(sandbox: Sandbox, start: int, count: int) -> float:
    """Create rules `start` to `start + count`; returns creates per second."""
    bodies = [json.dumps(realistic(start + number)).encode() for number in range(count)]
    return rate(sandbox, count, lambda number: ("POST", RULES, bodies[number]))


def seconds(sandbox: Sandbox, method: str, path: str) -> float:
    """The best of three times of one request."""
    times = []
    for _ in range(3):
        started = time.perf_counter()
        assert sandbox.request(method, path).status == 200
        times.append(time.perf_counter() - started)
    return min(times)


def test_reads_and_creates_per_second(start: Callable[..., Sandbox], capsys: pytest.CaptureFixture[str]) -> None:
    """At least 3,000 reads and 1,500 creates per second."""
    sandbox = start()
    creates = fill(sandbox, 0, 4000)
    reads = rate(sandbox, 8000, lambda number: ("GET", f"{RULES}?rule_id=r-{number % 4000}", None))
    with capsys.disabled():
        print(f"\nsandbox: {creates:,.0f} creates/s, {reads:,.0f} reads/s")
    assert creates >= 1500
    assert reads >= 3000


def test_a_large_space_grows_linearly_at_worst(
    start: Callable[..., Sandbox], capsys: pytest.CaptureFixture[str]
) -> None:
    """
    From 5,000 to 20,000 rules, a page of `_find`, a filtered one, and what an export costs per rule stay in
    proportion.
    """
    sandbox = start()
    page = f"{RULES}/_find?per_page=1000&sort_field=created_at&sort_order=asc&page="
    filtered = f"{RULES}/_find?per_page=20&filter=alert.attributes.tags:%20%22tag%208%22"
    fill(sandbox, 0, 5000)
    small = {path: seconds(sandbox, "GET", path) for path in (f"{page}1", f"{page}5", filtered)}
    small_export = seconds(sandbox, "POST", f"{RULES}/_export")
    fill(sandbox, 5000, 4999)
    export = seconds(sandbox, "POST", f"{RULES}/_export")
    rate_at_20_000 = fill(sandbox, 9999, 10_001)
    large = {path: seconds(sandbox, "GET", path) for path in (f"{page}1", f"{page}10", filtered)}
    with capsys.disabled():
        print(f"\n_export of 5,000: {small_export:.2f} s, of 9,999: {export:.2f} s; creates/s {rate_at_20_000:,.0f}")
        print("_find at 5,000:", [f"{value * 1000:.0f} ms" for value in small.values()])
        print("_find at 20,000:", [f"{value * 1000:.0f} ms" for value in large.values()])
    assert export <= small_export * 2 * 1.5
    assert large[filtered] <= small[filtered] * 4 * 1.5
    assert large[f"{page}1"] <= small[f"{page}1"] * 4 * 1.5
    assert large[f"{page}10"] <= small[f"{page}5"] * 4 * 1.5


def test_the_time_model_takes_its_time(start: Callable[..., Sandbox]) -> None:
    """Latency on every request, cost per rule written, and a wait for the next refresh after writes."""
    sandbox = start(latency_ms=20, rule_cost_ms=30, refresh_ms=200)
    assert seconds(sandbox, "GET", f"{RULES}/_find") >= 0.02
    for number in range(5):
        sandbox.create(query_rule(f"r-{number}"))
    started = time.perf_counter()
    sandbox.request("POST", f"{RULES}/_bulk_action", {"action": "disable", "query": ""})
    assert time.perf_counter() - started >= 0.02 + 5 * 0.03
    writes = []
    for number in range(3):
        sandbox.request("PUT", RULES, query_rule("r-1", name=str(number)))
        writes.append(time.perf_counter())
    assert writes[2] - writes[0] >= 2 * 0.2 * 0.9
