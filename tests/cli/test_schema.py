"""`deployer schema`: what editors are given accepts every file that we accept, and marks what is planted."""

from __future__ import annotations

import functools
import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import tomli

from deployer.commands.schema import KINDS, schema_text
from deployer.core.fields import FIELDS
from deployer.core.settings.layers import SECTIONS
from deployer.core.settings.nodes import Node
from deployer.core.settings.reading import Table, text
from deployer.core.settings.sketch import describe
from tests.support.project import new_project
from tests.support.shared import corpus, needs_shared

pytestmark = pytest.mark.quick

ROOT = Path(__file__).resolve().parents[2]
OWN = {
    "rule": sorted(ROOT.glob("rules/**/*.toml")),
    "environment": sorted(path for path in ROOT.glob("environments/*.toml") if not path.name.endswith(".lock.toml")),
    "project": [ROOT / "deployer.toml"],
    "exceptions": sorted(ROOT.glob("exceptions/*.toml")),
    "prebuilt": sorted(ROOT.glob("prebuilt/*.toml")),
}


@functools.cache
def validator(kind: str) -> Any:
    """Return the validator of a schema, made from what the command prints."""
    return jsonschema_rs.Draft7Validator(json.loads(schema_text(kind)), validate_formats=True)


def as_json(value: Any) -> Any:
    """Return TOML data as Taplo hands it to a schema: dates are text."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, date | datetime) else value


def errors(kind: str, data: Any) -> list[str]:
    """Return where a schema finds something wrong, and what."""
    return [
        f"{'.'.join(map(str, error.instance_path))}: {error.message}"
        for error in validator(kind).iter_errors(as_json(data))
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_of_this_repository_is_accepted(kind: str) -> None:
    """The project's own rules, environments, lists and settings have no error."""
    assert OWN[kind]
    for path in OWN[kind]:
        assert errors(kind, tomli.loads(path.read_text("utf-8"))) == [], path


@needs_shared
@pytest.mark.parametrize("name", ["2026-05", "2026-08"])
def test_every_real_rule_is_accepted(name: str) -> None:
    """No file of either corpus has an error."""
    assert [(path, found) for path, each in corpus(name) if (found := errors("rule", tomli.loads(each)))] == []


def rule(kind: str = "query", **fields: Any) -> dict[str, Any]:
    """Return the tables of a small rule of one type; a field of None is left out."""
    needed: dict[str, dict[str, Any]] = {
        "query": {"query": "a : b"},
        "saved_query": {"saved_id": "x"},
        "eql": {"query": "any where true", "language": "eql"},
        "esql": {"query": "from x", "language": "esql"},
        "machine_learning": {"anomaly_threshold": 50, "machine_learning_job_id": "x"},
        "new_terms": {"query": "a", "new_terms_fields": ["a"], "history_window_start": "now-7d"},
        "threat_match": {
            "query": "a",
            "threat_query": "b",
            "threat_index": ["x"],
            "threat_mapping": [{"entries": [{"field": "a", "type": "mapping", "value": "b"}]}],
        },
        "threshold": {"query": "a", "threshold": {"field": ["a"], "value": 1}},
    }
    common = {"rule_id": "x", "name": "x", "description": "x", "risk_score": 1, "severity": "low", "type": kind}
    table = {**common, **needed[kind], **fields}
    return {"rule": {key: value for key, value in table.items() if value is not None}}


TYPES = ("query", "saved_query", "eql", "esql", "machine_learning", "new_terms", "threat_match", "threshold")
NESTED = {"value": ["a"], "history_window_start": [{"value": "now-7d"}]}


@pytest.mark.parametrize("kind", TYPES)
def test_the_smallest_rule_of_each_type_is_accepted_and_needs_what_it_has(kind: str) -> None:
    """Each type is accepted with what Kibana needs, and not without any one of these fields."""
    assert errors("rule", rule(kind)) == []
    optional = {"query"} if kind == "query" else set()
    for field in rule(kind)["rule"].keys() - optional:
        assert errors("rule", rule(kind, **{field: None})), field


RIGHT = [
    rule("new_terms", new_terms_fields=None, history_window_start=None, new_terms=NESTED),
    rule(exceptions_list=["by-name", {"list_id": "x", "type": "detection"}]),
    rule(actions=[{"connector": "soc", "params": {"message": "x"}}]),
    {**rule(), "metadata": {"extended": {"deployer_ignore": [{"code": "triage-note", "reason": "x"}], "own": 1}}},
    {**rule(), "transform": {"osquery": [{"label": "x", "query": "select 1"}]}},
]

WRONG: list[tuple[str, Any]] = [
    ("rule", rule(severity="hihg")),
    ("rule", rule(risk_score="21")),
    ("rule", rule(risk_score=101)),
    ("rule", rule(timestamp_overide="x")),
    ("rule", rule(type="querry")),
    ("rule", rule(interval="5 minutes")),
    ("rule", rule(max_signals=0)),
    ("rule", rule(tags="x")),
    ("rule", rule(threshold={"field": "a", "value": 1})),
    ("rule", rule("esql", index=["x"])),
    ("rule", rule("eql", language="kuery")),
    ("rule", rule("threshold", alert_suppression={"group_by": ["a"]})),
    ("rule", rule(alert_suppression={"group_by": ["a"], "duration": {"value": 5, "unit": "d"}})),
    ("rule", rule(threat=[{"framework": "MITRE ATT&CK"}])),
    ("rule", rule("new_terms", new_terms=NESTED, new_terms_fields=None, history_window_start=None, extra=1)),
    ("rule", rule("new_terms", new_terms_fields=None)),
    ("rule", {**rule(), "metdata": {}}),
    ("rule", {**rule(), "metadata": {"maturity": 1}}),
    ("rule", {**rule(), "metadata": {"extended": {"deployer_ignore": [{"code": "triage-note"}]}}}),
    ("rule", {**rule(), "metadata": {"extended": {"deployer_ignore": [{"code": "none", "reason": "x"}]}}}),
    ("rule", {**rule(), "transform": {"osquery": [{"label": "x"}]}}),
    ("rule", {}),
    ("environment", {"kibana": {"ulr": "x"}}),
    ("environment", {"kibana": {"api_key": "c2VjcmV0"}}),
    ("environment", {"kibana": {"verify": "no"}}),
    ("environment", {"kibana": {"connections": 0}}),
    ("environment", {"kibana": {"timeout": {"read": "1 hour"}}}),
    ("environment", {"rules": {"new_rules": "on"}}),
    ("environment", {"rules": {"exclude": [{"reason": "x"}]}}),
    ("environment", {"limits": {"delete": -1}}),
    ("environment", {"limits": {"delete": "150%"}}),
    ("environment", {"ownership": {"fields": {"tag": "git"}}}),
    ("environment", {"ownership": {"fields": {"tags": "mine"}}}),
    ("environment", {"deploy": {"freeze": [{"from": date(2026, 12, 1)}]}}),
    ("environment", {"override": [{"set": {"interval": "5m"}}]}),
    ("environment", {"override": [{"match": ["*"], "set": {"intervall": "5m"}}]}),
    ("environment", {"override": [{"match": ["*"], "add_actions": [{"conector": "x"}]}]}),
    ("environment", {"space": {"x": {"url": "https://x"}}}),
    ("environment", {"space": {"x": {"delete": "all"}}}),
    ("environment", {"kibanna": {}}),
    ("project", {"project": "Not A Name"}),
    ("project", {"rule": ["rules"]}),
    ("project", {"checks": {"triage-note": "fatal"}}),
    ("project", {"checks": {"triage-nte": "off"}}),
    ("project", {"checks": {"triage-note": {"levl": "off"}}}),
    ("project", {"checks": {"severity-risk": {"bands": {"low": [1]}}}}),
    ("exceptions", {}),
    ("exceptions", {"exceptions": [{"container": {"list_id": "x", "name": "x", "description": "x"}}]}),
    ("prebuilt", {"prebuilt": [{"enabled": True}]}),
    ("prebuilt", {"prebuilt": [{"rule_id": "x", "name": "x", "enabled": "yes"}]}),
]


@pytest.mark.parametrize("data", RIGHT)
def test_the_spellings_of_a_file_are_accepted(data: Any) -> None:
    """What a file may say in another way than the API is accepted."""
    assert errors("rule", data) == []


@pytest.mark.parametrize(("kind", "data"), WRONG)
def test_a_planted_error_is_marked(kind: str, data: Any) -> None:
    """Each mistake is an error of the schema."""
    assert errors(kind, data)


def test_the_right_twins_of_planted_errors_are_accepted() -> None:
    """Spaces take the keys of all tables bare; shared parts need nothing; checks take a level, a table or a list."""
    space = {"x": {"delete": 3, "connectors": {"a": "b"}, "exclude": ["tag:x"], "limits": {"update": "40%"}}}
    assert errors("environment", {"space": space, "promotion": {"soak": "24h"}, "extends": "_base"}) == []
    assert errors("environment", {}) == []
    notes = [{"match": ["severity:high"], "level": "error"}, {"level": "off"}]
    assert errors("project", {"checks": {"triage-note": notes, "leading-wildcard": "error"}}) == []


def test_schemas_name_every_field_and_every_key() -> None:
    """The rule schema has each field of the field table; the environment schema has each key of each table."""
    assert FIELDS.keys() < json.loads(schema_text("rule"))["properties"]["rule"]["properties"].keys()
    tables = json.loads(schema_text("environment"))["properties"]
    for name, keys in SECTIONS.items():
        assert set(tables[name].get("properties", {})) == set(keys), name


def test_a_reader_of_several_kinds_must_say_which() -> None:
    """A reader that a sketch cannot follow is a mistake of ours, and is told at once."""

    def vague(node: Node) -> Any:
        return node.value if isinstance(node.value, int) else None

    with pytest.raises(TypeError, match="accepts several kinds"):
        describe(vague)


def test_a_sketch_follows_a_table() -> None:
    """Keys that are read, needed and left to others become properties; `done` closes the table."""

    def reader(node: Node) -> None:
        table = Table(node)
        table.need("a", text, "", "write a")
        table.knows("b")
        table.done(None)

    assert describe(reader) == {
        "type": "object",
        "properties": {"a": {"type": "string", "pattern": r"\S"}, "b": {}},
        "required": ["a"],
        "additionalProperties": False,
    }


def test_the_command_prints_one_schema_or_writes_all(tmp_path: Path) -> None:
    """A kind goes to stdout; --write makes every file and prints what Taplo needs; both or neither is wrong usage."""
    project = new_project(tmp_path)

    assert json.loads(project.run("schema", "rule").out)["$schema"] == "http://json-schema.org/draft-07/schema#"
    written = project.run("schema", "--write", ".schemas")
    taplo = tomli.loads(written.out)["rule"]
    assert {path.name for path in (tmp_path / ".schemas").iterdir()} == {f"{kind}.schema.json" for kind in KINDS}
    assert all((tmp_path / entry["schema"]["path"]).is_file() for entry in taplo)
    assert project.run("schema").code == 2
    assert project.run("schema", "rule", "--write", "x").code == 2
    assert project.run("schema", "rules").code == 2
