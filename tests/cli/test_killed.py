"""kill -9 at random instants of an apply: `recover` reaches all-old, or all-new with `--resume` (issue 5)."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.deploying import SECRET, against, live, until, wrote
from tests.support.project import ProjectFolder
from tests.support.sandbox import Sandbox, running

HELD, UPDATED, TOTAL = 120, 100, 300  # 100 updated, 20 disabled, 180 created
OURS = ("id", "revision", "created_at", "updated_at", "created_by", "updated_by", "execution_summary", "meta")

State = dict[str, dict[str, Any]]


@pytest.fixture
def kibana(tmp_path: Path) -> Iterator[Sandbox]:
    """One server; each kill has a space of its own."""
    with running(tmp_path / "kibana.sqlite3") as server:
        yield server


def state(kibana: Sandbox, space: str) -> State:
    """What the API shows of a space, without what the server says of each write."""
    return {
        body["rule_id"]: {name: value for name, value in body.items() if name not in OURS}
        for body in live(kibana, space)
    }


def lock(project: ProjectFolder, space: str) -> dict[str, Any]:
    """The lock record; an empty one while there is none."""
    path = project.root / ".deployer" / "targets" / "s" / space / "lock.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else {"state": "free", "head": None}


def deployed(root: Path, kibana: Sandbox, space: str) -> ProjectFolder:
    """A project with 120 rules that are live, whose files now ask for 300 changes: update, create, disable."""
    assert kibana.request("POST", "/api/spaces/space", {"id": space, "name": space}).status == 200
    project = against(root / space, kibana.url, space=space, more="[limits]\ndisable = 100\n")
    project.rules(HELD)
    assert project.run_process("apply", "-e", "s", "--yes", **SECRET).code == 0
    for number in range(UPDATED + 1, HELD + 1):
        (project.root / f"rules/rule_{number}.toml").unlink()
    for number in [*range(1, UPDATED + 1), *range(HELD + 1, TOTAL + 1)]:
        project.rule(number, query="event.action : changed")
    return project


def kills(root: Path, kibana: Sandbox, times: int, seed: int) -> list[str]:
    """Kill so many applies, recover each, and return what each kill hit: the state of the lock that it left."""
    source = random.Random(seed)
    whole, before = deployed(root, kibana, "whole"), wrote(kibana)
    assert whole.run_process("apply", "-e", "s", "--yes", **SECRET).code == 0
    writes, new = wrote(kibana) - before, state(kibana, "whole")
    assert len(new) == TOTAL
    hit = []
    for number in range(times):
        space = f"killed-{number}"
        project = deployed(root, kibana, space)
        old = state(kibana, space)
        after = writes if number % 5 == 4 else source.randrange(writes)  # some while it verifies and commits
        _kill(project, kibana, after=after, pause=source.uniform(0, 0.2))
        hit.append(f"{lock(project, space)['state']}, {'changed' if state(kibana, space) != old else 'as before'}")
        _recover(project, kibana, space, resume=number % 2 == 1, ends=(old, new))
    return hit


def _kill(project: ProjectFolder, kibana: Sandbox, *, after: int, pause: float) -> None:
    """Start the apply, and kill it that many seconds after that many writes; it may have come to its end by then."""
    before = wrote(kibana)
    process = project.start("apply", "-e", "s", "--yes", **SECRET)
    until(lambda: wrote(kibana) - before >= after or process.poll() is not None, "the writes", seconds=60)
    time.sleep(pause)
    process.kill()
    process.communicate()


def _recover(project: ProjectFolder, kibana: Sandbox, space: str, *, resume: bool, ends: tuple[State, State]) -> None:
    """Recover, and find all as before or all as planned, as was asked for unless the apply had ended before."""
    old, new = ends
    committed, touched = lock(project, space)["head"] != 1, state(kibana, space) != old
    words = ["recover", "-e", "s", *(["--resume"] if resume else [])]
    ran = project.run_process(*words, **SECRET, DEPLOYER_HORIZON="1")
    assert ran.code == 0, ran.err
    found = state(kibana, space)
    assert found in (old, new), f"mixed after {' '.join(words)}: {ran.out}{ran.err}"
    if committed or (resume and touched):
        assert found == new
    elif not resume:
        assert found == old
    assert lock(project, space)["state"] == "free"
    assert (lock(project, space)["head"] != 1) == (found == new)


def test_an_apply_killed_at_any_instant_is_recovered(tmp_path: Path, kibana: Sandbox) -> None:
    """Three kills on each run of the tests."""
    hit = kills(tmp_path, kibana, 3, seed=3)

    print(f"killed: {hit}")
    assert any("changed" in what for what in hit)


@pytest.mark.torture
def test_fifty_applies_killed_at_any_instant_are_recovered(tmp_path: Path, kibana: Sandbox) -> None:
    """Fifty kills: while it reads, writes, verifies, commits, and after it."""
    hit = kills(tmp_path, kibana, 50, seed=50)

    print(f"killed: {sorted(hit)}")
    assert len(hit) == 50
    assert sum(what == "held, changed" for what in hit) >= 25
