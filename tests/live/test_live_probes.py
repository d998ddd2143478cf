"""
The probes, each recorded as a JSON file: of a real Kibana with `make live`, of the sandbox with every test run.

Files are written to `KIBANA_PROBES` (a folder; `probes` where it is not set), one folder per Kibana version.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.probes import PROBES
from tests.support.conformance import differences
from tests.support.live import LiveKibana, opened, own_space
from tests.support.sandbox import ROOT, Sandbox, running

STILL = {"status": 200, "updated_at_moves": False}
NO_REVISION = {"revision": [0, 0], "updated_at_moves": True}

IN_THE_SANDBOX: dict[str, Any] = {
    "stale-list-version": {"status": 409, "name": "Other"},
    "same-put-twice": {"plain_disabled": STILL, "with_action_enabled": STILL},
    "small-puts": {"note": {"revision": [0, 1]}, "name": {"revision": [3, 4], "updated_at_moves": True}},
    "creates-at-once": {"rounds": 10, "outcomes": {"<length>": 10}},
    "cut-put": {"landed_after_seconds": {"<length>": 5}},
    "delete-body": {"revision": [1, 1], "differing": []},
    "ways-to-enable": {"bulk": NO_REVISION | {"enabled": [False, True]}, "put": NO_REVISION},
    "redundant-enabled": {"sent": {"answer_is_the_last_write": True, "revision": 1}},
    "error-texts": {"no name": {"status": 400, "body": {"message": "[request body]: name: Required"}}},
    "refusals": {"401 key": {"status": 401}, "413": {"status": 413}, "xsrf and 401": {"status": 401}},
    "two-sources": {"status": 200, "stored": {"index": ["logs-*"], "data_view_id": "d-1"}},
    "suppression": {"put": {"status": 200, "alert_suppression": {"group_by": ["host.name"]}}},
    "broken-filters": {'"': {"find": {"status": 400}}},
    "every-edit": {
        "patch name": {"revision": [0, 1], "updated_at_moves": True},
        "bulk tags again": {"updated_at_moves": False},
        "bulk enable": {"enabled": [False, True], "updated_at_moves": True},
        "put the same": {"status": 200},
    },
    "tuned-prebuilt": {
        "installed": 200,
        "exceptions": {"status": 200, "rule_source": {"is_customized": False}},
        "enabled": {"status": 200, "rule_source": {"is_customized": False}},
        "actions": {"status": 200, "rule_source": {"is_customized": False}},
        "nothing": {"status": 200, "rule_source": {"is_customized": False}},
    },
}
"""What the sandbox is known to do: the self-test of the probes. Of a real Kibana nothing is asserted."""


def record(folder: Path, name: str, kibana: LiveKibana, seen: Any) -> Path:
    """Write what a probe saw, with its question and the version of Kibana; return the file."""
    probe = PROBES[name]
    path = folder / kibana.version / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {"kibana": kibana.version, "source": probe.source, "question": probe.question, "seen": seen}
    path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for the self-test of all probes."""
    with running(tmp_path_factory.mktemp("probes") / "kibana.sqlite3") as found:
        found.admin("POST", "prebuilt", {"count": 1, "installed": False})
        yield found


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_sees_what_the_sandbox_does(name: str, sandbox: Sandbox, tmp_path: Path) -> None:
    """Every probe runs, records what it saw, and saw what the sandbox is known to do."""
    with own_space(sandbox.url, sandbox.api_key) as kibana:
        path = record(tmp_path / "probes", name, kibana, PROBES[name].ask(kibana))

    found = json.loads(path.read_text("utf-8"))
    assert found["kibana"].startswith("9.3.")
    assert differences(IN_THE_SANDBOX[name], found["seen"]) == []


@pytest.mark.live
@pytest.mark.parametrize("name", PROBES)
def test_a_probe_asks_the_real_kibana(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The finding is written to a file; whatever it is, it is a finding."""
    with opened("live", tmp_path) as kibana:
        path = record(Path(os.environ.get("KIBANA_PROBES", "probes")), name, kibana, PROBES[name].ask(kibana))
    with capsys.disabled():
        print(f"\n{PROBES[name].question} -> {path}")


def test_the_space_is_removed(sandbox: Sandbox) -> None:
    """Nothing of a run is left in Kibana: its space is there while it is used, and gone whatever happened in it."""

    def fail(kibana: LiveKibana) -> None:
        assert kibana.space in spaces(kibana)
        raise RuntimeError(kibana.space)

    with own_space(sandbox.url, sandbox.api_key) as outer:
        with pytest.raises(RuntimeError) as failed, own_space(outer.url, outer.api_key) as inner:
            fail(inner)
        assert str(failed.value) not in spaces(outer)


def spaces(kibana: LiveKibana) -> set[str]:
    """The ids of all spaces."""
    return {space["id"] for space in kibana.must("GET", "/api/spaces/space", anywhere=True)}


def test_without_an_address_the_live_tests_say_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without its two variables a live test skips, and says which they are."""
    monkeypatch.delenv("KIBANA_URL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="KIBANA_URL and KIBANA_API_KEY"), opened("live", tmp_path):
        pass


def test_every_question_of_the_brief_is_asked() -> None:
    """Sections 5.11 (a) to (h) and 15 (a) to (g) each have a probe."""
    sources = " ".join(probe.source for probe in PROBES.values())
    for document, letters in (("transactions.md 5.11", "abcdefgh"), ("facts.md 15", "abcdefg")):
        asked = "".join(part for part in sources.replace(", ", " ").split(document)[1:])
        assert all(f"({letter})" in asked for letter in letters), document


def test_the_guide_names_every_probe() -> None:
    """docs/live.md lists the probes that there are, and no others."""
    guide = (ROOT / "docs" / "live.md").read_text("utf-8")
    assert set(re.findall(r"^\| `([a-z-]+)` \|", guide, re.MULTILINE)) == set(PROBES)


def test_the_stack_for_docker_is_on_loopback_and_of_one_version() -> None:
    """compose.yaml binds to 127.0.0.1 only, and one variable sets the version of every image."""
    stack = (ROOT / "compose.yaml").read_text("utf-8")
    ports = re.findall(r"ports: \[(.+)\]", stack)
    assert len(ports) == 2
    assert all(port.startswith('"127.0.0.1:') for port in ports)
    images = re.findall(r"image: (\S+)", stack)
    assert len(images) == 3
    assert all(image.endswith(":${STACK_VERSION:-9.3.1}") for image in images)
