"""Execution summaries of rules (facts.md section 11). Rules never run here; a status is given to them."""

from __future__ import annotations

from typing import Any

from deployer.sandbox.errors import SandboxError
from deployer.sandbox.messages import Body

_ORDER = {"succeeded": 0, "going to run": 10, "running": 15, "partial failure": 20, "failed": 30}


def summary_of(body: Body, now: str) -> Body | None:
    """
    The summary that an admin request asks for: `status`, and optionally `message`, `date` and `metrics`. A null status
    takes the summary away (the rule never ran). Raises SandboxError for a status that Kibana does not have.
    """
    status: Any = body.get("status")
    if status is None:
        return None
    if status not in _ORDER:
        raise SandboxError(f"{status!r} is no execution status; Kibana has {', '.join(_ORDER)}.")
    return {
        "last_execution": {
            "date": body.get("date", now),
            "status": status,
            "status_order": _ORDER[status],
            "message": body.get("message", "Rule execution completed successfully" if status == "succeeded" else ""),
            "metrics": body.get("metrics", {}),
        }
    }
