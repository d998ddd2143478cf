"""`_export`, `_import` and `_duplicate` of exception lists (facts.md section 7.1)."""

from __future__ import annotations

from typing import Final

from deployer.sandbox.call import Call
from deployer.sandbox.clock import new_uuid
from deployer.sandbox.documents import Document
from deployer.sandbox.errors import SiemError
from deployer.sandbox.exception_import import import_exceptions
from deployer.sandbox.exception_items import store_item
from deployer.sandbox.exception_lists import NAMESPACES, add_list, find_list, shown
from deployer.sandbox.kinds import EXCEPTION_ITEM
from deployer.sandbox.messages import Body, NotJsonError, Response, from_json, json_response, ndjson_response
from deployer.sandbox.multipart import read_file_part
from deployer.sandbox.query_schema import query_boolean
from deployer.sandbox.routing import Route
from deployer.sandbox.schema import may, need, non_empty, one_of

_MOST_BYTES: Final = 9_000_000
_MOST_OBJECTS: Final = 10_000
_COPIED: Final = ("name", "description", "type", "entries", "namespace_type", "os_types", "tags", "meta", "expire_time")
_EXPIRED: Final = {
    "namespace_type": may(one_of(*NAMESPACES)),
    "include_expired_exceptions": may(query_boolean),
}


def export(call: Call) -> Response:
    """A list and its items, the newest first, as NDJSON."""
    given = call.query({**_EXPIRED, "id": need(non_empty()), "list_id": need(non_empty())})
    call.is_write = False
    list_ = find_list(call, given["id"], None, given.get("namespace_type", "single"))
    if list_ is None:
        raise SiemError(400, f"exception list with list_id: {given['list_id']} or id: {given['id']} does not exist")
    items = _items(call, list_, expired=given.get("include_expired_exceptions", True))
    details = {
        "exported_exception_list_count": 1,
        "exported_exception_list_item_count": len(items),
        "missing_exception_list_item_count": 0,
        "missing_exception_list_items": [],
        "missing_exception_lists": [],
        "missing_exception_lists_count": 0,
    }
    return ndjson_response([shown(list_), *(shown(item) for item in reversed(items)), details], given["list_id"])


def _items(call: Call, list_: Document, *, expired: bool) -> list[Document]:
    """The items of a list, oldest first; without `expired` only those that still count."""
    items = call.kibana.documents.all(EXCEPTION_ITEM, list_.space, parent=list_.key)
    now = call.kibana.clock.iso()
    return [item for item in items if expired or item.body.get("expire_time", "~") > now]


def copy_items(call: Call, source: Document, list_id: str, *, expired: bool) -> int:
    """Copy the items of a list to another one, without their comments; returns how many."""
    items = _items(call, source, expired=expired)
    for item in items:
        content: Body = {name: item.body[name] for name in _COPIED if name in item.body}
        store_item(call, {**content, "item_id": new_uuid(), "list_id": list_id})
    return len(items)


def duplicate(call: Call) -> Response:
    """A copy of a list with its items; only lists that rules use can be copied."""
    given = call.query({**_EXPIRED, "list_id": need(non_empty())})
    namespace, list_id = given.get("namespace_type", "single"), given["list_id"]
    with call.kibana.documents.joined():
        source = find_list(call, None, list_id, namespace)
        if source is None:
            raise SiemError(404, f'exception list id: "{list_id}" does not exist')
        if source.body["type"] not in ("detection", "rule_default"):
            raise SiemError(405, f"unable to duplicate exception list with list_id: {list_id} - action not allowed")
        content: Body = {
            name: source.body[name] for name in ("description", "type", "tags", "meta") if name in source.body
        }
        copy = add_list(call, {**content, "name": f"{source.body['name']} [Duplicate]", "namespace_type": namespace})
        copy_items(call, source, copy.key, expired=given.get("include_expired_exceptions", True))
    return json_response(shown(copy))


def import_lists(call: Call) -> Response:
    """Import a file of lists and items; 200 whenever the file was processed."""
    given = call.query({"overwrite": may(query_boolean), "as_new_list": may(query_boolean)})
    entries, unreadable = _read(read_file_part(call.request))
    if len(entries) + len(unreadable) >= _MOST_OBJECTS:  # exactly the limit fails too
        raise SiemError(500, f"Can't import more than {_MOST_OBJECTS} exceptions")
    outcome = import_exceptions(
        call,
        entries,
        overwrite=given.get("overwrite", False),
        as_new=given.get("as_new_list", False),
        unreadable=unreadable,
    )
    return json_response(
        {
            "errors": outcome.errors,
            "success": not outcome.errors,
            "success_count": outcome.lists + outcome.items,
            "success_exception_lists": not outcome.list_errors,
            "success_count_exception_lists": outcome.lists,
            "success_exception_list_items": not outcome.item_errors,
            "success_count_exception_list_items": outcome.items,
        }
    )


def _read(content: bytes) -> tuple[list[Body], list[str]]:
    """The objects of the file but for the details of an export, and what is wrong with the other lines."""
    entries: list[Body] = []
    unreadable: list[str] = []
    for line in content.splitlines():
        if not line.strip():
            continue
        try:
            entry = from_json(line)
        except NotJsonError as exc:
            unreadable.append(str(exc))
            continue
        if not isinstance(entry, dict):
            unreadable.append(f"Expected object, received {type(entry).__name__}")
        elif "exported_exception_list_count" not in entry:
            entries.append(entry)
    return entries, unreadable


_BASE: Final = "/api/exception_lists"
ROUTES = (
    Route("POST", f"{_BASE}/_export", export, "exceptions-read", writes=True),
    Route("POST", f"{_BASE}/_duplicate", duplicate, "exceptions-all", writes=True),
    Route("POST", f"{_BASE}/_import", import_lists, "exceptions-all", "multipart", most=_MOST_BYTES, writes=True),
)
