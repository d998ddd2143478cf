"""
The typed models of the eight rule types, from kibana/openapi.json and facts.md section 9.

They are built from the field table, so that no second list of names exists, and when they are first needed, so that a
run that checks nothing never imports pydantic's core. Where the API takes two kinds of value (one text or a list of
texts) the value's own kind picks the branch: an error is then about what the person wrote, not about every branch.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Final

from deployer.core.fields import FIELDS, IDENTITY, RULE_TYPES, SEVERITIES
from deployer.core.shape.kinds import (
    COUNT,
    DURATION,
    FILLED,
    FLAG,
    FREE,
    PERCENT,
    POSITIVE,
    TEXT,
    Kind,
    either,
    one_of,
    some,
    table,
    text_or,
)

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator

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
def validator(rule_type: str) -> SchemaValidator:
    """Return what judges payloads of one rule type."""
    from pydantic_core import SchemaValidator

    return SchemaValidator(rule_model(rule_type))


@cache
def rule_model(rule_type: str) -> Kind:
    """Return the model of one rule type: a table of its fields, by the names that the API has for them."""
    kinds = _kinds(rule_type)
    required = _ALWAYS | _REQUIRED[rule_type]
    fields: dict[str, Kind | tuple[Kind]] = {
        name: kinds[name] if name in required else (kinds[name],)
        for name, row in FIELDS.items()
        if row.exists_for(rule_type)
    }
    return table(f"{rule_type}_rule", **{**fields, IDENTITY: kinds[IDENTITY]})


def _kinds(rule_type: str) -> dict[str, Kind]:
    """Return the kind of each field: what the API's schema says of it."""
    return {
        **_identity_kinds(),
        **_detection_kinds(rule_type),
        **_schedule_kinds(rule_type),
        **_alert_kinds(),
    }


@cache
def _identity_kinds() -> dict[str, Kind]:
    return {
        IDENTITY: FILLED,
        "name": FILLED,
        "description": FILLED,
        "note": TEXT,
        "setup": TEXT,
        "tags": some(TEXT),
        "references": some(TEXT),
        "author": some(TEXT),
        "license": TEXT,
        "false_positives": some(TEXT),
        "threat": some(_threat()),
        "timeline_id": FILLED,
        "timeline_title": FILLED,
        "investigation_fields": table("investigation", field_names=some(FILLED, min_length=1)),
        "version": POSITIVE,
        "meta": FREE,
        "related_integrations": some(table("integration", package=FILLED, version=FILLED, integration=(FILLED,))),
        "required_fields": some(table("needed", name=FILLED, type=FILLED, ecs=(FLAG,))),
    }


def _threat() -> Kind:
    reference = {"id": FILLED, "name": FILLED, "reference": TEXT}
    technique = table("technique", **reference, subtechnique=(some(table("subtechnique", **reference)),))
    return table("threat", framework=FILLED, tactic=table("tactic", **reference), technique=(some(technique),))


def _detection_kinds(rule_type: str) -> dict[str, Kind]:
    entry = table("entry", field=FILLED, type=one_of("mapping"), value=FILLED, negate=(FLAG,))
    return {
        "type": one_of(*RULE_TYPES),
        "language": one_of(*_LANGUAGES.get(rule_type, ("kuery", "lucene"))),
        "query": TEXT,
        "index": some(TEXT),
        "data_view_id": FILLED,
        "filters": some(FREE),
        "saved_id": FILLED,
        "event_category_override": FILLED,
        "tiebreaker_field": FILLED,
        "timestamp_field": FILLED,
        "machine_learning_job_id": either(FILLED, some(FILLED, min_length=1)),
        "new_terms_fields": some(FILLED, min_length=1, max_length=3),
        "threat_index": some(TEXT),
        "threat_query": TEXT,
        "threat_language": one_of("kuery", "lucene"),
        "threat_filters": some(FREE),
        "threat_mapping": some(table("mapping", entries=some(entry, min_length=1)), min_length=1),
        "threat_indicator_path": FILLED,
    }


def _schedule_kinds(rule_type: str) -> dict[str, Kind]:
    span = table("span", value=POSITIVE, unit=one_of("s", "m", "h"))
    cardinality = table("cardinality", field=FILLED, value=COUNT)
    if rule_type == "threshold":
        suppression = table("suppression_threshold", duration=span)
    else:
        suppression = table(
            "suppression",
            group_by=some(FILLED, min_length=1, max_length=3),
            duration=(span,),
            missing_fields_strategy=(one_of("doNotSuppress", "suppress"),),
        )
    linked = table(
        "linked",
        list_id=FILLED,
        id=(TEXT,),
        type=(one_of(*LIST_TYPES),),
        namespace_type=(one_of("single", "agnostic"),),
    )
    return {
        "threshold": table(
            "threshold",
            field=either(TEXT, some(TEXT, max_length=5)),
            value=POSITIVE,
            cardinality=(some(cardinality),),
        ),
        "anomaly_threshold": COUNT,
        "history_window_start": FILLED,
        "concurrent_searches": POSITIVE,
        "items_per_search": POSITIVE,
        "alert_suppression": suppression,
        "exceptions_list": some(text_or(linked)),
        "interval": DURATION,
        "from": FILLED,
        "to": FILLED,
        "max_signals": POSITIVE,
        "timestamp_override": FILLED,
        "timestamp_override_fallback_disabled": FLAG,
    }


@cache
def _alert_kinds() -> dict[str, Kind]:
    severity = one_of(*SEVERITIES)
    equals = {"field": TEXT, "operator": one_of("equals"), "value": TEXT}
    frequency = table(
        "frequency",
        summary=FLAG,
        notifyWhen=one_of("onActiveAlert", "onThrottleInterval", "onActionGroupChange"),
        throttle=(TEXT,),
    )
    action = table(
        "action",
        id=(FILLED,),
        connector=(FILLED,),
        action_type_id=(FILLED,),
        group=(FILLED,),
        params=FREE,
        uuid=(FILLED,),
        frequency=(frequency,),
        alerts_filter=(FREE,),
    )
    return {
        "enabled": FLAG,
        "severity": severity,
        "severity_mapping": some(table("severe", **equals, severity=severity)),
        "risk_score": PERCENT,
        "risk_score_mapping": some(table("risk", **equals, risk_score=(PERCENT,))),
        "rule_name_override": TEXT,
        "building_block_type": TEXT,
        "actions": some(action),
        "response_actions": some(table("response", action_type_id=one_of(".osquery", ".endpoint"), params=FREE)),
        "throttle": TEXT,
        "namespace": TEXT,
    }
