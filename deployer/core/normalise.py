"""
One canonical form for a rule, whoever wrote it: a file, Kibana, or a record.

The canonical form has every field that exists for the rule's type with Kibana's default filled in, Kibana's own
rewritings done (facts.md section 2.4), sets sorted, and nothing that the server owns. Fields without an opinion
(`core.fields`) appear only where they are set. It is what fingerprints, `authored` and `written` are digests of, and
what every comparison reads. Idempotent: the canonical form of a canonical form is itself (held by a property test).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from deployer.core.canonical import canonical_json, same
from deployer.core.fields import (
    ABSENT,
    FIELDS,
    IDENTITY,
    PREBUILT,
    SERVER_OWNED,
    SERVER_TAGS,
    TUNED,
    Field,
    default_of,
    field,
)

MARKER_PREFIX: Final = "deployer:"
_PLACED: Final = frozenset({*FIELDS, *SERVER_OWNED, IDENTITY})
_SYSTEM_CONNECTOR: Final = "system-connector-"
_FREE: Final = frozenset({"filters", "threat_filters", "response_actions", "actions", "meta", "related_integrations"})
"""Fields that hold objects of any shape."""
_DEFAULT_FREQUENCY: Final = {"summary": True, "notifyWhen": "onActiveAlert", "throttle": None}


def canonical(content: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the canonical form of a rule: a body of Kibana's API, a rendered payload, or a canonical rule. That of a
    tuning of a prebuilt rule has the fields that it sets and no others.
    """
    if PREBUILT in content:
        return _tuning(content)
    rule_type = content.get("type", "")
    result: dict[str, Any] = {IDENTITY: content.get(IDENTITY)}
    for row, default in _rows(rule_type):
        value = content.get(row.name)
        value = default if value is None else _settled(row, value, rule_type, default)
        if value is not ABSENT:
            result[row.name] = value
    for name in content:
        if name not in _PLACED and content[name] is not None:
            result[name] = without_nulls(content[name])
    return result


def _tuning(content: Mapping[str, Any]) -> dict[str, Any]:
    said = {IDENTITY: content.get(IDENTITY), "name": content.get("name", ""), PREBUILT: True}
    return {**said, **{name: canonical_field(name, content[name], "query") for name in TUNED if name in content}}


def canonical_field(name: str, value: Any, rule_type: str) -> Any:
    """Return the canonical value of one field, ABSENT where the canonical form has no such key."""
    row = field(name)
    return _settled(row, value, rule_type, _default(row, rule_type)) if row.exists_for(rule_type) else ABSENT


def _settled(row: Field, value: Any, rule_type: str, default: Any) -> Any:
    """Return the canonical value of a field that exists for the type, its default where it says nothing."""
    if value is None or value is ABSENT:
        return default
    if row.name in _FREE or row.name not in FIELDS:
        value = without_nulls(value)
    normaliser = _NORMALISERS.get(row.name)
    if normaliser is not None:
        value = normaliser(value, rule_type)
    if row.listing == "set" and isinstance(value, list):
        value = _sorted_set(value)
    if value is None or value is ABSENT or (row.empty and value in ([], "")):
        return default
    return value


def without_nulls(value: Any) -> Any:
    """
    Return a value without the keys that hold null, at any depth: TOML has no null, so to git it says as much as an
    absent key. Kibana's own pages write many (`meta.alias` of a filter, the parameters of a connector).
    """
    if isinstance(value, Mapping):
        return {key: without_nulls(part) for key, part in value.items() if part is not None}
    return [without_nulls(part) for part in value] if isinstance(value, list) else value


def _default(row: Field, rule_type: str) -> Any:
    return default_of(row.name, rule_type) if row.opinion else ABSENT


@lru_cache(64)
def _rows(rule_type: str) -> tuple[tuple[Field, Any], ...]:
    """Return the fields of a rule type with their defaults: asked thousands of times, for about nine types."""
    return tuple((row, _default(row, rule_type)) for row in FIELDS.values() if row.exists_for(rule_type))


def same_field(name: str, a: Any, b: Any, rule_type: str) -> bool:
    """Say whether two values of a field mean the same to Kibana."""
    left, right = canonical_field(name, a, rule_type), canonical_field(name, b, rule_type)
    if left is ABSENT or right is ABSENT:
        return left is right
    return same(left, right)


def markers(tags: Iterable[Any]) -> tuple[str, ...]:
    """Return the ownership markers among the tags of a rule, in order."""
    return tuple(tag for tag in tags if isinstance(tag, str) and tag.startswith(MARKER_PREFIX))


def without_markers(tags: Iterable[Any]) -> list[Any]:
    """Return the tags that belong to the rule: no ownership marker, no tag that Kibana adds by itself."""
    return [tag for tag in tags if not (isinstance(tag, str) and (tag.startswith(MARKER_PREFIX) or tag in SERVER_TAGS))]


def _sorted_set(values: list[Any]) -> list[Any]:
    if all(isinstance(value, str) for value in values):
        return sorted(set(values))
    return [value for _, value in sorted({canonical_json(value): value for value in values}.items())]


def _tags(value: Any, _type: str) -> Any:
    return without_markers(value) if isinstance(value, list) else value


def _threat(value: Any, _type: str) -> Any:
    if not isinstance(value, list):
        return value
    return [_threat_entry(entry) if isinstance(entry, Mapping) else entry for entry in value]


def _threat_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    result = {key: part for key, part in entry.items() if part is not None}
    if isinstance(result.get("tactic"), Mapping):
        result["tactic"] = _with_slash(result["tactic"])
    techniques = result.get("technique") or []
    if isinstance(techniques, list):  # anything else is for core.shape to name
        techniques = [_technique(part) if isinstance(part, Mapping) else part for part in techniques]
    result["technique"] = techniques
    return result


def _technique(entry: Mapping[str, Any]) -> dict[str, Any]:
    result = _with_slash(entry)
    subtechniques = result.pop("subtechnique", None)
    if isinstance(subtechniques, list):
        subtechniques = [_with_slash(part) if isinstance(part, Mapping) else part for part in subtechniques]
    if subtechniques:
        result["subtechnique"] = subtechniques
    return result


def _with_slash(entry: Mapping[str, Any]) -> dict[str, Any]:
    """
    ATT&CK pages are one page with and without the final slash; detection-rules writes it (detection-rules.md 4.1).
    """
    reference = entry.get("reference")
    if isinstance(reference, str) and reference and not reference.endswith("/"):
        return {**entry, "reference": reference + "/"}
    return dict(entry)


def _threshold(value: Any, _type: str) -> Any:
    if not isinstance(value, Mapping):
        return value
    result = {
        key: part for key, part in value.items() if part is not None and not (key == "cardinality" and part == [])
    }
    aggregated = result.setdefault("field", [])
    if isinstance(aggregated, str):
        result["field"] = [aggregated] if aggregated else []
    return result


def _as_list(value: Any, _type: str) -> Any:
    return [value] if isinstance(value, str) else value


def _required_fields(value: Any, _type: str) -> Any:
    if not isinstance(value, list):
        return value
    return [_without(part, "ecs") if isinstance(part, Mapping) else part for part in value]


def _without(entry: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: part for key, part in entry.items() if key not in keys and part is not None}


def _investigation_fields(value: Any, _type: str) -> Any:
    names = value.get("field_names") if isinstance(value, Mapping) else value
    if isinstance(names, list) and not names:
        return ABSENT
    return {"field_names": names} if isinstance(names, list) else value


def _alert_suppression(value: Any, rule_type: str) -> Any:
    if not isinstance(value, Mapping):
        return value
    if rule_type == "threshold":
        return {"duration": value["duration"]} if "duration" in value else ABSENT
    return {"missing_fields_strategy": "suppress", **_without(value)}


def _exceptions_list(value: Any, _type: str) -> Any:
    if not isinstance(value, list):
        return value
    return sorted(value, key=canonical_json)


def _actions(value: Any, _type: str) -> Any:
    if not isinstance(value, list):
        return value
    entries = [_action(part) if isinstance(part, Mapping) else part for part in value]
    return [e for e in entries if not is_system_action(e)] + [e for e in entries if is_system_action(e)]


def is_system_action(action: Any) -> bool:
    """Say whether an action uses a system connector, which takes no group, frequency or filter (facts.md 7.4)."""
    return isinstance(action, Mapping) and str(action.get("id", "")).startswith(_SYSTEM_CONNECTOR)


def _action(entry: Mapping[str, Any]) -> dict[str, Any]:
    result = _without(entry, "uuid")
    if is_system_action(result):
        return result
    result.setdefault("group", "default")
    frequency = result.get("frequency") or {}
    result["frequency"] = {**_DEFAULT_FREQUENCY, **frequency} if isinstance(frequency, Mapping) else frequency
    alerts_filter = result.get("alerts_filter")
    if isinstance(alerts_filter, Mapping) and isinstance(alerts_filter.get("query"), Mapping):
        # Kibana stores the compiled query beside the text (facts.md 2.4).
        result["alerts_filter"] = {**alerts_filter, "query": _without(alerts_filter["query"], "dsl")}
    return result


_NORMALISERS: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "tags": _tags,
    "threat": _threat,
    "threshold": _threshold,
    "machine_learning_job_id": _as_list,
    "required_fields": _required_fields,
    "investigation_fields": _investigation_fields,
    "alert_suppression": _alert_suppression,
    "exceptions_list": _exceptions_list,
    "actions": _actions,
}
