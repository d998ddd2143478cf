"""
The rules, exception lists and environments that ship with the repository, read as plain TOML.

They are what a newcomer meets first and what the examples of the documentation point at, so they are held to more than
`deployer validate` asks of anybody's rules: together they show every rule type and every feature of the format.
"""

from __future__ import annotations

import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tomli

ROOT = Path(__file__).resolve().parents[2]
TYPES = {"query", "saved_query", "eql", "esql", "machine_learning", "new_terms", "threat_match", "threshold"}
BANDS = {"low": (0, 21), "medium": (22, 47), "high": (48, 73), "critical": (74, 100)}
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
ATTACK = "https://attack.mitre.org"

Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shipped:
    """One file below rules/: its path, relative to the repository, and its parsed tables."""

    path: Path
    data: Table

    @property
    def metadata(self) -> Table:
        """The [metadata] table."""
        return self.data["metadata"]

    @property
    def rule(self) -> Table:
        """The [rule] table."""
        return self.data["rule"]

    @property
    def live(self) -> bool:
        """Whether the rule may be deployed."""
        return bool(self.metadata["maturity"] != "deprecated")


def _load(folder: str) -> list[tuple[Path, Table]]:
    paths = sorted((ROOT / folder).rglob("*.toml"))
    return [(path.relative_to(ROOT), tomli.loads(path.read_text(encoding="utf-8"))) for path in paths]


SHIPPED = [Shipped(path, data) for path, data in _load("rules")]
LIVE = [shipped for shipped in SHIPPED if shipped.live]
LISTS = [entry for _, data in _load("exceptions") for entry in data["exceptions"]]

each_file = pytest.mark.parametrize("shipped", SHIPPED, ids=lambda shipped: shipped.path.stem)
each_live = pytest.mark.parametrize("shipped", LIVE, ids=lambda shipped: shipped.path.stem)


def _seconds(span: str) -> int:
    """Read `5m`, or how far `now-2h` lies back."""
    found = re.fullmatch(r"(?:now-)?(\d+)([smhd])", span)
    assert found, f"{span} is not a span of time"
    return int(found[1]) * SECONDS[found[2]]


def _history(rule: Table) -> str:
    if "new_terms" in rule:
        return str(rule["new_terms"]["history_window_start"][0]["value"])
    return str(rule["history_window_start"])


def _techniques(rule: Table) -> Iterator[tuple[Table, Table, Table | None]]:
    """Yield tactic, technique or sub-technique, and the technique above a sub-technique."""
    for threat in rule["threat"]:
        for technique in threat.get("technique", []):
            yield threat["tactic"], technique, None
            for sub in technique.get("subtechnique", []):
                yield threat["tactic"], sub, technique


def _repeated(values: Iterable[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]


FEATURES: dict[str, Callable[[Shipped], bool]] = {
    "query in KQL": lambda s: s.rule["type"] == "query" and s.rule["language"] == "kuery",
    "query in Lucene": lambda s: s.rule["type"] == "query" and s.rule["language"] == "lucene",
    "saved query": lambda s: s.rule["type"] == "saved_query" and "saved_id" in s.rule,
    "EQL event": lambda s: s.rule["type"] == "eql" and " where " in s.rule["query"].splitlines()[0],
    "EQL sequence": lambda s: s.rule["type"] == "eql" and s.rule["query"].startswith("sequence by "),
    "ES|QL that aggregates": lambda s: s.rule["type"] == "esql" and "| STATS" in s.rule["query"],
    "ES|QL on single events": lambda s: s.rule["type"] == "esql" and "METADATA _id" in s.rule["query"],
    "machine learning": lambda s: s.rule["type"] == "machine_learning" and "anomaly_threshold" in s.rule,
    "new terms, nested": lambda s: "value" in s.rule.get("new_terms", {}),
    "new terms, flat": lambda s: {"new_terms_fields", "history_window_start"} <= s.rule.keys(),
    "indicator match": lambda s: s.rule["type"] == "threat_match" and "threat_indicator_path" in s.rule,
    "indicator match, negated entry": lambda s: any(
        entry.get("negate") for mapping in s.rule.get("threat_mapping", []) for entry in mapping["entries"]
    ),
    "indicator filters": lambda s: "threat_filters" in s.rule,
    "indicator search sizes": lambda s: {"concurrent_searches", "items_per_search"} <= s.rule.keys(),
    "threshold with cardinality": lambda s: bool(s.rule.get("threshold", {}).get("cardinality")),
    "building block": lambda s: s.rule.get("building_block_type") == "default",
    "data view": lambda s: "data_view_id" in s.rule and "index" not in s.rule,
    "filters": lambda s: "$state" in s.rule.get("filters", [{}])[0],
    "suppression by fields": lambda s: (
        s.rule.get("alert_suppression", {}).keys() == {"group_by", "duration", "missing_fields_strategy"}
    ),
    "suppression by time": lambda s: (
        s.rule["type"] == "threshold" and s.rule["alert_suppression"].keys() == {"duration"}
    ),
    "investigation fields": lambda s: bool(s.rule.get("investigation_fields", {}).get("field_names")),
    "exception list by list_id": lambda s: any("id" not in link for link in s.rule.get("exceptions_list", [])),
    "action by connector name": lambda s: any("connector" in action for action in s.rule.get("actions", [])),
    "action with a frequency": lambda s: any("frequency" in action for action in s.rule.get("actions", [])),
    "action with several lines": lambda s: any(
        "\n" in action["params"].get("message", "") for action in s.rule.get("actions", [])
    ),
    "response action": lambda s: any(a["action_type_id"] == ".osquery" for a in s.rule.get("response_actions", [])),
    "created disabled": lambda s: s.rule.get("enabled") is False,
    "risk score mapping": lambda s: bool(s.rule.get("risk_score_mapping")),
    "severity mapping": lambda s: bool(s.rule.get("severity_mapping")),
    "rule name override": lambda s: "rule_name_override" in s.rule,
    "timestamp override": lambda s: "timestamp_override" in s.rule,
    "no timestamp fallback": lambda s: s.rule.get("timestamp_override_fallback_disabled") is True,
    "timeline template": lambda s: {"timeline_id", "timeline_title"} <= s.rule.keys(),
    "sub-technique": lambda s: any(above for _, _, above in _techniques(s.rule)),
    "several tactics": lambda s: len(s.rule["threat"]) > 1,
    "osquery in the note": lambda s: "$osquery_0" in s.rule["note"] and bool(s.data["transform"]["osquery"]),
    "investigation in the note": lambda s: (
        "${investigate_0}" in s.rule["note"] and bool(s.data["transform"]["investigate"])
    ),
    "setup inside the note": lambda s: "\n## Setup\n" in s.rule["note"] and "setup" not in s.rule,
    "setup of its own": lambda s: bool(s.rule.get("setup")),
    "minimum stack version": lambda s: "min_stack_version" in s.metadata,
    "deployer's own keys": lambda s: any(key.startswith("deployer_") for key in s.metadata.get("extended", {})),
    "a team's own metadata": lambda s: "playbook" in s.metadata,
    "development": lambda s: s.metadata["maturity"] == "development",
}


@pytest.mark.parametrize("feature", FEATURES)
def test_every_feature_is_shown_by_a_live_rule(feature: str) -> None:
    """Each feature of the format occurs in at least one rule that is deployed."""
    assert [shipped.path for shipped in LIVE if FEATURES[feature](shipped)]


def test_every_type_is_shown_and_there_are_enough_rules() -> None:
    """All eight rule types occur, in at least sixteen live rules, and one rule is deprecated."""
    assert {shipped.rule["type"] for shipped in LIVE} == TYPES
    assert len(LIVE) >= 16
    assert [shipped for shipped in SHIPPED if not shipped.live]


def test_rules_lie_at_several_depths() -> None:
    """Folders are free: rules lie one and two folders below rules/."""
    assert {len(shipped.path.parts) for shipped in SHIPPED} >= {3, 4}


def test_ids_names_and_file_names_are_unique() -> None:
    """No two files share a rule_id, a name or a file name."""
    assert not _repeated(shipped.rule["rule_id"] for shipped in SHIPPED)
    assert not _repeated(shipped.rule["name"] for shipped in SHIPPED)
    assert not _repeated(shipped.path.name for shipped in SHIPPED)


@each_file
def test_identity_is_a_random_uuid(shipped: Shipped) -> None:
    """The rule_id is a UUID of version 4 in its canonical spelling."""
    rule_id = shipped.rule["rule_id"]
    assert str(uuid.UUID(rule_id)) == rule_id
    assert uuid.UUID(rule_id).version == 4


@each_file
def test_file_is_named_after_its_first_tactic(shipped: Shipped) -> None:
    """The file name is lower snake case and begins with the first tactic of the rule."""
    tactic = shipped.rule["threat"][0]["tactic"]["name"].lower().replace(" ", "_")
    assert re.fullmatch(rf"{tactic}_[a-z0-9]+(_[a-z0-9]+)*\.toml", shipped.path.name)


@each_file
def test_rules_are_ours(shipped: Shipped) -> None:
    """Author and licence say that the rule was written for this project."""
    assert shipped.rule["author"] == ["deployer contributors"]
    assert shipped.rule["license"] == "Apache-2.0"


@each_file
def test_dates_are_in_order(shipped: Shipped) -> None:
    """Dates are written YYYY/MM/DD, and no rule was updated before it was created."""
    created, updated = shipped.metadata["creation_date"], shipped.metadata["updated_date"]
    assert all(re.fullmatch(r"\d{4}/\d\d/\d\d", date) for date in (created, updated))
    assert created <= updated


@each_file
def test_risk_score_lies_in_the_band_of_the_severity(shipped: Shipped) -> None:
    """Severity and risk score say the same."""
    lowest, highest = BANDS[shipped.rule["severity"]]
    assert lowest <= shipped.rule["risk_score"] <= highest


@each_file
def test_tags_name_domain_source_and_tactics(shipped: Shipped) -> None:
    """Tags are unique, name a domain and a data source, and exactly the tactics of the rule."""
    tags = shipped.rule["tags"]
    assert not _repeated(tags)
    assert any(tag.startswith("Domain: ") for tag in tags)
    assert any(tag.startswith("Data Source: ") for tag in tags)
    assert {tag.removeprefix("Tactic: ") for tag in tags if tag.startswith("Tactic: ")} == {
        threat["tactic"]["name"] for threat in shipped.rule["threat"]
    }


@each_file
def test_attack_ids_and_references_belong_together(shipped: Shipped) -> None:
    """Ids have ATT&CK's form, a sub-technique lies below its technique, and each reference is the page of its id."""
    for threat in shipped.rule["threat"]:
        tactic = threat["tactic"]
        assert threat["framework"] == "MITRE ATT&CK"
        assert re.fullmatch(r"TA\d{4}", tactic["id"])
        assert tactic["reference"] == f"{ATTACK}/tactics/{tactic['id']}/"
    for _, technique, above in _techniques(shipped.rule):
        assert re.fullmatch(r"T\d{4}" if above is None else rf"{above['id']}\.\d{{3}}", technique["id"])
        assert technique["reference"] == f"{ATTACK}/techniques/{technique['id'].replace('.', '/')}/"


def test_attack_names_agree_across_the_repository() -> None:
    """One ATT&CK id has one name everywhere, and one name one id."""
    names: dict[str, set[str]] = defaultdict(set)
    for shipped in SHIPPED:
        for tactic, technique, above in _techniques(shipped.rule):
            names[tactic["id"]].add(tactic["name"])
            names[technique["id"]].add(f"{above['name']}: {technique['name']}" if above else technique["name"])
    assert {key: found for key, found in names.items() if len(found) != 1} == {}
    assert not _repeated(name for found in names.values() for name in found)


@each_file
def test_note_guides_the_triage(shipped: Shipped) -> None:
    """Every note has a triage section; where people see the alert, it has meaning, steps and response."""
    note = shipped.rule["note"]
    assert note.startswith("## Triage and analysis\n")
    if shipped.live and "building_block_type" not in shipped.rule:
        assert {"### What it means", "### Steps", "### Response"} <= set(note.splitlines())


@each_live
def test_look_back_covers_the_interval(shipped: Shipped) -> None:
    """No event falls between two runs; the history of new terms begins before the look-back."""
    look_back, interval = _seconds(shipped.rule["from"]), _seconds(shipped.rule["interval"])
    assert look_back > interval
    if shipped.rule["type"] == "new_terms":
        assert _seconds(_history(shipped.rule)) > look_back


@each_live
def test_sequences_fit_into_the_look_back(shipped: Shipped) -> None:
    """A sequence that began right before a run is still seen whole by the next one."""
    span = re.search(r"maxspan=(\d+[smh])", shipped.rule.get("query", ""))
    if shipped.rule["type"] == "eql" and span:
        assert _seconds(shipped.rule["from"]) >= _seconds(span[1]) + _seconds(shipped.rule["interval"])


@each_live
def test_fields_fit_the_type(shipped: Shipped) -> None:
    """A rule says where it looks in one way only, and suppression keeps to Kibana's limits."""
    rule = shipped.rule
    places = [key for key in ("index", "data_view_id") if key in rule]
    assert len(places) == (0 if rule["type"] in ("esql", "machine_learning") else 1)
    assert ("timeline_id" in rule) == ("timeline_title" in rule)
    suppression = rule.get("alert_suppression", {})
    assert ("group_by" in suppression) == (bool(suppression) and rule["type"] != "threshold")
    assert len(suppression.get("group_by", [])) <= 3


@each_file
def test_placeholders_and_transforms_agree(shipped: Shipped) -> None:
    """Every entry of [transform] stands in the note, and every placeholder in the note has an entry."""
    written = set(re.findall(r"\$\{?((?:osquery|investigate)_\d+)\}?", shipped.rule["note"]))
    plugins = shipped.data.get("transform", {})
    assert written == {f"{plugin}_{i}" for plugin, entries in plugins.items() for i in range(len(entries))}


@each_file
def test_a_retired_rule_says_when_and_why(shipped: Shipped) -> None:
    """A deprecated rule has a date and a reason, and only a deprecated rule has them."""
    retired = {"deprecation_date", "deprecated_reason"} & shipped.metadata.keys()
    assert retired == (set() if shipped.live else {"deprecation_date", "deprecated_reason"})


def test_exception_lists_that_rules_use_are_shipped() -> None:
    """Every list that a rule links exists in exceptions/, with the same type and namespace, and every list is used."""
    shipped = {(c["list_id"], c["namespace_type"], c["type"]) for c in (entry["container"] for entry in LISTS)}
    linked = {
        (link["list_id"], link["namespace_type"], link["type"])
        for rule in LIVE
        for link in rule.rule.get("exceptions_list", [])
    }
    assert shipped == linked


def test_exception_items_belong_to_their_list() -> None:
    """Items name the list that they stand in, their ids are unique, and together they show every kind of entry."""
    items = [(entry["container"]["list_id"], item) for entry in LISTS for item in entry["items"]]
    assert all(item["list_id"] == list_id for list_id, item in items)
    assert not _repeated(item["item_id"] for _, item in items)
    kinds = {entry["type"] for _, item in items for entry in item["entries"]}
    assert kinds == {"match", "match_any", "exists", "list", "wildcard", "nested"}


def test_exception_files_name_the_rules_that_link_them() -> None:
    """`rule_ids` and `rule_names` of an exceptions file (what detection-rules joins by) agree with the links."""
    by_list = defaultdict(set)
    for shipped in LIVE:
        for link in shipped.rule.get("exceptions_list", []):
            by_list[link["list_id"]].add((shipped.rule["rule_id"], shipped.rule["name"]))
    for path, data in _load("exceptions"):
        linking = set().union(*(by_list[entry["container"]["list_id"]] for entry in data["exceptions"]))
        metadata = data["metadata"]
        assert set(zip(metadata["rule_ids"], metadata["rule_names"], strict=True)) == linking, path


def test_value_lists_that_exceptions_use_are_shipped() -> None:
    """Every value list that an exception names is a file of value_lists/ with at least one value, each once."""
    named = {
        entry["list"]["id"]
        for exceptions in LISTS
        for item in exceptions["items"]
        for entry in item["entries"]
        if entry["type"] == "list"
    }
    assert named == {path.name for path in (ROOT / "value_lists").iterdir()}
    for name in named:
        values = (ROOT / "value_lists" / name).read_text(encoding="utf-8").splitlines()
        assert values
        assert not _repeated(values)


@pytest.mark.parametrize("name", ["sandbox", "dev", "prod"])
def test_connectors_of_rules_are_mapped_in_every_environment(name: str) -> None:
    """Every logical connector name that a rule uses is known to each shipped environment."""
    environment = tomli.loads((ROOT / "environments" / f"{name}.toml").read_text(encoding="utf-8"))
    used = {action["connector"] for shipped in LIVE for action in shipped.rule.get("actions", [])}
    assert used <= environment["connectors"].keys()


def test_nothing_shipped_holds_a_secret() -> None:
    """Credentials in environment files are references, never literals."""
    keys = {"api_key", "read_api_key", "bearer", "password"}
    found = [value for _, data in _load("environments") for key, value in _scalars(data) if key in keys]
    assert found
    assert all(re.match(r"(env|file):", value) for value in found)


def _scalars(table: Table) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _scalars(value)
        else:
            yield key, value
