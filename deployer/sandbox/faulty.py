"""What a client sees of a fault: the answers sent instead of the real one, and how real answers are spoiled."""

from __future__ import annotations

import time
from collections.abc import Callable

from deployer.sandbox.errors import PlatformError, SiemError
from deployer.sandbox.faults import Fault
from deployer.sandbox.kibana import Kibana
from deployer.sandbox.messages import NotJsonError, Request, Response, from_json

_LOGIN = (
    b'<!DOCTYPE html><html lang="en"><head><title>Log in</title></head>'
    b'<body><form method="post" action="/login"><input name="user"><button>Log in</button></form></body></html>'
)


def _refuse(fault: Fault) -> Response:
    make = PlatformError if fault.shape == "platform" else SiemError
    headers = (("retry-after", fault.retry_after),) if fault.retry_after else ()
    return make(fault.status, fault.message, headers=headers).response()


def _conflict(fault: Fault) -> Response:
    time.sleep(0.2)  # two retries, 100 ms apart (facts.md section 3.7)
    identity = fault.rule_id if fault.rule_id != "*" else "00000000-0000-4000-8000-000000000000"
    return SiemError(409, f"Saved object [alert/{identity}] conflict").response()


def _busy(fault: Fault) -> Response:
    headers = (("retry-after", fault.retry_after),) if fault.retry_after else ()
    return PlatformError(429, "Too Many Requests", headers=headers).response()


def _starting(_fault: Fault) -> Response:
    return Response(503, b"Kibana server is not ready yet", "text/plain; charset=utf-8", (("retry-after", "30"),))


def _too_large(_fault: Fault) -> Response:
    return PlatformError(413, "Payload content length greater than maximum allowed: 1048576").response()


def _html(_fault: Fault) -> Response:
    return Response(200, _LOGIN, "text/html; charset=utf-8")


def _redirect(fault: Fault) -> Response:
    return Response(302, b"", "", (("location", fault.location),))


BEFORE_ANSWERS: dict[str, Callable[[Fault], Response]] = {
    "starting": _starting,
    "refuse": _refuse,
    "conflict": _conflict,
    "busy": _busy,
    "too-large": _too_large,
    "html": _html,
    "redirect": _redirect,
}


def spoiled(response: Response, faults: dict[str, Fault]) -> Response | None:
    """The response after the faults that strike on its way back; None where the connection is cut instead."""
    if "drop-after" in faults:
        return None
    if "late" in faults:
        time.sleep(faults["late"].seconds)
    for kind in ("truncate", "drip"):
        if kind in faults:
            response.delivery, response.seconds = kind, faults[kind].seconds
    return response


def named_rules(request: Request, space: str, kibana: Kibana) -> tuple[str, ...]:
    """The rule_ids that a request names, in its query or body, also through saved-object ids."""
    query = request.query
    ids, rule_ids = query.get("id", []), query.get("rule_id", [])
    if request.body[:1] in (b"{", b" ", b"\n"):
        try:
            body = from_json(request.body)
        except NotJsonError:
            body = None
        if isinstance(body, dict):
            ids = [*ids, *_texts(body.get("id")), *_texts(body.get("ids"))]
            rule_ids = [*rule_ids, *_texts(body.get("rule_id"))]
    found = [kibana.rules.by_id(space, id_) for id_ in ids[:10_000]]
    return (*rule_ids, *(stored.rule()["rule_id"] for stored in found if stored is not None))


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [entry for entry in values if isinstance(entry, str)]
