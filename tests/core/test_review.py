"""What a reviewer reads first, for every renderer alike."""

from __future__ import annotations

import pytest

from deployer.core.plan import Edit, Notes, Plan, Target
from deployer.core.review import review
from deployer.render.plan.text import plan_text
from deployer.render.style import Style


def plan_with_edit(at: str) -> Plan:
    """A plan of 24 November that leaves one edit alone."""
    edit = Edit("r1", "note", "left", authored="a", live="b", desired="a", by="soc-day", at=at)
    target = Target("s", "default", "s", "https://kibana.example.com")
    return Plan(target, "tests", notes=Notes(edits=(edit,)), made_at="2026-11-24T12:00:00.000Z")


@pytest.mark.parametrize(
    ("at", "overdue"),
    [
        ("2026-11-17T12:00:00.000Z", True),
        ("2026-11-17T12:00:01.000Z", False),
        ("2026-11-24T11:00:00.000Z", False),
        ("", False),
    ],
)
def test_an_edit_that_is_left_alone_for_a_week_is_to_be_looked_at(at: str, *, overdue: bool) -> None:
    """From seven days on an edit stands under "look at these first", once; before, under what is left alone."""
    plan = plan_with_edit(at)
    reviewed = review(plan)
    text = plan_text(plan, Style())

    assert bool(reviewed.overdue) is overdue
    assert bool(reviewed.recent) is not overdue
    assert ("LOOK AT THESE FIRST" in text) is overdue
    assert ("CHANGED IN KIBANA, LEFT ALONE" in text) is not overdue
    assert text.count("soc-day") == 1


def test_the_age_of_an_edit_is_said_in_days() -> None:
    """A reader sees how old an edit is without counting."""
    assert "(6 days)" in plan_text(plan_with_edit("2026-11-18T11:00:00.000Z"), Style())
