"""Pulls on plain values: bodies of Kibana in, files and the environment's text out, and the plan that follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from hypothesis import strategies as st

from deployer.core.desired import Rendering, selected
from deployer.core.environment import Environment
from deployer.core.fields import FIELDS, RULE_TYPES
from deployer.core.plan import Plan
from deployer.core.ports import Body
from deployer.core.pulling.blocks import Blocks
from deployer.core.pulling.merging import Merger
from deployer.core.pulling.names import connector_names
from deployer.core.pulling.places import default_template
from deployer.core.pulling.taking import Asked, Git, Pulled, pull
from deployer.core.record import Record
from deployer.core.references import Space
from deployer.core.rule_file import RuleFile, read_rule
from deployer.core.settings import Given, SettingsFile, read_settings
from deployer.core.toml import read
from deployer.queries.esql_source import rewrite_sources
from tests.support.planning import MARKER, World

CONNECTORS: tuple[Body, ...] = (
    {"id": "c-1", "name": "SOC Slack", "connector_type_id": ".slack"},
    {"id": "c-2", "name": "Twice", "connector_type_id": ".email"},
    {"id": "c-3", "name": "Twice", "connector_type_id": ".email"},
    {"id": "c-4", "name": "Without secrets", "connector_type_id": ".jira", "is_missing_secrets": True},
)
LISTS: tuple[Body, ...] = (
    {"id": "l-1", "list_id": "travelling", "type": "detection", "namespace_type": "single"},
    {"id": "l-2", "list_id": "scanners", "type": "detection", "namespace_type": "agnostic"},
)
START = '# ours\n[kibana]\nurl = "sandbox"\n\n[connectors]\nsoc-slack = "SOC Slack"\n'


class _World(World):
    """A world whose overrides rewrite the sources of ES|QL queries, as those of the program do."""

    @property
    def rendering(self) -> Rendering:
        """How rules become those of this target."""
        return replace(super().rendering, rewrite_sources=rewrite_sources)


@dataclass
class Checkout:
    """A project's texts and one target; `pull` writes into it, `plan` plans it."""

    settings: str = START
    texts: dict[str, str] = field(default_factory=dict)
    record: Record | None = None
    held: frozenset[str] = frozenset()
    template: str = default_template(("rules",))

    @property
    def environment(self) -> Environment:
        """The target as its file says it."""
        file = SettingsFile("environments/s.toml", read(self.settings))
        given = Given(date(2026, 11, 24), FIELDS.keys())
        settings = read_settings(SettingsFile("deployer.toml", {"project": "tests"}), [file], given)
        assert not settings.errors, [str(problem) for problem in settings.errors]
        return settings.environments[0]

    @property
    def space(self) -> Space:
        """What the rules of the space may refer to."""
        return Space(CONNECTORS, LISTS, self.environment.connectors)

    @property
    def files(self) -> dict[str, RuleFile]:
        """The rules, each of which must be readable without a problem."""
        found = [read_rule(path, text) for path, text in self.texts.items()]
        assert all(file is not None and not problems for file, problems in found), [problems for _, problems in found]
        return {file.rule_id: file for file, _ in found if file is not None}

    def pull(self, *bodies: Body, only: tuple[Any, ...] = (), pinned: Mapping[str, RuleFile] | None = None) -> Pulled:
        """Pull, and write everything that the pull says."""
        environment, files = self.environment, self.files
        blocks = Blocks(environment, read(self.settings))
        rendering = Rendering(environment, self.space, lambda _path, _key: (0, 0), rewrite_sources)
        here, _ = selected((pinned or files).values(), environment, "9.3.1")
        git = Git(
            files,
            {file.rule_id: file for file in here},
            lambda path: self.texts[path],
            ("rules",),
            self.template,
            frozenset(self.texts),
            pinned is not None,
        )
        asked = Asked(only, MARKER, self.record, self.held)
        pulled = pull(bodies, asked, git, Merger(rendering, connector_names(self.space)), blocks)
        self.texts.update({change.path: change.text for change in pulled.changes})
        self.settings = blocks.text(self.settings)
        return pulled

    def plan(self, *bodies: Body) -> Plan:
        """Plan these files for this space with `--adopt`, through the planner and not through what pulls."""
        world = _World(policy=self.environment.ownership, overrides=self.environment.overrides, space=self.space)
        world.git(*self.files.values())
        world.live = {body["rule_id"]: dict(body) for body in bodies}
        return world.plan(adopt=True)


def differences(plan: Plan) -> dict[str, dict[str, Any]]:
    """What a plan would change besides adopting, by rule."""
    changed = {change.rule_id: {"before": change.before, "after": change.after} for change in plan.changes}
    found = {rule_id: sides for rule_id, sides in changed.items() if sides["before"] or sides["after"]}
    blocked = {blocked.rule_id: {"blocked": blocked.reason} for blocked in plan.notes.blocked}
    return found | blocked


def body_of(rule_id: str = "r-1", **fields: Any) -> Body:
    """A rule as Kibana answers it; None takes a field away."""
    base = {
        "id": f"so-{rule_id}",
        "rule_id": rule_id,
        "name": f"Rule {rule_id}",
        "description": "d",
        "risk_score": 21,
        "severity": "low",
        "type": "query",
        "language": "kuery",
        "query": "a : 1",
        "index": ["logs-*"],
        "enabled": True,
        "tags": [],
        "references": [],
        "author": [],
        "false_positives": [],
        "threat": [],
        "actions": [],
        "exceptions_list": [],
        "interval": "5m",
        "from": "now-6m",
        "to": "now",
        "max_signals": 100,
        "version": 1,
        "revision": 0,
        "immutable": False,
        "setup": "",
        "related_integrations": [],
        "required_fields": [],
        "risk_score_mapping": [],
        "severity_mapping": [],
        "created_at": "2026-10-01T10:00:00.000Z",
        "updated_at": "2026-11-02T10:00:00.000Z",
        "created_by": "soc-day",
        "updated_by": "soc-day",
        "rule_source": {"type": "internal"},
        "output_index": "",
    }
    return {key: value for key, value in (base | fields).items() if value is not None}


words = st.sampled_from(["a", "b : 1", "é", "user.name", "$osquery_0", "$$", 'say "x"', "back\\slash", "{{host.name}}"])
line_texts = st.lists(words, min_size=1, max_size=4).map(" ".join)
texts = st.one_of(
    line_texts,
    st.lists(
        st.one_of(words, st.sampled_from(["", "  indented", "'''", '"""', "tab\there"])), min_size=1, max_size=4
    ).map("\n".join),
    st.sampled_from(["  edges  ", "two\n\nparts", "trailing \n"]),
)
notes = st.one_of(texts, st.sampled_from(["## Setup\n\nDo it.", "# A\n\n## Setup\nX\n## B\ny", "## Triage\n\n- a\n"]))
_lists = st.lists(texts, min_size=1, max_size=3, unique=True)
_patterns = st.lists(
    st.sampled_from(["logs-*", "winlogbeat-*", "us:logs-*", "-logs-old"]), min_size=1, max_size=3, unique=True
)
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(0, 9), line_texts),
    lambda inner: st.one_of(
        st.lists(inner.filter(lambda item: item is not None), max_size=2),
        st.dictionaries(st.sampled_from(["a", "b.c", "$state"]), inner, max_size=2),
    ),
    max_leaves=4,
)
_object = st.dictionaries(st.sampled_from(["meta", "query", "$state"]), _json, min_size=1, max_size=3)
_frequency = st.fixed_dictionaries(
    {
        "summary": st.booleans(),
        "notifyWhen": st.sampled_from(["onActiveAlert", "onThrottleInterval"]),
        "throttle": st.sampled_from([None, "1h"]),
    }
)
_action = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["c-1", "c-2", "c-4"]),
        "params": st.fixed_dictionaries({"message": texts}, optional={"extra": _json}),
        "group": st.just("default"),
        "uuid": st.uuids().map(str),
    },
    optional={
        "frequency": _frequency,
        "alerts_filter": st.just({"query": {"kql": "a : 1", "filters": [], "dsl": "{}"}}),
    },
).map(lambda action: {**action, "action_type_id": {"c-1": ".slack", "c-2": ".email", "c-4": ".jira"}[action["id"]]})
_technique = st.fixed_dictionaries(
    {"id": st.just("T1003"), "name": line_texts, "reference": st.just("https://attack.mitre.org/techniques/T1003/")},
    optional={"subtechnique": st.just([{"id": "T1003.001", "name": "x", "reference": "https://a.example/x/"}])},
)
_threat = st.fixed_dictionaries(
    {
        "framework": st.just("MITRE ATT&CK"),
        "tactic": st.just({"id": "TA0006", "name": "Credential Access", "reference": "https://a.example/TA0006/"}),
        "technique": st.lists(_technique, max_size=2),
    }
)
_OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    "note": notes,
    "setup": st.one_of(st.just(""), texts),
    "references": _lists,
    "author": _lists,
    "tags": st.lists(line_texts, max_size=3, unique=True),
    "license": texts,
    "false_positives": _lists,
    "threat": st.lists(_threat, max_size=2),
    "timeline_id": words,
    "timeline_title": words,
    "meta": _object,
    "version": st.integers(1, 9),
    "investigation_fields": st.just({"field_names": ["user.name", "host.name"]}),
    "related_integrations": st.just([{"package": "aws", "version": "^1.0.0", "integration": None}]),
    "required_fields": st.just([{"name": "user.name", "type": "keyword", "ecs": True}]),
    "interval": st.sampled_from(["5m", "10m"]),
    "from": st.sampled_from(["now-6m", "now-9m"]),
    "max_signals": st.sampled_from([100, 1000]),
    "timestamp_override": words,
    "timestamp_override_fallback_disabled": st.booleans(),
    "exceptions_list": st.lists(
        st.sampled_from([{**body} for body in LISTS]), max_size=2, unique_by=lambda body: body["id"]
    ),
    "enabled": st.booleans(),
    "severity": st.sampled_from(["low", "high"]),
    "risk_score": st.integers(0, 100),
    "severity_mapping": st.just([{"field": "a", "operator": "equals", "severity": "high", "value": ""}]),
    "risk_score_mapping": st.just([{"field": "a", "operator": "equals", "value": ""}]),
    "rule_name_override": words,
    "building_block_type": st.just("default"),
    "actions": st.lists(_action, max_size=3, unique_by=lambda a: a["uuid"]),
    "response_actions": st.just([{"action_type_id": ".osquery", "params": {"query": "select 1\n", "timeout": None}}]),
    "throttle": st.just("no_actions"),
    "namespace": words,
    "brand_new_field": _object,
    "alert_suppression": st.just(
        {"group_by": ["user.name"], "duration": {"value": 1, "unit": "h"}, "missing_fields_strategy": "suppress"}
    ),
    "index": _patterns,
    "data_view_id": words,
    "filters": st.lists(_object, max_size=2),
}
_OF_TYPE: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "query": {"query": texts},
    "saved_query": {"saved_id": words},
    "eql": {"query": texts, "language": st.just("eql"), "event_category_override": words},
    "esql": {
        "query": st.sampled_from(["from logs-*\n| limit 1", "from us:logs-* | keep a"]),
        "language": st.just("esql"),
    },
    "machine_learning": {"machine_learning_job_id": st.just(["a", "b"]), "anomaly_threshold": st.integers(0, 100)},
    "new_terms": {
        "query": texts,
        "new_terms_fields": st.just(["user.name"]),
        "history_window_start": st.sampled_from(["now-7d", "now-9d"]),
    },
    "threat_match": {
        "query": texts,
        "threat_query": texts,
        "threat_index": _patterns,
        "threat_indicator_path": st.just("threat.indicator"),
        "threat_mapping": st.just([{"entries": [{"field": "a", "type": "mapping", "value": "b"}]}]),
        "threat_filters": st.lists(_object, max_size=1),
    },
    "threshold": {
        "query": texts,
        "threshold": st.sampled_from(
            [
                {"field": ["a"], "value": 3, "cardinality": []},
                {"field": [], "value": 9, "cardinality": [{"field": "b", "value": 2}]},
            ]
        ),
    },
}


@st.composite
def bodies(draw: st.DrawFn, rule_id: str = "r-1") -> Body:
    """A rule of any type with any of its optional fields, as Kibana answers it."""
    rule_type = draw(st.sampled_from(RULE_TYPES))
    named = draw(st.sets(st.sampled_from(sorted(_OPTIONAL))))
    known = sorted(name for name in named if name not in FIELDS or FIELDS[name].exists_for(rule_type))
    fields = {name: draw(_OPTIONAL[name]) for name in known}
    fields |= {name: draw(strategy) for name, strategy in _OF_TYPE[rule_type].items()}
    fields |= {"type": rule_type, "name": draw(line_texts), "description": draw(texts)}
    if rule_type == "threshold" and "alert_suppression" in fields:
        fields["alert_suppression"] = {"duration": {"value": 1, "unit": "h"}}
    base = body_of(rule_id)
    kept = {name: value for name, value in base.items() if name not in FIELDS or FIELDS[name].exists_for(rule_type)}
    return {**kept, **fields}


def another(body: Body, other: Body) -> Body:
    """The rule of `body`, changed to say what `other` says."""
    return {**other, **{key: body[key] for key in ("id", "rule_id", "created_at")}}


__all__ = ["Checkout", "another", "bodies", "body_of", "differences"]
