"""The nested parts of a rule body: threats, actions, response actions, suppression (the OpenAPI document)."""

from __future__ import annotations

import re
from typing import Any

from deployer.sandbox.kinds import LIST_TYPES
from deployer.sandbox.schema import (
    Issue,
    Issues,
    Path,
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
)

_DATE_MATH = re.compile(
    r"now([+-]\d+(ms|[smhdwMy]))*(/[smhdwMy])?"
    r"|\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?)?)?(\|\|([+-]\d+[smhdwMy])*(/[smhdwMy])?)?"
)


def date_math(value: Any, path: Path, issues: Issues) -> Any:
    """A moment in date math: `now-6m`, `now/d`, or a date with `||` and an offset."""
    before = len(issues)
    text()(value, path, issues)
    if len(issues) == before and not _DATE_MATH.fullmatch(value):
        issues.append(Issue(path, "Failed to parse date-math expression", "Failed to parse date-math expression"))
    return value


SEVERITY = one_of("low", "medium", "high", "critical")
RISK_SCORE = integer(least=0, most=100)
THROTTLE = union(one_of("no_actions", "rule"), text(pattern=r"[1-9]\d*[smhd]"))
_named = {"id": need(text()), "name": need(text()), "reference": need(text())}
THREAT = obj(
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
        "throttle": need(nullable(THROTTLE)),
    }
)
ACTION = obj(
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
_ECS_ENTRY = obj({"field": may(text()), "value": may(union(text(), strings()))})


def _ecs_mapping(value: Any, path: Path, issues: Issues) -> Any:
    """Result columns or static values by ECS field: EcsMapping of the OpenAPI document; facts.md says nothing of it."""
    if isinstance(value, dict):
        return {name: _ECS_ENTRY(entry, (*path, name), issues) for name, entry in value.items()}
    return record(value, path, issues)


OSQUERY = obj(
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
ENDPOINT = obj(
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
REQUIRED_FIELD = obj({"name": need(non_empty()), "type": need(non_empty())})
LIST_REFERENCE = obj(
    {
        "id": need(non_empty()),
        "list_id": need(non_empty()),
        "type": need(one_of(*LIST_TYPES)),
        "namespace_type": need(one_of("agnostic", "single")),
    }
)
INTEGRATION = obj({"package": need(non_empty()), "version": need(non_empty()), "integration": may(non_empty())})
MAPPED = {"field": need(text()), "operator": need(one_of("equals")), "value": need(text())}
