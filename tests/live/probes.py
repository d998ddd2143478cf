"""
Questions that only a running Kibana can answer (transactions.md section 5.11, facts.md section 15).

A probe is a function from one Kibana space to what it saw, as JSON. It asserts nothing: what Kibana does is the
finding. `PROBES` has them by name, with the question.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.support.live import LiveKibana, at_once
from tests.support.sandbox import DEFAULT_HEADERS, RULES, query_rule

Seen = dict[str, Any]
BULK = f"{RULES}/_bulk_action"
LISTS = "/api/exception_lists"
ENTRY = {"field": "process.name", "type": "match", "operator": "included", "value": "tool"}


@dataclass(frozen=True, slots=True)
class Probe:
    """A question, where it comes from, and how it is asked."""

    source: str
    question: str
    ask: Callable[[LiveKibana], Seen]


def stale_version(kibana: LiveKibana) -> Seen:
    """A PUT of a list with an old `_version`, after another PUT."""
    body = {"list_id": "l-1", "name": "L", "description": "d", "type": "detection"}
    old = kibana.must("POST", LISTS, body)["_version"]
    kibana.must("PUT", LISTS, {**body, "name": "Other"})
    reply = kibana.ask("PUT", LISTS, {**body, "name": "Mine", "_version": old})
    return {"status": reply.status, "body": reply.body, "name": kibana.must("GET", f"{LISTS}?list_id=l-1")["name"]}


def moved(kibana: LiveKibana, act: Callable[[], Any], rule_id: str = "r-1") -> Seen:
    """What one act moves: revision, `updated_at`, and the status of the act where it is a reply."""
    before = kibana.rule(rule_id)
    time.sleep(0.05)
    reply = act()
    after = kibana.rule(rule_id)
    return {
        "status": getattr(reply, "status", None),
        "revision": [before["revision"], after["revision"]],
        "updated_at_moves": before["updated_at"] != after["updated_at"],
        "enabled": [before["enabled"], after["enabled"]],
    }


def with_action(kibana: LiveKibana) -> dict[str, Any]:
    """A rule body with an action through a connector that every licence has."""
    connector = {"name": "Log", "connector_type_id": ".server-log", "config": {}, "secrets": {}}
    made = kibana.must("POST", "/api/actions/connector", connector)
    action = {"id": made["id"], "action_type_id": ".server-log", "group": "default", "params": {"message": "m"}}
    frequency = {"summary": True, "notifyWhen": "onActiveAlert", "throttle": None}
    action |= {"uuid": "6a1b1e0a-5b0c-4e0a-8c55-000000000001", "frequency": frequency}
    return query_rule("r-action", enabled=False, actions=[action])


def same_put_twice(kibana: LiveKibana) -> Seen:
    """The same PUT again, for a rule without and one with actions, disabled and enabled."""
    seen: Seen = {}
    bodies = {"plain": query_rule("r-plain", enabled=False), "with_action": with_action(kibana)}
    for name, body in bodies.items():
        kibana.must("POST", RULES, body)
        for state in (False, True):
            again = {**body, "enabled": state}
            kibana.must("PUT", RULES, again)
            key = f"{name}_{'enabled' if state else 'disabled'}"
            seen[key] = moved(kibana, lambda again=again: kibana.ask("PUT", RULES, again), body["rule_id"])
    return seen


def small_puts(kibana: LiveKibana) -> Seen:
    """A PUT that changes one field of the read-auth set only."""
    kibana.must("POST", RULES, query_rule(enabled=False))
    link = [{"id": "x", "list_id": "x", "type": "detection", "namespace_type": "single"}]
    changes = {"note": "n", "exceptions_list": link, "investigation_fields": {"field_names": ["a"]}, "name": "Two"}
    body, seen = query_rule(enabled=False), {}
    for name, value in changes.items():
        body |= {name: value}
        seen[name] = moved(kibana, lambda body=body: kibana.ask("PUT", RULES, body))
    return seen


def creates_at_once(kibana: LiveKibana, rounds: int = 10) -> Seen:
    """Two POSTs of one rule_id at the same time: statuses, and how many rules there are afterwards."""
    outcomes = []
    for number in range(rounds):
        body = query_rule(f"twin-{number}", enabled=False)
        statuses = at_once(2, lambda _which, body=body: kibana.ask("POST", RULES, body).status)
        time.sleep(1.1 if number == 0 else 0.2)
        found = kibana.must("GET", f'{RULES}/_find?filter=alert.attributes.params.ruleId:"twin-{number}"')
        outcomes.append({"statuses": sorted(statuses), "rules": found["total"]})
    return {"rounds": rounds, "doubles": sum(one["rules"] > 1 for one in outcomes), "outcomes": outcomes}


def cut_put(kibana: LiveKibana, rounds: int = 5) -> Seen:
    """A client that is gone right after it sent a PUT: whether and when the write lands."""
    patience = max(10.0, kibana.patience)
    kibana.must("POST", RULES, query_rule(enabled=False))
    seconds: list[float | None] = []
    for number in range(rounds):
        name = f"Cut {number}"
        started = time.monotonic()
        _send_and_leave(kibana, query_rule(name=name, enabled=False))
        while (landed := kibana.rule()["name"] == name) is False and time.monotonic() < started + patience:
            time.sleep(0.05)
        seconds.append(round(time.monotonic() - started, 3) if landed else None)
    return {"landed_after_seconds": seconds, "patience": patience}


def _send_and_leave(kibana: LiveKibana, body: dict[str, Any]) -> None:
    where = urlsplit(kibana.url)
    kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
    headers = DEFAULT_HEADERS | {"authorization": f"ApiKey {kibana.api_key}", "content-type": "application/json"}
    with contextlib.closing(kind(where.hostname or "", where.port, timeout=10)) as connection:
        connection.request("PUT", f"{where.path}/s/{kibana.space}{RULES}", json.dumps(body), headers)


def delete_body(kibana: LiveKibana) -> Seen:
    """Whether the body that DELETE returns is the rule as it was."""
    kibana.must("POST", RULES, query_rule(enabled=False))
    kibana.must("PUT", RULES, query_rule(enabled=False, name="Two"))
    before = kibana.rule()
    body = kibana.must("DELETE", f"{RULES}?rule_id=r-1")
    differing = sorted(key for key in before.keys() | body.keys() if before.get(key) != body.get(key))
    return {"revision": [before["revision"], body.get("revision")], "differing": differing}


def ways_to_enable(kibana: LiveKibana) -> Seen:
    """Enabling by bulk and by PUT: what moves, and after how long the first run is seen."""
    seen: Seen = {}
    for way in ("bulk", "put"):
        made = kibana.must("POST", RULES, query_rule(f"r-{way}", enabled=False, interval="1m"))
        act = {
            "bulk": lambda made=made: kibana.ask("POST", BULK, {"action": "enable", "ids": [made["id"]]}),
            "put": lambda: kibana.ask("PUT", RULES, query_rule("r-put", enabled=True, interval="1m")),
        }[way]
        seen[way] = moved(kibana, act, f"r-{way}")
        seen[way]["first_run_after_seconds"] = _first_run(kibana, f"r-{way}")
    return seen


def _first_run(kibana: LiveKibana, rule_id: str) -> float | None:
    started = time.monotonic()
    while time.monotonic() < started + kibana.patience:
        if kibana.rule(rule_id).get("execution_summary"):
            return round(time.monotonic() - started, 1)
        time.sleep(1)
    return None


def redundant_enabled(kibana: LiveKibana) -> Seen:
    """A PUT of another name, with `enabled` as it is, as a client that always sends it does, and without it."""
    kibana.must("POST", RULES, query_rule(enabled=True))
    answers = {}
    for name, fields in {"sent": {"enabled": True, "name": "Two"}, "left_out": {"name": "Three"}}.items():
        answered = kibana.must("PUT", RULES, query_rule(**fields))
        stored = kibana.rule()
        same = answered["updated_at"] == stored["updated_at"]
        answers[name] = {"answer_is_the_last_write": same, "revision": stored["revision"]}
    return answers


def error_texts(kibana: LiveKibana) -> Seen:
    """The exact 400 bodies of this version."""
    bodies = {
        "no name": {key: value for key, value in query_rule().items() if key != "name"},
        "odd severity": query_rule(severity="odd"),
        "odd type": query_rule(type="odd"),
        "null note": query_rule(note=None),
        "no interval": query_rule(interval="often"),
        "timeline without title": query_rule(timeline_id="t"),
        "array of investigation fields": query_rule(investigation_fields=["a"]),
        "unknown connector": query_rule(actions=[{"id": "no", "action_type_id": ".email", "params": {}}]),
    }
    seen = {name: _told(kibana.ask("POST", RULES, body)) for name, body in bodies.items()}
    seen["patch of another type"] = _patched_type(kibana)
    return seen


def _patched_type(kibana: LiveKibana) -> Seen:
    kibana.must("POST", RULES, query_rule("r-typed", enabled=False))
    eql = query_rule("r-typed", type="eql", language="eql", query="any where true")
    put = _told(kibana.ask("PUT", RULES, eql))
    return {"put": put, "patch": _told(kibana.ask("PATCH", RULES, {"rule_id": "r-typed", "type": "eql"}))}


def _told(reply: Any) -> Seen:
    return {"status": reply.status, "body": reply.body}


def refusals(kibana: LiveKibana) -> Seen:
    """The bodies of 401, 413, a missing xsrf header, an unknown path and an unknown space."""
    big = json.dumps(query_rule(note="x" * 1_100_000))
    return {
        "401 key": _told(kibana.ask("GET", RULES, headers={"authorization": "ApiKey bm9ib2R5Om5vdGhpbmc="})),
        "401 none": _told(kibana.ask("GET", RULES, headers={"authorization": None})),
        "413": _told(kibana.ask("POST", RULES, big)),
        "xsrf": _told(kibana.ask("POST", RULES, query_rule(), headers={"kbn-xsrf": None})),
        "xsrf and 401": _told(
            kibana.ask("POST", RULES, {}, headers={"kbn-xsrf": None, "authorization": "ApiKey eA=="})
        ),
        "path": _told(kibana.ask("GET", "/api/detection_engine/nothing")),
        "space": _told(kibana.ask("GET", f"/s/no-such-space{RULES}/_find", anywhere=True)),
        "503": "cannot be provoked from outside; look at it while Kibana starts",
    }


def two_sources(kibana: LiveKibana) -> Seen:
    """`index` and `data_view_id` both set."""
    reply = kibana.ask("POST", RULES, query_rule(index=["logs-*"], data_view_id="d-1", enabled=False))
    kept = {key: reply.body.get(key) for key in ("index", "data_view_id")} if reply.status == 200 else reply.body
    return {"status": reply.status, "stored": kept}


def suppression(kibana: LiveKibana) -> Seen:
    """Alert suppression through POST, PUT and bulk edit, under whatever licence this is."""
    value = {"group_by": ["host.name"]}
    kibana.must("POST", RULES, query_rule(enabled=False))
    edit = {"action": "edit", "query": "", "edit": [{"type": "set_alert_suppression", "value": value}]}
    return {
        "put": _short(kibana.ask("PUT", RULES, query_rule(alert_suppression=value))),
        "post": _short(kibana.ask("POST", RULES, query_rule("r-2", alert_suppression=value, enabled=False))),
        "bulk": _short(kibana.ask("POST", BULK, edit)),
    }


def _short(reply: Any) -> Seen:
    if reply.status == 200:
        return {"status": 200, "alert_suppression": reply.body.get("alert_suppression")}
    return _told(reply)


def broken_filters(kibana: LiveKibana) -> Seen:
    """`_find` and `_bulk_action` with filters that are no KQL."""
    texts = ["alert.attributes.name: (", '"', "alert.attributes.tags: a b c", "nonsense: 1", "and"]
    return {
        text: {
            "find": _told(kibana.ask("GET", f"{RULES}/_find?filter={text}&per_page=0")),
            "bulk": _told(kibana.ask("POST", f"{BULK}?dry_run=true", {"action": "disable", "query": text})),
        }
        for text in texts
    }


def every_edit(kibana: LiveKibana) -> Seen:
    """Whether `updated_at` and `revision` move on each kind of edit that people and tools make."""
    made = kibana.must("POST", RULES, query_rule(enabled=False))
    item = {"name": "I", "description": "d", "type": "simple", "entries": [ENTRY]}

    def patch(**fields: Any) -> Any:
        return kibana.ask("PATCH", RULES, {"rule_id": "r-1", "type": "query", "max_signals": 100, **fields})

    def bulk(action: str, **fields: Any) -> Any:
        return kibana.ask("POST", BULK, {"action": action, "ids": [made["id"]], **fields})

    edits: dict[str, Callable[[], Any]] = {
        "patch name": lambda: patch(name="Two"),
        "patch tags": lambda: patch(tags=["a"]),
        "patch note": lambda: patch(note="n"),
        "patch nothing": lambda: patch(name="Two"),
        "patch enabled": lambda: patch(enabled=True),
        "patch enabled again": lambda: patch(enabled=True),
        "bulk disable": lambda: bulk("disable"),
        "bulk disable again": lambda: bulk("disable"),
        "bulk enable": lambda: bulk("enable"),
        "bulk tags": lambda: bulk("edit", edit=[{"type": "add_tags", "value": ["b"]}]),
        "bulk tags again": lambda: bulk("edit", edit=[{"type": "add_tags", "value": ["b"]}]),
        "bulk index": lambda: bulk("edit", edit=[{"type": "set_index_patterns", "value": ["logs-*"]}]),
        "bulk schedule": lambda: bulk(
            "edit", edit=[{"type": "set_schedule", "value": {"interval": "10m", "lookback": "1m"}}]
        ),
        "first exception": lambda: kibana.ask("POST", f"{RULES}/{made['id']}/exceptions", {"items": [item]}),
        "second exception": lambda: kibana.ask("POST", f"{RULES}/{made['id']}/exceptions", {"items": [item]}),
        "put the same": lambda: kibana.ask("PUT", RULES, _sendable(kibana.rule())),
    }
    return {name: moved(kibana, act) for name, act in edits.items()}


def tuned_prebuilt(kibana: LiveKibana) -> Seen:
    """What our writes to one of Elastic's rules move beside what they set; all of them are installed in the space."""
    installed = kibana.ask("PUT", f"{RULES}/prepackaged")
    found = kibana.must("GET", f"{RULES}/_find?per_page=1&filter=alert.attributes.params.immutable:%20true")["data"]
    if not found:
        return {"installed": installed.status, "rule": None}
    rule_id = found[0]["rule_id"]
    log = {"name": "Log", "connector_type_id": ".server-log", "config": {}, "secrets": {}}
    connector = kibana.must("POST", "/api/actions/connector", log)
    action = {"id": connector["id"], "action_type_id": ".server-log", "group": "default", "params": {"message": "m"}}
    shared = {"list_id": "l-1", "name": "L", "description": "d", "type": "detection"}
    made = kibana.must("POST", LISTS, shared)
    link = {key: made[key] for key in ("id", "list_id", "type", "namespace_type")}
    patch = {"rule_id": rule_id, "type": found[0]["type"], "max_signals": found[0]["max_signals"]}
    steps: dict[str, Callable[[], Any]] = {
        "exceptions": lambda: kibana.ask("PATCH", RULES, {**patch, "exceptions_list": [link]}),
        "enabled": lambda: kibana.ask("POST", BULK, {"action": "enable", "ids": [found[0]["id"]]}),
        "actions": lambda: kibana.ask("PATCH", RULES, {**patch, "actions": [action]}),
        "nothing": lambda: kibana.ask("PATCH", RULES, {**patch, "actions": [], "exceptions_list": []}),
    }
    return {"installed": installed.status, "rule": rule_id, **{n: _tuned(kibana, rule_id, s) for n, s in steps.items()}}


def _tuned(kibana: LiveKibana, rule_id: str, act: Callable[[], Any]) -> Seen:
    """One write to one of Elastic's rules: which fields differ after it, and what Kibana says of its source."""
    before = kibana.rule(rule_id)
    reply = act()
    after = kibana.rule(rule_id)
    differing = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return {"status": reply.status, "differing": differing, "rule_source": after.get("rule_source")}


def _sendable(rule: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in rule.items() if key != "id"}


PROBES: dict[str, Probe] = {
    "stale-list-version": Probe(
        "transactions.md 5.11 (a)", "What does a PUT of a list with an old _version answer?", stale_version
    ),
    "same-put-twice": Probe(
        "transactions.md 5.11 (b), facts.md 15 (a) (c)",
        "Do revision and updated_at move when the same PUT is sent again, with and without actions?",
        same_put_twice,
    ),
    "small-puts": Probe(
        "transactions.md 5.11 (c)", "Does a PUT of exceptions_list or note alone move the revision?", small_puts
    ),
    "creates-at-once": Probe(
        "transactions.md 5.11 (d)", "How often do two POSTs of one rule_id make two rules?", creates_at_once
    ),
    "cut-put": Probe("transactions.md 5.11 (e)", "When does a PUT land whose client is gone?", cut_put),
    "delete-body": Probe("transactions.md 5.11 (f)", "Is the body of DELETE the rule as it was?", delete_body),
    "ways-to-enable": Probe(
        "transactions.md 5.11 (g)",
        "What do enabling by bulk and by PUT move, and when is the first run?",
        ways_to_enable,
    ),
    "redundant-enabled": Probe(
        "transactions.md 5.11 (h)", "Is a PUT with enabled as it is one write or two?", redundant_enabled
    ),
    "error-texts": Probe("facts.md 15 (b)", "What are the exact 400 texts of this version?", error_texts),
    "refusals": Probe("facts.md 15 (d)", "What are the bodies of 401, 413 and their like?", refusals),
    "two-sources": Probe("facts.md 15 (e)", "Are index and data_view_id stored side by side?", two_sources),
    "suppression": Probe("facts.md 15 (f)", "What does alert suppression need of the licence?", suppression),
    "broken-filters": Probe("facts.md 15 (g)", "What does a broken filter answer?", broken_filters),
    "every-edit": Probe("issue 4", "Does updated_at move on every edit?", every_edit),
    "tuned-prebuilt": Probe(
        "facts.md 3.8, 6",
        "Do a PATCH of actions or exceptions and a switch customise one of Elastic's rules?",
        tuned_prebuilt,
    ),
}
