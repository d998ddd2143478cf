"""The small endpoints of the Detection Engine: tags, privileges, the alerts index (facts.md sections 1.1 and 10)."""

from __future__ import annotations

from deployer.sandbox.call import Call
from deployer.sandbox.errors import SiemError
from deployer.sandbox.messages import Body, Response, from_json, json_response
from deployer.sandbox.routing import Route

_BASE = "/api/detection_engine"
_NO_INDEX = "no_alerts_index"


def tags(call: Call) -> Response:
    """All tags of the space's rules, each once, sorted."""
    found: set[str] = set()
    for text in set(call.kibana.rules.column(call.space, "tags")):
        found.update(from_json(text))
    return json_response(sorted(found))


def privileges(call: Call) -> Response:
    """What the user may do, in the shape of Elasticsearch's `_has_privileges`."""
    may_write = call.user.may("rules-all")
    cluster = dict.fromkeys(("monitor_ml", "manage_index_templates", "monitor", "manage"), call.user.may("admin"))
    granted: Body = {"read": call.user.may("rules-read"), "view_index_metadata": call.user.may("rules-read")}
    granted |= dict.fromkeys(("write", "index", "create_index", "maintenance", "manage"), may_write)
    return json_response(
        {
            "username": call.user.name,
            "has_all_requested": all(cluster.values()) and all(granted.values()),
            "cluster": cluster,
            "index": {_index(call): granted},
            "application": {},
            "is_authenticated": True,
            "has_encryption_key": True,
        }
    )


def _index(call: Call) -> str:
    return f".alerts-security.alerts-{call.space}"


def read_index(call: Call) -> Response:
    """The alerts index of the space; it exists until it is deleted."""
    if call.kibana.database.meta(f"{_NO_INDEX}:{call.space}") == "1":
        raise SiemError(404, f'index for this space does not exist: "{_index(call)}"')
    return json_response({"name": _index(call), "index_mapping_outdated": False})


def create_index(call: Call) -> Response:
    """Create the alerts index; once more is no error."""
    call.kibana.database.set_meta(f"{_NO_INDEX}:{call.space}", "0")
    return json_response({"acknowledged": True})


def delete_index(call: Call) -> Response:
    """Delete the alerts index; 404 where it is gone already."""
    read_index(call)
    call.kibana.database.set_meta(f"{_NO_INDEX}:{call.space}", "1")
    return json_response({"acknowledged": True})


ROUTES = (
    Route("GET", f"{_BASE}/tags", tags, "rules-read"),
    Route("GET", f"{_BASE}/privileges", privileges),
    Route("GET", f"{_BASE}/index", read_index, "rules-read"),
    Route("POST", f"{_BASE}/index", create_index, "rules-all", writes=True),
    Route("DELETE", f"{_BASE}/index", delete_index, "rules-all", writes=True),
)
