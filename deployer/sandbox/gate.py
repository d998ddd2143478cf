"""
What Kibana checks before a handler runs, in its order: credentials, payload, xsrf, space, privilege, version
(facts.md sections 1.4, 1.5, 9.5, 10).
"""

from __future__ import annotations

import re
from typing import Any

from deployer.sandbox.errors import PlatformError, SiemError
from deployer.sandbox.messages import NotJsonError, Request, from_json
from deployer.sandbox.routing import Route
from deployer.sandbox.users import User
from deployer.sandbox.versions import Version

PUBLIC_VERSION = "2023-10-31"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# Which alerting operation an older Kibana names where a newer one names the route privilege.
_OPERATIONS = {"POST": "create", "PUT": "update", "PATCH": "update", "DELETE": "delete"}


def read_payload(route: Route, request: Request) -> Any:
    """The parsed JSON body; None where there is none, or where the handler reads a multipart body itself."""
    size = len(request.body)
    if size > route.most:
        raise PlatformError(413, f"Payload content length greater than maximum allowed: {route.most}")
    if route.body == "none" or not size:
        return None
    content_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if route.body == "multipart":
        if content_type != "multipart/form-data":
            raise PlatformError(415, "Unsupported Media Type")
        return None
    if content_type != "application/json" and not content_type.endswith("+json"):
        raise PlatformError(415, "Unsupported Media Type")
    try:
        return from_json(request.body)
    except NotJsonError as exc:
        raise PlatformError(400, "Invalid request payload JSON format") from exc


def check_xsrf(request: Request, version: Version) -> None:
    """Section 1.4: only the presence of the header counts."""
    sent = request.headers.get("kbn-version")
    if sent is not None and sent != str(version):
        raise PlatformError(
            400,
            "Browser client is out of date, please refresh the page "
            f'("kbn-version" header was "{sent}" but should be "{version}")',
        )
    if request.method not in _SAFE and "kbn-xsrf" not in request.headers and sent is None:
        raise PlatformError(400, "Request must contain a kbn-xsrf header.")


def check_version(request: Request) -> None:
    """Section 1.5: the public version, or none at all."""
    if "apiVersion" in request.query_text and "apiVersion" in request.query:
        raise PlatformError(
            400,
            'Use of query parameter "apiVersion" is not allowed. '
            'Please specify the API version using the "elastic-api-version" header.',
        )
    sent = request.headers.get("elastic-api-version")
    if sent is None or sent == PUBLIC_VERSION:
        return
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", sent):
        raise PlatformError(
            400, f'Invalid version. Received "{sent}", expected a valid date string formatted as YYYY-MM-DD.'
        )
    target = f"[{request.method.lower()}] [{request.path}]"
    raise PlatformError(400, f'No version "{sent}" available for {target}. Available versions are: [{PUBLIC_VERSION}]')


def check_privilege(route: Route, request: Request, user: User, version: Version) -> None:
    """
    Section 10: from 9.3 on the route names its privilege. Before that, writing rules is refused by alerting, and
    reading by the one privilege of the whole Security feature.
    """
    if not route.privilege or any(user.may(privilege) for privilege in route.privilege.split("|")):
        return
    needed = route.privilege.split("|")
    spelled = ",".join(_spelled(privilege, version) for privilege in needed)
    if version.since(9, 3):
        granted = spelled
    elif needed == ["rules-all"] and user.may("rules-read"):
        raise SiemError(
            403, f'Unauthorized by "siem" to {_OPERATIONS.get(request.method, "get")} "siem.queryRule" rule'
        )
    else:
        granted = "securitySolution" if needed[0].startswith(("rules", "timeline")) else spelled
    raise route_denied(request, granted)


def route_denied(request: Request, granted: str) -> PlatformError:
    """The 403 of the router, naming the privileges that are missing (section 9.5)."""
    target = request.path + (f"?{request.query_text}" if request.query_text else "")
    reason = f"is unauthorized for user, this action is granted by the Kibana privileges [{granted}]"
    return PlatformError(403, f"API [{request.method} {target}] {reason}")


_OWN_SPELLING = {"timeline-read": "timeline_read", "timeline-all": "timeline_write"}


def _spelled(privilege: str, version: Version) -> str:
    """
    Exception lists are guarded by `lists-*` up to 9.3 and by `exceptions-*` from 9.4 on; timelines have words of their
    own.
    """
    if privilege in _OWN_SPELLING:
        return _OWN_SPELLING[privilege]
    if privilege.startswith("exceptions-") and not version.since(9, 4):
        return privilege.replace("exceptions-", "lists-")
    return privilege
