"""`/api/exception_lists/items`: the exceptions themselves (facts.md section 7.1)."""

from __future__ import annotations

from typing import Any, Final

from deployer.sandbox.call import Call
from deployer.sandbox.clock import new_uuid
from deployer.sandbox.documents import Document
from deployer.sandbox.errors import SiemError
from deployer.sandbox.exception_entries import ITEM_UPDATE, NEW_ITEM, check_endpoint_entries
from deployer.sandbox.exception_lists import NAMESPACES, find_list, home, refuse_version, shown, stamped
from deployer.sandbox.kinds import EXCEPTION_ITEM
from deployer.sandbox.messages import Body, Response, json_response
from deployer.sandbox.routing import Route
from deployer.sandbox.schema import may, non_empty, one_of

PATH: Final = "/api/exception_lists/items"
_WHICH: Final = {"id": may(non_empty()), "item_id": may(non_empty()), "namespace_type": may(one_of(*NAMESPACES))}
_MOST: Final = 10_000
_LASTING: Final = ("id", "list_id", "namespace_type", "created_at", "created_by", "tie_breaker_id")


def add_item(call: Call, given: Body) -> Document:
    """
    Store a new item with the defaults of the API; its comments are new ones, said now by the user of the call.

    Raises the 404 of a missing list and the 409 of an `item_id` that is taken within the namespace.
    """
    namespace = given.get("namespace_type", "single")
    space, list_id, item_id = home(call, namespace), given["list_id"], given.get("item_id") or new_uuid()
    with call.kibana.documents.joined():
        if find_list(call, None, list_id, namespace) is None:
            raise SiemError(404, f'exception list id: "{list_id}" does not exist')
        if call.kibana.documents.by_key(EXCEPTION_ITEM, space, item_id) is not None:
            raise SiemError(409, f'exception list item id: "{item_id}" already exists')
        return store_item(call, {**given, "item_id": item_id})


def store_item(call: Call, given: Body) -> Document:
    """Store a new item; the caller has checked that its list is there and its `item_id` free."""
    namespace = given.get("namespace_type", "single")
    body: Body = {
        "id": new_uuid(),
        "item_id": given["item_id"],
        "list_id": given["list_id"],
        "namespace_type": namespace,
        **_content(given),
        "comments": new_comments(call, given.get("comments", [])),
    }
    return call.kibana.documents.add(
        EXCEPTION_ITEM,
        home(call, namespace),
        body["id"],
        stamped(call, body),
        key=given["item_id"],
        parent=given["list_id"],
    )


def _content(given: Body) -> Body:
    """What an item says, its defaults filled in."""
    content = {name: given[name] for name in ("name", "description", "type", "entries")}
    content |= {"os_types": given.get("os_types", []), "tags": given.get("tags", [])}
    return content | {name: given[name] for name in ("meta", "expire_time") if name in given}


def new_comments(call: Call, comments: list[dict[str, Any]]) -> list[Body]:
    """Comments as they are stored, said now by the user of the call."""
    said = {"created_at": call.kibana.clock.iso(), "created_by": call.user.name}
    return [{"id": new_uuid(), "comment": comment["comment"], **said} for comment in comments]


def replace_item(call: Call, document: Document, given: Body) -> Document:
    """
    Put what is given in the place of a stored item. Comments only grow: those it has stay as they are, and those that
    come without an `id` are added.
    """
    added = new_comments(call, [comment for comment in given.get("comments", []) if "id" not in comment])
    body = {name: document.body[name] for name in _LASTING}
    body |= {"item_id": given.get("item_id", document.key), **_content(given)}
    body |= {"comments": [*document.body["comments"], *added]}
    body |= {"updated_at": call.kibana.clock.iso(), "updated_by": call.user.name}
    return call.kibana.documents.replace(document, body, key=body["item_id"])


def _find(call: Call, given: Body) -> Document | None:
    space = home(call, given.get("namespace_type", "single"))
    if "id" in given:
        return call.kibana.documents.get(EXCEPTION_ITEM, space, given["id"])
    return call.kibana.documents.by_key(EXCEPTION_ITEM, space, given["item_id"])


def _needed(call: Call, given: Body) -> Document:
    document = _find(call, given)
    if document is None:
        named = f'id: "{given["id"]}"' if "id" in given else f'item_id: "{given["item_id"]}"'
        raise SiemError(404, f"exception list item {named} does not exist")
    return document


def create(call: Call) -> Response:
    """A new item of a list that is there, which can hold 10,000 of them."""
    given = call.body(NEW_ITEM)
    namespace = given.get("namespace_type", "single")
    with call.kibana.documents.joined():
        list_ = find_list(call, None, given["list_id"], namespace)
        if list_ is not None and list_.body["type"] == "endpoint":
            check_endpoint_entries(given["entries"])
        item = add_item(call, given)
        if call.kibana.documents.count(EXCEPTION_ITEM, item.space, parent=item.parent) > _MOST:
            raise SiemError(
                400, f"Failed to add exception item, exception list would exceed max size of {_MOST}"
            )  # which takes the item back with the transaction
    return json_response(shown(item))


def read(call: Call) -> Response:
    """One item, by `id` or `item_id`, which is a search."""
    given = call.query(_WHICH)
    if "id" not in given and "item_id" not in given:
        raise SiemError(400, "id or item_id required")
    if "id" in given:
        return json_response(shown(_needed(call, given)))
    with call.searching():
        return json_response(shown(_needed(call, given)))


def update(call: Call) -> Response:
    """Replace an item; `_version` guards against somebody else's write."""
    given = call.body(ITEM_UPDATE)
    _check_comments(given.get("comments", []))
    if "id" not in given and "item_id" not in given:
        raise SiemError(404, "either id or item_id need to be defined")
    with call.kibana.documents.joined():
        document = _needed(call, given)
        refuse_version(given, document)
        changed = replace_item(call, document, given)
    return json_response(shown(changed))


def _check_comments(comments: list[Body]) -> None:
    """New comments, those without `id`, come after the others."""
    known = ["id" in comment for comment in comments]
    if known != sorted(known, reverse=True):
        raise SiemError(400, ['item "comments" are append only'])


def delete(call: Call) -> Response:
    """Remove an item; answers with it."""
    given = call.query(_WHICH)
    if "id" not in given and "item_id" not in given:
        raise SiemError(400, 'Either "item_id" or "id" needs to be defined in the request')
    with call.kibana.documents.joined():
        document = _needed(call, given)
        call.kibana.documents.remove(document)
    return json_response(shown(document))


ROUTES = (
    Route("POST", PATH, create, "exceptions-all", "json", writes=True),
    Route("GET", PATH, read, "exceptions-read"),
    Route("PUT", PATH, update, "exceptions-all", "json", writes=True),
    Route("DELETE", PATH, delete, "exceptions-all", writes=True),
)
