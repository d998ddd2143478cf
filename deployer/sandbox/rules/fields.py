"""
The fields of a detection rule: the schemas of create, update and patch for the eight types, and the defaults of a
response (facts.md sections 2.2 and 2.3; the OpenAPI document has the constraints).
"""

from __future__ import annotations

import re
from typing import Any

from deployer.sandbox.schema import (
    Check,
    Field,
    Issue,
    Issues,
    Path,
    anything,
    array,
    boolean,
    discriminated,
    integer,
    may,
    need,
    non_empty,
    nullable,
    number,
    obj,
    one_of,
    record,
    strings,
    text,
    union,
    uuid,
)

LIST_TYPES = (
    "detection",
    "rule_default",
    "endpoint",
    "endpoint_trusted_apps",
    "endpoint_trusted_devices",
    "endpoint_events",
    "endpoint_host_isolation_exceptions",
    "endpoint_blocklists",
)
DEFAULT_INDICATOR_PATH = "threat.indicator"

_DATE_MATH = re.compile(
    r"now([+-]\d+(ms|[smhdwMy]))*(/[smhdwMy])?"
    r"|\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?)?)?(\|\|([+-]\d+[smhdwMy])*(/[smhdwMy])?)?"
)


def _date_math(value: Any, path: Path, issues: Issues) -> Any:
    before = len(issues)
    text()(value, path, issues)
    if len(issues) == before and not _DATE_MATH.fullmatch(value):
        issues.append(Issue(path, "Failed to parse date-math expression", "Failed to parse date-math expression"))
    return value


_severity = one_of("low", "medium", "high", "critical")
_risk_score = integer(least=0, most=100)
_throttle = union(one_of("no_actions", "rule"), text(pattern=r"[1-9]\d*[smhd]"))
_named = {"id": need(text()), "name": need(text()), "reference": need(text())}
_threat = obj(
    {
        "framework": need(text()),
        "tactic": need(obj(_named)),
        "technique": may(array(obj({**_named, "subtechnique": may(array(obj(_named)))}))),
    }
)
_frequency = obj(
    {
        "summary": need(boolean),
        "notifyWhen": need(one_of("onActiveAlert", "onThrottleInterval", "onActionGroupChange")),
        "throttle": need(nullable(_throttle)),
    }
)
_action = obj(
    {
        "action_type_id": need(text()),
        "id": need(text()),
        "params": need(record),
        "group": may(text()),
        "uuid": may(non_empty()),
        "frequency": may(_frequency),
        "alerts_filter": may(record),
    }
)
BULK_ACTION = obj(
    {
        "id": need(text()),
        "params": need(record),
        "group": may(text()),
        "frequency": may(_frequency),
        "alerts_filter": may(record),
    },
    strict=True,  # the only strict object of the rule schemas (facts.md section 1.7)
)
_ecs_mapping = record
_osquery = obj(
    {
        "action_type_id": need(one_of(".osquery")),
        "params": need(
            obj(
                {
                    "query": may(text()),
                    "ecs_mapping": may(_ecs_mapping),
                    "queries": may(
                        array(
                            obj(
                                {
                                    "id": need(text()),
                                    "query": need(text()),
                                    "ecs_mapping": may(_ecs_mapping),
                                    "version": may(text()),
                                    "platform": may(text()),
                                    "removed": may(boolean),
                                    "snapshot": may(boolean),
                                }
                            )
                        )
                    ),
                    "pack_id": may(text()),
                    "saved_query_id": may(text()),
                    "timeout": may(number),
                }
            )
        ),
    }
)
_endpoint = obj(
    {
        "action_type_id": need(one_of(".endpoint")),
        "params": need(
            discriminated(
                "command",
                {
                    "isolate": obj({"command": need(text()), "comment": may(text())}),
                    **{
                        command: obj(
                            {
                                "command": need(text()),
                                "comment": may(text()),
                                "config": need(obj({"field": need(text()), "overwrite": may(boolean)})),
                            }
                        )
                        for command in ("kill-process", "suspend-process")
                    },
                },
            )
        ),
    }
)
_duration = obj({"value": need(integer(least=1)), "unit": need(one_of("s", "m", "h"))})
SUPPRESSION = obj(
    {
        "group_by": need(strings(least=1, most=3)),
        "duration": may(_duration),
        "missing_fields_strategy": may(one_of("doNotSuppress", "suppress")),
    }
)
THRESHOLD_SUPPRESSION = obj({"duration": need(_duration)})
INVESTIGATION_FIELDS = obj({"field_names": need(array(non_empty(), least=1))})
_required_field = obj({"name": need(non_empty()), "type": need(non_empty())})
_reference = obj(
    {
        "id": need(non_empty()),
        "list_id": need(non_empty()),
        "type": need(one_of(*LIST_TYPES)),
        "namespace_type": need(one_of("agnostic", "single")),
    }
)
_integration = obj({"package": need(non_empty()), "version": need(non_empty()), "integration": may(non_empty())})
_mapped = {"field": need(text()), "operator": need(one_of("equals")), "value": need(text())}

_REQUIRED = {
    "name": need(text(least=1)),
    "description": need(text(least=1)),
    "risk_score": need(_risk_score),
    "severity": need(_severity),
}
_OPTIONAL = {
    "rule_name_override": may(text()),
    "timestamp_override": may(text()),
    "timestamp_override_fallback_disabled": may(boolean),
    "timeline_id": may(text()),
    "timeline_title": may(text()),
    "outcome": may(one_of("exactMatch", "aliasMatch", "conflict")),
    "alias_target_id": may(text()),
    "alias_purpose": may(one_of("savedObjectConversion", "savedObjectImport")),
    "license": may(text()),
    "note": may(text()),
    "building_block_type": may(text()),
    "output_index": may(text()),
    "namespace": may(text()),
    "meta": may(record),
    "investigation_fields": may(INVESTIGATION_FIELDS),
    "throttle": may(nullable(_throttle)),
    "version": may(integer(least=1)),
    "tags": may(strings()),
    "enabled": may(boolean),
    "risk_score_mapping": may(array(obj({**_mapped, "risk_score": may(_risk_score)}))),
    "severity_mapping": may(array(obj({**_mapped, "severity": need(_severity)}))),
    "interval": may(text()),
    "from": may(_date_math),
    "to": may(text()),
    "actions": may(array(_action)),
    "exceptions_list": may(array(_reference)),
    "author": may(strings()),
    "false_positives": may(strings()),
    "references": may(strings()),
    "max_signals": may(integer(least=1)),
    "threat": may(array(_threat)),
    "setup": may(text()),
    "related_integrations": may(array(_integration)),
    "required_fields": may(array(_required_field)),
    "response_actions": may(array(discriminated("action_type_id", {".osquery": _osquery, ".endpoint": _endpoint}))),
}

_kql_language = one_of("kuery", "lucene")
_filters = array(anything)
_source = {"index": may(strings()), "data_view_id": may(text()), "filters": may(_filters)}
_suppressed = {"alert_suppression": may(SUPPRESSION)}
_threat_entry = obj(
    {
        "field": need(non_empty()),
        "type": need(one_of("mapping")),
        "value": need(non_empty()),
        "negate": may(boolean),
    }
)


def _threshold_field(value: Any, path: Path, issues: Issues) -> Any:
    return strings(most=5)(value, path, issues) if isinstance(value, list) else nullable(text())(value, path, issues)


TYPE_FIELDS: dict[str, dict[str, Field]] = {
    "eql": {
        "query": need(text()),
        "language": need(one_of("eql")),
        **_source,
        "event_category_override": may(text()),
        "tiebreaker_field": may(text()),
        "timestamp_field": may(text()),
        **_suppressed,
    },
    "query": {
        "query": may(text()),
        "language": may(_kql_language),
        "saved_id": may(text()),
        **_source,
        **_suppressed,
    },
    "saved_query": {
        "saved_id": need(text()),
        "query": may(text()),
        "language": may(_kql_language),
        **_source,
        **_suppressed,
    },
    "threshold": {
        "query": need(text()),
        "threshold": need(
            obj(
                {
                    "field": need(_threshold_field),
                    "value": need(integer(least=1)),
                    "cardinality": may(array(obj({"field": need(text()), "value": need(integer(least=0))}))),
                }
            )
        ),
        "language": may(_kql_language),
        "saved_id": may(text()),
        **_source,
        "alert_suppression": may(THRESHOLD_SUPPRESSION),
    },
    "threat_match": {
        "query": need(text()),
        "threat_query": need(text()),
        "threat_mapping": need(array(obj({"entries": need(array(_threat_entry))}), least=1)),
        "threat_index": need(strings()),
        "language": may(_kql_language),
        "saved_id": may(text()),
        **_source,
        "threat_filters": may(_filters),
        "threat_indicator_path": may(text()),
        "threat_language": may(_kql_language),
        "concurrent_searches": may(integer(least=1)),
        "items_per_search": may(integer(least=1)),
        **_suppressed,
    },
    "machine_learning": {
        "anomaly_threshold": need(integer(least=0)),
        "machine_learning_job_id": need(union(text(), strings(least=1))),
        **_suppressed,
    },
    "new_terms": {
        "query": need(text()),
        "new_terms_fields": need(strings(least=1, most=3)),
        "history_window_start": need(non_empty()),
        "language": may(_kql_language),
        **_source,
        **_suppressed,
    },
    "esql": {"query": need(text()), "language": need(one_of("esql")), **_suppressed},
}
TYPES = tuple(TYPE_FIELDS)


def _relaxed(fields: dict[str, Field]) -> dict[str, Field]:
    return {name: may(entry.check) for name, entry in fields.items()}


def _of_types(shared: dict[str, Field], *, patch: bool = False) -> dict[str, Check]:
    return {
        name: obj(
            {
                "type": Field(one_of(name), required=not patch),
                **shared,
                **(_relaxed(fields) if patch else fields),
            }
        )
        for name, fields in TYPE_FIELDS.items()
    }


_identity = {"id": may(uuid), "rule_id": may(text())}
CREATE = discriminated("type", _of_types({**_REQUIRED, **_OPTIONAL, "rule_id": may(text())}))
UPDATE = discriminated("type", _of_types({**_REQUIRED, **_OPTIONAL, **_identity}))
IMPORT = discriminated("type", _of_types({**_REQUIRED, **_OPTIONAL, "rule_id": need(text())}))
PATCH_MEMBERS = _of_types({**_relaxed(_REQUIRED), **_OPTIONAL, **_identity}, patch=True)
# The fields of one type alone, for a patch: checked against the type of the rule that exists (facts.md section 3.3).
PATCH_TYPE = {name: obj({"type": may(one_of(name)), **_relaxed(fields)}) for name, fields in TYPE_FIELDS.items()}
# From 9.4.6 on a body without `type` reaches the type of the rule that exists, whatever that is.
PATCH_ANY = obj(
    {
        **_relaxed(_REQUIRED),
        **_OPTIONAL,
        **_identity,
        **{name: may(anything) for table in TYPE_FIELDS.values() for name in table},
    }
)
_patch_union = union(*PATCH_MEMBERS.values())


def PATCH(value: Any, path: Path, issues: Issues) -> Any:  # noqa: N802 - stands beside CREATE and UPDATE
    """
    A patch body. The members form a plain union: with a `type` only its member can match, without one the first that
    does (EQL, mostly) strips what it does not know (facts.md section 0.4).
    """
    member = (
        PATCH_MEMBERS.get(value["type"]) if isinstance(value, dict) and isinstance(value.get("type"), str) else None
    )
    if member is not None:
        found: Issues = []
        clean = member(value, path, found)
        if not found:
            return clean
    return _patch_union(value, path, issues)


ABSENT = object()

# What a response shows where nothing was sent, in the order in which Kibana prints it; ABSENT means the key is not
# there.
RESPONSE_FIELDS: tuple[tuple[str, Any], ...] = (
    ("risk_score", ABSENT),
    ("severity", ABSENT),
    ("building_block_type", ABSENT),
    ("namespace", ABSENT),
    ("note", ABSENT),
    ("license", ABSENT),
    ("output_index", ""),
    ("timeline_id", ABSENT),
    ("timeline_title", ABSENT),
    ("meta", ABSENT),
    ("rule_name_override", ABSENT),
    ("timestamp_override", ABSENT),
    ("timestamp_override_fallback_disabled", ABSENT),
    ("investigation_fields", ABSENT),
    ("author", []),
    ("false_positives", []),
    ("from", "now-6m"),
    ("max_signals", 100),
    ("risk_score_mapping", []),
    ("severity_mapping", []),
    ("threat", []),
    ("to", "now"),
    ("references", []),
    ("exceptions_list", []),
    ("related_integrations", []),
    ("required_fields", []),
    ("setup", ""),
    ("response_actions", ABSENT),
)
TYPE_DEFAULTS: dict[str, dict[str, Any]] = {
    "eql": {},
    "query": {"query": "", "language": "kuery"},
    "saved_query": {"language": "kuery"},
    "threshold": {"language": "kuery"},
    "threat_match": {"language": "kuery", "threat_indicator_path": DEFAULT_INDICATOR_PATH},
    "machine_learning": {},
    "new_terms": {"language": "kuery"},
    "esql": {},
}
# How alerting calls each type (facts.md section 2.5).
ALERTING_TYPES = {
    "query": "siem.queryRule",
    "saved_query": "siem.savedQueryRule",
    "eql": "siem.eqlRule",
    "esql": "siem.esqlRule",
    "machine_learning": "siem.mlRule",
    "new_terms": "siem.newTermsRule",
    "threat_match": "siem.indicatorRule",
    "threshold": "siem.thresholdRule",
}
