"""The connectors of an import file: saved objects without secrets (facts.md section 5.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from deployer.sandbox.call import Call
from deployer.sandbox.connectors import preconfigured
from deployer.sandbox.kinds import CONNECTOR
from deployer.sandbox.messages import Body
from deployer.sandbox.rules.import_file import error

_PAGE = "/app/management/insightsAndAlerting/triggersActionsConnectors"


@dataclass(slots=True)
class ImportedConnectors:
    """What became of the connectors; `count` have been imported, `ids` are all that the file brought."""

    count: int = 0
    ids: set[str] = field(default_factory=set)
    errors: list[Body] = field(default_factory=list)
    warnings: list[Body] = field(default_factory=list)


def import_connectors(call: Call, entries: list[Body], *, overwrite: bool) -> ImportedConnectors:
    """Create connectors that are missing, and with `overwrite` replace those that are not. Secrets never come along."""
    outcome = ImportedConnectors()
    if not entries:
        return outcome
    named = [str(entry.get("id", "")) for entry in entries]
    if not call.user.may("actions-all"):
        listed = ", ".join(named)
        outcome.errors.append(error(403, f"You may not have actions privileges required to import actions: {listed}"))
        return outcome
    for id_, entry in zip(named, entries, strict=True):
        _import_one(call, outcome, id_, entry, overwrite=overwrite)
    if outcome.count:
        outcome.warnings.append(_warning(outcome.count))
    return outcome


def _import_one(call: Call, outcome: ImportedConnectors, id_: str, entry: Body, *, overwrite: bool) -> None:
    attributes: Any = entry.get("attributes")
    if not id_ or not isinstance(attributes, dict) or not isinstance(attributes.get("actionTypeId"), str):
        outcome.errors.append(error(400, f"Connector {id_ or '(unknown id)'} is not a saved object of type action"))
        return
    outcome.ids.add(id_)
    documents = call.kibana.documents
    existing = documents.get(CONNECTOR, call.space, id_)
    if preconfigured(id_) or (existing is not None and not overwrite):
        return
    body = {
        "id": id_,
        "name": str(attributes.get("name", id_)),
        "connector_type_id": attributes["actionTypeId"],
        "config": attributes.get("config", {}),
        "is_preconfigured": False,
        "is_deprecated": False,
        "is_missing_secrets": True,
        "is_system_action": False,
        "secrets": {},
    }
    if existing is None:
        documents.add(CONNECTOR, call.space, id_, body)
    else:
        documents.replace(existing, body)
    outcome.count += 1


def _warning(count: int) -> Body:
    have = "connector has" if count == 1 else "connectors have"
    return {
        "type": "action_required",
        "message": f"{count} {have} sensitive information that require updates.",
        "actionPath": _PAGE,
        "buttonLabel": "Go to connectors",
    }
