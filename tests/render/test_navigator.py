"""Layers for the ATT&CK Navigator: the format, the scores, and text that stays text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from deployer.adapters.attack import load_attack
from deployer.render.navigator_json import navigator_json
from tests.support.planning import world
from tests.support.reporting import ATTACK, looked, report, ruled

SCHEMA = json.loads((Path(__file__).parents[1] / "schemas/navigator-layer-4.5.json").read_text("utf-8"))


def layers(text: str) -> list[dict[str, Any]]:
    """The layers of a file, which must be of format 4.5."""
    found = json.loads(text)
    jsonschema_rs.validator_for(SCHEMA).validate(found)
    return found if isinstance(found, list) else [found]


def scores(layer: dict[str, Any]) -> dict[str, int]:
    """The score of each technique."""
    return {one["techniqueID"]: one["score"] for one in layer["techniques"]}


def test_the_repository_is_one_layer() -> None:
    """Scores count the rules of git; a technique without one has score 0, not none."""
    files = [ruled("r1", "T1059.001"), ruled("r2", "T1059.003"), ruled("r3", "T1078", severity="high")]

    (layer,) = layers(navigator_json(report(files)))

    assert layer["versions"] == {"attack": "18", "navigator": "5.2.0", "layer": "4.5"}
    assert scores(layer) == {"T1059": 2, "T1059.001": 1, "T1059.003": 1, "T1078": 1, "T1566": 0, "T1001": 0}
    said = {one["techniqueID"]: one for one in layer["techniques"]}
    assert said["T1078"]["metadata"] == [{"name": "high", "value": "1"}]
    assert said["T1059"]["comment"] == "Rule r1; Rule r2"
    assert said["T1566"]["comment"] == "No rule."


def test_each_of_several_targets_is_a_layer_of_its_own() -> None:
    """What runs only in dev is a gap in prod, and the comment says of which kind."""
    one, two = ruled("r1", "T1078"), ruled("r2", "T1566")
    dev, prod = world(one, two), world(one)
    prod.edit("r1", enabled=False)

    first, second = layers(navigator_json(report([one, two], looked("dev", dev), looked("prod", prod))))

    assert (first["name"], second["name"]) == ("tests: dev", "tests: prod")
    assert [scores(layer)["T1566"] for layer in (first, second)] == [1, 0]
    comments = {one["techniqueID"]: one["comment"] for one in second["techniques"]}
    assert comments["T1566"] == "There is a rule, and it does not run here."
    assert comments["T1078"] == "There are rules, and all of them are switched off."
    assert comments["T1001"] == "No rule."


def test_without_attack_the_layer_has_what_rules_name_and_no_version() -> None:
    """The Navigator then takes its own, the current one."""
    (layer,) = layers(navigator_json(report([ruled("r1", "T1078")], catalogue=None)))

    assert scores(layer) == {"T1078": 1}
    assert "attack" not in layer["versions"]


@pytest.mark.parametrize("name", ["<script>x</script>", '"}],"a":[{"', "\u202ex\x1b[0m", "x" * 50_000, "\ud800"])
def test_hostile_names_and_ids_break_nothing(name: str) -> None:
    """The file is ASCII and stays a layer; an id that is none is not in it."""
    file = ruled("r1", "T1078", name=name)
    odd = ruled("r2", "T9999", name=name)

    text = navigator_json(report([file, odd], project=name))

    assert text.isascii()
    (layer,) = layers(text)
    assert scores(layer).keys() == ATTACK.techniques.keys() - {"T1002"}
    assert "\u202e" not in json.dumps(layer, ensure_ascii=False)


def test_attack_itself_makes_a_layer() -> None:
    """Every current technique once, in the order of the ids."""
    (layer,) = layers(navigator_json(report([ruled("r1", "T1078")], catalogue=load_attack())))

    ids = [one["techniqueID"] for one in layer["techniques"]]
    assert ids == sorted({*ids})
    assert len(ids) > 600
