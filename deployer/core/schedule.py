"""
How often the rules of a target start: the load that a plan leads to, as an estimate.

Kibana refuses to create or enable a rule beyond a number of starts a minute, counted over all spaces (facts.md 9.4). No
public API tells how much of it is free, so what one target asks for is all that a plan can say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from deployer.core.change import Change

BREAKER: Final = 32_000
"""Starts a minute that Kibana lets all spaces have by default, from 8.16 on (facts.md 9.4)."""

_WORTH_SAYING: Final = 0.8  # of the breaker
_INTERVAL: Final = re.compile(r"([0-9]+)([smhd])")
_MINUTES: Final = {"s": 1 / 60, "m": 1.0, "h": 60.0, "d": 1440.0}


def starts_a_minute(rule: Mapping[str, Any]) -> float:
    """Return how often a rule starts in a minute: none where it is off, or its interval is none that Kibana takes."""
    found = _INTERVAL.fullmatch(str(rule.get("interval", "5m")))
    if not rule.get("enabled") or found is None or not int(found[1]):
        return 0.0
    return 1 / (int(found[1]) * _MINUTES[found[2]])


def load(rules: Iterable[Mapping[str, Any]]) -> float:
    """Return how many starts a minute these rules ask for."""
    return sum(starts_a_minute(rule) for rule in rules)


def schedule_lines(live: Iterable[Mapping[str, Any]], changes: Sequence[Change]) -> tuple[str, ...]:
    """Return a warning where a plan leads to a load that comes near the default limit, or nothing."""
    before = {str(body.get("rule_id")): body for body in live}
    after = dict(before)
    for change in changes:
        body = {**before.get(change.rule_id, {}), **(change.after or {})}
        after[change.rule_id] = body if change.after is not None else {}
    was, will = load(before.values()), load(after.values())
    if will <= was or will < _WORTH_SAYING * BREAKER:
        return ()
    facts = f"about {will:,.0f} starts a minute of this space's rules, {was:,.0f} now"
    return (f"schedule    {facts}; by default Kibana has {BREAKER:,} for all spaces",)
