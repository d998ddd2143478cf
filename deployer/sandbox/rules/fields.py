"""
The fields of a detection rule: the schemas of create, update and patch for the eight types (the OpenAPI document has
the constraints). What a response shows where a field is absent is in `defaults`.
"""

from __future__ import annotations

from typing import Any

from deployer.sandbox.rules.parts import (
    ACTION,
    ENDPOINT,
    INTEGRATION,
    INVESTIGATION_FIELDS,
    LIST_REFERENCE,
    MAPPED,
    OSQUERY,
    REQUIRED_FIELD,
    RISK_SCORE,
    SEVERITY,
    SUPPRESSION,
    THREAT,
    THRESHOLD_SUPPRESSION,
    THROTTLE,
    date_math,
)
from deployer.sandbox.schema import (
    Check,
    Field,
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
    obj,
    one_of,
    record,
    strings,
    text,
    union,
    uuid,
)

_REQUIRED = {
    "name": need(text(least=1)),
    "description": need(text(least=1)),
    "risk_score": need(RISK_SCORE),
    "severity": need(SEVERITY),
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
    "throttle": may(nullable(THROTTLE)),
    "version": may(integer(least=1)),
    "tags": may(strings()),
    "enabled": may(boolean),
    "risk_score_mapping": may(array(obj({**MAPPED, "risk_score": may(RISK_SCORE)}))),
    "severity_mapping": may(array(obj({**MAPPED, "severity": need(SEVERITY)}))),
    "interval": may(text()),
    "from": may(date_math),
    "to": may(text()),
    "actions": may(array(ACTION)),
    "exceptions_list": may(array(LIST_REFERENCE)),
    "author": may(strings()),
    "false_positives": may(strings()),
    "references": may(strings()),
    "max_signals": may(integer(least=1)),
    "threat": may(array(THREAT)),
    "setup": may(text()),
    "related_integrations": may(array(INTEGRATION)),
    "required_fields": may(array(REQUIRED_FIELD)),
    "response_actions": may(array(discriminated("action_type_id", {".osquery": OSQUERY, ".endpoint": ENDPOINT}))),
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
