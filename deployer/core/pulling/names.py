"""Ids of one space back to the names that git uses: connectors to logical names, exception lists to `list_id`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deployer.core.environment import ConnectorRef
from deployer.core.normalise import without_nulls
from deployer.core.ports import Body
from deployer.core.references import Space


def connector_names(space: Space) -> dict[Any, str]:
    """
    Return the name to write for each connector of a space, by id: a name of [connectors], else its own where that
    resolves to it. What is ambiguous, deprecated or without its secrets has none and keeps its id.
    """
    found: dict[Any, str] = {}
    for body in space.connectors or ():
        if body.get("is_deprecated") or body.get("is_missing_secrets"):
            continue
        name = next((name for name in _candidates(body, space.names) if _resolves(name, body, space)), None)
        if name is not None:
            found[body.get("id")] = name
    return found


def _candidates(body: Body, names: Mapping[str, ConnectorRef]) -> Iterable[str]:
    yield from names
    if body.get("name"):
        yield str(body["name"])


def _resolves(name: str, body: Body, space: Space) -> bool:
    reference = space.names.get(name, ConnectorRef(name=name))
    if reference.id is not None:
        return bool(reference.id == body.get("id"))
    return [other.get("id") for other in space.connectors or () if other.get("name") == reference.name] == [
        body.get("id")
    ]


def named_action(action: Mapping[str, Any], names: Mapping[Any, str]) -> dict[str, Any]:
    """Return a live action as a file has it: the connector by name where it has one, without its `uuid`."""
    kept = {key: value for key, value in without_nulls(action).items() if key != "uuid"}
    name = names.get(action.get("id"))
    if name is None:
        return kept
    rest = {key: value for key, value in kept.items() if key not in ("id", "action_type_id")}
    return {"connector": name, **rest}


def named_list(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an exception list of a live rule as a file has it: without the id of one space."""
    return {key: value for key, value in entry.items() if key != "id" and value is not None}
