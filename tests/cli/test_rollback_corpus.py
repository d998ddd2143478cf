"""Real rules of two dates promoted from dev to prod and rolled back there: the space is what it was, rule by rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomli

from deployer.core.normalise import canonical
from tests.support.project import ProjectFolder, Ran, new_project
from tests.support.sandbox import Sandbox, running
from tests.support.shared import corpus, needs_shared

OLD, NEW = "2026-05", "2026-08"
DAY = 86400
TARGET = """[kibana]
url = "{url}"
space = "{name}"
username = "elastic"
password = "env:PASSWORD"
[limits]
disable = 5000
recreate = 500
"""
PROMOTED = '[rules]\nsource = "promoted"\n[promotion]\nfrom = "dev"\nsoak = "24h"\n'


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
    """Every rule of prod in canonical form, with whether it runs."""
    rules = kibana.request("GET", "/s/prod/api/detection_engine/rules/_find?per_page=10000").json["data"]
    return {rule["rule_id"]: {**canonical(rule), "enabled": rule["enabled"]} for rule in rules}


class Firm:
    """A project with dev and a promoted prod, in two spaces of one Kibana."""

    def __init__(self, root: Path, kibana: Sandbox) -> None:
        self.kibana, self._offset = kibana, 0
        self.project = new_project(root)
        (root / "environments/s.toml").unlink()
        for name, more in (("dev", ""), ("prod", PROMOTED)):
            kibana.request("POST", "/api/spaces/space", {"id": name, "name": name})
            self.project.write(f"environments/{name}.toml", TARGET.format(url=kibana.url, name=name) + more)

    def ok(self, *words: str) -> Ran:
        """Run the program, which must succeed."""
        ran = self.project.run(*words, PASSWORD="changeme", DEPLOYER_HOSTS="127.0.0.1")
        assert ran.code == 0, ran.out + ran.err
        return ran

    def bring_to_prod(self, name: str, ids: set[str]) -> str:
        """Apply the rules of one date to dev, let the soak pass, promote and apply; return what promote said."""
        lay_out(self.project, name, ids)
        self.ok("apply", "-e", "dev", "--yes")
        self._offset += DAY + 60
        self.kibana.admin("POST", "clock", {"offset": self._offset})
        promoted = self.ok("promote", "--to", "prod").out
        self.ok("apply", "-e", "prod", "--yes")
        return promoted


@needs_shared
@pytest.mark.parametrize("count", [200, pytest.param(None, marks=pytest.mark.torture)], ids=["200", "all"])
def test_promoted_and_rolled_back_prod_is_what_it_was(tmp_path: Path, count: int | None) -> None:
    """
    Creates, updates, recreates and removals of three months go from dev to prod, and back in prod; nothing is left to
    do, and neither git nor promotion undoes it.
    """
    ids = some(count)
    with running(tmp_path / "kibana.sqlite3") as kibana:
        firm = Firm(tmp_path / "project", kibana)
        firm.bring_to_prod(OLD, ids)
        before = state(kibana)
        firm.bring_to_prod(NEW, ids)
        changed = state(kibana)

        back = firm.ok("rollback", "-e", "prod", "--to", "1", "--yes", "--json").document
        after = state(kibana)
        again = firm.ok("rollback", "-e", "prod", "--to", "1", "--yes", "--json").document
        firm.ok("promote", "--to", "prod")
        planned = firm.ok("plan", "-e", "prod", "--detailed-exitcode", "--json").document

    wanted = {rule_id: text for rule_id, (_, text) in by_id(NEW).items() if rule_id in ids}
    assert {rule_id for rule_id, rule in changed.items() if rule_id in wanted} == wanted.keys()
    assert not any(changed[rule_id]["enabled"] for rule_id in before.keys() - wanted.keys())
    assert before != {rule_id: changed[rule_id] for rule_id in before}
    assert {rule_id: after[rule_id] for rule_id in before} == before
    assert not any(rule["enabled"] for rule_id, rule in after.items() if rule_id not in before)
    assert again["targets"][0]["counts"] == {}
    assert planned["plans"][0]["changes"] == []
    assert back["targets"][0]["counts"].keys() >= {"update", "enable", "disable"}
