"""`rules/preview` (facts.md section 8). Rules never run here, so a preview finds nothing."""

from __future__ import annotations

import re
from typing import Any

from deployer.sandbox.call import Call
from deployer.sandbox.clock import new_uuid
from deployer.sandbox.errors import request_body_error
from deployer.sandbox.messages import Body, Response, json_response
from deployer.sandbox.query_schema import query_boolean
from deployer.sandbox.routing import Route
from deployer.sandbox.rules import checks, fields
from deployer.sandbox.rules.crud import PATH
from deployer.sandbox.schema import Check, Issue, Issues, Path, integer, may, need, obj, render, text

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})")
_MOST_LOGS = 60


def _moment(value: Any, path: Path, issues: Issues) -> Any:
    text()(value, path, issues)
    if isinstance(value, str) and not _TIME.fullmatch(value):
        issues.append(Issue(path, "Invalid datetime", "Invalid ISO datetime"))
    return value


_PARAMS: Check = obj({"invocationCount": need(integer()), "timeframeEnd": need(_moment)})


def preview(call: Call) -> Response:
    """200 with one log entry per run, whatever would go wrong at run time."""
    logged = call.query({"enable_logged_requests": may(query_boolean)}).get("enable_logged_requests", False)
    issues: Issues = []
    props: Body = fields.CREATE(call.payload, (), issues)
    params: Body = _PARAMS(call.payload, (), issues) if isinstance(call.payload, dict) else {}
    if issues:
        raise request_body_error(render(issues, call.version))
    checks.check_props(props, call.version)
    count = params["invocationCount"]
    now = call.kibana.clock.iso()
    entry: Body = {"errors": [], "warnings": [], "startedAt": now, "duration": 0}
    if count < 1:
        return json_response({"logs": [{**entry, "errors": ["Invalid invocation count"]}]})
    if logged:
        entry["requests"] = []
    return json_response({"previewId": new_uuid(), "isAborted": False, "logs": [entry] * min(count, _MOST_LOGS)})


ROUTES = (Route("POST", f"{PATH}/preview", preview, "rules-read", "json", in_flight=10),)
