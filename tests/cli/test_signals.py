"""SIGTERM and SIGINT during an apply: what CI systems send about ten seconds before they kill (issue 5, point 7)."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.deploying import SECRET, against, hint, live, until, wrote
from tests.support.project import ProjectFolder, Ran
from tests.support.sandbox import Sandbox, running

CONNECTIONS = 8  # requests in hand at most, by default
KILLED_AFTER = 10  # seconds; by then a CI system has killed the process


@pytest.fixture
def kibana(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox in a process of its own, slow enough to be interrupted."""
    with running(tmp_path / "kibana.sqlite3", latency_ms=40) as server:
        yield server


def lock(project: ProjectFolder) -> dict[str, Any]:
    """The lock record of the target, as it lies in the store."""
    path = project.root / ".deployer" / "targets" / "s" / "default" / "lock.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else {"state": "free"}


def journal(project: ProjectFolder) -> list[dict[str, Any]]:
    """The objects of the journal of the interrupted apply."""
    folder = project.root / ".deployer" / "targets" / "s" / "default" / "journal"
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*/0*.json"))]


def ended(process: subprocess.Popen[str]) -> Ran:
    """Wait for the end of an interrupted run, no longer than a CI system does."""
    try:
        out, err = process.communicate(timeout=KILLED_AFTER)
    finally:
        process.kill()
    return Ran(process.returncode, out, err)


def recovered(project: ProjectFolder, ran: Ran, **environ: str) -> Ran:
    """Type the command that the run printed."""
    words = hint(ran).split()
    assert words[0] == "deployer"
    return project.run_process(*words[1:], **SECRET, **environ)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_from_the_first_signal_no_new_write_starts(tmp_path: Path, kibana: Sandbox, number: signal.Signals) -> None:
    """Exit 130, the lock in needs_recovery, no write beyond those in hand, and the printed line undoes it all."""
    project = against(tmp_path / "p", kibana.url)
    project.rules(120)
    process = project.start("apply", "-e", "s", "--yes", **SECRET)
    until(lambda: wrote(kibana) >= 10, "the first writes")

    process.send_signal(number)
    before = wrote(kibana)
    ran = ended(process)

    assert ran.code == 130, ran.err
    assert 0 < wrote(kibana) <= before + CONNECTIONS
    assert lock(project)["state"] == "needs_recovery"
    assert hint(ran) == "deployer recover -e s"
    assert recovered(project, ran).code == 0
    assert live(kibana) == []
    assert lock(project)["state"] == "free"


def test_before_the_first_write_a_signal_frees_the_lock(tmp_path: Path, kibana: Sandbox) -> None:
    """Nothing was sent: exit 130, no write, the lock is free and nothing is to be recovered."""
    project = against(tmp_path / "p", kibana.url)
    project.rules(3)
    assert project.run_process("plan", "-e", "s", "-o", "plan.json", **SECRET).code == 0
    kibana.fault("delay:path=*rules/_find,seconds=2")
    process = project.start("apply", "plan.json", **SECRET)
    until(lambda: lock(project)["state"] == "held", "the lock")

    process.send_signal(signal.SIGTERM)
    ran = ended(process)

    assert ran.code == 130, ran.err
    assert "nothing was sent" in ran.err
    assert (lock(project)["state"], wrote(kibana)) == ("free", 0)


def test_a_request_that_hangs_gets_five_seconds_and_is_journaled_as_unknown(tmp_path: Path, kibana: Sandbox) -> None:
    """What is open after the grace is cut; `recover` then waits until it can have landed, and undoes it."""
    project = against(tmp_path / "p", kibana.url)
    project.rules(1)
    kibana.fault("delay:method=POST,seconds=8,times=1")
    process = project.start("apply", "-e", "s", "--yes", **SECRET)
    until(lambda: kibana.admin("GET", "faults")[0]["done"] == 1, "the request")

    process.send_signal(signal.SIGTERM)
    ran = ended(process)

    assert ran.code == 130, ran.err
    outcomes = [outcome for entry in journal(project) for outcome in entry.get("outcomes", ())]
    assert [outcome["status"] for outcome in outcomes] == ["unknown"]
    assert journal(project)[-1]["state"] == "interrupted"
    assert lock(project)["state"] == "needs_recovery"
    # It lands three seconds after it was cut: within the horizon, or no recovery could promise anything.
    assert recovered(project, ran, DEPLOYER_HORIZON="5").code == 0
    assert live(kibana) == []


def test_a_second_signal_cuts_the_wait_and_not_the_journal(tmp_path: Path, kibana: Sandbox) -> None:
    """Two signals: the open request is given up at once, and is in the journal all the same."""
    project = against(tmp_path / "p", kibana.url)
    project.rules(1)
    kibana.fault("delay:method=POST,seconds=60,times=1")
    process = project.start("apply", "-e", "s", "--yes", **SECRET)
    until(lambda: kibana.admin("GET", "faults")[0]["done"] == 1, "the request")

    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=3.5)  # less than what is left of the grace
    ran = ended(process)

    assert ran.code == 130, ran.err
    assert [o["status"] for entry in journal(project) for o in entry.get("outcomes", ())] == ["unknown"]
    assert lock(project)["state"] == "needs_recovery"
    kibana.kill()  # it still sleeps on the request


def test_a_signal_ends_the_wait_for_the_horizon(tmp_path: Path, kibana: Sandbox) -> None:
    """An apply that waits for a request without an answer stops waiting; what it did is left for `recover`."""
    project = against(tmp_path / "p", kibana.url)
    project.rules(1)
    kibana.fault("drop-before:method=POST,times=1")
    process = project.start("apply", "-e", "s", "--yes", **SECRET, DEPLOYER_HORIZON="60")
    until(lambda: kibana.admin("GET", "faults")[0]["done"] == 1, "the request")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1.5)  # the answer was lost, and the horizon is a minute

    process.send_signal(signal.SIGTERM)
    ran = ended(process)

    assert ran.code == 130, ran.err
    assert recovered(project, ran, DEPLOYER_HORIZON="1").code == 0
    assert (live(kibana), lock(project)["state"]) == ([], "free")


def test_a_signal_stops_a_run_of_several_targets_at_the_one_it_is_in(tmp_path: Path, kibana: Sandbox) -> None:
    """The target in hand is left for `recover`, the next one is not begun, and the run ends with 130."""
    for space in ("one", "two"):
        assert kibana.request("POST", "/api/spaces/space", {"id": space, "name": space}).status == 200
    project = against(tmp_path / "p", kibana.url, more='spaces = ["one", "two"]\n')
    project.rules(120)
    process = project.start("apply", "-e", "s/*", "--yes", **SECRET)
    until(lambda: wrote(kibana) >= 10, "the first writes")

    process.send_signal(signal.SIGTERM)
    ran = ended(process)

    assert ran.code == 130, ran.err
    assert "not begun: interrupted" in ran.err + ran.out
    assert live(kibana, "one") != []
    assert live(kibana, "two") == []
    assert not (project.root / ".deployer/targets/s/two/lock.json").exists()
    assert project.run_process("recover", "-e", "s/one", **SECRET).code == 0
    assert live(kibana, "one") == []


def test_a_recovery_that_is_interrupted_is_recovered_again(tmp_path: Path, kibana: Sandbox) -> None:
    """A signal stops `recover` like an apply: 130, the lock stays, and the next `recover` goes on from there."""
    project = against(tmp_path / "p", kibana.url)
    project.rules(120)
    process = project.start("apply", "-e", "s", "--yes", **SECRET)
    until(lambda: wrote(kibana) >= 60, "half of the writes")
    process.kill()
    process.communicate()
    process = project.start("recover", "-e", "s", **SECRET, DEPLOYER_HORIZON="1")
    until(lambda: any(entry.get("state") == "rolling_back" for entry in journal(project)), "the undo")
    before, there = wrote(kibana), len(live(kibana))  # what was in hand when the apply was killed has landed
    until(lambda: wrote(kibana) >= before + 5, "the first deletes")

    process.send_signal(signal.SIGTERM)
    ran = ended(process)

    assert ran.code == 130, ran.err
    assert lock(project)["state"] == "needs_recovery"
    assert 0 < len(live(kibana)) < there
    assert recovered(project, ran, DEPLOYER_HORIZON="1").code == 0
    assert (live(kibana), lock(project)["state"]) == ([], "free")
