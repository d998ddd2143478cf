"""Lists, items and values in the data file: kills, several processes, later versions, resets (facts.md section 7)."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployer import sandbox as stand_in
from tests.support.sandbox import Sandbox

Start = Callable[..., Sandbox]
EXCEPTIONS = "/api/exception_lists"
ITEMS = f"{EXCEPTIONS}/items"
LISTS = "/api/lists"
VALUES = f"{LISTS}/items"
ENTRY = {"field": "a", "operator": "included", "type": "match", "value": "b"}


def item(item_id: str, **fields: Any) -> dict[str, Any]:
    """A minimal item of the list `l`."""
    content = {"name": item_id, "description": "d", "type": "simple", "entries": [ENTRY]}
    return {"list_id": "l", "item_id": item_id} | content | fields


def prepare(sandbox: Sandbox) -> None:
    """Make the exception list `l` and the value list `v`."""
    body = {"list_id": "l", "name": "L", "description": "d", "type": "detection"}
    assert sandbox.request("POST", EXCEPTIONS, body).status == 200
    assert sandbox.request("POST", f"{LISTS}/index").status == 200
    assert sandbox.request("POST", LISTS, {"id": "v", "name": "V", "description": "d", "type": "keyword"}).status == 200


def values(sandbox: Sandbox) -> list[str]:
    """The values of `v`."""
    return sandbox.request("POST", f"{VALUES}/_export?list_id=v").body.decode().splitlines()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Where the data file of a test is."""
    return tmp_path / "kibana.sqlite3"


def test_a_kill_loses_nothing_that_was_answered(start: Start, data: Path) -> None:
    """SIGKILL in the midst of writing items and values: what was answered is there, whole, and each once."""
    sandbox = start(data)
    prepare(sandbox)
    answered: dict[str, list[str]] = {ITEMS: [], VALUES: []}

    def write(path: str, worker: int) -> None:
        with contextlib.suppress(ConnectionError, http.client.HTTPException):
            for number in range(100_000):
                name = f"n-{worker}-{number}"
                body = item(name) if path == ITEMS else {"list_id": "v", "value": name}
                if sandbox.request("POST", path, body).status == 200:
                    answered[path].append(name)

    threads = [threading.Thread(target=write, args=(path, worker)) for worker in range(2) for path in answered]
    for thread in threads:
        thread.start()
    while min(map(len, answered.values())) < 50:
        time.sleep(0.01)
    sandbox.kill()
    for thread in threads:
        thread.join()
    again = start(data)
    found = again.request("GET", f"{ITEMS}/_find?list_id=l&per_page=10000").json
    names = [one["item_id"] for one in found["data"]]
    assert set(answered[ITEMS]) <= set(names)
    assert found["total"] == len(names) == len(set(names))
    kept = values(again)
    assert set(answered[VALUES]) <= set(kept)
    assert len(kept) == len(set(kept))


def test_two_processes_share_lists(start: Start, data: Path) -> None:
    """Both see each other's writes at once; of concurrent creates of one item_id exactly one wins."""
    pair = [start(data), start(data)]
    prepare(pair[0])
    statuses: list[int] = []

    def write(worker: int) -> None:
        for number in range(30):
            statuses.append(pair[worker % 2].request("POST", ITEMS, item(f"i-{number}")).status)

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 30 + [409] * 90
    assert [one.request("GET", f"{ITEMS}/_find?list_id=l").json["total"] for one in pair] == [30, 30]


def test_one_of_two_concurrent_updates_loses(start: Start, data: Path) -> None:
    """With the same `_version` through two processes one write is stored and the other is a conflict."""
    pair = [start(data), start(data)]
    prepare(pair[0])
    version = pair[0].request("POST", ITEMS, item("i")).json["_version"]
    statuses: list[int] = []

    def write(worker: int) -> None:
        body = item("i", name=f"w-{worker}", _version=version)
        statuses.append(pair[worker % 2].request("PUT", ITEMS, body).status)

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [409] * 7


def test_a_later_version_reads_the_same_lists(start: Start, data: Path) -> None:
    """Items and values of an 8.19 file read the same under 9.5, `_version` included, and can be written there."""
    old = start(data, stack_version="8.19")
    prepare(old)
    before = old.request("POST", ITEMS, item("i", comments=[{"comment": "c"}])).json
    value = old.request("POST", VALUES, {"list_id": "v", "value": "a"}).json
    old.stop()
    new = start(data, stack_version="9.5")
    assert new.request("GET", f"{ITEMS}?item_id=i").json == before
    assert new.request("GET", f"{VALUES}?id={value['id']}").json == value
    changed = new.request("PUT", ITEMS, item("i", _version=before["_version"]))
    assert changed.status == 200
    assert changed.json["comments"] == before["comments"]


def test_a_reset_takes_lists_and_data_streams_along(start: Start, data: Path) -> None:
    """Nothing is left for a server that goes on."""
    sandbox = start(data)
    prepare(sandbox)
    sandbox.request("POST", ITEMS, item("i"))
    stand_in.reset(str(data))
    assert sandbox.request("GET", f"{EXCEPTIONS}/_find").json["total"] == 0
    assert sandbox.request("GET", f"{ITEMS}?item_id=i").status == 404
    assert sandbox.request("GET", f"{LISTS}/index").status == 404
    prepare(sandbox)
    assert values(sandbox) == []


def test_faults_strike_lists_too(start: Start, data: Path) -> None:
    """By path and count: a write that lands although its answer is lost, and one that is refused."""
    sandbox = start(data)
    prepare(sandbox)
    sandbox.fault(f"drop-after:method=POST,path={ITEMS},times=1")
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        sandbox.request("POST", ITEMS, item("i"))
    assert sandbox.request("GET", f"{ITEMS}?item_id=i").status == 200
    sandbox.fault(f"busy:method=PUT,path={ITEMS},times=1")
    assert [sandbox.request("PUT", ITEMS, item("i")).status for _ in range(2)] == [429, 200]
    written = [(seen["method"], seen["path"]) for seen in sandbox.writes() if seen["wrote"]]
    assert written[-2:] == [("POST", ITEMS), ("PUT", ITEMS)]


def test_searches_can_be_stale(start: Start, data: Path) -> None:
    """For a second after a write, searches show what was before it; reads by id never do."""
    sandbox = start(data)
    prepare(sandbox)
    sandbox.fault("stale:seconds=30")
    made = sandbox.request("POST", ITEMS, item("i")).json
    value = sandbox.request("POST", VALUES, {"list_id": "v", "value": "a"}).json
    assert sandbox.request("GET", f"{ITEMS}?id={made['id']}").status == 200
    assert sandbox.request("GET", f"{ITEMS}?item_id=i").status == 404
    assert sandbox.request("GET", f"{ITEMS}/_find?list_id=l").json["total"] == 0
    assert sandbox.request("GET", f"{VALUES}?id={value['id']}").status == 404
    assert sandbox.request("GET", f"{VALUES}/_find?list_id=v").json["total"] == 0
    assert values(sandbox) == []
    sandbox.admin("DELETE", "faults")
    assert sandbox.request("GET", f"{ITEMS}/_find?list_id=l").json["total"] == 1
    assert values(sandbox) == ["a"]
