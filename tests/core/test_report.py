"""The report as a value: what a rule is where, and what of it a target says otherwise than git."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from deployer.core.report import Repository, Source, make_report
from deployer.core.rule_file import RuleFile
from tests.support.planning import world
from tests.support.reporting import ATTACK, NOW, looked, report, ruled, threat


def test_what_a_target_runs_counts_and_not_what_git_has_by_now() -> None:
    """prod still runs the older content, for another technique and with another severity."""
    older, newer = ruled("r1", "T1078", severity="low"), ruled("r1", "T1566", severity="high")
    dev, prod = world(newer), world(older)
    prod.git(newer)

    found = report([newer], looked("dev", dev), looked("prod", prod))

    answers = {spot.id: tuple(spot.answer(target) for target in found.names) for spot in found.spots}
    assert answers["T1566"] == ("runs", "elsewhere")
    assert answers["T1078"] == ("elsewhere", "runs")
    assert found.variants["prod"]["r1"].severity == "low"
    assert not found.variants["dev"]
    assert [one.fields for one in found.targets[1].coming] == [("threat", "severity")]


def test_what_is_set_on_a_rule_of_elastic_makes_it_one_of_the_report() -> None:
    """Its name, type and techniques come from the target; git has the entry."""
    tuned = RuleFile(
        "prebuilt/windows.toml", {}, {"rule_id": "e1", "name": "e1", "type": "", "severity": "", "enabled": True}
    )
    dev = world(ruled("r1"))
    elastic = dict(ruled("e1", "T1566", name="Elastic's own").payload) | {
        "enabled": True,
        "immutable": True,
        "id": "so",
    }
    one = looked("dev", dev)
    live = replace(one.state.live, rules=(*one.state.live.rules, elastic))
    entry = one.state.record.rules["r1"] if one.state.record else None
    assert entry is not None
    record = replace(one.state.record, rules={"r1": entry, "e1": replace(entry, name="e1")})
    one = replace(one, state=replace(one.state, live=live, record=record))

    found = make_report(Source("tests", NOW), Repository((ruled("r1"),), (tuned,), catalogue=ATTACK), [one])

    (subject,) = [subject for subject in found.subjects if subject.rule_id == "e1"]
    assert (subject.name, subject.path, subject.written) == ("Elastic's own", "prebuilt/windows.toml", True)
    assert {spot.id: spot.runs["dev"] for spot in found.spots}["T1566"] == ("e1",)


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2026/11/24", "2026-11-24"),
        ("2026-11-24", "2026-11-24"),
        (date(2026, 11, 24), "2026-11-24"),
        ("soon", ""),
        (None, ""),
    ],
)
def test_days_are_read_as_files_write_them(written: object, day: str) -> None:
    """With slashes, with dashes, as a TOML date; anything else is no day."""
    file = ruled("r1")
    file = RuleFile(file.path, {"maturity": "production", "updated_date": written}, file.payload)

    assert report([file]).subjects[0].updated == day


def test_a_rule_that_git_lost_is_a_rule_of_the_report() -> None:
    """It still runs in a target, and what it covers there counts."""
    dev = world(ruled("r1", "T1566"))
    dev.git()

    found = report([], looked("dev", dev))

    (subject,) = found.subjects
    assert (subject.written, subject.path, subject.techniques) == (False, "", ("T1566",))
    assert {spot.id: spot.answer("dev") for spot in found.spots}["T1566"] == "runs"


def test_a_blocked_plan_says_why() -> None:
    """Where git and Kibana changed one field, the sentence of the plan stands in the report."""
    file = ruled("r1", note="a", threat=threat("T1078"))
    dev = world(file)
    dev.edit("r1", note="b")
    dev.git(ruled("r1", note="c", threat=threat("T1078")))

    (target,) = report([file], looked("dev", dev)).targets

    assert any("Rule r1" in sentence or "conflict" in sentence for sentence in target.blocked), target.blocked
