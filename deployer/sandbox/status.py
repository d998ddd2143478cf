"""`GET /api/status` (facts.md section 10)."""

from __future__ import annotations

from deployer.sandbox.call import Call
from deployer.sandbox.messages import Body, Response, json_response
from deployer.sandbox.routing import Route


def read(call: Call) -> Response:
    """Everything for a known user; only the level for anybody else, so that the version stays unknown."""
    starting = "starting" in call.faults
    level, status = ("critical", 503) if starting else ("available", 200)
    if not call.user.may("rules-read"):
        return json_response({"status": {"overall": {"level": level}}}, status=status)
    return json_response(_full(call, level), status=status)


def _full(call: Call, level: str) -> Body:
    part = {"level": level, "summary": "Elasticsearch is available", "meta": {}}
    overall = {"level": level, "summary": "All services and plugins are available", "meta": {}}
    return {
        "name": "sandbox",
        "uuid": call.kibana.database.meta("uuid") or "",
        "version": {
            "number": str(call.version),
            "build_hash": "0000000000000000000000000000000000000000",
            "build_number": call.version.major * 10_000 + call.version.minor * 100 + call.version.patch,
            "build_snapshot": False,
            "build_flavor": call.version.flavor,
            "build_date": "2026-01-01T00:00:00.000Z",
        },
        "status": {
            "overall": overall,
            "core": {"elasticsearch": part, "savedObjects": {**part, "summary": "SavedObjects service is available"}},
            "plugins": {"securitySolution": {**part, "summary": "All dependencies are available"}},
        },
        "metrics": {
            "last_updated": call.kibana.clock.iso(),
            "collection_interval_in_millis": 5000,
            "elasticsearch_client": {"totalActiveSockets": 1, "totalIdleSockets": 1, "totalQueuedRequests": 0},
        },
    }


ROUTES = (Route("GET", "/api/status", read, versioned=False, anonymous=True),)
