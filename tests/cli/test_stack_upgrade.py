"""A stack upgrade is not drift: Kibana reads rules differently afterwards, and nobody edited them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.project import ProjectFolder, new_project
from tests.support.sandbox import ROOT, RULES, Sandbox

SECRETS = {"PASSWORD": "changeme", "DEPLOYER_HOSTS": "127.0.0.1"}
TARGET = '[kibana]\nurl = "http://127.0.0.1:{port}"\nusername = "elastic"\npassword = "env:PASSWORD"\n'
LATER = {"gap_policy": {"fill": "auto"}, "history_enabled": False, "threat_intel_labels": []}
"""Keys that a later version shows on every rule and that nobody set: no version is known to deployer by heart."""
CONNECTORS = '[connectors]\nsoc-slack = "SOC Slack"\nsoc-pagerduty = "SOC PagerDuty"\n'


def shipped_rules(project: ProjectFolder) -> list[str]:
    """Copy the example rules of this repository, which have every rule type; return their ids."""
    ids = []
    for path in sorted((ROOT / "rules").rglob("*.toml")):
        text = path.read_text("utf-8")
        if "exceptions_list" not in text:
            project.write(f"rules/{path.name}", text)
            ids += [line.split('"')[1] for line in text.splitlines() if line.startswith("rule_id")]
    return ids


def start(folder: Path, stack: str, port: int = 0) -> Sandbox:
    """Start Kibana of this version on the one data file."""
    return Sandbox.start(folder / "kibana.sqlite3", stack_version=stack, port=port)


@pytest.mark.parametrize("upgrade", ["9.3", "9.5"])
def test_an_upgraded_kibana_has_nothing_to_do_and_a_real_edit_is_still_found(tmp_path: Path, upgrade: str) -> None:
    """Applied under 8.19, read under a later version: exit 0 and at most three lines about it; one edit is named."""
    project = new_project(tmp_path)
    ids = shipped_rules(project)
    before = start(tmp_path, "8.19")
    port = int(before.url.rsplit(":", 1)[1])
    try:
        project.write("environments/s.toml", TARGET.format(port=port) + CONNECTORS)
        applied = project.run("apply", "-e", "s", "--yes", **SECRETS)
        assert applied.code == 0, applied.err
        live = [each for each in ids if before.request("GET", f"{RULES}?rule_id={each}").status == 200]
        calm = project.run("plan", "-e", "s", "--detailed-exitcode", **SECRETS)
    finally:
        before.stop()
    after = start(tmp_path, upgrade, port)
    try:
        after.admin("POST", "representation", LATER)
        shown = after.rule(live[0])
        upgraded = project.run("plan", "-e", "s", "--detailed-exitcode", **SECRETS)
        drift = project.run("drift", "-e", "s", "--detailed-exitcode", **SECRETS)
        edit = {"rule_id": live[0], "note": "Edited after the upgrade."}
        assert after.request("PATCH", RULES, edit, user="soc-day").status == 200
        edited = project.run("plan", "-e", "s", "--json", **SECRETS)
        drifted = project.run("drift", "-e", "s", "--json", **SECRETS)
    finally:
        after.stop()

    assert LATER.items() <= shown.items()
    assert calm.code == 0, calm.out
    assert upgraded.code == 0, upgraded.out
    assert "Nothing to do" in upgraded.out
    assert len(set(upgraded.out.splitlines()) - set(calm.out.splitlines())) <= 3 + 2  # head and foot change by nature
    assert drift.code == 0, drift.out
    edits = edited.document["plans"][0]["notes"]["edits"]
    assert [(each["rule_id"], each["field"], each["by"]) for each in edits] == [(live[0], "note", "soc-day")]
    assert [(row["rule_id"], row["field"]) for row in drifted.document["targets"][0]["drift"]] == [(live[0], "note")]
