"""`/api/spaces/space`: the spaces of this Kibana (facts.md section 1.6)."""

from __future__ import annotations

import re
from typing import Any

from deployer.sandbox.call import Call
from deployer.sandbox.documents import EVERYWHERE
from deployer.sandbox.errors import PlatformError
from deployer.sandbox.kibana import DEFAULT_SPACE
from deployer.sandbox.kinds import SPACE
from deployer.sandbox.messages import Body, Response, json_response
from deployer.sandbox.routing import Route
from deployer.sandbox.schema import anything, array, boolean, may, need, obj, one_of, text

_DEFAULT: Body = {
    "id": DEFAULT_SPACE,
    "name": "Default",
    "description": "This is your default space!",
    "color": "#00bfb3",
    "disabledFeatures": [],
    "_reserved": True,
}
_SCHEMA = obj(
    {
        "id": need(text(least=1)),
        "name": need(text(least=1)),
        "description": may(text()),
        "color": may(text()),
        "initials": may(text()),
        "imageUrl": may(text()),
        "disabledFeatures": may(array(text())),
        "solution": may(one_of("security", "oblt", "es", "classic")),
        "_reserved": may(boolean),
        "projectRouting": may(anything),
    },
    strict=True,
)


def _checked(call: Call) -> Body:
    space: Body = call.body(_SCHEMA)
    if not re.fullmatch(r"[a-z0-9_-]+", space["id"]):
        raise PlatformError(400, "[request body.id]: must be lower case, a-z, 0-9, '_', and '-' are allowed")
    if len(space.get("initials", "")) > 2:
        raise PlatformError(400, "[request body.initials]: value has length longer than the maximum of [2].")
    return {**space, "disabledFeatures": space.get("disabledFeatures", [])}


def _find(call: Call, id_: str) -> Any:
    document = call.kibana.documents.get(SPACE, EVERYWHERE, id_)
    if document is None:
        raise PlatformError(404, "Not Found")
    return document


def list_all(call: Call) -> Response:
    """All spaces, the default one first."""
    documents = call.kibana.documents.all(SPACE, EVERYWHERE)
    default = [] if any(document.id == DEFAULT_SPACE for document in documents) else [_DEFAULT]
    return json_response([*default, *(document.body for document in documents)])


def read(call: Call) -> Response:
    """One space."""
    id_ = call.params["id"]
    if id_ == DEFAULT_SPACE and call.kibana.documents.get(SPACE, EVERYWHERE, id_) is None:
        return json_response(_DEFAULT)
    return json_response(_find(call, id_).body)


def create(call: Call) -> Response:
    """A new space. 409 where the id is taken."""
    space = _checked(call)
    documents = call.kibana.documents
    with documents.joined():
        if call.kibana.has_space(space["id"]):
            raise PlatformError(
                409, f"A space with the identifier {space['id']} already exists. Please choose a different identifier"
            )
        documents.add(SPACE, EVERYWHERE, space["id"], space)
    return json_response(space)


def update(call: Call) -> Response:
    """Replace what a space says about itself; its id cannot change."""
    space = {**_checked(call), "id": call.params["id"]}
    documents = call.kibana.documents
    with documents.joined():
        if space["id"] == DEFAULT_SPACE and documents.get(SPACE, EVERYWHERE, DEFAULT_SPACE) is None:
            documents.add(SPACE, EVERYWHERE, DEFAULT_SPACE, {**_DEFAULT, **space, "_reserved": True})
        else:
            documents.replace(_find(call, space["id"]), space)
    return json_response(space)


def delete(call: Call) -> Response:
    """Remove a space with everything in it. The default space stays."""
    id_ = call.params["id"]
    if id_ == DEFAULT_SPACE:
        raise PlatformError(400, "The default space cannot be deleted because it is reserved.")
    documents = call.kibana.documents
    with documents.joined():
        documents.remove(_find(call, id_))
        documents.remove_space(id_)
        call.kibana.rules.delete_space(id_)
    return Response(204)


ROUTES = (
    Route("GET", "/api/spaces/space", list_all, "spaces-read", versioned=True),
    Route("POST", "/api/spaces/space", create, "spaces-all", "json", writes=True),
    Route("GET", "/api/spaces/space/{id}", read, "spaces-read"),
    Route("PUT", "/api/spaces/space/{id}", update, "spaces-all", "json", writes=True),
    Route("DELETE", "/api/spaces/space/{id}", delete, "spaces-all", writes=True),
)
