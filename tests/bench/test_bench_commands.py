"""
Whole commands as processes (`make bench`; BENCH=short leaves out 20,000 rules, 50 spaces and repetitions).

Nothing here asserts a time: the table does the telling, with the target beside the figure. Counts are asserted in
`tests/cli/test_costs.py`, which runs with every other test.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.conftest import FULL
from tests.bench.material import change, write_environment, write_project
from tests.bench.measuring import Cost, Row, best, relay, run
from tests.support.sandbox import running

pytestmark = pytest.mark.bench

_TIMES = 3 if FULL else 1
_SIZES = (1, 100, 2068, 20_000) if FULL else (100, 2068)


class Bench:
    """A project beside a sandbox that holds it."""

    def __init__(self, root: Path, rules: int, rows: list[Row]) -> None:
        self.root, self.rules, self._rows = root, rules, rows

    def row(self, what: str, cost: Cost, *, changed: str = "0", server: str = "embedded", target: str = "") -> None:
        """Add a row without counts."""
        self._rows.append(Row(what, self.rules, changed, server, cost, target=target))

    def time(self, *words: str, times: int = _TIMES, fresh: bool = False, keep: bool = False) -> Cost:
        """Run a command several times; `fresh` starts without state each time, `keep` with the state as it is now."""
        state, saved = self.root / ".deployer", self.root / "saved"
        if keep:
            shutil.rmtree(saved, ignore_errors=True)
            shutil.copytree(state, saved)
        costs = []
        for _ in range(times):
            if fresh or keep:
                shutil.rmtree(state, ignore_errors=True)
            if keep:
                shutil.copytree(saved, state)
            costs.append(run(self.root, *words))
        return best(costs)


@pytest.fixture(scope="module", params=_SIZES, ids=lambda size: f"{size}-rules")
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> Bench:
    """A project of each size."""
    return Bench(write_project(tmp_path_factory.mktemp("project"), request.param), request.param, rows)


def test_start_up(rows: list[Row], tmp_path: Path) -> None:
    """What every command pays before it does anything."""
    bench = Bench(write_project(tmp_path, 1), 1, rows)
    for words, target in ((("--version",), "0.09 s"), (("plan", "--help"), "0.15 s")):
        bench.row(" ".join(words), bench.time(*words, times=5), server="", target=target)
    path = next((tmp_path / "rules").rglob("*.toml")).relative_to(tmp_path).as_posix()
    bench.row("validate FILE", bench.time("validate", path), server="", target="0.3 s")


def _changes(rules: int) -> tuple[int, ...]:
    if rules == 1 or (rules >= 2068 and not FULL):
        return (1,)
    return (1, 50, rules)


def test_the_life_of_a_project(bench: Bench) -> None:
    """Validate, plan, apply, plan without changes, then with 1, 50 and all changed, and apply those."""
    large = bench.rules >= 2068
    times = 1 if bench.rules > 2068 else _TIMES
    targets = {2068: "1.3 s, 160 MB", 20_000: "13 s, 900 MB"}
    bench.row("validate", bench.time("validate", times=times), server="")
    run(bench.root, "plan", "-e", "embedded", "-o", "plan.json")
    bench.row(
        "apply plan.json", bench.time("apply", "plan.json", times=times, fresh=True), changed="all new",
        target="4 s" if bench.rules == 2068 else "",
    )  # fmt: skip
    bench.row("plan", bench.time("plan", "-e", "embedded", times=times), target=targets.get(bench.rules, ""))
    for count in _changes(bench.rules):
        change(bench.root, count)
        bench.row("plan", bench.time("plan", "-e", "embedded", times=times), changed=str(count),
                  target="+0.35 s" if large and count == 1 else "")  # fmt: skip
        bench.row("apply --yes", bench.time("apply", "-e", "embedded", "--yes", times=times, keep=True),
                  changed=str(count), target="2 s" if bench.rules == 2068 and count == 1 else "")  # fmt: skip
    if large and not FULL:
        return
    for words in (("drift", "-e", "embedded"), ("rollback", "-e", "embedded", "--steps", "1", "--yes")):
        bench.row(words[0], bench.time(*words, times=times, keep=True), changed="0" if words[0] == "drift" else "all")


_MODELS = [(0, 0), (20, 0), (20, 20), (100, 0)] if FULL else [(0, 0), (20, 0)]
_STEPS = (
    ("apply --yes", ("apply", "-e", "remote", "--yes"), "all new"),
    ("plan", ("plan", "-e", "remote"), "0"),
    ("apply --yes", ("apply", "-e", "remote", "--yes"), "1"),
)


def _remote(root: Path, url: str, rules: int) -> Path:
    write_project(root, rules)
    write_environment(root, "remote", url)
    return root


def _steps(root: Path) -> Iterator[tuple[str, str, Cost]]:
    """Create everything, plan it again, change one rule and apply."""
    for what, words, changed in _STEPS:
        if changed == "1":
            change(root, 1)
        yield what, changed, run(root, *words)


@pytest.mark.parametrize(("latency", "cost"), _MODELS)
def test_a_server_that_takes_its_time(latency: int, cost: int, tmp_path: Path, rows: list[Row]) -> None:
    """Latency of every request, cost of every rule written: timed on the wire itself, counted through a relay."""
    rules = 2000 if FULL else 500
    model = {"latency_ms": latency, "rule_cost_ms": cost}
    with (
        running(tmp_path / "timed.sqlite3", checked=False, **model) as timed,
        running(tmp_path / "counted.sqlite3", checked=False, **model) as counted,
        relay(counted.port) as counter,
    ):
        twin = _steps(_remote(tmp_path / "counted", counter.url, rules))
        for what, changed, taken in _steps(_remote(tmp_path / "timed", timed.url, rules)):
            counted.admin("DELETE", "requests")
            counter.reset()
            next(twin)
            requests = counted.admin("GET", "counters")["total"]
            sizes = (counter.sent // 1024, counter.received // 1024)
            rows.append(Row(what, rules, changed, f"{latency} ms, {cost} ms/rule", taken, requests, *sizes))


@pytest.mark.skipif(not FULL, reason="2,000 creates at 20 ms are measured in the full form only")
@pytest.mark.parametrize("connections", [4, 8])
def test_the_connections_are_busy(connections: int, tmp_path: Path, rows: list[Row]) -> None:
    """2,000 creates at 20 ms, from the first write to the last answer: against 2,000 x 20 ms / connections."""
    root, latency = write_project(tmp_path / "project", 2000), 0.02
    with running(tmp_path / "kibana.sqlite3", checked=False, latency_ms=latency * 1000) as sandbox:
        write_environment(root, "remote", sandbox.url, connections=connections)
        run(root, "plan", "-e", "remote", "-o", "plan.json")
        whole = run(root, "apply", "plan.json")
        writes = [seen["at"] for seen in sandbox.admin("GET", "requests") if seen["wrote"]]
    taken, floor = writes[-1] - writes[0] + latency, 2000 * latency / connections
    rows.append(Row("apply plan.json", 2000, "all new", f"20 ms, {connections} connections", whole))
    cost = Cost(taken, whole.processor, whole.memory)
    target = f"{1.3 * floor:.1f} s (1.3 x), is {taken / floor:.2f} x"
    rows.append(Row("first write to last", 2000, "all new", f"20 ms, {connections} connections", cost, target=target))


@pytest.mark.skipif(not FULL, reason="50 spaces are planned in the full form only")
def test_fifty_spaces(tmp_path: Path, rows: list[Row]) -> None:
    """One environment of 50 spaces with 500 rules each, at 20 ms."""
    with running(tmp_path / "kibana.sqlite3", checked=False, latency_ms=20) as sandbox:
        for number in range(50):
            sandbox.request("POST", "/api/spaces/space", {"id": f"team-{number:02}", "name": f"Team {number}"})
        root = write_project(tmp_path / "project", 500)
        write_environment(root, "remote", sandbox.url, spaces=50)
        run(root, "apply", "-e", "remote/*", "--yes")
        taken = best([run(root, "plan", "-e", "remote/*") for _ in range(_TIMES)])
        sandbox.admin("DELETE", "requests")
        run(root, "plan", "-e", "remote/*")
        requests = sandbox.admin("GET", "counters")["total"]
    rows.append(Row("plan -e 'remote/*'", 25_000, "0", "20 ms, 50 spaces", taken, requests, target="10 s, 400 MB"))
