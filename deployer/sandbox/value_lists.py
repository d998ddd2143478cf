"""`/api/lists`: value lists, and the data streams that hold them (facts.md section 7.3)."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from deployer.sandbox.call import Call
from deployer.sandbox.clock import new_uuid
from deployer.sandbox.documents import EVERYWHERE, Document
from deployer.sandbox.errors import SiemError
from deployer.sandbox.exception_entries import VALUE_LIST_TYPES
from deployer.sandbox.exception_lists import shown
from deployer.sandbox.kinds import EXCEPTION_ITEM, EXCEPTION_LIST, VALUE_INDEX, VALUE_ITEM, VALUE_LIST
from deployer.sandbox.kql_match import Condition
from deployer.sandbox.messages import Body, Response, json_response
from deployer.sandbox.query_schema import query_boolean
from deployer.sandbox.routing import Route
from deployer.sandbox.schema import anything, integer, may, need, non_empty, obj, one_of, record, text

PATH: Final = "/api/lists"
_CREATE: Final = obj(
    {
        "id": may(non_empty()),
        "name": need(non_empty()),
        "description": need(non_empty()),
        "type": need(one_of(*VALUE_LIST_TYPES)),
        "meta": may(record),
        "version": may(integer(least=1)),
        "serializer": may(anything),
        "deserializer": may(anything),
    }
)
_CHANGES: Final = {
    "id": need(non_empty()),
    "_version": may(text()),
    "meta": may(record),
    "version": may(integer(least=1)),
}
_UPDATE: Final = obj({**_CHANGES, "name": need(non_empty()), "description": need(non_empty())})
_PATCH: Final = obj({**_CHANGES, "name": may(non_empty()), "description": may(non_empty())})


def streams(call: Call) -> tuple[str, str]:
    """The names of the two data streams of the space."""
    return f".lists-{call.space}", f".items-{call.space}"


def have_streams(call: Call) -> bool:
    """Whether the data streams are there; they come and go together."""
    return call.kibana.documents.get(VALUE_INDEX, call.space, "streams") is not None


def read_index(call: Call) -> Response:
    """Whether the data streams are there; 404 where they are not."""
    if not have_streams(call):
        lists, items = streams(call)
        raise SiemError(404, f"data stream {lists} and data stream {items} does not exist")
    return json_response({"list_index": True, "list_item_index": True})


def create_index(call: Call) -> Response:
    """Make the data streams; once more is no error."""
    with call.kibana.documents.joined():
        if not have_streams(call):
            call.kibana.documents.add(VALUE_INDEX, call.space, "streams", {})
    return json_response({"acknowledged": True})


def delete_index(call: Call) -> Response:
    """Remove the data streams with all value lists of the space."""
    documents = call.kibana.documents
    with documents.joined():
        found = documents.get(VALUE_INDEX, call.space, "streams")
        if found is None:
            lists, items = streams(call)
            raise SiemError(404, f'index and data stream: "{lists}" and "{items}" does not exist')
        documents.remove(found)
        documents.remove_all(VALUE_LIST, call.space)
        documents.remove_all(VALUE_ITEM, call.space)
    return json_response({"acknowledged": True})


def find_value_list(call: Call, id_: str) -> Document | None:
    """The value list of this id, None where there is none."""
    return call.kibana.documents.get(VALUE_LIST, call.space, id_)


def stamped(call: Call, body: Body) -> Body:
    """The fields that say who wrote a new list or item and when."""
    now = call.kibana.clock.iso()
    stamp = {"created_at": now, "created_by": call.user.name, "updated_at": now, "updated_by": call.user.name}
    return {**body, **stamp, "@timestamp": now, "tie_breaker_id": new_uuid()}


def add_value_list(call: Call, given: Body) -> Document:
    """Store a new value list with the defaults of the API; the caller has checked that its id is free."""
    id_ = given.get("id") or new_uuid()
    body = {"id": id_, **{name: given[name] for name in ("name", "description", "type")}}
    body |= {"version": given.get("version", 1), "immutable": False}
    body |= {"meta": given["meta"]} if "meta" in given else {}
    return call.kibana.documents.add(VALUE_LIST, call.space, id_, stamped(call, body))


def unsupported(call: Call, sent: Body) -> tuple[tuple[str, str], ...]:
    """The header that says which of the given parameters data streams have made meaningless."""
    warnings = [
        f'299 Kibana-{call.version} "The "{name}" parameter is not supported and will be ignored. '
        f'Custom {name}s have been removed."'
        for name in ("serializer", "deserializer")
        if name in sent
    ]
    return (("warning", ", ".join(warnings)),) if warnings else ()


def create(call: Call) -> Response:
    """A new value list, with a chosen id or a new one."""
    given = call.body(_CREATE)
    with call.kibana.documents.joined():
        if not have_streams(call):
            raise SiemError(
                400,
                f'To create a list, the data stream must exist first. Data stream "{streams(call)[0]}" does not exist',
            )
        if "id" in given and find_value_list(call, given["id"]) is not None:
            raise SiemError(409, f'list id: "{given["id"]}" already exists')
        made = add_value_list(call, given)
    return json_response(shown(made), headers=unsupported(call, given))


def read(call: Call) -> Response:
    """One value list, without its values."""
    id_ = call.query({"id": need(non_empty())})["id"]
    with call.searching():
        document = find_value_list(call, id_)
    if document is None:
        raise SiemError(404, f'list id: "{id_}" does not exist')
    return json_response(shown(document))


def update(call: Call) -> Response:
    """Replace what a value list says about itself; its type stays."""
    return _changed(call, call.body(_UPDATE), whole=True)


def patch(call: Call) -> Response:
    """Change what is given."""
    return _changed(call, call.body(_PATCH), whole=False)


def _changed(call: Call, given: Body, *, whole: bool) -> Response:
    with call.kibana.documents.joined():
        document = find_value_list(call, given["id"])
        if document is None:
            raise SiemError(404, f'list id: "{given["id"]}" not found')
        refuse_version(given, document)
        body = without_meta(document.body) if whole else dict(document.body)
        body |= {name: given[name] for name in ("name", "description", "meta") if name in given}
        body |= {"version": given.get("version", document.body["version"] + 1)}
        body |= {"updated_at": call.kibana.clock.iso(), "updated_by": call.user.name}
        changed = call.kibana.documents.replace(document, body)
    return json_response(shown(changed))


def without_meta(body: Body) -> Body:
    """A body without the one field that a PUT takes away by leaving it out."""
    return {name: value for name, value in body.items() if name != "meta"}


def refuse_version(given: Body, document: Document) -> None:
    """Raise the 409 of a write that names another `_version` than the stored one (`check_version_conflict.ts`)."""
    version = given.get("_version")
    if version and version != document.version_text:
        wanted, found = _version_parts(version), _version_parts(document.version_text)
        raise SiemError(409, f"Conflict: versions mismatch. Provided versions:{wanted} does not match {found}")


def _version_parts(version: str) -> str:
    try:
        parts: Any = json.loads(base64.b64decode(version, validate=True))
    except (ValueError, RecursionError):
        parts = None
    if not isinstance(parts, list) or len(parts) != 2 or not all(isinstance(part, int) for part in parts):
        return "{}"
    return f'{{"if_primary_term":{parts[1]},"if_seq_no":{parts[0]}}}'


def delete(call: Call) -> Response:
    """
    Remove a value list with its values. While exceptions use it that is a conflict that names them, unless they are
    ignored, or lose the entries that use it.
    """
    given = call.query(
        {
            "id": need(non_empty()),
            "deleteReferences": may(query_boolean),
            "ignoreReferences": may(query_boolean),
        }
    )
    id_, documents = given["id"], call.kibana.documents
    with documents.joined():
        users = [] if given.get("ignoreReferences", False) else _users(call, id_)
        if users and not given.get("deleteReferences", False):
            return _still_used(call, id_, users)
        for item in users:
            _take_out(call, item, id_)
        document = find_value_list(call, id_)
        if document is None:
            raise SiemError(404, f'list id: "{id_}" was not found')
        documents.remove_children(VALUE_ITEM, call.space, id_)
        documents.remove(document)
    return json_response(shown(document))


def _users(call: Call, id_: str) -> list[Document]:
    """The exception items, of this space and of all, with an entry that names the list."""
    where = Condition(
        "space IN (?, ?) AND instr(body, ?)", (call.space, EVERYWHERE, json.dumps(id_, ensure_ascii=False))
    )
    found = call.kibana.documents.search(EXCEPTION_ITEM, where).documents
    return [item for item in found if any(_names(entry, id_) for entry in item.body["entries"])]


def _names(entry: Body, id_: str) -> bool:
    return bool(entry["type"] == "list" and entry["list"]["id"] == id_)


def _take_out(call: Call, item: Document, id_: str) -> None:
    """
    Kibana keeps the entries that name other value lists and no others; an item without any is removed
    (`delete_list_route.ts`).
    """
    kept = [entry for entry in item.body["entries"] if entry["type"] == "list" and not _names(entry, id_)]
    if not kept:
        call.kibana.documents.remove(item)
        return
    stamp = {"updated_at": call.kibana.clock.iso(), "updated_by": call.user.name}
    call.kibana.documents.replace(item, {**item.body, "entries": kept, **stamp})


def _still_used(call: Call, id_: str, users: list[Document]) -> Response:
    references = []
    for item in users:
        list_ = call.kibana.documents.by_key(EXCEPTION_LIST, item.space, item.parent)
        references.append({"exception_item": shown(item), **({"exception_list": shown(list_)} if list_ else {})})
    message = f"Value list '{id_}' is referenced in existing exception list(s)"
    error = {"message": message, "references": references, "value_list_id": id_}
    return json_response({"message": {"error": error}, "status_code": 409}, status=409)


def privileges(call: Call) -> Response:
    """What the user may do with the data streams, in the shape of Elasticsearch's `_has_privileges`."""
    lists, items = streams(call)
    return json_response({"lists": _granted(call, lists), "listItems": _granted(call, items), "is_authenticated": True})


def _granted(call: Call, stream: str) -> Body:
    cluster = dict.fromkeys(("monitor_ml", "manage_index_templates", "monitor", "manage"), call.user.may("admin"))
    granted = dict.fromkeys(("read", "view_index_metadata"), call.user.may("lists-read"))
    granted |= dict.fromkeys(("write", "index", "create_index", "manage"), call.user.may("lists-all"))
    return {
        "username": call.user.name,
        "has_all_requested": all(cluster.values()) and all(granted.values()),
        "cluster": cluster,
        "index": {stream: granted},
        "application": {},
    }


ROUTES = (
    Route("GET", f"{PATH}/index", read_index, "lists-read"),
    Route("POST", f"{PATH}/index", create_index, "lists-all", writes=True),
    Route("DELETE", f"{PATH}/index", delete_index, "lists-all", writes=True),
    Route("GET", f"{PATH}/privileges", privileges, "lists-read"),
    Route("POST", PATH, create, "lists-all", "json", writes=True),
    Route("GET", PATH, read, "lists-read"),
    Route("PUT", PATH, update, "lists-all", "json", writes=True),
    Route("PATCH", PATH, patch, "lists-all", "json", writes=True),
    Route("DELETE", PATH, delete, "lists-all", writes=True),
)
