"""The data file: restarts, kills, several processes, upgrades, and the offline tasks."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deployer import sandbox as stand_in
from deployer.sandbox.errors import SandboxError
from tests.support.sandbox import ROOT, RULES, Sandbox, query_rule
from tests.support.uploads import ndjson

Start = Callable[..., Sandbox]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Where the data file of a test is."""
    return tmp_path / "state" / "kibana.sqlite3"


@pytest.mark.quick
def test_a_restart_keeps_everything(start: Start, data: Path) -> None:
    """Rules, spaces and the API key are there again; the server ends with its owner's stdin."""
    first = start(data)
    first.request("POST", "/api/spaces/space", {"id": "soc", "name": "SOC"})
    rule = first.create(query_rule(), space="soc")
    first.stop()
    assert first.process.returncode == 0
    second = start(data)
    assert second.api_key == first.api_key
    assert second.rule("r-1", space="soc") == rule


def test_a_kill_loses_nothing_that_was_answered(start: Start, data: Path) -> None:
    """SIGKILL in the midst of writing: every rule whose answer arrived is there, whole, and the file is sound."""
    _kill_and_compare(start, data)


@pytest.mark.torture
def test_many_kills_lose_nothing_that_was_answered(start: Start, data: Path) -> None:
    """The same, thirty times."""
    for turn in range(30):
        _kill_and_compare(start, data.with_name(f"{turn}.sqlite3"))


def _kill_and_compare(start: Start, data: Path) -> None:
    sandbox = start(data)
    answered: list[str] = []

    def write(worker: int) -> None:
        with contextlib.suppress(ConnectionError, http.client.HTTPException):
            for number in range(100_000):
                rule_id = f"r-{worker}-{number}"
                if sandbox.request("POST", RULES, query_rule(rule_id)).status == 200:
                    answered.append(rule_id)

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    while len(answered) < 200:
        time.sleep(0.01)
    sandbox.kill()
    for thread in threads:
        thread.join()
    again = start(data)
    lines = again.request("POST", f"{RULES}/_export").lines
    assert set(answered) <= {line.get("rule_id") for line in lines}
    assert lines[-1]["exported_rules_count"] == len(lines) - 1
    again.stop()


def test_two_processes_share_one_file(start: Start, data: Path) -> None:
    """Both see each other's writes at once, and concurrent creates of both are all there, each once."""
    pair = [start(data), start(data)]
    pair[0].create(query_rule("shared"))
    assert pair[1].rule("shared") == pair[0].rule("shared")

    def write(worker: int) -> None:
        for number in range(40):
            pair[worker % 2].request("POST", RULES, query_rule(f"r-{number}"))

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.request("GET", f"{RULES}/_find?per_page=0").json["total"] for one in pair] == [41, 41]


def test_an_upgrade_reads_differently_with_the_same_revision(start: Start, data: Path) -> None:
    """9.3 shows two more keys in the source of a prebuilt rule; older versions cannot open the file any more."""
    old = start(data, stack_version="8.19")
    rule_id = old.admin("POST", "prebuilt", {"count": 1})["rule_ids"][0]
    before, custom = old.rule(rule_id), old.create(query_rule())
    assert before["rule_source"] == {"type": "external", "is_customized": False}
    old.stop()
    new = start(data, stack_version="9.3")
    after = new.rule(rule_id)
    assert after["rule_source"] == {
        "type": "external",
        "is_customized": False,
        "customized_fields": [],
        "has_base_version": True,
    }
    assert {**after, "rule_source": before["rule_source"]} == before
    assert new.rule("r-1") == custom
    new.stop()
    with pytest.raises(AssertionError, match=r"written by Kibana 9\.3\.1 and cannot be opened by 9\.0"):
        start(data, stack_version="9.0")


def test_a_representation_stands_for_an_upgrade(start: Start, data: Path) -> None:
    """A test can make every rule show a field that it lacks, with the same revision and time."""
    sandbox = start(data)
    rule = sandbox.create(query_rule())
    sandbox.admin("POST", "representation", {"namespace": "new", "name": "ignored"})
    assert sandbox.rule("r-1") == rule | {"namespace": "new"}
    sandbox.admin("POST", "representation", {})
    assert sandbox.rule("r-1") == rule


def test_what_cannot_be_started_says_why(start: Start, data: Path) -> None:
    """A foreign file, an unknown version and a taken port end in a sentence."""
    data.parent.mkdir()
    data.write_text("no database " * 100)
    with pytest.raises(AssertionError, match="is not a data file of the sandbox"):
        start(data)
    with pytest.raises(AssertionError, match=r"'7\.17' is not one that the sandbox speaks"):
        start(data.with_name("other"), stack_version="7.17")
    running = start(data.with_name("third"))
    with pytest.raises(AssertionError, match=f"Cannot listen on 127.0.0.1:{running.port}"):
        start(data.with_name("fourth"), port=running.port)


def test_a_server_on_the_network_says_so(data: Path) -> None:
    """The third line of a server that is not on loopback alone is a warning."""
    command = [sys.executable, "-m", "deployer.sandbox", "serve", "--data", str(data), "--port", "0"]
    command += ["--host", "0.0.0.0", "--exit-with-stdin"]
    ended = subprocess.run(command, input="", capture_output=True, text=True, cwd=ROOT, timeout=30, check=True)
    assert ended.stdout.splitlines()[2].startswith("warning: 0.0.0.0 is reachable from other machines")


def test_a_reset_empties_a_file_that_is_served(start: Start, data: Path) -> None:
    """Rules and spaces go, the API key stays, and a running server goes on."""
    sandbox = start(data)
    sandbox.create(query_rule())
    sandbox.request("POST", "/api/spaces/space", {"id": "soc", "name": "SOC"})
    stand_in.reset(str(data))
    assert sandbox.request("GET", f"{RULES}/_find").json["total"] == 0
    assert [space["id"] for space in sandbox.request("GET", "/api/spaces/space").json] == ["default"]
    sandbox.create(query_rule())
    stand_in.reset(str(data.with_name("missing")))
    assert not data.with_name("missing").exists()


def test_a_seed_loads_exports(start: Start, data: Path, tmp_path: Path) -> None:
    """Custom and prebuilt rules, lists and connectors of a folder; a second seed changes nothing in number."""
    folder = tmp_path / "seed"
    folder.mkdir()
    prebuilt = query_rule("p-1", immutable=True, version=3, author=["Elastic"], license="Elastic License v2")
    list_ = {"list_id": "l", "name": "L", "description": "d", "type": "detection", "namespace_type": "single"}
    (folder / "a.ndjson").write_bytes(ndjson([query_rule("c-1", enabled=True), prebuilt, list_, {"exported_count": 3}]))
    assert stand_in.seed(str(data), str(folder)) == 3
    assert stand_in.seed(str(data), str(folder / "a.ndjson"), space="soc") == 3
    sandbox = start(data)
    for space in ("", "soc"):
        found = sandbox.rule("p-1", space=space)
        assert (found["immutable"], found["rule_source"]["type"], found["version"]) == (True, "external", 3)
        assert sandbox.rule("c-1", space=space)["enabled"] is True
    assert sandbox.request("GET", "/api/exception_lists?list_id=l").status == 200


def test_a_seed_names_what_it_cannot_read(data: Path, tmp_path: Path) -> None:
    """A missing folder and a line that is no rule."""
    with pytest.raises(SandboxError, match=r"is neither an \.ndjson file nor a folder that holds one"):
        stand_in.seed(str(data), str(tmp_path / "nothing"))
    (tmp_path / "bad.ndjson").write_text('{"type":"query"}\n')
    with pytest.raises(SandboxError, match=r"bad\.ndjson: .*rule_id: Required"):
        stand_in.seed(str(data), str(tmp_path / "bad.ndjson"))


def test_an_edit_is_an_analysts(start: Start, data: Path) -> None:
    """Fields change as in Kibana: revision, time and user move; lists can be added to; a switch is no revision."""
    sandbox = start(data)
    rule = sandbox.create(query_rule(tags=["a"], note="old", enabled=False))
    assignments = ["severity=high", "risk_score=73", "tags+=tuned", "tags-=a", "note=", "enabled=true"]
    edited = stand_in.edit(str(data), "default", "Rule r-1", assignments, "soc-night")
    stored = sandbox.rule("r-1")
    assert stored == edited
    assert (stored["severity"], stored["risk_score"], stored["tags"]) == ("high", 73, ["tuned"])
    assert (stored["enabled"], stored["revision"], stored["updated_by"]) == (True, 1, "soc-night")
    assert "note" not in stored
    assert stored["updated_at"] > rule["updated_at"]
    flipped = stand_in.edit(str(data), "default", "r-1", ["enabled=false"], "soc-day")
    assert (flipped["enabled"], flipped["revision"]) == (False, 1)


@pytest.mark.parametrize(
    ("assignment", "user", "message"),
    [
        ("severity=odd", "soc-day", "severity: Invalid enum value"),
        ("nonsense=1", "soc-day", "A rule has no field 'nonsense'"),
        ("severity", "soc-day", "is no assignment"),
        ("name+=x", "soc-day", "Only a list can be added to"),
        ("severity=low", "nobody", "There is no user 'nobody'"),
    ],
)
def test_edits_that_cannot_be(data: Path, assignment: str, user: str, message: str) -> None:
    """Each says what does not fit."""
    (data.parent).mkdir()
    (data.parent / "a.ndjson").write_bytes(ndjson([query_rule()]))
    stand_in.seed(str(data), str(data.parent))
    with pytest.raises(SandboxError, match=message):
        stand_in.edit(str(data), "default", "r-1", [assignment], user)


def test_the_command_line_of_offline_tasks(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`seed`, `edit` and `reset` as commands, with sentences and exit codes."""
    data.parent.mkdir()
    (data.parent / "a.ndjson").write_bytes(ndjson([query_rule()]))
    assert stand_in.main(["seed", "--data", str(data), str(data.parent)]) == 0
    assert stand_in.main(["edit", "--data", str(data), "r-1", "note=hi", "--as", "soc-night"]) == 0
    assert "r-1: revision 1, updated by soc-night" in capsys.readouterr().out
    assert stand_in.main(["edit", "--data", str(data), "gone", "note=hi"]) == 1
    assert "error: Space default has no rule" in capsys.readouterr().err
    assert stand_in.main(["reset", "--data", str(data)]) == 0


def test_starting_imports_nothing_of_deployer() -> None:
    """The server process loads the sandbox and the standard library only, and none of its heavy parts."""
    code = "import sys, json, deployer.sandbox.serving; print(json.dumps(sorted(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    modules = json.loads(found.stdout)
    ours = [name for name in modules if name.startswith("deployer.") and not name.startswith("deployer.sandbox")]
    assert ours == []
    heavy = {"requests", "typer", "pydantic", "email", "uuid", "logging", "asyncio", "ssl", "tomllib", "http.client"}
    assert heavy & set(modules) == set()
