"""
The typed models of the eight rule types, from kibana/openapi.json and facts.md section 9.

They are built from the field table, so that no second list of names exists, and when they are first needed, so that a
run that checks nothing never imports pydantic. Where the API takes two kinds of value (one text or a list of texts) the
value's own kind picks the branch: an error is then about what the person wrote, not about every branch.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from deployer.core.fields import FIELDS, IDENTITY, RULE_TYPES, SEVERITIES

if TYPE_CHECKING:
    from pydantic import BaseModel

_ALWAYS: Final = frozenset({"name", "description", "risk_score", "severity", "type"})
_REQUIRED: Final[Mapping[str, frozenset[str]]] = {
    "query": frozenset(),
    "saved_query": frozenset({"saved_id"}),
    "eql": frozenset({"query", "language"}),
    "esql": frozenset({"query", "language"}),
    "machine_learning": frozenset({"anomaly_threshold", "machine_learning_job_id"}),
    "new_terms": frozenset({"query", "new_terms_fields", "history_window_start"}),
    "threat_match": frozenset({"query", "threat_query", "threat_mapping", "threat_index"}),
    "threshold": frozenset({"query", "threshold"}),
}
"""What Kibana refuses a rule without (facts.md 2.3), beside the fields that every type needs (2.2)."""

_LANGUAGES: Final = {"eql": ("eql",), "esql": ("esql",)}
LIST_TYPES: Final = (
    "detection",
    "rule_default",
    "endpoint",
    "endpoint_trusted_apps",
    "endpoint_trusted_devices",
    "endpoint_events",
    "endpoint_host_isolation_exceptions",
    "endpoint_blocklists",
)
"""The types of exception lists (facts.md 7.1)."""


@cache
def rule_model(rule_type: str) -> type[BaseModel]:
    """Return the model of one rule type. Its fields are named `f_` and the API's name, which is their alias."""
    from pydantic import ConfigDict, create_model

    kinds = _kinds(rule_type)
    required = _ALWAYS | _REQUIRED[rule_type]
    fields: dict[str, Any] = {
        name: (kinds.get(name, Any), ... if name in required else None)
        for name, row in FIELDS.items()
        if row.exists_for(rule_type)
    }
    fields[IDENTITY] = (kinds[IDENTITY], ...)
    safe: dict[str, Any] = {f"f_{name}": (kind, _aliased(name, default)) for name, (kind, default) in fields.items()}
    made: type[BaseModel] = create_model(f"{rule_type}_rule", __config__=ConfigDict(extra="forbid"), **safe)
    return made


def _aliased(name: str, default: Any) -> Any:
    from pydantic import Field

    return Field(alias=name) if default is ... else Field(default=default, alias=name)


class Kinds:
    """The building blocks of the models: made once, when pydantic is first needed."""

    def __init__(self) -> None:
        from typing import Annotated, Literal

        from pydantic import ConfigDict, Discriminator, Field, Tag, create_model

        self._annotated: Any = Annotated
        self._create, self._config, self._field = create_model, ConfigDict, Field
        self._tag, self._discriminator = Tag, Discriminator
        self._literal: Any = Literal
        self.filled = self.limited(str, min_length=1)
        self.percent = self.limited(int, ge=0, le=100)
        self.positive = self.limited(int, ge=1)
        self.duration = self.limited(str, pattern=r"^[1-9]\d*[smhd]$")
        self.texts, self.free = list[str], dict[str, Any]

    def limited(self, kind: Any, **limits: Any) -> Any:
        """Return a kind with limits: `ge`, `le`, `min_length`, `max_length`, `pattern`."""
        return self._annotated[kind, self._field(**limits)]

    def one_of(self, *words: str) -> Any:
        """Return the kind that is one of a few words."""
        return self._literal[words]

    def some(self, kind: Any, **limits: Any) -> Any:
        """Return a list of a kind."""
        return self.limited(list[kind], **limits) if limits else list[kind]

    def table(self, title: str, /, **fields: Any) -> Any:
        """Return a table of these keys and no others: a kind each, in a tuple where the key may be missing."""
        made = {name: (kind[0], None) if isinstance(kind, tuple) else (kind, ...) for name, kind in fields.items()}
        model: Any = self._create  # its overloads do not know computed fields
        # its validator is made as a part of the rule's, and never alone
        return model(f"_{title}", __config__=self._config(extra="forbid", defer_build=True), **made)

    def either(self, single: Any, listed: Any) -> Any:
        """Return a kind that is a list or something single; the value's own kind says which is meant."""
        return self._chosen(lambda value: "<list>" if isinstance(value, list) else "<one>", one=single, list=listed)

    def text_or(self, table: Any) -> Any:
        """Return a kind that is a text or a table."""
        return self._chosen(
            lambda value: "<one>" if isinstance(value, str) else "<table>", one=self.filled, table=table
        )

    def _chosen(self, choose: Any, **branches: Any) -> Any:
        tagged = [self._annotated[kind, self._tag(f"<{name}>")] for name, kind in branches.items()]
        return self._annotated[tagged[0] | tagged[1], self._discriminator(choose)]


@cache
def _k() -> Kinds:
    return Kinds()


def _kinds(rule_type: str) -> dict[str, Any]:
    """Return the kind of each field: what the API's schema says of it."""
    k = _k()
    return {
        **_identity_kinds(k),
        **_detection_kinds(k, rule_type),
        **_schedule_kinds(k, rule_type),
        **_alert_kinds(k),
    }


@cache
def _identity_kinds(k: Kinds) -> dict[str, Any]:
    return {
        IDENTITY: k.filled,
        "name": k.filled,
        "description": k.filled,
        "note": str,
        "setup": str,
        "tags": k.texts,
        "references": k.texts,
        "author": k.texts,
        "license": str,
        "false_positives": k.texts,
        "threat": k.some(_threat(k)),
        "timeline_id": k.filled,
        "timeline_title": k.filled,
        "investigation_fields": k.table("investigation", field_names=k.some(k.filled, min_length=1)),
        "version": k.positive,
        "meta": k.free,
        "related_integrations": k.some(
            k.table("integration", package=k.filled, version=k.filled, integration=(k.filled,))
        ),
        "required_fields": k.some(k.table("needed", name=k.filled, type=k.filled, ecs=(bool,))),
    }


def _threat(k: Kinds) -> Any:
    reference = {"id": k.filled, "name": k.filled, "reference": str}
    technique = k.table("technique", **reference, subtechnique=(k.some(k.table("subtechnique", **reference)),))
    return k.table("threat", framework=k.filled, tactic=k.table("tactic", **reference), technique=(k.some(technique),))


def _detection_kinds(k: Kinds, rule_type: str) -> dict[str, Any]:
    entry = k.table("entry", field=k.filled, type=k.one_of("mapping"), value=k.filled, negate=(bool,))
    return {
        "type": k.one_of(*RULE_TYPES),
        "language": k.one_of(*_LANGUAGES.get(rule_type, ("kuery", "lucene"))),
        "query": str,
        "index": k.texts,
        "data_view_id": k.filled,
        "filters": k.some(k.free),
        "saved_id": k.filled,
        "event_category_override": k.filled,
        "tiebreaker_field": k.filled,
        "timestamp_field": k.filled,
        "machine_learning_job_id": k.either(k.filled, k.some(k.filled, min_length=1)),
        "new_terms_fields": k.some(k.filled, min_length=1, max_length=3),
        "threat_index": k.texts,
        "threat_query": str,
        "threat_language": k.one_of("kuery", "lucene"),
        "threat_filters": k.some(k.free),
        "threat_mapping": k.some(k.table("mapping", entries=k.some(entry, min_length=1)), min_length=1),
        "threat_indicator_path": k.filled,
    }


def _schedule_kinds(k: Kinds, rule_type: str) -> dict[str, Any]:
    span = k.table("span", value=k.positive, unit=k.one_of("s", "m", "h"))
    cardinality = k.table("cardinality", field=k.filled, value=k.limited(int, ge=0))
    if rule_type == "threshold":
        suppression = k.table("suppression", duration=span)
    else:
        suppression = k.table(
            "suppression",
            group_by=k.some(k.filled, min_length=1, max_length=3),
            duration=(span,),
            missing_fields_strategy=(k.one_of("doNotSuppress", "suppress"),),
        )
    linked = k.table(
        "linked",
        list_id=k.filled,
        id=(str,),
        type=(k.one_of(*LIST_TYPES),),
        namespace_type=(k.one_of("single", "agnostic"),),
    )
    return {
        "threshold": k.table(
            "threshold",
            field=k.either(str, k.some(str, max_length=5)),
            value=k.positive,
            cardinality=(k.some(cardinality),),
        ),
        "anomaly_threshold": k.limited(int, ge=0),
        "history_window_start": k.filled,
        "concurrent_searches": k.positive,
        "items_per_search": k.positive,
        "alert_suppression": suppression,
        "exceptions_list": k.some(k.text_or(linked)),
        "interval": k.duration,
        "from": k.filled,
        "to": k.filled,
        "max_signals": k.positive,
        "timestamp_override": k.filled,
        "timestamp_override_fallback_disabled": bool,
    }


@cache
def _alert_kinds(k: Kinds) -> dict[str, Any]:
    severity = k.one_of(*SEVERITIES)
    equals = {"field": str, "operator": k.one_of("equals"), "value": str}
    frequency = k.table(
        "frequency",
        summary=bool,
        notifyWhen=k.one_of("onActiveAlert", "onThrottleInterval", "onActionGroupChange"),
        throttle=(str,),
    )
    action = k.table(
        "action",
        id=(k.filled,),
        connector=(k.filled,),
        action_type_id=(k.filled,),
        group=(k.filled,),
        params=k.free,
        uuid=(k.filled,),
        frequency=(frequency,),
        alerts_filter=(k.free,),
    )
    return {
        "enabled": bool,
        "severity": severity,
        "severity_mapping": k.some(k.table("severe", **equals, severity=severity)),
        "risk_score": k.percent,
        "risk_score_mapping": k.some(k.table("risk", **equals, risk_score=(k.percent,))),
        "rule_name_override": str,
        "building_block_type": str,
        "actions": k.some(action),
        "response_actions": k.some(
            k.table("response", action_type_id=k.one_of(".osquery", ".endpoint"), params=k.free)
        ),
        "throttle": str,
        "namespace": str,
    }
