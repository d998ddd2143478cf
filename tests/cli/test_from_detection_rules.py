"""A space that detection-rules' CLI filled is taken over: the same TOML, and no field changes that should not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer.core.toml.emit import emit_rule
from tests.support.pull_world import World, imported
from tests.support.sandbox import Sandbox, running
from tests.support.shared import needs_shared, pairs, rule_pairs, tables

MEANT = {"10000000-0000-4000-8000-000000000001": {"actions", "note", "setup"}}
"""Where our payload differs from theirs on purpose (tests/core/test_payload.py has the values)."""

GENERATED = ("related_integrations", "required_fields")


@pytest.fixture(scope="module")
def kibana(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox."""
    with running(tmp_path_factory.mktemp("dr") / "kibana.sqlite3") as sandbox:
        yield sandbox


@needs_shared
def test_a_space_that_their_cli_filled_is_adopted_without_a_difference(kibana: Sandbox, tmp_path: Path) -> None:
    """Every pair imported as they do it: only our tag, `enabled` where a file says so, and what we do on purpose."""
    world = World(kibana, tmp_path, "their-space")
    connectors(world)
    world.values("vl-1", "ip", "203.0.113.7")
    lists = pairs()["syn_2x_TOMLException"]
    bodies = [pair["api_payload"] for pair in rule_pairs().values()]
    assert imported(world, [*bodies, *lists["ndjson_lines"]]) == len(bodies) - 1
    (stub,) = [body for body in bodies if body["rule_id"] in MEANT]
    assert imported(world, [_without_stubs(stub)]) == 1  # as they send it, Kibana refuses it (docs/rule-format.md)
    files(world)
    before = {body["rule_id"]: kibana.rule(body["rule_id"], space=world.space) for body in bodies}

    (plan,) = world.run("plan", "-e", "s", "--adopt", "--json").document["plans"]

    assert plan["notes"]["blocked"] == []
    assert plan["dependencies"] == []
    assert {change["rule_id"] for change in plan["changes"]} == before.keys()
    said = {rule_id: tables(pair)["rule"].get("enabled") for rule_id, pair in _by_id().items()}
    for change in plan["changes"]:
        rule_id = change["rule_id"]
        switched = {"enabled"} if said[rule_id] not in (None, before[rule_id]["enabled"]) else set[str]()
        assert set(change["after"] or {}) <= MEANT.get(rule_id, set()) | switched, change
        assert switched <= set(change["after"] or {})
    world.run("apply", "-e", "s", "--adopt", "--yes")
    for rule_id, old in before.items():
        new = kibana.rule(rule_id, space=world.space)
        assert set(new["tags"]) == {*old["tags"], "deployer:tests"}
        assert [new[name] for name in GENERATED] == [old[name] for name in GENERATED]
    assert any(old[name] for old in before.values() for name in GENERATED)


@needs_shared
def test_what_was_applied_is_pulled_without_a_byte(kibana: Sandbox, tmp_path: Path) -> None:
    """Rules of every type, with actions, exceptions and all that their format knows: pull finds nothing to write."""
    world = World(kibana, tmp_path, "our-space")
    connectors(world)
    files(world)
    world.project.write("value_lists/vl-2.txt", "# type: ip\n203.0.113.7\n# the cellar\n203.0.113.8\n")
    world.run("apply", "-e", "s", "--yes")
    texts = world.texts()

    found = world.pull()

    assert (found["files"], found["lists"], found["overridden"], found["problems"]) == ([], [], {}, [])
    assert world.texts() == texts


def connectors(world: World) -> None:
    """Create the connectors that the pairs name."""
    for id_, kind in (("conn-1", ".webhook"), ("conn-2", ".slack")):
        secrets = {"secrets": {"webhookUrl": "https://x.example"}, "config": {}}
        if kind == ".webhook":
            secrets = {"secrets": {"user": "u", "password": "p"}, "config": {"url": "https://x.example"}}
        body = {"name": id_, "connector_type_id": kind, **secrets}
        assert world.kibana.request("POST", f"/s/{world.space}/api/actions/connector/{id_}", body).status == 200


def files(world: World) -> None:
    """Write every pair as the file that it is."""
    lists = pairs()["syn_2x_TOMLException"]
    for name, pair in rule_pairs().items():
        world.project.write(f"rules/{name}.toml", pair.get("toml_text") or emit_rule(tables(pair)))
    world.project.write("exceptions/exc-list-1_exceptions.toml", lists["toml_text"])


def _without_stubs(body: dict[str, Any]) -> dict[str, Any]:
    """A rule without `frequency = {"throttle": null}`, which Kibana refuses for a lack of `summary`."""
    actions = [
        {key: value for key, value in action.items() if key != "frequency" or "summary" in value}
        for action in body["actions"]
    ]
    return {**body, "actions": actions}


def _by_id() -> dict[str, dict[str, Any]]:
    return {pair["api_payload"]["rule_id"]: pair for pair in rule_pairs().values()}
