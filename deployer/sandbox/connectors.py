"""`/api/actions/connector…`: connectors of a space, preconfigured ones, and the system connector (facts.md 7.4)."""

from __future__ import annotations

from typing import Final

from deployer.sandbox.call import Call
from deployer.sandbox.clock import new_uuid
from deployer.sandbox.documents import Document
from deployer.sandbox.errors import PlatformError
from deployer.sandbox.kinds import CONNECTOR
from deployer.sandbox.messages import Body, Response, json_response
from deployer.sandbox.routing import Route
from deployer.sandbox.schema import may, need, obj, record, text

_TYPES: Final = (
    (".slack", "Slack"),
    (".pagerduty", "PagerDuty"),
    (".email", "Email"),
    (".webhook", "Webhook"),
    (".jira", "Jira"),
    (".servicenow", "ServiceNow ITSM"),
    (".index", "Index"),
    (".server-log", "Server log"),
)
_FEATURES: Final = ("alerting", "siem")
_CREATE: Final = obj(
    {
        "name": need(text(least=1)),
        "connector_type_id": need(text(least=1)),
        "config": may(record),
        "secrets": may(record),
    }
)
_UPDATE: Final = obj({"name": need(text(least=1)), "config": may(record), "secrets": may(record)})


def _fixed(id_: str, name: str, type_: str, *, system: bool = False) -> Body:
    return {
        "id": id_,
        "name": name,
        "connector_type_id": type_,
        "is_preconfigured": not system,
        "is_deprecated": False,
        "is_system_action": system,
    }


PRECONFIGURED: Final = (
    _fixed("soc-slack", "SOC Slack", ".slack"),
    _fixed("soc-pagerduty", "SOC PagerDuty", ".pagerduty"),
)
"""Connectors that kibana.yml would name: every space has them, nobody can change them."""

_SYSTEM: Final = _fixed("system-connector-.cases", "Cases", ".cases", system=True)


def preconfigured(id_: str) -> Body | None:
    """The preconfigured connector of this id, None where there is none."""
    return next((body for body in PRECONFIGURED if body["id"] == id_), None)


def _shown(body: Body) -> Body:
    """A connector as it is read: secrets are never shown, and whether it is deprecated is worked out."""
    shown = {key: value for key, value in body.items() if key != "secrets"}
    return {**shown, "is_deprecated": _deprecated(body)}


def _deprecated(body: Body) -> bool:
    """
    ServiceNow connectors over the Table API are deprecated, and so are those that do not say which API they use
    (Kibana's actions/server/lib/is_connector_deprecated.ts; not in facts.md).
    """
    return body["connector_type_id"] == ".servicenow" and bool(body.get("config", {}).get("usesTableApi", True))


def list_all(call: Call) -> Response:
    """All connectors that rules may use; system ones are not listed."""
    stored = [document.body for document in call.kibana.documents.all(CONNECTOR, call.space)]
    uses = _uses(call)
    found = [*PRECONFIGURED, *(_shown(body) for body in stored)]
    rows = [{**body, "referenced_by_count": uses.get(body["id"], 0)} for body in found]
    return json_response(sorted(rows, key=lambda body: str(body["name"]).casefold()))


def _uses(call: Call) -> dict[str, int]:
    """How many rules of the space use each connector."""
    counts: dict[str, int] = {}
    for stored in call.kibana.rules.select(call.space, "instr(body, '\"actions\":[]') = 0"):
        for id_ in {action["id"] for action in stored.rule().get("actions") or ()}:
            counts[id_] = counts.get(id_, 0) + 1
    return counts


def _stored(call: Call, id_: str) -> Document:
    document = call.kibana.documents.get(CONNECTOR, call.space, id_)
    if document is None:
        raise PlatformError(404, f"Saved object [action/{id_}] not found")
    return document


def read(call: Call) -> Response:
    """One connector."""
    id_ = call.params["id"]
    fixed = preconfigured(id_) or (_SYSTEM if id_ == _SYSTEM["id"] else None)
    return json_response(fixed or _shown(_stored(call, id_).body))


def create(call: Call) -> Response:
    """A new connector, with a chosen id or a new one."""
    given = call.body(_CREATE)
    id_ = call.params.get("id") or new_uuid()
    if given["connector_type_id"] not in dict(_TYPES):
        raise PlatformError(400, f'Action type "{given["connector_type_id"]}" is not registered.')
    documents = call.kibana.documents
    with documents.joined():
        if preconfigured(id_) or id_ == _SYSTEM["id"]:
            raise PlatformError(400, f"This {id_} already exists in a preconfigured action.")
        if documents.get(CONNECTOR, call.space, id_) is not None:
            raise PlatformError(409, f"Saved object [action/{id_}] conflict")
        body = {
            "id": id_,
            "name": given["name"],
            "connector_type_id": given["connector_type_id"],
            "config": given.get("config", {}),
            "is_preconfigured": False,
            "is_deprecated": False,
            "is_missing_secrets": False,
            "is_system_action": False,
            "secrets": given.get("secrets", {}),
        }
        documents.add(CONNECTOR, call.space, id_, body)
    return json_response(_shown(body))


def _refuse_fixed(id_: str, operation: str) -> None:
    """Raise the 400 of a change to a connector that nobody made here."""
    kind = "Preconfigured" if preconfigured(id_) else "System" if id_ == _SYSTEM["id"] else ""
    if kind:
        raise PlatformError(400, f"{kind} action {id_} is not allowed to {operation}.")


def update(call: Call) -> Response:
    """Replace name, config and secrets; the type stays."""
    given = call.body(_UPDATE)
    id_ = call.params["id"]
    _refuse_fixed(id_, "update")
    with call.kibana.documents.joined():
        document = _stored(call, id_)
        body = {
            **document.body,
            "name": given["name"],
            "config": given.get("config", {}),
            "secrets": given.get("secrets", {}),
            "is_missing_secrets": False,
        }
        call.kibana.documents.replace(document, body)
    return json_response(_shown(body))


def delete(call: Call) -> Response:
    """Remove a connector; rules that use it keep its id and fail."""
    id_ = call.params["id"]
    _refuse_fixed(id_, "delete")
    with call.kibana.documents.joined():
        call.kibana.documents.remove(_stored(call, id_))
    return Response(204)


def types(call: Call) -> Response:
    """The connector types of this Kibana, or those that one feature can use."""
    feature = call.query({"feature_id": may(text())}).get("feature_id", "siem")
    rows = _TYPES if feature in _FEATURES else ()
    return json_response(
        [
            {
                "id": id_,
                "name": name,
                "enabled": True,
                "enabled_in_config": True,
                "enabled_in_license": True,
                "minimum_license_required": "basic" if id_ in (".index", ".server-log") else "gold",
                "supported_feature_ids": list(_FEATURES),
                "is_system_action_type": False,
            }
            for id_, name in rows
        ]
    )


ROUTES = (
    Route("GET", "/api/actions/connectors", list_all, "actions-read"),
    Route("GET", "/api/actions/connector_types", types, "actions-read"),
    Route("POST", "/api/actions/connector", create, "actions-all", "json", writes=True),
    Route("GET", "/api/actions/connector/{id}", read, "actions-read"),
    Route("POST", "/api/actions/connector/{id}", create, "actions-all", "json", writes=True),
    Route("PUT", "/api/actions/connector/{id}", update, "actions-all", "json", writes=True),
    Route("DELETE", "/api/actions/connector/{id}", delete, "actions-all", writes=True),
)
