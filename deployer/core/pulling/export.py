"""An NDJSON export of Kibana, from its rules page or from saved objects: rules, exception lists, connectors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from deployer.core.fields import IDENTITY
from deployer.core.ports import Body
from deployer.errors import DeployerError


@dataclass(frozen=True, slots=True)
class Export:
    """What an export holds. `connectors` have the keys of `GET /api/actions/connectors`, as far as it tells them."""

    rules: tuple[Body, ...]
    lists: tuple[Body, ...]
    connectors: tuple[Body, ...]
    items: tuple[Body, ...] = ()


def read_export(text: str, name: str) -> Export:
    """Return what the lines of an export hold. Raises DeployerError with the line that cannot be read."""
    rules: list[Body] = []
    lists: list[Body] = []
    connectors: list[Body] = []
    items: list[Body] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        body = _object(line, name, number)
        if IDENTITY in body:
            rules.append(body)
        elif "list_id" in body:
            (items if "item_id" in body else lists).append(body)
        elif body.get("type") == "action" and isinstance(body.get("attributes"), dict):
            connectors.append(_connector(body))
    return Export(tuple(rules), tuple(lists), tuple(connectors), tuple(items))


def _object(line: str, name: str, number: int) -> dict[str, Any]:
    try:
        body = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise DeployerError(f"{name}:{number} is not JSON", hint="name an export of Kibana, one object a line") from exc
    if not isinstance(body, dict):
        raise DeployerError(f"{name}:{number} is no object", hint="name an export of Kibana, one object a line")
    return body


def _connector(body: Body) -> Body:
    """Return a connector's saved object in the words of the connectors' API; its secrets are never exported."""
    attributes = body["attributes"]
    return {
        "id": body.get("id"),
        "name": attributes.get("name"),
        "connector_type_id": attributes.get("actionTypeId"),
        "is_deprecated": False,
        "is_missing_secrets": False,
    }


def completed(export: Export) -> Export:
    """
    Return an export with every connector and list that its rules name: an export of rules may leave them out, and what
    a rule of the space names is there.
    """
    connectors = {body["id"]: body for body in export.connectors}
    lists = {(body["list_id"], body.get("namespace_type")): body for body in export.lists}
    for rule in export.rules:
        for action in _objects(rule.get("actions")):
            unnamed = {"id": action.get("id"), "name": None, "connector_type_id": action.get("action_type_id")}
            connectors.setdefault(action.get("id"), unnamed)
        for entry in _objects(rule.get("exceptions_list")):
            lists.setdefault((entry.get("list_id"), entry.get("namespace_type")), entry)
    return Export(export.rules, tuple(lists.values()), tuple(connectors.values()), export.items)


def _objects(value: Any) -> list[Body]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
