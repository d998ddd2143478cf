"""
Coverage as layers for the ATT&CK Navigator, format 4.5 (mitre-attack/attack-navigator, layers/spec/v4.5).

One layer for the repository alone or for a single target; a list of layers, as the Navigator opens them at once, for
several. A technique's score is how many rules run; one without a rule is scored 0, so that the gap has a colour.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from deployer.core.coverage import Spot
from deployer.core.fields import SEVERITIES
from deployer.core.report import Report
from deployer.core.subjects import Subject
from deployer.render.report_text import universe_in_words
from deployer.render.style import cut, line

LAYER: Final = "4.5"
NAVIGATOR: Final = "5.2.0"  # the version whose format this is; 4.9.0 is the first that reads it
DOMAIN: Final = "enterprise-attack"
_NAMED: Final = 12  # rules named in the comment of a technique
_MOST: Final = 10  # rules from which on the colour is the strongest
_COLOURS: Final = ("#f7d4d4", "#cfe8d5", "#1f7a46")
_WORDS: Final = {
    "runs": "",
    "off": "There are rules, and all of them are switched off.",
    "elsewhere": "There is a rule, and it does not run here.",
    "none": "No rule.",
}


def navigator_json(found: Report) -> str:
    """Return the layer of the repository or of the one target, or the list of layers of several targets, as JSON."""
    subjects = {subject.rule_id: subject for subject in found.subjects}
    layers = [_layer(found, subjects, target) for target in found.names] or [_layer(found, subjects, "")]
    return json.dumps(layers if len(layers) > 1 else layers[0], indent=2, ensure_ascii=True) + "\n"


def _layer(found: Report, subjects: Mapping[str, Subject], target: str) -> dict[str, Any]:
    project = line(found.source.project) or "rules"
    where = f"that run in {line(target)}" if target else "in the repository"
    versions = {"navigator": NAVIGATOR, "layer": LAYER}
    if found.universe.source == "attack":
        versions = {"attack": found.universe.version.partition(".")[0], **versions}
    return {
        "name": cut(f"{project}: {line(target) or 'repository'}", 100),
        "versions": versions,
        "domain": DOMAIN,
        "description": f"Rules {where}, {found.source.made_at}. {universe_in_words(found.universe)}",
        "sorting": 0,
        "layout": {
            "layout": "side",
            "showID": True,
            "showName": True,
            "showAggregateScores": False,
            "countUnscored": False,
            "aggregateFunction": "sum",
            "expandedSubtechniques": "none",
        },
        "hideDisabled": False,
        "techniques": [_technique(spot, subjects, target) for spot in found.spots if _is_attack(found, spot)],
        "gradient": {"colors": list(_COLOURS), "minValue": 0, "maxValue": _MOST},
        "legendItems": [
            {"label": "no rule that runs", "color": _COLOURS[0]},
            {"label": f"{_MOST} rules and more", "color": _COLOURS[-1]},
        ],
        "metadata": [
            {"name": "made by", "value": "deployer report"},
            {"name": "commit", "value": found.source.commit or "none"},
        ],
    }


def _is_attack(found: Report, spot: Spot) -> bool:
    """Say whether the Navigator knows the technique: one that ATT&CK does not have would be an error there."""
    return spot.id not in found.universe.strangers


def _technique(spot: Spot, subjects: Mapping[str, Subject], target: str) -> dict[str, Any]:
    rules = [subjects[rule_id] for rule_id in (spot.runs.get(target, ()) if target else spot.written)]
    told = _WORDS[spot.answer(target)] if target else "" if rules else "No rule."
    result: dict[str, Any] = {
        "techniqueID": spot.id,
        "score": len(rules),
        "comment": _names(rules) or told,
        "enabled": True,
    }
    counts = Counter(rule.severity for rule in rules)
    said = [{"name": word, "value": str(counts[word])} for word in reversed(SEVERITIES) if counts[word]]
    return {**result, "metadata": said} if said else result


def _names(rules: Sequence[Subject]) -> str:
    named = [cut(line(rule.name), 120) for rule in rules[:_NAMED]]
    more = len(rules) - len(named)
    return "; ".join(named) + (f"; and {more} more" if more else "")
