"""Deployers at once, and deployers killed: one winner per swap, and a store that stays readable."""

import hashlib
import json
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deployer.adapters.state.opening import open_store
from tests.adapters.state import racer

_SCRIPT = Path(__file__).with_name("racer.py")


def start(backend, what: str, who: str, last: int = 0) -> "subprocess.Popen[str]":
    """Start another deployer on the same store."""
    arguments = [what, backend.place, str(backend.root), json.dumps(backend.environ), who, str(last)]
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, str(_SCRIPT), *arguments], stdin=pipe, stdout=pipe, text=True)


def race_threads(backend, last: int) -> list[int]:
    """Let 16 threads count to `last`, half of them on one common handle; return every number that was won."""
    common = backend.open()
    handles = [common] * 8 + [backend.open() for _ in range(8)]
    gate = threading.Barrier(16)

    def one(number: int) -> list[int]:
        gate.wait()
        return racer.race(handles[number], str(number), last)

    with ThreadPoolExecutor(16) as pool:
        return [number for won in pool.map(one, range(16)) for number in won]


def race_processes(backend, last: int) -> list[int]:
    """Let 4 processes count to `last`; return every number that was won."""
    processes = [start(backend, "race", str(number), last) for number in range(4)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    won = []
    for process in processes:
        won += json.loads(process.communicate(timeout=300)[0])
        assert process.returncode == 0
    return won


@pytest.mark.parametrize(("kind", "last"), [("file", 200), ("git", 15), ("s3", 30)])
def test_threads_racing_for_one_object_have_one_winner_each_time(make_backend, kind: str, last: int) -> None:
    """16 threads swap one object: every number is written exactly once, none is skipped, none twice."""
    assert sorted(race_threads(make_backend(kind), last)) == list(range(1, last + 1))


@pytest.mark.parametrize(("kind", "last"), [("file", 300), ("git", 20), ("s3", 40)])
def test_processes_racing_for_one_object_have_one_winner_each_time(make_backend, kind: str, last: int) -> None:
    """4 processes, which share nothing but the store, do the same."""
    assert sorted(race_processes(make_backend(kind), last)) == list(range(1, last + 1))


@pytest.mark.parametrize("kind", ["file", "git", "s3"])
def test_writers_who_say_the_same_have_one_winner(make_backend, kind: str) -> None:
    """Equal bytes written at the same moment are still two writes, and only one of them was first."""
    backend = make_backend(kind)
    handles = [backend.open() for _ in range(4)]
    gate = threading.Barrier(4)

    def one(store) -> str | None:
        gate.wait()
        return store.replace("lock.json", b"same", None)

    with ThreadPoolExecutor(4) as pool:
        assert sum(version is not None for version in pool.map(one, handles)) == 1


@pytest.mark.parametrize("kind", ["file", "git", "s3"])
def test_writers_of_different_objects_all_succeed(make_backend, kind: str) -> None:
    """Several targets are deployed at once into one store: nobody loses to a write of another object."""
    backend = make_backend(kind)
    gate = threading.Barrier(6)

    def one(number: int) -> None:
        store = backend.open()
        gate.wait()
        version = store.replace(f"targets/{number}/lock.json", b"1", None)
        store.create({f"targets/{number}/event": b"{}"})
        assert store.replace(f"targets/{number}/lock.json", b"2", version) is not None

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(one, range(6)))
    assert len(backend.open().names("targets/")) == 12


def kill_writers(backend, times: int, seed: int) -> None:
    """Kill a writer in the middle, again and again; after each, everything readable is whole and a write works."""
    chance = random.Random(seed)
    for number in range(times):
        process = start(backend, "write", f"w{number}")
        assert process.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.15))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        _check_whole(backend, number)


def _check_whole(backend, number: int) -> None:
    store = open_store(backend.place, root=backend.root, environ=backend.environ, project="race")
    written = store.read_many(store.names("written/"))
    assert written
    for name, content in written.items():
        assert name == f"written/{hashlib.sha256(content).hexdigest()}"
    for content in store.read_many(store.names("swapped/")).values():
        assert content[:64].decode() == hashlib.sha256(content[64:]).hexdigest()
    assert store.replace(f"after/{number}", b"1", None) is not None
    store.remove(written)


@pytest.mark.parametrize(("kind", "times"), [("file", 8), ("git", 4), ("s3", 3)])
def test_a_killed_writer_leaves_a_store_that_can_be_read(make_backend, kind: str, times: int) -> None:
    """kill -9 at a random instant of a write: no half object, no lock left behind."""
    kill_writers(make_backend(kind), times, seed=7)


def test_leftovers_of_a_killed_writer_are_swept(make_backend) -> None:
    """What a killed process had written aside is gone after the next write."""
    backend = make_backend("file")
    store = backend.open()
    store.create({"a": b"1"})
    folder = Path(backend.place.removeprefix("file:"))
    (folder / ".writing" / "0").write_bytes(b"half an obj")
    assert store.names("") == ("a",)
    store.create({"b": b"2"})
    assert list((folder / ".writing").iterdir()) == []
    assert store.names("") == ("a", "b")


@pytest.mark.torture
@pytest.mark.parametrize(("kind", "last"), [("file", 5000), ("git", 60), ("s3", 300)])
def test_long_races_have_one_winner_each_time(make_backend, kind: str, last: int) -> None:
    """The same as above, for longer, with threads and with processes."""
    assert sorted(race_threads(make_backend(kind), last)) == list(range(1, last + 1))


@pytest.mark.torture
@pytest.mark.parametrize(("kind", "times"), [("file", 100), ("git", 40), ("s3", 30)])
def test_many_killed_writers_leave_a_store_that_can_be_read(make_backend, kind: str, times: int) -> None:
    """The same as above, more often."""
    kill_writers(make_backend(kind), times, seed=11)
