"""`/api/exception_lists`: the containers of exceptions, per space or `agnostic` (facts.md section 7.1)."""

from __future__ import annotations

from typing import Any, Final

from deployer.sandbox.call import Call
from deployer.sandbox.clock import new_uuid
from deployer.sandbox.documents import EVERYWHERE, Document
from deployer.sandbox.errors import SiemError
from deployer.sandbox.kinds import EXCEPTION_ITEM, EXCEPTION_LIST
from deployer.sandbox.messages import Body, Response, json_response
from deployer.sandbox.query_schema import query_integer, query_list
from deployer.sandbox.routing import Route
from deployer.sandbox.schema import integer, may, need, obj, one_of, record, strings, text

TYPES: Final = (
    "detection",
    "rule_default",
    "endpoint",
    "endpoint_trusted_apps",
    "endpoint_trusted_devices",
    "endpoint_events",
    "endpoint_host_isolation_exceptions",
    "endpoint_blocklists",
)
ENDPOINT_LIST: Final = "endpoint_list"
NAMESPACES: Final = ("single", "agnostic")
_CREATE: Final = obj(
    {
        "name": need(text(least=1)),
        "description": need(text(least=1)),
        "type": need(one_of(*TYPES)),
        "list_id": may(text(least=1)),
        "namespace_type": may(one_of(*NAMESPACES)),
        "os_types": may(strings()),
        "tags": may(strings()),
        "meta": may(record),
        "version": may(integer(least=1)),
    }
)
_UPDATE: Final = obj(
    {
        "name": need(text(least=1)),
        "description": need(text(least=1)),
        "type": need(one_of(*TYPES)),
        "id": may(text(least=1)),
        "list_id": may(text(least=1)),
        "namespace_type": may(one_of(*NAMESPACES)),
        "os_types": may(strings()),
        "tags": may(strings()),
        "meta": may(record),
        "version": may(integer(least=1)),
        "_version": may(text()),
    }
)
_WHICH: Final = {"id": may(text()), "list_id": may(text()), "namespace_type": may(one_of(*NAMESPACES))}


def home(call: Call, namespace: str) -> str:
    """Where documents of a namespace live: everywhere for `agnostic`, else in the space of the call."""
    return EVERYWHERE if namespace == "agnostic" else call.space


def shown(document: Document) -> Body:
    """A list or item as it is read, with its `_version`."""
    return {"_version": document.version_text, **document.body}


def stamped(call: Call, body: Body) -> Body:
    """The fields that say who wrote a new document and when."""
    now = call.kibana.clock.iso()
    return {
        **body,
        "created_at": now,
        "created_by": call.user.name,
        "updated_at": now,
        "updated_by": call.user.name,
        "tie_breaker_id": new_uuid(),
    }


def find_list(call: Call, id_: str | None, list_id: str | None, namespace: str) -> Document | None:
    """The list of this saved-object id or `list_id`, None where there is none."""
    space = home(call, namespace)
    if id_:
        return call.kibana.documents.get(EXCEPTION_LIST, space, id_)
    return call.kibana.documents.by_key(EXCEPTION_LIST, space, list_id) if list_id else None


def _needed(call: Call, given: dict[str, Any]) -> Document:
    if not given.get("id") and not given.get("list_id"):
        raise SiemError(400, "id or list_id required")
    document = find_list(call, given.get("id"), given.get("list_id"), given.get("namespace_type", "single"))
    if document is None:
        named = f'id: "{given["id"]}"' if given.get("id") else f'list_id: "{given["list_id"]}"'
        raise SiemError(404, f"exception list {named} does not exist")
    return document


def add_list(call: Call, given: Body) -> Document:
    """Store a new list with the defaults of the API. Raises the 409 of a `list_id` that is taken."""
    namespace = given.get("namespace_type", "single")
    list_id = given.get("list_id") or new_uuid()
    documents = call.kibana.documents
    with documents.joined():
        if find_list(call, None, list_id, namespace) is not None:
            raise SiemError(409, f'exception list id: "{list_id}" already exists')
        id_ = ENDPOINT_LIST if list_id == ENDPOINT_LIST else new_uuid()
        body = {
            "id": id_,
            "list_id": list_id,
            "name": given["name"],
            "description": given["description"],
            "type": given["type"],
            "namespace_type": namespace,
            "os_types": given.get("os_types", []),
            "tags": given.get("tags", []),
            "version": given.get("version", 1),
            "immutable": False,
            **({"meta": given["meta"]} if "meta" in given else {}),
        }
        return documents.add(EXCEPTION_LIST, home(call, namespace), id_, stamped(call, body), key=list_id)


def ensure_endpoint_list(call: Call) -> None:
    """The agnostic list of the Elastic Endpoint, which the first rule that is created brings along (section 2.1)."""
    if find_list(call, None, ENDPOINT_LIST, "agnostic") is None:
        given = {
            "list_id": ENDPOINT_LIST,
            "name": "Endpoint Security Exception List",
            "description": "Endpoint Security Exception List",
            "type": "endpoint",
            "namespace_type": "agnostic",
        }
        add_list(call, given)


def create(call: Call) -> Response:
    """A new list."""
    return json_response(shown(add_list(call, call.body(_CREATE))))


def read(call: Call) -> Response:
    """One list, by `id` or `list_id`."""
    return json_response(shown(_needed(call, call.query(_WHICH))))


def update(call: Call) -> Response:
    """Replace a list; `_version` guards against somebody else's write."""
    given = call.body(_UPDATE)
    with call.kibana.documents.joined():
        document = _needed(call, given)
        refuse_version(given, document)
        body = {
            **document.body,
            **{
                key: value for key, value in given.items() if key not in ("id", "_version", "list_id", "namespace_type")
            },
            "updated_at": call.kibana.clock.iso(),
            "updated_by": call.user.name,
            "version": given.get("version", document.body["version"] + 1),
        }
        changed = call.kibana.documents.replace(document, body)
    return json_response(shown(changed))


def refuse_version(given: Body, document: Document) -> None:
    """Raise the 409 of a write that names another `_version` than the stored one (facts.md 7.1)."""
    if given.get("_version") and given["_version"] != document.version_text:
        raise SiemError(
            409, f"[{document.id}]: version conflict, required seqNo [{document.version}], primary term [1]"
        )


def delete(call: Call) -> Response:
    """Remove a list with its items; answers with the list."""
    with call.kibana.documents.joined():
        document = _needed(call, call.query(_WHICH))
        call.kibana.documents.remove_children(EXCEPTION_ITEM, document.space, document.key)
        call.kibana.documents.remove(document)
    return json_response(shown(document))


def find(call: Call) -> Response:
    """Pages of lists of one or both namespaces."""
    given = call.query(
        {
            "namespace_type": may(query_list(one_of(*NAMESPACES), commas=True)),
            "page": may(query_integer(least=1)),
            "per_page": may(query_integer(least=0)),
            "filter": may(text()),
            "sort_field": may(text()),
            "sort_order": may(one_of("asc", "desc")),
        }
    )
    spaces = [home(call, namespace) for namespace in given.get("namespace_type", ["single"])]
    found = [document for space in spaces for document in call.kibana.documents.all(EXCEPTION_LIST, space)]
    return json_response(page_of([shown(document) for document in found], given))


def page_of(rows: list[Body], given: dict[str, Any]) -> Body:
    """One page of rows, as `_find` answers it."""
    page, size = given.get("page", 1), given.get("per_page", 20)
    key = given.get("sort_field", "created_at")
    ordered = sorted(rows, key=lambda row: str(row.get(key, "")), reverse=given.get("sort_order") == "desc")
    return {"data": ordered[(page - 1) * size : page * size], "page": page, "per_page": size, "total": len(rows)}


def summary(call: Call) -> Response:
    """How many items of a list are for which system."""
    document = _needed(call, call.query({**_WHICH, "filter": may(text())}))
    items = call.kibana.documents.all(EXCEPTION_ITEM, document.space, parent=document.key)
    counts = {
        name: sum(name in item.body.get("os_types", []) for item in items) for name in ("windows", "linux", "macos")
    }
    return json_response({**counts, "total": len(items)})


ROUTES = (
    Route("POST", "/api/exception_lists", create, "exceptions-all", "json", writes=True),
    Route("GET", "/api/exception_lists", read, "exceptions-read"),
    Route("PUT", "/api/exception_lists", update, "exceptions-all", "json", writes=True),
    Route("DELETE", "/api/exception_lists", delete, "exceptions-all", writes=True),
    Route("GET", "/api/exception_lists/_find", find, "exceptions-read"),
    Route("GET", "/api/exception_lists/summary", summary, "exceptions-read"),
)
