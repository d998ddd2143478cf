"""The load of a target's schedule, and when a plan says something of it."""

from __future__ import annotations

import pytest

from deployer.core.change import Change
from deployer.core.schedule import BREAKER, schedule_lines, starts_a_minute


@pytest.mark.parametrize(
    ("rule", "starts"),
    [
        ({"enabled": True, "interval": "5m"}, 0.2),
        ({"enabled": True}, 0.2),
        ({"enabled": True, "interval": "30s"}, 2.0),
        ({"enabled": True, "interval": "1h"}, 1 / 60),
        ({"enabled": True, "interval": "2d"}, 1 / 2880),
        ({"enabled": False, "interval": "1m"}, 0.0),
        ({"interval": "1m"}, 0.0),
        ({"enabled": True, "interval": "0m"}, 0.0),
        ({"enabled": True, "interval": "soon"}, 0.0),
    ],
)
def test_a_rule_starts_once_per_interval_while_it_is_on(rule: dict[str, object], starts: float) -> None:
    """Off is never; what is not said is five minutes."""
    assert starts_a_minute(rule) == pytest.approx(starts)


def rules(count: int, **fields: object) -> list[dict[str, object]]:
    """So many live rules that start every second."""
    return [{"rule_id": f"r-{number}", "enabled": True, "interval": "1s", **fields} for number in range(count)]


def enabling(count: int) -> list[Change]:
    """Changes that switch so many rules on."""
    return [Change(f"r-{number}", "query", {"enabled": False}, {"enabled": True}) for number in range(count)]


def test_a_plan_that_comes_near_the_limit_says_so() -> None:
    """500 rules once a second are 30,000 starts a minute."""
    (line,) = schedule_lines(rules(500, enabled=False), enabling(500))

    assert "about 30,000 starts a minute" in line
    assert "0 now" in line
    assert f"{BREAKER:,} for all spaces" in line


@pytest.mark.parametrize(
    ("live", "changes"),
    [
        (rules(100, enabled=False), enabling(100)),
        (rules(600), []),
        (rules(600), [Change("r-0", "query", {"enabled": True}, {"enabled": False})]),
        (rules(600), [Change("r-0", "query", {"name": "x", "enabled": True}, None)]),
    ],
    ids=["little", "no change", "less", "deleted"],
)
def test_a_plan_that_adds_little_or_nothing_is_silent(live: list[dict[str, object]], changes: list[Change]) -> None:
    """Who does not add to the load is not told about it."""
    assert schedule_lines(live, changes) == ()


def test_new_rules_and_shorter_intervals_count() -> None:
    """A create brings its own interval, an update changes it."""
    new = [Change(f"n-{number}", "query", None, {"enabled": True, "interval": "1s"}) for number in range(250)]
    shorter = [Change(f"r-{number}", "query", {"interval": "1m"}, {"interval": "1s"}) for number in range(250)]

    (line,) = schedule_lines(rules(250, interval="1m"), [*new, *shorter])

    assert "about 30,000" in line
    assert "250 now" in line
