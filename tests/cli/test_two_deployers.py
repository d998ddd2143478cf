"""Two deployers at one space: exactly one works, and a killed one is taken over through recovery (issue 5)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import tomli

from deployer.adapters.state.opening import open_store
from deployer.core.plan import Target
from deployer.executor.lease import moment
from deployer.executor.ledger import Ledger
from tests.support.deploying import SECRET, against, hint, live, until, wrote
from tests.support.moto import bucket_server
from tests.support.project import ProjectFolder, Ran, bare_environ
from tests.support.sandbox import Sandbox, running
from tests.support.stores import git, s3_environ

KINDS = ("file", "git", "s3")
RULES = 60
CHECKOUT = "git:origin#deployer-state"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The URL of a moto server with one bucket, `state`."""
    with bucket_server() as url:
        yield url


@pytest.fixture
def kibana(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox that is slow enough for two to meet."""
    with running(tmp_path / "kibana.sqlite3", latency_ms=60) as server:
        yield server


@dataclass(frozen=True)
class Pair:
    """Two projects of one name with different rules, one Kibana and one store; what their processes need to know."""

    first: ProjectFolder
    second: ProjectFolder
    environ: dict[str, str]


@pytest.fixture(params=KINDS)
def pair(request: pytest.FixtureRequest, tmp_path: Path, kibana: Sandbox) -> Pair:
    """A pair on each kind of store."""
    environ = dict(SECRET)
    place = f"file:{tmp_path / 'store'}"
    if request.param == "git":
        place = CHECKOUT
        git(tmp_path, "init", "-q", "--bare", str(tmp_path / "remote.git"))
    if request.param == "s3":
        place = f"s3://state/{tmp_path.name}"
        environ |= s3_environ(request.getfixturevalue("moto"))
    projects = [_project(tmp_path, name, kibana, place) for name in ("first", "second")]
    for number in range(1, RULES + 1):
        projects[0].rule(number)
        projects[1].rule(RULES + number)
    return Pair(*projects, environ)


def _project(tmp_path: Path, name: str, kibana: Sandbox, place: str) -> ProjectFolder:
    project = against(tmp_path / name, kibana.url, state=place)
    if place == CHECKOUT:
        git(project.root, "init", "-q")
        git(project.root, "remote", "add", "origin", str(tmp_path / "remote.git"))
    return project


def finished(process: subprocess.Popen[str]) -> Ran:
    """Wait for the end of a process."""
    out, err = process.communicate(timeout=90)
    return Ran(process.returncode, out, err)


def test_of_two_at_once_exactly_one_works(pair: Pair, kibana: Sandbox) -> None:
    """Both start together: one deploys its rules, the other exits 4 naming the holder, and sends nothing."""
    started = [project.start("apply", "-e", "s", "--yes", **pair.environ) for project in (pair.first, pair.second)]
    pids = [process.pid for process in started]
    ran = [finished(process) for process in started]

    codes = [one.code for one in ran]
    assert sorted(codes) == [0, 4], [one.err for one in ran]
    winner, loser = codes.index(0), codes.index(4)
    numbers = {int(body["rule_id"][-12:]) for body in live(kibana)}
    assert numbers == set(range(winner * RULES + 1, (winner + 1) * RULES + 1))
    assert "is locked by" in ran[loser].err
    assert f"process {pids[winner]} on " in ran[loser].err


def moved_away(pair: Pair) -> Ledger:
    """Make the holder of the lock one of another machine, of which nobody here can know whether it still runs."""
    place = tomli.loads((pair.second.root / "deployer.toml").read_text("utf-8"))["state"]
    environ = {**bare_environ(), **pair.environ}
    store = open_store(place, root=pair.second.root, environ=environ, project="tests")
    ledger = Ledger(store, Target("s", "default", "s", ""), "tests")
    lock, version = ledger.lock()
    assert ledger.swap_lock(replace(lock, holder=replace(lock.holder, host="elsewhere")), version) is not None
    return ledger


def test_a_killed_holder_is_taken_over_after_its_lease_through_recovery(pair: Pair, kibana: Sandbox) -> None:
    """
    The holder dies at work, on a machine that nobody can ask: the other is refused while the lease may still last, then
    until the apply is recovered. `apply --recover` waits for the horizon, undoes it, and deploys.
    """
    terms = {"DEPLOYER_LEASE": "5", "DEPLOYER_HORIZON": "2"}
    process = pair.first.start("apply", "-e", "s", "--yes", **pair.environ, **terms)
    until(lambda: wrote(kibana) >= 5, "the first writes")
    process.kill()
    process.communicate()
    ledger = moved_away(pair)

    locked = pair.second.run_process("apply", "-e", "s", "--yes", "--recover", **pair.environ, **terms)
    before = wrote(kibana)
    # Kibana's clock is a `Date` header, whole seconds: the lease ends there up to a second later than here.
    until(lambda: moment(ledger.lock()[0].expires_at) + timedelta(seconds=1) < datetime.now(UTC), "the lease's end")
    taken = pair.second.run_process("apply", "-e", "s", "--yes", "--recover", **pair.environ, **terms)

    assert locked.code == 4, locked.err
    assert f"process {process.pid} on elsewhere" in locked.err
    assert before <= 5 + 8  # nothing since the kill but what was in hand
    assert taken.code == 0, taken.err
    assert {int(body["rule_id"][-12:]) for body in live(kibana)} == set(range(RULES + 1, 2 * RULES + 1))


def test_a_holder_that_is_provably_dead_needs_no_expiry(pair: Pair, kibana: Sandbox) -> None:
    """On one machine its process is seen to be gone: plan says so at once, apply refuses, and the line mends it."""
    process = pair.first.start("apply", "-e", "s", "--yes", **pair.environ)
    until(lambda: wrote(kibana) >= 5, "the first writes")
    process.kill()
    process.communicate()

    plan = pair.second.run_process("plan", "-e", "s", **pair.environ)
    refused = pair.second.run_process("apply", "-e", "s", "--yes", **pair.environ)
    mended = pair.second.run_process(*hint(refused).split()[1:], **pair.environ, DEPLOYER_HORIZON="1")

    assert plan.code == 0, plan.err
    assert "writes are known to have been answered" in plan.out
    assert plan.out.strip().endswith("Next: deployer recover -e s")
    assert (refused.code, hint(refused)) == (4, "deployer recover -e s")
    assert mended.code == 0, mended.err
    assert live(kibana) == []


def test_a_second_clone_sees_the_records_of_the_first(tmp_path: Path, kibana: Sandbox) -> None:
    """What one clone deployed is the baseline of the other: nothing to do, and it says since when."""
    git(tmp_path, "init", "-q", "--bare", str(tmp_path / "remote.git"))
    first = _project(tmp_path, "first", kibana, CHECKOUT)
    first.rules(3)
    (first.root / ".gitignore").write_text(".deployer\n")
    git(first.root, "add", "-A")
    git(first.root, "commit", "-q", "-m", "rules")
    git(first.root, "push", "-q", "origin", "HEAD:main")
    assert first.run_process("apply", "-e", "s", "--yes", **SECRET).code == 0

    git(tmp_path, "clone", "-q", "--branch", "main", str(tmp_path / "remote.git"), "second")
    ran = ProjectFolder(tmp_path / "second").run_process("plan", "-e", "s", "--detailed-exitcode", **SECRET)

    assert ran.code == 0, ran.err
    assert "deployment #1" in ran.out
