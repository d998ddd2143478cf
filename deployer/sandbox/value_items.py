"""`/api/lists/items`: the values of value lists, by id or by value, and as files (facts.md section 7.3)."""

from __future__ import annotations

import contextlib
from typing import Final
from urllib.parse import unquote

from deployer.sandbox.call import Call
from deployer.sandbox.clock import new_uuid
from deployer.sandbox.documents import Document
from deployer.sandbox.errors import SiemError
from deployer.sandbox.exception_entries import VALUE_LIST_TYPES
from deployer.sandbox.exception_lists import shown
from deployer.sandbox.kinds import VALUE_ITEM
from deployer.sandbox.kql_match import Condition
from deployer.sandbox.messages import Body, Response, download, json_response
from deployer.sandbox.multipart import Part, read_form
from deployer.sandbox.routing import Route
from deployer.sandbox.schema import anything, may, need, non_empty, obj, one_of, record, text
from deployer.sandbox.value_lists import (
    PATH as LISTS,
)
from deployer.sandbox.value_lists import (
    add_value_list,
    find_value_list,
    have_streams,
    refuse_version,
    stamped,
    streams,
    unsupported,
    without_meta,
)
from deployer.sandbox.value_types import ValueRefusedError, key, matcher, stored

PATH: Final = f"{LISTS}/items"
_MOST_BYTES: Final = 9_000_000
_BATCH: Final = 1000
_REFRESH: Final = may(one_of("true", "false", "wait_for"))
_CREATE: Final = obj(
    {
        "id": may(non_empty()),
        "list_id": need(non_empty()),
        "value": need(non_empty()),
        "meta": may(record),
        "refresh": _REFRESH,
    }
)
_CHANGES: Final = {"id": need(non_empty()), "_version": may(text()), "meta": may(record)}
_UPDATE: Final = obj({**_CHANGES, "value": need(non_empty())})
_PATCH: Final = obj({**_CHANGES, "value": may(non_empty()), "refresh": _REFRESH})
_WHICH: Final = {"id": may(non_empty()), "list_id": may(non_empty()), "value": may(text())}
_UNNAMED: Final = 'Either "list_id" or "id" needs to be defined in the request'


def _add(call: Call, list_: Document, value: str, given: Body) -> Document:
    type_ = list_.body["type"]
    kept = stored(type_, value)
    id_ = given.get("id") or new_uuid()
    body = {"id": id_, "list_id": list_.id, "type": type_, "value": kept}
    body |= {"meta": given["meta"]} if "meta" in given else {}
    return call.kibana.documents.add(
        VALUE_ITEM, call.space, id_, stamped(call, body), key=key(type_, kept), parent=list_.id
    )


def _with_value(call: Call, list_: Document, value: str) -> list[Document]:
    """The items of a list that stand for a value. Raises the 400 of a value that the list cannot have."""
    type_ = list_.body["type"]
    try:
        matches = matcher(type_, value)
        if matches is not None:
            items = call.kibana.documents.all(VALUE_ITEM, call.space, parent=list_.id)
            return [item for item in items if matches(item.body["value"])]
        where = Condition("space = ? AND key = ? AND +parent = ?", (call.space, key(type_, value), list_.id))
    except ValueRefusedError as exc:
        raise SiemError(400, str(exc)) from exc
    return call.kibana.documents.search(VALUE_ITEM, where).documents


def _list(call: Call, id_: str, missing: SiemError) -> Document:
    document = find_value_list(call, id_)
    if document is None:
        raise missing
    return document


def create(call: Call) -> Response:
    """A new value of a list; the same value can be there twice."""
    given = call.body(_CREATE)
    list_id = given["list_id"]
    with call.kibana.documents.joined():
        list_ = _list(call, list_id, SiemError(404, f'list id: "{list_id}" does not exist'))
        if "id" in given and call.kibana.documents.get(VALUE_ITEM, call.space, given["id"]) is not None:
            raise SiemError(409, f'list item id: "{given["id"]}" already exists')
        try:
            item = _add(call, list_, given["value"], given)
        except ValueRefusedError as exc:
            raise SiemError(400, str(exc)) from exc
    return json_response(shown(item))


def read(call: Call) -> Response:
    """One item by its id, or all items of a list with a value."""
    given = call.query(_WHICH)
    with call.searching():
        return _found(call, given)


def _found(call: Call, given: Body) -> Response:
    if "id" in given:
        document = call.kibana.documents.get(VALUE_ITEM, call.space, given["id"])
        if document is None:
            raise SiemError(404, f'list item id: "{given["id"]}" does not exist')
        return json_response(shown(document))
    if "list_id" not in given or "value" not in given:
        raise SiemError(400, _UNNAMED)
    list_id, value = given["list_id"], given["value"]
    list_ = _list(call, list_id, SiemError(404, f'list id: "{list_id}" does not exist'))
    items = _with_value(call, list_, value)
    if not items:
        raise SiemError(404, f'list_id: "{list_id}" item of {value} does not exist')
    return json_response([shown(item) for item in items])


def update(call: Call) -> Response:
    """Replace a value."""
    return _changed(call, call.body(_UPDATE), whole=True)


def patch(call: Call) -> Response:
    """Change what is given."""
    return _changed(call, call.body(_PATCH), whole=False)


def _changed(call: Call, given: Body, *, whole: bool) -> Response:
    with call.kibana.documents.joined():
        document = call.kibana.documents.get(VALUE_ITEM, call.space, given["id"])
        if document is None:
            raise SiemError(404, f'list item id: "{given["id"]}" not found')
        refuse_version(given, document)
        type_ = document.body["type"]
        try:
            value = stored(type_, str(given.get("value", document.body["value"])))
        except ValueRefusedError as exc:
            raise SiemError(400, str(exc)) from exc
        body = without_meta(document.body) if whole else dict(document.body)
        body |= {"meta": given["meta"]} if "meta" in given else {}
        body |= {"value": value, "updated_at": call.kibana.clock.iso(), "updated_by": call.user.name}
        changed = call.kibana.documents.replace(document, body, key=key(type_, value))
    return json_response(shown(changed))


def delete(call: Call) -> Response:
    """Remove one item by its id, or all items of a list with a value; answers with them."""
    given = call.query({**_WHICH, "refresh": _REFRESH})
    with call.kibana.documents.joined():
        if "id" in given:
            found = call.kibana.documents.get(VALUE_ITEM, call.space, given["id"])
            if found is None:
                raise SiemError(404, f'list item with id: "{given["id"]}" not found')
            call.kibana.documents.remove(found)
            return json_response(shown(found))
        if "list_id" not in given or "value" not in given:
            raise SiemError(400, _UNNAMED)
        list_id, value = given["list_id"], given["value"]
        items = _with_value(call, _list(call, list_id, SiemError(404, f'list_id: "{list_id}" does not exist')), value)
        if not items:
            raise SiemError(404, f'list_id: "{list_id}" with {value} was not found')
        for item in items:
            call.kibana.documents.remove(item)
    return json_response([shown(item) for item in items])


def export(call: Call) -> Response:
    """All values of a list, one a line."""
    list_id = call.query({"list_id": need(non_empty())})["list_id"]
    call.is_write = False
    where = Condition("space = ? AND parent = ?", (call.space, list_id))
    by_tie = "json_extract(body, '$.tie_breaker_id')"
    with call.searching():
        list_ = _list(call, list_id, SiemError(400, f"list_id: {list_id} does not exist"))
        items = call.kibana.documents.search(VALUE_ITEM, where, order=by_tie).documents
    return download((item.body["value"] for item in items), list_.body["name"])


def import_values(call: Call) -> Response:
    """
    Add the lines of a file to a list, or to one that is named after the file and made where it is missing. A line that
    the type refuses is left out, and nobody is told.
    """
    given = call.query(
        {
            "list_id": may(non_empty()),
            "type": may(one_of(*VALUE_LIST_TYPES)),
            "refresh": _REFRESH,
            "serializer": may(anything),
            "deserializer": may(anything),
        }
    )
    part = _file(call)
    with call.kibana.documents.joined():
        list_ = _target(call, given, unquote(part.file_name))
    lines = _lines(part.content)
    for start in range(0, len(lines), _BATCH):
        with call.kibana.documents.joined():
            for value in lines[start : start + _BATCH]:
                with contextlib.suppress(ValueRefusedError):
                    _add(call, list_, value, {})
    return json_response(shown(list_), headers=unsupported(call, given))


def _file(call: Call) -> Part:
    parts = read_form(call.request).values() if call.request.body else ()
    part = next((one for one in parts if one.file_name), None)
    if part is None:
        raise SiemError(400, "To import a list item, the file name must be specified")
    if not part.file_name.lower().endswith((".csv", ".txt")):
        raise SiemError(415, "Unsupported media type. File must be one of the following types: [.csv, .txt]")
    return part


def _target(call: Call, given: Body, file_name: str) -> Document:
    if not have_streams(call):
        raise SiemError(
            400,
            f'To import a list item, the data steam must exist first. Data stream "{streams(call)[0]}" does not exist',
        )
    if "list_id" in given:
        list_id = given["list_id"]
        return _list(call, list_id, SiemError(409, f'list id: "{list_id}" does not exist'))
    if "type" not in given:
        raise SiemError(400, "Either type or list_id need to be defined in the query")
    existing = find_value_list(call, file_name)
    if existing is not None:
        return existing
    described = {"id": file_name, "name": file_name, "type": given["type"]}
    return add_value_list(call, {**described, "description": f"File uploaded from file system of {file_name}"})


def _lines(content: bytes) -> list[str]:
    """The lines that say something, each once."""
    text_ = content.decode("utf-8", "replace")
    return list(dict.fromkeys(line for line in text_.splitlines() if line.strip()))


ROUTES = (
    Route("POST", PATH, create, "lists-all", "json", writes=True),
    Route("GET", PATH, read, "lists-read"),
    Route("PUT", PATH, update, "lists-all", "json", writes=True),
    Route("PATCH", PATH, patch, "lists-all", "json", writes=True),
    Route("DELETE", PATH, delete, "lists-all", writes=True),
    Route("POST", f"{PATH}/_export", export, "lists-read", writes=True),
    Route("POST", f"{PATH}/_import", import_values, "lists-all", "multipart", most=_MOST_BYTES, writes=True),
)
