"""What happens with an alert: actions and exception lists (facts.md sections 2.4, 7.2 and 7.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from deployer.core.fields import FIELDS
from deployer.core.flaw import Flaw
from deployer.core.sense.reading import tables
from deployer.core.sense.spans import seconds, shown
from deployer.errors import Severity

_NO_SPAN: Final = ("rule", "no_actions")
_NOT_FOR_SYSTEM: Final = ("group", "frequency", "alerts_filter")


def response_flaws(content: Mapping[str, Any]) -> Iterator[Flaw]:
    """Yield what is wrong with actions and references to exception lists."""
    interval = seconds(content.get("interval", FIELDS["interval"].default))
    actions = tables(content, "actions")
    for number, action in enumerate(actions):
        yield from _action(number, action, interval)
    yield from _same_uuid(actions)
    throttle = content.get("throttle")
    if isinstance(throttle, str) and throttle not in _NO_SPAN and seconds(throttle) is None:
        remedy = 'write "rule", "no_actions" or a duration like "1h"'
        yield Flaw(("throttle",), f'"{throttle[:40]}" is not known here', "wrong-value", remedy)
    elif throttle is not None and any("frequency" in action for action in actions):
        message = "throttle says nothing to actions that have a frequency"
        yield Flaw(("throttle",), message, "no-effect", "remove one of the two", Severity.WARNING)
    yield from _lists(content)


def _action(number: int, action: Mapping[str, Any], interval: int | None) -> Iterator[Flaw]:
    here = ("actions", number)
    if not ("connector" in action or {"id", "action_type_id"} <= action.keys()):
        remedy = 'write connector = "NAME", or id and action_type_id'
        yield Flaw(here, "the action names no connector", "no-connector", remedy)
    if str(action.get("id", "")).startswith("system-connector-"):
        for name in _NOT_FOR_SYSTEM:
            if name in action:
                message = f"a system action takes no {name}; Kibana refuses it"
                yield Flaw((*here, name), message, "system-action", f"remove {name}")
    chosen = action.get("alerts_filter")
    if isinstance(chosen, Mapping) and not ({"query", "timeframe"} & chosen.keys()):
        remedy = "write query or timeframe, or remove it"
        yield Flaw((*here, "alerts_filter"), "alerts_filter chooses nothing", "empty-alerts-filter", remedy)
    if isinstance(action.get("frequency"), Mapping):
        yield from _frequency((*here, "frequency"), action["frequency"], interval)


def _frequency(here: tuple[str | int, ...], frequency: Mapping[str, Any], interval: int | None) -> Iterator[Flaw]:
    throttle, when = frequency.get("throttle"), frequency.get("notifyWhen")
    span = seconds(throttle)
    if when == "onThrottleInterval" and throttle is None:
        yield Flaw((*here, "throttle"), "onThrottleInterval needs throttle", "needs-partner", 'add throttle = "1h"')
    elif isinstance(throttle, str) and throttle not in _NO_SPAN and span is None:
        remedy = "write a whole number and s, m, h or d: 5m, 24h, 7d"
        yield Flaw((*here, "throttle"), f'"{throttle[:40]}" is no duration Kibana takes', "bad-duration", remedy)
    elif span is not None and when in ("onActiveAlert", "onActionGroupChange"):
        message = f"throttle says nothing with notifyWhen = {when}"
        yield Flaw((*here, "throttle"), message, "no-effect", 'write "onThrottleInterval"', Severity.WARNING)
    elif span is not None and interval is not None and span < interval:
        message = f"every {shown(span)} is more often than the rule runs ({shown(interval)}); Kibana refuses it"
        yield Flaw((*here, "throttle"), message, "action-too-frequent", f'write "{shown(interval)}" or more')


def _same_uuid(actions: list[Mapping[str, Any]]) -> Iterator[Flaw]:
    seen: set[str] = set()
    for number, action in enumerate(actions):
        uuid = action.get("uuid")
        if isinstance(uuid, str) and uuid in seen:
            message = "another action has the same uuid; Kibana refuses both"
            yield Flaw(("actions", number, "uuid"), message, "duplicate-uuid", "remove it: Kibana makes one")
        elif isinstance(uuid, str):
            seen.add(uuid)


def _lists(content: Mapping[str, Any]) -> Iterator[Flaw]:
    entries = content.get("exceptions_list")
    listed = entries if isinstance(entries, list) else []
    named = [entry if isinstance(entry, Mapping) else {"list_id": entry} for entry in listed]
    own = [number for number, entry in enumerate(named) if entry.get("type") == "rule_default"]
    for number in own[1:]:
        message = "a rule has one default exception list; Kibana refuses a second"
        yield Flaw(("exceptions_list", number), message, "two-default-lists", 'make it type = "detection"')
    counted: Counter[str] = Counter()
    for number, entry in enumerate(named):
        key = f"{entry.get('list_id')} {entry.get('namespace_type', 'single')}"
        counted[key] += 1
        if counted[key] > 1:
            message = f"the list {entry.get('list_id')} is there twice"
            yield Flaw(("exceptions_list", number), message, "duplicate-entry", "remove one", Severity.WARNING)
