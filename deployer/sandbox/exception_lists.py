"""`/api/exception_lists`: the containers of exceptions, per space or `agnostic` (facts.md section 7.1)."""

from __future__ import annotations

import base64
import re
from typing import Any, Final

from deployer.sandbox.call import Call
from deployer.sandbox.clock import new_uuid
from deployer.sandbox.documents import EVERYWHERE, Document
from deployer.sandbox.errors import SiemError
from deployer.sandbox.kinds import EXCEPTION_ITEM, EXCEPTION_LIST, LIST_TYPES
from deployer.sandbox.messages import Body, Response, json_response
from deployer.sandbox.routing import Route
from deployer.sandbox.schema import array, integer, may, need, non_empty, obj, one_of, record, strings, text

ENDPOINT_LIST: Final = "endpoint_list"
NAMESPACES: Final = ("single", "agnostic")
_VERSION: Final = re.compile(r"\[\d+,\d+\]")
OS_TYPES: Final = array(one_of("linux", "macos", "windows"))
_CREATE: Final = obj(
    {
        "name": need(text()),
        "description": need(text()),
        "type": need(one_of(*LIST_TYPES)),
        "list_id": may(non_empty()),
        "namespace_type": may(one_of(*NAMESPACES)),
        "os_types": may(OS_TYPES),
        "tags": may(strings()),
        "meta": may(record),
        "version": may(integer(least=1)),
    }
)
_UPDATE: Final = obj(
    {
        "name": need(text()),
        "description": need(text()),
        "type": need(one_of(*LIST_TYPES)),
        "id": may(non_empty()),
        "list_id": may(non_empty()),
        "namespace_type": may(one_of(*NAMESPACES)),
        "os_types": may(OS_TYPES),
        "tags": may(strings()),
        "meta": may(record),
        "version": may(integer(least=1)),
        "_version": may(text()),
    }
)
_SHARED: Final = obj({"name": need(text()), "description": need(text())})
WHICH: Final = {"id": may(non_empty()), "list_id": may(non_empty()), "namespace_type": may(one_of(*NAMESPACES))}
"""The query parameters that name a list."""


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


def needed(call: Call, given: dict[str, Any], *, unnamed: SiemError) -> Document:
    """The list that a query or body names. Raises `unnamed` where it names none, the 404 of one that is not there."""
    if "id" not in given and "list_id" not in given:
        raise unnamed
    document = find_list(call, given.get("id"), given.get("list_id"), given.get("namespace_type", "single"))
    if document is None:
        named = f'id: "{given["id"]}"' if "id" in given else f'list_id: "{given["list_id"]}"'
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


def create_shared(call: Call) -> Response:
    """A new list that several rules are meant to share: of type `detection`, with a new `list_id`."""
    return json_response(shown(add_list(call, {**call.body(_SHARED), "type": "detection"})))


def read(call: Call) -> Response:
    """One list, by `id` or `list_id`, which is a search."""
    given = call.query(WHICH)
    unnamed = SiemError(400, "id or list_id required")
    if "id" in given:
        return json_response(shown(needed(call, given, unnamed=unnamed)))
    with call.searching():
        return json_response(shown(needed(call, given, unnamed=unnamed)))


def update(call: Call) -> Response:
    """
    Replace what a list says about itself; `_version` guards against somebody else's write. `os_types` are taken and
    left as they are (`update_exception_list.ts` of the lists plugin).
    """
    given = call.body(_UPDATE)
    with call.kibana.documents.joined():
        unnamed = SiemError(404, "either id or list_id need to be defined")
        document = needed(call, given, unnamed=unnamed)
        refuse_version(given, document)
        changes = {name: given[name] for name in ("name", "description", "type", "tags", "meta") if name in given}
        version = given.get("version", document.body["version"] + 1)
        stamp = {"updated_at": call.kibana.clock.iso(), "updated_by": call.user.name, "version": version}
        changed = call.kibana.documents.replace(document, {**document.body, **changes, **stamp})
    return json_response(shown(changed))


def refuse_version(given: Body, document: Document) -> None:
    """
    Raise the 409 of a write that names another `_version` than the stored one, and the 400 of one that is no version
    (facts.md 7.1).
    """
    version = given.get("_version")
    if not version or version == document.version_text:
        return
    if not _VERSION.fullmatch(_decoded(version)):
        raise SiemError(400, f"Invalid version [{version}]")
    type_ = "exception-list-agnostic" if document.space == EVERYWHERE else "exception-list"
    raise SiemError(409, f"Saved object [{type_}/{document.id}] conflict")


def _decoded(version: str) -> str:
    try:
        return base64.b64decode(version, validate=True).decode("ascii")
    except ValueError:
        return ""


def delete(call: Call) -> Response:
    """Remove a list with its items; answers with the list."""
    given = call.query(WHICH)
    with call.kibana.documents.joined():
        unnamed = SiemError(400, 'Either "list_id" or "id" needs to be defined in the request')
        document = needed(call, given, unnamed=unnamed)
        call.kibana.documents.remove_children(EXCEPTION_ITEM, document.space, document.key)
        call.kibana.documents.remove(document)
    return json_response(shown(document))


ROUTES = (
    Route("POST", "/api/exception_lists", create, "exceptions-all", "json", writes=True),
    Route("GET", "/api/exception_lists", read, "exceptions-read"),
    Route("PUT", "/api/exception_lists", update, "exceptions-all", "json", writes=True),
    Route("DELETE", "/api/exception_lists", delete, "exceptions-all", writes=True),
    Route("POST", "/api/exceptions/shared", create_shared, "exceptions-all", "json", writes=True),
)
