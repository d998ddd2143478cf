"""
From what was sent to what is stored: defaults, normalisations, PUT as replacement, PATCH as merge, and when
`revision` grows (facts.md sections 2.2 to 2.4 and 3). Pure functions over dictionaries; nothing is changed in place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deployer.sandbox.clock import new_uuid
from deployer.sandbox.messages import Body
from deployer.sandbox.rules.defaults import ABSENT, RESPONSE_FIELDS, TYPE_DEFAULTS
from deployer.sandbox.rules.fields import TYPE_FIELDS

SYSTEM_CONNECTOR = "system-connector-"
INTERNAL: Body = {"type": "internal"}
# Deep-equal of everything else decides about the revision (facts.md section 3.6).
_NOT_REVISED = frozenset(
    {"id", "enabled", "revision", "created_at", "created_by", "updated_at", "updated_by", "rule_source"}
)


@dataclass(frozen=True, slots=True)
class Identity:
    """What the server decides about a rule, whatever is sent."""

    id: str
    rule_id: str
    created_at: str
    created_by: str
    updated_at: str
    updated_by: str
    enabled: bool
    version: int
    revision: int
    immutable: bool
    rule_source: Body


def build(props: Body, identity: Identity) -> Body:
    """The rule that a validated create or update body describes, in the order in which Kibana prints its keys."""
    rule: Body = {
        "id": identity.id,
        "updated_at": identity.updated_at,
        "updated_by": identity.updated_by,
        "created_at": identity.created_at,
        "created_by": identity.created_by,
        "name": props["name"],
        "tags": props.get("tags", []),
        "interval": props.get("interval", "5m"),
        "enabled": identity.enabled,
        "revision": identity.revision,
        "description": props["description"],
        "rule_id": identity.rule_id,
        "version": identity.version,
        "immutable": identity.immutable,
        "rule_source": identity.rule_source,
    }
    for name, default in RESPONSE_FIELDS:
        value = props.get(name, default)
        if value is not ABSENT:
            rule[name] = value
    if rule["required_fields"]:
        rule["required_fields"] = with_ecs(rule["required_fields"])
    _add_type_fields(rule, props)
    rule["actions"] = normalised_actions(props.get("actions", []), props.get("throttle"))
    return rule


def _add_type_fields(rule: Body, props: Body) -> None:
    kind = props["type"]
    rule["type"] = kind
    defaults = TYPE_DEFAULTS[kind]
    for name in TYPE_FIELDS[kind]:
        value = props.get(name, ABSENT)
        if value is ABSENT:
            value = defaults.get(name, ABSENT)
        if value is not ABSENT:
            rule[name] = value
    if kind == "threshold":
        rule["threshold"] = {**rule["threshold"], "field": _fields(rule["threshold"]["field"])}
    elif kind == "machine_learning":
        jobs = rule["machine_learning_job_id"]
        rule["machine_learning_job_id"] = jobs if isinstance(jobs, list) else [jobs]


def _fields(value: Any) -> list[str]:
    """One field or several, always as a list; a blank one is none (facts.md section 2.4)."""
    if isinstance(value, list):
        return value
    return [value] if value else []


def with_ecs(fields: list[Body]) -> list[Body]:
    """Required fields with `ecs`, computed anew: whether ECS has the field with this very type."""
    from deployer.sandbox.rules.ecs import field_type

    return [{"name": one["name"], "type": one["type"], "ecs": field_type(one["name"]) == one["type"]} for one in fields]


def normalised_actions(actions: list[Body], throttle: str | None) -> list[Body]:
    """Actions with their `uuid` and `frequency`, the ordinary ones first (facts.md section 2.4)."""
    if not actions:
        return []
    frequency = _frequency(throttle)
    ordinary: list[Body] = []
    system: list[Body] = []
    for action in actions:
        if action["id"].startswith(SYSTEM_CONNECTOR):
            kept: Body = {name: action[name] for name in ("id", "action_type_id", "params", "uuid") if name in action}
            system.append({**kept, "uuid": action.get("uuid") or new_uuid()})
        else:
            ordinary.append({"frequency": frequency, **action, "uuid": action.get("uuid") or new_uuid()})
    return [*ordinary, *system]


def _frequency(throttle: str | None) -> Body:
    if throttle in (None, "rule", "no_actions"):
        return {"summary": True, "notifyWhen": "onActiveAlert", "throttle": None}
    return {"summary": True, "notifyWhen": "onThrottleInterval", "throttle": throttle}


def created(props: Body, *, user: str, now: str, enabled: bool) -> Body:
    """A new custom rule."""
    identity = Identity(
        id=new_uuid(),
        rule_id=props.get("rule_id") or new_uuid(),
        created_at=now,
        created_by=user,
        updated_at=now,
        updated_by=user,
        enabled=enabled,
        version=props.get("version", 1),
        revision=0,
        immutable=False,
        rule_source=INTERNAL,
    )
    return build(props, identity)


def replaced(existing: Body, props: Body, *, user: str, now: str, version: int | None = None) -> Body:
    """
    The rule after a PUT: the defaults again, but `enabled` and `version` kept where they are not sent (section 3.2).

    `version` overrides what is kept (an import sets 1). Revision and `rule_source` are still those of `existing`.
    """
    identity = Identity(
        id=existing["id"],
        rule_id=existing["rule_id"],
        created_at=existing["created_at"],
        created_by=existing["created_by"],
        updated_at=now,
        updated_by=user,
        enabled=existing["enabled"],
        version=props.get("version") or version or existing["version"],
        revision=existing["revision"],
        immutable=existing["immutable"],
        rule_source=existing["rule_source"],
    )
    return build(props, identity)


def merged(existing: Body, patch: Body, *, user: str, now: str) -> Body:
    """
    The rule after a PATCH: what was sent, else what was there (section 3.3). A field can never be made absent.

    `patch` has been checked against the type of the rule.
    """
    sent = {name: value for name, value in patch.items() if value is not None}
    return replaced(existing, {**existing, **sent, "type": existing["type"]}, user=user, now=now)


def differs(before: Body, after: Body) -> bool:
    """Whether a write changes anything that the revision counts (section 3.6)."""
    return _revised(before) != _revised(after)


def _revised(rule: Body) -> Body:
    return {name: value for name, value in rule.items() if name not in _NOT_REVISED}


def bumps(before: Body, after: Body) -> bool:
    """
    Whether the full update path raises the revision: a difference, or any ordinary action, because stored actions
    carry a reference where sent ones carry the connector's id (section 3.6, inferred there).
    """
    has_actions = any(not action["id"].startswith(SYSTEM_CONNECTOR) for action in before["actions"])
    return has_actions or differs(before, after)
