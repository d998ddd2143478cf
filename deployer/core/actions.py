"""
Rule actions and their `uuid`s.

Kibana gives an action sent without a `uuid` a new one on every write, and with it a new throttling state (facts.md
2.4). So an action that stays keeps the uuid that it has live.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deployer.core.canonical import canonical_json
from deployer.core.normalise import canonical_field


def keep_uuids(wanted: Sequence[Mapping[str, Any]], live: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """
    Return the wanted actions with the uuids of the live ones: equal actions are matched first, then those of one
    (connector, group) in order. An action that already names its uuid keeps it.
    """
    result = [dict(action) for action in wanted]
    taken: set[int] = {
        i for i, action in enumerate(live) if action.get("uuid") in {a.get("uuid") for a in result} - {None}
    }
    for key in (_whole, _connector_and_group):
        for action in result:
            if "uuid" in action:
                continue
            match = next((i for i, other in enumerate(live) if i not in taken and key(other) == key(action)), None)
            if match is not None and "uuid" in live[match]:
                taken.add(match)
                action["uuid"] = live[match]["uuid"]
    return result


def _whole(action: Mapping[str, Any]) -> str:
    return canonical_json(canonical_field("actions", [dict(action)], "query"))


def _connector_and_group(action: Mapping[str, Any]) -> tuple[Any, Any]:
    return action.get("id"), action.get("group", "default")


def sendable(actions: Iterable[Any]) -> list[Any]:
    """
    Return actions as Kibana takes them: a `frequency` needs its `throttle`, which may be null and which TOML therefore
    cannot say (facts.md 7.4, openapi.json).
    """
    return [_with_throttle(action) for action in actions]


def _with_throttle(action: Any) -> Any:
    frequency = action.get("frequency") if isinstance(action, Mapping) else None
    if not isinstance(frequency, Mapping) or "throttle" in frequency:
        return action
    return {**action, "frequency": {**frequency, "throttle": None}}
