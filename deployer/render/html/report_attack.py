"""Coverage of ATT&CK as the page shows it: the heat map by tactic, and the techniques that have no rule."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from deployer.core.coverage import Spot, Tactic
from deployer.core.report import Report
from deployer.render.html.frame import short
from deployer.render.report_text import universe_in_words

_STEPS: Final = (1, 3, 6, 11)
"""Rules from which on the heat is 1, 2, 3 and 4; report.js has the same steps."""
_ID: Final = re.compile(r"T\d{4}(\.\d{3})?")


def attack_view(found: Report) -> Mapping[str, Any]:
    """Return the heat map, the techniques without a rule by tactic, and for each target those that none runs for."""
    places = {spot.id: place for place, spot in enumerate(found.spots)}
    techniques = [spot for spot in found.spots if not spot.parent]
    without = [spot for spot in techniques if not spot.anywhere]
    parts = [spot for spot in found.spots if spot.parent]
    return {
        "tactics": [_column(found, tactic, techniques, places) for tactic in found.universe.tactics],
        "techniques": len(techniques),
        "without": len(without),
        "none": [
            (tactic.name, [spot for spot in without if tactic.slug in spot.tactics])
            for tactic in found.universe.tactics
        ],
        "parts": [spot for spot in parts if not spot.anywhere and spot.parent not in {one.id for one in without}],
        "subtechniques": len(parts),
        "idle": [
            (
                target,
                [
                    (spot, _elsewhere(spot, target))
                    for spot in techniques
                    if spot.answer(target) in ("off", "elsewhere")
                ],
            )
            for target in found.names
        ],
        "strangers": sorted(found.universe.strangers),
        "universe": universe_in_words(found.universe),
        "link": link,
    }


def link(name: str) -> str:
    """Return the page of a technique at MITRE, "" for an id that has not the form of one."""
    return f"https://attack.mitre.org/techniques/{name.replace('.', '/')}/" if _ID.fullmatch(name) else ""


def _column(found: Report, tactic: Tactic, techniques: Sequence[Spot], places: Mapping[str, int]) -> Mapping[str, Any]:
    inside = [spot for spot in techniques if tactic.slug in spot.tactics]
    cells = [(places[spot.id], spot, *_heat(found, spot)) for spot in sorted(inside, key=lambda spot: spot.name)]
    return {"tactic": tactic, "cells": cells, "covered": sum(count > 0 for _, _, count, _ in cells)}


def _heat(found: Report, spot: Spot) -> tuple[int, str]:
    """Return how many rules run for a technique in any target (without targets: are in git), and the cell's heat."""
    rules = {rule_id for rules in spot.runs.values() for rule_id in rules} if found.names else {*spot.written}
    if not rules:
        return 0, "idle" if spot.anywhere else "gap"
    return len(rules), str(sum(len(rules) >= step for step in _STEPS))


def _elsewhere(spot: Spot, target: str) -> str:
    """Return where a technique has a rule that does not run in a target."""
    said = [f"{len(rules)} switched off here" for name, rules in spot.off.items() if name == target and rules]
    said += [f"{len(rules)} in {short(name, 60)}" for name, rules in spot.runs.items() if rules]
    if not said and spot.written:
        said.append(f"{len(spot.written)} in git, nowhere deployed")
    return ", ".join(said) or "switched off elsewhere"
