"""The roles of docs/security.md: what they grant is what deployer needs, on every stack that the sandbox plays."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from deployer.sandbox.users import ROLES
from tests.support.detections import HOSTS, detections
from tests.support.sandbox import ROOT, running

PAGE = (ROOT / "docs/security.md").read_text("utf-8")
ROW = re.compile(r"^\| (\d+\.\d+) \| `(\{.+?\})` \| `(\{.+?\})` \|$", re.MULTILINE)
TABLE = {stack: (json.loads(deploy), json.loads(read)) for stack, deploy, read in ROW.findall(PAGE)}
STACKS = ["8.19", "9.0", "9.3", "9.5"]
AREAS = ("rules", "exceptions", "lists", "actions")


def granted(feature: dict[str, list[str]], stack: str) -> set[str]:
    """
    What a role's features grant, in the words of facts.md section 10: up to 9.2 the Security feature has rules and
    lists; from 9.3 on the Rules feature has them, and Security alone has none.
    """
    found: set[str] = set()
    for name, levels in feature.items():
        rules = name.startswith("securitySolutionRulesV") or (name.startswith("siemV") and stack < "9.3")
        areas = ("rules", "exceptions", "lists") if rules else ("actions",) if name == "actions" else ()
        found |= {f"{area}-{level}" for area in areas for level in levels}
    return found


def within(role: str) -> set[str]:
    """What a role of the sandbox may do with rules, lists and connectors."""
    return {privilege for privilege in ROLES[role] if privilege.rpartition("-")[0] in AREAS}


@pytest.mark.parametrize("stack", TABLE)
def test_the_roles_of_the_page_are_those_of_the_sandbox(stack: str) -> None:
    deploy, read = TABLE[stack]
    assert granted(deploy, stack) == within("analyst")
    assert granted(read, stack) == within("read_only")
    assert granted({"siemV5": ["all"]}, "9.5") == set()


def test_every_stack_has_its_roles_and_the_bodies_are_json() -> None:
    """The bodies are those of a version in the table."""
    assert set(STACKS) <= TABLE.keys()
    bodies = [json.loads(text) for text in re.findall(r"^PUT /api/security/role/\S+\n(\{.+?^\})$", PAGE, re.M | re.S)]
    assert [body["kibana"][0]["feature"] for body in bodies] == list(TABLE["9.3"])


@pytest.mark.parametrize("stack", STACKS)
def test_the_read_role_plans_and_the_deploy_role_applies(tmp_path: Path, stack: str) -> None:
    """Nothing gets a 403, the read key writes nothing, and a key without the Rules feature is told what it lacks."""
    with running(tmp_path / "kibana.sqlite3", stack_version=stack) as kibana:
        repo = detections(tmp_path, kibana, "dev", small=2)
        keys = {**repo.keys("", user="soc-day"), **repo.keys("READ", user="viewer")}
        planned = repo.project.run("plan", "-e", "dev", DEPLOYER_HOSTS=HOSTS, **keys)
        assert kibana.writes() == [one for one in kibana.writes() if one["path"].endswith("/api/spaces/space")]
        applied = repo.project.run("apply", "-e", "dev", "--yes", DEPLOYER_HOSTS=HOSTS, **keys)
        assert (planned.code, applied.code, repo.refused()) == (0, 0, []), planned.err + applied.err

        kibana.admin("POST", "users", {"username": "half", "role": "no_rules"})
        half = repo.project.run("plan", "-e", "dev", DEPLOYER_HOSTS=HOSTS, **repo.keys("", "READ", user="half"))
        assert half.code == 1
        assert "rules-read" in half.err or stack < "9.3"
