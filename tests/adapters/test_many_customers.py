"""Forty customers on three Kibanas in four files: a space has its own indices and exclusion only."""

from __future__ import annotations

from datetime import date

import pytest

from deployer.adapters.environments import load_settings
from deployer.core.fields import FIELDS
from deployer.core.overlay import apply_overrides, unmatched_overrides
from deployer.core.settings import select_targets
from deployer.queries.esql_source import rewrite_sources
from tests.support.subject import RuleSubject

KIBANAS = {"eu": 14, "us": 13, "apac": 13}

BASE = """
[kibana]
horizon = "150s"

[rules]
exclude = ["maturity:development"]

[[override]]
name = "managed by us"
match = ["*"]
add_tags = ["service: managed"]
"""

RULES = {
    "query": {"index": ["logs-*", "audit-*"], "query": "event.code: 1"},
    "saved_query": {"index": ["logs-*"], "saved_id": "s"},
    "eql": {"index": ["logs-*"], "query": "process where true"},
    "esql": {"query": 'FROM logs-*, audit-* METADATA _id\n| WHERE message == "FROM logs-*"\n| KEEP _id'},
    "machine_learning": {"machine_learning_job_id": ["job"], "anomaly_threshold": 50},
    "new_terms": {"index": ["logs-*"], "query": "*", "new_terms_fields": ["host.id"], "history_window_start": "now-7d"},
    "threat_match": {
        "index": ["logs-*"],
        "threat_index": ["ti-*"],
        "query": "*",
        "threat_query": "*",
        "threat_mapping": [],
    },
    "threshold": {"index": ["logs-*"], "query": "*", "threshold": {"field": [], "value": 9}},
}


def customers(kibana):
    """Return the names of the customers of one Kibana."""
    return [f"{kibana}-c{number:02}" for number in range(KIBANAS[kibana])]


def environment_text(kibana):
    """Write one environment file: a space per customer, with an exclusion, a rewrite and a threshold of its own."""
    names = customers(kibana)
    head = f'extends = "_base"\n[kibana]\nurl = "https://{kibana}.example.com"\napi_key = "env:{kibana.upper()}_KEY"\n'
    spaces = ", ".join(f'"{name}"' for name in names)
    parts = [head + f"spaces = [{spaces}]\n"]
    for number, name in enumerate(names):
        parts.append(
            f"""
[space.{name}]
exclude = [{{ match = "tag:Source {number}", reason = "{name} does not have it" }}]

[[space.{name}.override]]
name = "{name}: indices"
match = ["*"]
rewrite_index = {{ "logs-*" = "{name}:logs-*", "ti-*" = "{name}:ti-*" }}

[[space.{name}.override]]
name = "{name}: threshold"
match = ["type:threshold"]
set = {{ threshold.value = {100 + number} }}
"""
        )
    return "".join(parts)


@pytest.fixture(name="settings")
def fixture_settings(tmp_path):
    """Read the four files."""
    (tmp_path / "environments").mkdir()
    (tmp_path / "deployer.toml").write_text('project = "mssp"\n')
    (tmp_path / "environments/_base.toml").write_text(BASE)
    for kibana in KIBANAS:
        (tmp_path / f"environments/{kibana}.toml").write_text(environment_text(kibana))
    return load_settings(tmp_path, today=date(2026, 9, 1), fields=FIELDS.keys())


def test_forty_targets_of_four_files(settings):
    """Every customer is a target, globs over environment and space select them."""
    assert settings.problems == ()
    assert len(settings.environments) == 40
    assert [e.target for e in select_targets(settings.environments, ["*/us-c0[01]"])] == ["us/us-c00", "us/us-c01"]
    assert len(select_targets(settings.environments, ["eu"])) == 14
    assert len({(e.connection.url, e.space) for e in settings.environments}) == 40


def test_each_customer_excludes_only_what_is_its_own(settings):
    """The base's exclusion holds everywhere, the space's in its space."""
    for environment in settings.environments:
        number = int(environment.space[-2:])
        excluded = [str(exclusion.selector) for exclusion in environment.rules.exclude]
        assert excluded == ["maturity:development", f"tag:Source {number}"]


def test_each_rule_type_reads_the_indices_of_its_customer(settings):
    """All eight types in all forty spaces: index, threat_index and the source of ES|QL."""
    for environment in settings.environments:
        own, number = environment.space, int(environment.space[-2:])
        for rule_type, fields in RULES.items():
            payload = {"rule_id": rule_type, "name": rule_type, "type": rule_type, **fields}
            subject = RuleSubject(rule_type, rule_type, (), f"rules/{rule_type}.toml", rule_type)
            result = apply_overrides(payload, subject, environment.overrides, rewrite_sources)
            expected = {**payload, "tags": ["service: managed"]}
            for name in ("index", "threat_index"):
                if name in payload:
                    renamed = {"logs-*": f"{own}:logs-*", "ti-*": f"{own}:ti-*"}
                    expected[name] = [renamed.get(pattern, pattern) for pattern in payload[name]]
            if rule_type == "esql":
                expected["query"] = payload["query"].replace("FROM logs-*,", f"FROM {own}:logs-*,", 1)
            if rule_type == "threshold":
                expected["threshold"] = {"field": [], "value": 100 + number}
            assert result.payload == expected
            assert [kept.key for kept in result.problems] == (["rule.query"] if rule_type == "esql" else [])


def test_an_override_that_no_rule_needs_is_named_for_its_target(settings):
    """Without a threshold rule each space's second override is pointed out, at its own line."""
    subjects = [RuleSubject(rule_type, type=rule_type) for rule_type in RULES if rule_type != "threshold"]
    lines = set()
    for environment in settings.environments:
        (problem,) = unmatched_overrides(environment.overrides, subjects, environment.target)
        assert f'"{environment.space}: threshold": selects no rule of {environment.target}' in problem.message
        lines.add((problem.path, problem.line))
    assert len(lines) == 40
