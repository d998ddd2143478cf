"""Real rules of two dates deployed and rolled back: the space is what it was, rule by rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomli

from deployer.core.normalise import canonical
from tests.support.project import ProjectFolder, new_project
from tests.support.sandbox import Sandbox, running
from tests.support.shared import corpus, needs_shared

OLD, NEW = "2026-05", "2026-08"
OPEN = "\n[limits]\ndisable = 5000\nrecreate = 500\n"


def by_id(name: str) -> dict[str, tuple[str, str]]:
    """Path and text of every live rule of one date, by rule id."""
    found: dict[str, tuple[str, str]] = {}
    for path, text in corpus(name):
        data = tomli.loads(text)
        if data["metadata"].get("maturity") != "deprecated":
            found[data["rule"]["rule_id"]] = (path, text)
    return found


def some(count: int | None) -> set[str]:
    """Ids of rules that changed between the dates, new and removed ones included, filled up with others."""
    old, new = by_id(OLD), by_id(NEW)
    changed = sorted(rule_id for rule_id in old.keys() | new.keys() if old.get(rule_id) != new.get(rule_id))
    if count is None:
        return {*old, *new}
    gone = sorted(old.keys() - new.keys())
    fresh = sorted(new.keys() - old.keys())
    chosen = [*gone[:20], *fresh[:20], *changed[: count - 80], *sorted(old.keys() & new.keys())]
    return set(list(dict.fromkeys(chosen))[:count])


def lay_out(project: ProjectFolder, name: str, ids: set[str]) -> None:
    """Make the rules of one date the only files."""
    for path in (project.root / "rules").rglob("*.toml"):
        path.unlink()
    for rule_id, (path, text) in by_id(name).items():
        if rule_id in ids:
            project.write(f"rules/{path}", text)


def state(kibana: Sandbox) -> dict[str, Any]:
    """Every rule of the space in canonical form, with whether it runs."""
    rules = kibana.request("GET", "/api/detection_engine/rules/_find?per_page=10000").json["data"]
    return {rule["rule_id"]: {**canonical(rule), "enabled": rule["enabled"]} for rule in rules}


@needs_shared
@pytest.mark.parametrize("count", [200, pytest.param(None, marks=pytest.mark.torture)], ids=["200", "all"])
def test_rolled_back_to_the_first_deployment_the_space_is_what_it_was(tmp_path: Path, count: int | None) -> None:
    """Creates, updates, recreates and removals of three months go back; nothing is left to do, and git undoes none."""
    ids = some(count)
    with running(tmp_path / "kibana.sqlite3") as kibana:
        access = f'[kibana]\nurl = "{kibana.url}"\nusername = "elastic"\npassword = "env:PASSWORD"\n{OPEN}'
        project = new_project(tmp_path / "project", environment=access)
        secrets = {"PASSWORD": "changeme", "DEPLOYER_HOSTS": "127.0.0.1"}
        lay_out(project, OLD, ids)
        first = project.run("apply", "-e", "s", "--yes", **secrets)
        assert first.code == 0, first.err
        before = state(kibana)
        lay_out(project, NEW, ids)
        second = project.run("apply", "-e", "s", "--yes", **secrets)
        assert second.code == 0, second.err
        assert state(kibana) != before

        back = project.run("rollback", "-e", "s", "--to", "1", "--yes", "--json", **secrets)
        assert back.code == 0, back.err
        after = state(kibana)
        again = project.run("rollback", "-e", "s", "--to", "1", "--yes", "--json", **secrets)
        planned = project.run("plan", "-e", "s", "--detailed-exitcode", "--json", **secrets)

    assert {rule_id: after[rule_id] for rule_id in before} == before
    assert not any(rule["enabled"] for rule_id, rule in after.items() if rule_id not in before)
    assert again.document["targets"][0]["counts"] == {}
    assert (planned.code, planned.document["plans"][0]["changes"]) == (0, [])
    assert back.document["targets"][0]["counts"].keys() >= {"update", "enable", "disable"}
