"""
`_export` and the export action of `_bulk_action`: rules, their lists and connectors as NDJSON (facts.md section 5.2).
"""

from __future__ import annotations

from collections.abc import Iterable

from deployer.sandbox.call import Call
from deployer.sandbox.documents import EVERYWHERE, Document
from deployer.sandbox.errors import SiemError
from deployer.sandbox.kinds import CONNECTOR, EXCEPTION_ITEM, EXCEPTION_LIST
from deployer.sandbox.messages import Body, Response, download, from_json, to_json
from deployer.sandbox.query_schema import query_boolean
from deployer.sandbox.routing import Route
from deployer.sandbox.rule_table import StoredRule
from deployer.sandbox.rules.crud import PATH
from deployer.sandbox.rules.reading import text_of
from deployer.sandbox.schema import array, may, need, nullable, obj, text

_MOST = 10_000
_OBJECTS = nullable(obj({"objects": need(array(obj({"rule_id": need(text())})))}))
_QUERY = {"exclude_export_details": may(query_boolean), "file_name": may(text())}


def export(call: Call) -> Response:
    """The chosen rules, or all."""
    sent = call.query(_QUERY)
    chosen = None if call.payload is None else call.body(_OBJECTS)
    call.is_write = False
    if call.kibana.rules.count(call.space) > _MOST or (chosen and len(chosen["objects"]) > _MOST):
        raise SiemError(400, f"Can't export more than {_MOST} rules")
    rules, missing = _all(call), list[str]()
    if chosen is not None:
        rules, missing = _chosen(call, [entry["rule_id"] for entry in chosen["objects"]])
    details = not sent.get("exclude_export_details", False)
    return ndjson(call, rules, missing, details=details, file_name=sent.get("file_name", "export.ndjson"))


def _all(call: Call) -> list[StoredRule]:
    where = "1" if call.version.since(9, 0) or call.version.since(8, 18) else "immutable = 0"
    return call.kibana.rules.select(call.space, where)


def _chosen(call: Call, rule_ids: list[str]) -> tuple[list[StoredRule], list[str]]:
    found, missing = [], []
    for rule_id in dict.fromkeys(rule_ids):
        stored = call.kibana.rules.by_rule_id(call.space, rule_id)
        if stored is None:
            missing.append(rule_id)
        else:
            found.append(stored)
    return found, missing


def ndjson(call: Call, rules: list[StoredRule], missing: list[str], *, details: bool, file_name: str) -> Response:
    """The export file: rules, then lists, items and connectors, then what is in it and what is missing."""
    lines = [text_of(call, stored, with_summary=False) for stored in rules]
    if details:
        lines += _with_details(call, [from_json(line) for line in lines], missing)
    return download(lines, file_name)


def _with_details(call: Call, rules: list[Body], missing: list[str]) -> list[str]:
    lists, missing_lists = _lists(call, rules)
    items = [item for one in lists for item in call.kibana.documents.all(EXCEPTION_ITEM, one.space, parent=one.key)]
    connectors, missing_connectors, excluded = _connectors(call, rules)
    counts = len(rules) + len(lists) + len(items) + len(connectors)
    details = {
        "exported_count": counts,
        "exported_rules_count": len(rules),
        "missing_rules": [{"rule_id": rule_id} for rule_id in missing],
        "missing_rules_count": len(missing),
        "exported_exception_list_count": len(lists),
        "exported_exception_list_item_count": len(items),
        "missing_exception_list_item_count": 0,
        "missing_exception_list_items": [],
        "missing_exception_lists": missing_lists,
        "missing_exception_lists_count": len(missing_lists),
        "exported_action_connector_count": len(connectors),
        "missing_action_connection_count": len(missing_connectors),
        "missing_action_connections": missing_connectors,
        "excluded_action_connection_count": len(excluded),
        "excluded_action_connections": excluded,
    }
    documents = [*(_with_version(one) for one in lists), *(_with_version(item) for item in items), *connectors, details]
    return [to_json(document) for document in documents]


def _with_version(document: Document) -> Body:
    return {"_version": document.version_text, **document.body}


def _unique(rules: Iterable[Body], name: str, keys: tuple[str, ...]) -> list[Body]:
    seen: dict[tuple[str, ...], Body] = {}
    for rule in rules:
        for entry in rule[name]:
            seen.setdefault(tuple(entry[key] for key in keys), entry)
    return list(seen.values())


def _lists(call: Call, rules: list[Body]) -> tuple[list[Document], list[Body]]:
    found, missing = [], []
    for reference in _unique(rules, "exceptions_list", ("list_id", "namespace_type")):
        space = EVERYWHERE if reference["namespace_type"] == "agnostic" else call.space
        document = call.kibana.documents.by_key(EXCEPTION_LIST, space, reference["list_id"])
        if document is None:
            missing.append({"list_id": reference["list_id"]})
        else:
            found.append(document)
    return found, missing


def _connectors(call: Call, rules: list[Body]) -> tuple[list[Body], list[Body], list[Body]]:
    """Connectors as saved objects, without secrets; preconfigured and system ones are left out."""
    found, missing, excluded = [], [], []
    for action in _unique(rules, "actions", ("id",)):
        document = call.kibana.documents.get(CONNECTOR, call.space, action["id"])
        name = {"id": action["id"], "type": "action"}
        if document is None and not action["id"].startswith("system-connector-"):
            missing.append(name)
        elif document is None or document.body.get("is_preconfigured"):
            excluded.append({**name, "reason": "preconfigured or system connector"})
        else:
            found.append(_saved_object(document))
    return found, missing, excluded


def _saved_object(document: Document) -> Body:
    body = document.body
    return {
        "attributes": {
            "actionTypeId": body["connector_type_id"],
            "config": body.get("config", {}),
            "isMissingSecrets": True,
            "name": body["name"],
            "secrets": {},
        },
        "coreMigrationVersion": "8.8.0",
        "id": document.id,
        "managed": False,
        "references": [],
        "type": "action",
        "typeMigrationVersion": "8.3.0",
    }


ROUTES = (Route("POST", f"{PATH}/_export", export, "rules-read", "json"),)
