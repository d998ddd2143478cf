"""What was done to an environment, read back from the state store: events, deployments, lives, moments, the chain."""

from __future__ import annotations

import csv
import io
import json
import shutil
import time
from pathlib import Path

import pytest

from tests.support.project import ProjectFolder, new_project

ONE = "00000000-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> ProjectFolder:
    """A project whose rule was deployed, broken, rolled back, and stopped."""
    project = new_project(tmp_path_factory.mktemp("past"))
    project.rule(1, query="good : 1")
    project.rule(2)
    steps = [
        ("apply", "-e", "s", "--yes", "--reason", "first"),
        ("apply", "-e", "s", "--yes", "--reason", "=cmd|calc"),
        ("rollback", "-e", "s", "--rule", ONE, "--yes", "--reason", "INC-1"),
        ("hold", "-e", "s", "--rule", "Rule 2", "--disable", "--yes"),
        ("release", "-e", "s", "H4", "--yes"),
    ]
    for number, words in enumerate(steps):
        if number == 1:
            project.rule(1, query="bad : 1")
        if number in (1, 2):
            time.sleep(1.1)  # Kibana's clock is its Date header, in whole seconds: runs within one may seem to swap
        ran = project.run(*words)
        assert ran.code == 0, ran.out + ran.err
    return project


def test_every_event_is_there_with_its_reason_and_the_digest_of_the_one_before(past: ProjectFolder) -> None:
    """Events come oldest first in JSON, chained by sha256, newest first for people."""
    events = past.run("history", "-e", "s", "--json").document["environments"]["s"]
    text = past.run("history", "-e", "s").out

    assert [event["event"] for event in events] == ["deploy", "deploy", "rollback", "hold", "release"]
    assert [event["reason"] for event in events[:3]] == ["first", "=cmd|calc", "INC-1"]
    assert [event["previous"] for event in events] == ["", *(event["sha256"] for event in events[:-1])]
    assert text.index("release") < text.index("INC-1") < text.index("first")


def test_events_are_narrowed_by_rule_and_time(past: ProjectFolder) -> None:
    """Only what concerns a rule, only what lies in a time; nonsense is wrong usage."""
    about = past.run("history", "-e", "s", "--rule", ONE, "--json").document["environments"]["s"]
    second = past.run("history", "-e", "s", "--json").document["environments"]["s"][1]["time"]
    until = past.run("history", "-e", "s", "--until", second, "--json").document["environments"]["s"]
    later = past.run("history", "-e", "s", "--since", "2999-01-01", "--json").document["environments"]["s"]

    assert [event["deployment"] for event in about] == [1, 2, 3]
    assert [event["deployment"] for event in until] == [1, 2]
    assert later == []
    assert past.run("history", "-e", "s", "--since", "yesterday").code == 2


def test_csv_has_a_row_for_each_event_and_no_formula(past: ProjectFolder) -> None:
    """A reason that begins like a formula is text in a spreadsheet."""
    rows = list(csv.DictReader(io.StringIO(past.run("history", "-e", "s", "--csv").out)))

    assert [row["event"] for row in rows] == ["deploy", "deploy", "rollback", "hold", "release"]
    assert rows[1]["reason"] == "'=cmd|calc"
    assert all(len(row["sha256"]) == 64 for row in rows)


def test_one_deployment_is_shown_with_what_it_changed(past: ProjectFolder) -> None:
    """Time, person, reason, rules before and after, and the holds that it made."""
    text = past.run("show", "3", "-e", "s").out
    (target,) = past.run("show", "#3", "--json").document["targets"]

    assert ("rollback" in text, "INC-1" in text, "update    Rule 1" in text) == (True, True, True)
    assert list(target["rules"]) == [ONE]
    assert target["rules"][ONE]["before"]["fingerprint"] != target["rules"][ONE]["after"]["fingerprint"]
    assert list(target["holds"]) == [ONE]
    assert past.run("show", "99", "-e", "s").code == 1
    assert past.run("show", "what").code == 2


def test_the_life_of_a_rule_goes_over_its_deployments(past: ProjectFolder) -> None:
    """Only the deployments that changed the rule, in order, by id, name or the beginning of the id."""
    steps = past.run("show", "rule", "rule 1", "--json").document["targets"]["s"]
    text = past.run("show", "rule", ONE, "-e", "s").out

    assert [(step["number"], step["kind"]) for step in steps] == [(1, "deploy"), (2, "deploy"), (3, "rollback")]
    assert steps[0]["entry"]["fingerprint"] == steps[2]["entry"]["fingerprint"] != steps[1]["entry"]["fingerprint"]
    assert text.count("#") == 3
    assert past.run("show", "rule", "nobody").code == 1


def test_what_ran_at_a_moment_is_what_the_deployment_before_it_left(past: ProjectFolder) -> None:
    """Between two deployments the earlier one ran; before the first nothing did."""
    events = past.run("history", "-e", "s", "--json").document["environments"]["s"]
    second = past.run("show", "--at", events[1]["time"], "-e", "s", "--json").document["targets"]["s"]
    nothing = past.run("show", "--at", "2000-01-01", "-e", "s").out

    assert second["deployment"] == 2
    assert set(second["rules"]) == {ONE, ONE[:-1] + "2"}
    assert "no deployment by 2000-01-01" in nothing


def test_an_untouched_store_is_verified(past: ProjectFolder) -> None:
    """The chain, every record and every document are as they were written."""
    ran = past.run("history", "-e", "s", "--verify")

    assert ran.code == 0, ran.err
    assert "5 events, 5 deployments, 5 bundles of documents: the chain is unbroken" in ran.out


@pytest.mark.parametrize(
    ("glob", "old", "new", "said"),
    [
        ("environments/s/events/000002.json", "=cmd|calc", "=cmd|calk", "event 2 was changed"),
        ("targets/s/default/records/000002.json", "=cmd|calc", "=cmd|calk", "deployment #2 is not what its event says"),
        ("bundles/*", "good : 1", "evil : 1", "damaged"),
        ("environments/s/events/000003.json", "", None, "event 3 is missing"),
        ("bundles/*", "", None, "is missing"),
    ],
)
def test_what_was_changed_or_taken_out_afterwards_is_found(
    past: ProjectFolder, tmp_path: Path, glob: str, old: str, new: str | None, said: str
) -> None:
    """One changed byte and one missing object are each named, with exit 1."""
    root = tmp_path / "copy"
    shutil.copytree(past.root, root)
    records = [json.loads(p.read_text("utf-8")) for p in (root / ".deployer").glob("targets/s/default/records/*")]
    named = {rule["bundle"] for record in records for rule in record["rules"].values()}
    found = [p for p in sorted((root / ".deployer").glob(glob)) if old in p.read_text("utf-8")]
    path = next(p for p in found if p.parent.name != "bundles" or f"bundles/{p.name}" in named)
    path.chmod(0o600)
    if new is None:
        path.unlink()
    else:
        path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")

    ran = ProjectFolder(root).run("history", "-e", "s", "--verify", "--json")

    assert ran.code == 1
    assert ran.document["verified"] is False
    assert any(said in sentence for sentence in ran.document["wrong"]), ran.document["wrong"]
