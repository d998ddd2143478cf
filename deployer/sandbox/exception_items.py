"""Exception items: their schema, and how a new one is stored (facts.md section 7.1)."""

from __future__ import annotations

from typing import Any

from deployer.sandbox.call import Call
from deployer.sandbox.clock import new_uuid
from deployer.sandbox.documents import Document
from deployer.sandbox.errors import SiemError
from deployer.sandbox.exception_lists import NAMESPACES, find_list, home, stamped
from deployer.sandbox.kinds import EXCEPTION_ITEM
from deployer.sandbox.messages import Body
from deployer.sandbox.schema import array, discriminated, may, need, non_empty, obj, one_of, record, strings, text

VALUE_LIST_TYPES = (
    *("binary", "boolean", "byte", "date", "date_nanos", "date_range", "double", "double_range", "float"),
    *("float_range", "geo_point", "geo_shape", "half_float", "integer", "integer_range", "ip", "ip_range", "keyword"),
    *("long", "long_range", "shape", "short", "text"),
)
_operator = need(one_of("included", "excluded"))
_field = need(non_empty())
_value_list = obj({"id": need(non_empty()), "type": need(one_of(*VALUE_LIST_TYPES))})
_plain = {
    "match": obj({"type": need(text()), "field": _field, "operator": _operator, "value": need(non_empty())}),
    "match_any": obj(
        {"type": need(text()), "field": _field, "operator": _operator, "value": need(array(non_empty(), least=1))}
    ),
    "exists": obj({"type": need(text()), "field": _field, "operator": _operator}),
}
ENTRIES = array(
    discriminated(
        "type",
        {
            **_plain,
            "wildcard": obj({"type": need(text()), "field": _field, "operator": _operator, "value": need(non_empty())}),
            "list": obj({"type": need(text()), "field": _field, "operator": _operator, "list": need(_value_list)}),
            "nested": obj(
                {"type": need(text()), "field": _field, "entries": need(array(discriminated("type", _plain), least=1))}
            ),
        },
    )
)
OS_TYPES = array(one_of("linux", "macos", "windows"))
ITEM_FIELDS = {
    "item_id": may(non_empty()),
    "name": need(non_empty()),
    "description": need(text()),
    "type": need(one_of("simple")),
    "entries": need(ENTRIES),
    "namespace_type": may(one_of(*NAMESPACES)),
    "os_types": may(OS_TYPES),
    "tags": may(strings()),
    "meta": may(record),
    "expire_time": may(text()),
    "comments": may(array(obj({"comment": need(non_empty())}))),
}
ITEM = obj({**ITEM_FIELDS, "item_id": need(non_empty()), "list_id": need(non_empty())})


def add_item(call: Call, given: Body) -> Document:
    """
    Store a new item with the defaults of the API; its comments are new ones, said now by the user of the call.

    Raises the 404 of a missing list and the 409 of an `item_id` that is taken within the namespace.
    """
    namespace = given.get("namespace_type", "single")
    space, list_id, item_id = home(call, namespace), given["list_id"], given.get("item_id") or new_uuid()
    documents = call.kibana.documents
    with documents.joined():
        if find_list(call, None, list_id, namespace) is None:
            raise SiemError(404, f'exception list id: "{list_id}" does not exist')
        if documents.by_key(EXCEPTION_ITEM, space, item_id) is not None:
            raise SiemError(409, f'exception list item id: "{item_id}" already exists')
        body: Body = {
            "id": new_uuid(),
            "item_id": item_id,
            "list_id": list_id,
            "name": given["name"],
            "description": given["description"],
            "type": given["type"],
            "entries": given["entries"],
            "namespace_type": namespace,
            "os_types": given.get("os_types", []),
            "tags": given.get("tags", []),
            "comments": [new_comment(call, comment) for comment in given.get("comments", [])],
        }
        body |= {name: given[name] for name in ("meta", "expire_time") if name in given}
        return documents.add(EXCEPTION_ITEM, space, body["id"], stamped(call, body), key=item_id, parent=list_id)


def new_comment(call: Call, comment: dict[str, Any]) -> Body:
    """A comment as it is stored."""
    now = call.kibana.clock.iso()
    return {"id": new_uuid(), "comment": comment["comment"], "created_at": now, "created_by": call.user.name}
