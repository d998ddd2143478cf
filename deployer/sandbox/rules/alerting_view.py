"""
`GET /api/alerting/rule/{id}`: a detection rule as the alerting framework shows it, with how its last run went (facts.md
sections 2.5 and 11).
"""

from __future__ import annotations

from typing import Final

from deployer.sandbox.call import Call
from deployer.sandbox.errors import PlatformError
from deployer.sandbox.messages import Body, Response, from_json, json_response
from deployer.sandbox.routing import Route

_TYPES: Final = {
    "query": "siem.queryRule",
    "saved_query": "siem.savedQueryRule",
    "eql": "siem.eqlRule",
    "esql": "siem.esqlRule",
    "machine_learning": "siem.mlRule",
    "new_terms": "siem.newTermsRule",
    "threat_match": "siem.indicatorRule",
    "threshold": "siem.thresholdRule",
}
# Status of the detection engine → status and outcome of alerting.
_OUTCOMES: Final = {
    "succeeded": ("ok", "succeeded", 0),
    "partial failure": ("warning", "warning", 10),
    "failed": ("error", "failed", 20),
}
# Fields of the rule itself; everything else of a detection rule is a parameter to alerting.
_OWN: Final = frozenset(
    {
        *("id", "name", "tags", "enabled", "interval", "actions", "revision", "created_at", "created_by", "updated_at"),
        *("updated_by", "execution_summary"),
    }
)


def read(call: Call) -> Response:
    """One rule by its saved-object id."""
    id_ = call.params["id"]
    stored = call.kibana.rules.by_id(call.space, id_)
    if stored is None:
        raise PlatformError(404, f"Saved object [alert/{id_}] not found")
    rule = stored.rule()
    summary: Body = from_json(stored.summary)["last_execution"] if stored.summary else {}
    return json_response({**_settled(rule), **_health(rule, summary)})


def _settled(rule: Body) -> Body:
    """What the rule is."""
    shared = ("id", "name", "tags", "enabled", "actions", "revision")
    stamps = ("created_at", "created_by", "updated_at", "updated_by")
    return {
        **{name: rule[name] for name in (*shared, *stamps)},
        "consumer": "siem",
        "rule_type_id": _TYPES[rule["type"]],
        "schedule": {"interval": rule["interval"]},
        "params": {_camel(name): value for name, value in rule.items() if name not in _OWN},
        "api_key_owner": rule["updated_by"] if rule["enabled"] else None,
        "mute_all": False,
        "muted_alert_ids": [],
        "notify_when": None,
        "throttle": None,
    }


def _health(rule: Body, last: Body) -> Body:
    """How its runs went; a rule that never ran is pending."""
    running = rule["enabled"] and last.get("status") == "running"
    outcome = _OUTCOMES.get(last.get("status", ""))
    health: Body = {"running": running, "next_run": None}
    if outcome is None:
        return {**health, "execution_status": {"status": "pending", "last_execution_date": rule["updated_at"]}}
    status, word, order = outcome
    counts = dict.fromkeys(("active", "ignored", "new", "recovered"), 0)
    return {
        **health,
        "execution_status": {"status": status, "last_execution_date": last["date"]},
        "last_run": {
            "outcome": word,
            "outcome_order": order,
            "outcome_msg": last["message"].split(" \n") if last["message"] else None,
            "alerts_count": counts,
            "warning": None,
        },
    }


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


ROUTES = (Route("GET", "/api/alerting/rule/{id}", read, "rules-read"),)
