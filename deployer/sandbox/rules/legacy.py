"""The bulk endpoints that 9.0 removed (facts.md section 1.2): 200 with an array of rules and errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from deployer.sandbox.call import Call
from deployer.sandbox.errors import ApiError
from deployer.sandbox.messages import Body, Response, text_response, to_json
from deployer.sandbox.routing import Route
from deployer.sandbox.rules import fields
from deployer.sandbox.rules.crud import PATH, create_one, delete_one, patch_one, update_one
from deployer.sandbox.schema import array, may, obj, text, uuid

_GONE = (9, 0)
_CREATES = array(fields.CREATE)
_UPDATES = array(fields.UPDATE)
_PATCHES = array(fields.PATCH)
_DELETES = array(obj({"id": may(uuid), "rule_id": may(text())}))


def _each(call: Call, bodies: list[Body], act: Callable[[Call, Body], str]) -> Response:
    done = [_one(call, body, act) for body in bodies]
    return _answer(call, done)


def _one(call: Call, body: Body, act: Callable[[Call, Body], str]) -> str:
    try:
        return act(call, body)
    except ApiError as exc:
        return _error(body, exc.status, str(exc))


def _error(body: Body, status: int, message: str) -> str:
    named: dict[str, Any] = {name: body[name] for name in ("rule_id", "id") if name in body}
    return to_json({**named, "error": {"status_code": status, "message": message}})


def _answer(call: Call, entries: list[str]) -> Response:
    response = text_response(f"[{','.join(entries)}]")
    warning = (
        f'299 Kibana "Deprecated endpoint: {call.request.path} API is deprecated since v8.2. '
        f'Please use the {PATH}/_bulk_action API instead."'
    )
    response.headers = (("warning", warning),)
    return response


def bulk_create(call: Call) -> Response:
    """Create several rules; a rule_id that occurs twice in the request is not created at all."""
    bodies: list[Body] = call.body(_CREATES)
    counts = Counter(body["rule_id"] for body in bodies if "rule_id" in body)
    repeated = [rule_id for rule_id, count in counts.items() if count > 1]
    done = [_one(call, body, create_one) for body in bodies if body.get("rule_id") not in repeated]
    twice = [_error({"rule_id": rule_id}, 409, f'rule_id: "{rule_id}" already exists') for rule_id in repeated]
    return _answer(call, [*done, *twice])


def bulk_update(call: Call) -> Response:
    """Replace several rules."""
    return _each(call, call.body(_UPDATES), update_one)


def bulk_patch(call: Call) -> Response:
    """Merge into several rules."""
    return _each(call, call.body(_PATCHES), patch_one)


def bulk_delete(call: Call) -> Response:
    """Delete several rules."""
    return _each(call, call.body(_DELETES), delete_one)


ROUTES = tuple(
    Route(method, f"{PATH}/{path}", handler, "rules-all", "json", until=_GONE, writes=True)
    for method, path, handler in (
        ("POST", "_bulk_create", bulk_create),
        ("PUT", "_bulk_update", bulk_update),
        ("PATCH", "_bulk_update", bulk_patch),
        ("DELETE", "_bulk_delete", bulk_delete),
        ("POST", "_bulk_delete", bulk_delete),
    )
)
