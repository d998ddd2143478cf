"""Faults, parked requests, the clock and the request log: what the admin path and `--fault` do."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.sandbox import RULES, Sandbox, query_rule

CUT = (ConnectionError, http.client.RemoteDisconnected)
BULK = f"{RULES}/_bulk_action"


@pytest.fixture
def sandbox(start: Callable[..., Sandbox]) -> Sandbox:
    """A sandbox of this test's own, unwatched: what it answers under a fault is no answer of Kibana's."""
    found = start()
    found.watch = None
    return found


def exists(sandbox: Sandbox, rule_id: str = "r-1") -> bool:
    """Whether the rule is there."""
    return sandbox.request("GET", f"{RULES}?rule_id={rule_id}").status == 200


@pytest.mark.parametrize(
    ("spec", "status", "text"),
    [
        ("refuse:method=POST,status=503,message=Down", 503, '{"message":"Down","status_code":503}'),
        ("refuse:method=POST,status=400,shape=platform", 400, '"statusCode":400'),
        ("conflict:method=POST", 409, "conflict"),
        ("busy:method=POST", 429, "Too Many Requests"),
        ("starting:method=POST", 503, "Kibana server is not ready yet"),
        ("too-large:method=POST", 413, "Request Entity Too Large"),
        ("html:method=POST", 200, "<!DOCTYPE html>"),
        ("redirect:method=POST", 302, ""),
    ],
)
def test_faults_that_answer_instead(sandbox: Sandbox, spec: str, status: int, text: str) -> None:
    """The request is answered so, and nothing is written."""
    sandbox.fault(spec)
    answer = sandbox.request("POST", RULES, query_rule())
    assert answer.status == status
    assert text in answer.body.decode()
    assert not exists(sandbox)
    assert [(seen["status"], seen["wrote"]) for seen in sandbox.writes()] == [(status, False)]


def test_retry_after_is_sent_where_it_is_set(sandbox: Sandbox) -> None:
    """429 and 503 with and without the header."""
    sandbox.fault("busy:retry_after=7,times=1")
    assert sandbox.request("GET", f"{RULES}/_find").headers["retry-after"] == "7"
    sandbox.fault("busy:times=1")
    assert "retry-after" not in sandbox.request("GET", f"{RULES}/_find").headers
    sandbox.fault("starting:times=2")
    assert sandbox.request("GET", f"{RULES}/_find").headers["retry-after"] == "30"
    status = sandbox.request("GET", "/api/status")
    assert (status.status, status.json["status"]["overall"]["level"]) == (503, "critical")


@pytest.mark.parametrize(("kind", "done"), [("drop-before", False), ("drop-after", True)])
def test_dropped_connections(sandbox: Sandbox, kind: str, done: bool) -> None:
    """The client sees no answer; before or after decides whether the write is there."""
    sandbox.fault(f"{kind}:method=POST")
    with pytest.raises(CUT):
        sandbox.request("POST", RULES, query_rule())
    assert exists(sandbox) is done


def test_parked_requests_land_when_told(sandbox: Sandbox) -> None:
    """The client is cut off at once, the write happens at the release."""
    sandbox.fault("park:method=POST,times=2")
    for rule_id in ("r-1", "r-2"):
        with pytest.raises(CUT):
            sandbox.request("POST", RULES, query_rule(rule_id))
    parked = sandbox.admin("GET", "parked")
    assert [entry["method"] for entry in parked] == ["POST", "POST"]
    assert not exists(sandbox)
    released = sandbox.admin("POST", "parked/release", {"number": parked[1]["number"]})
    assert released == [{"number": parked[1]["number"], "status": 200}]
    assert [exists(sandbox, rule_id) for rule_id in ("r-1", "r-2")] == [False, True]
    assert sandbox.admin("POST", "parked/release")[0]["status"] == 200
    assert exists(sandbox)


def test_late_and_delayed_answers(sandbox: Sandbox) -> None:
    """`delay` waits before the work, `late` after it: only then the rule is there while the client still waits."""
    for kind, there in (("delay", False), ("late", True)):
        number = sandbox.fault(f"{kind}:method=POST,seconds=0.6")
        thread = threading.Thread(target=lambda kind=kind: sandbox.request("POST", RULES, query_rule(kind)))
        thread.start()
        time.sleep(0.25)
        assert exists(sandbox, kind) is there
        thread.join()
        assert exists(sandbox, kind)
        sandbox.admin("DELETE", f"faults?number={number}")


def test_truncated_and_dripping_bodies(sandbox: Sandbox) -> None:
    """Half of the body ends the connection; a drip brings all of it in time."""
    sandbox.create(query_rule())
    sandbox.fault("truncate:times=1,method=GET")
    with pytest.raises(http.client.IncompleteRead):
        sandbox.request("GET", f"{RULES}?rule_id=r-1")
    sandbox.fault("drip:times=1,method=GET,seconds=0.2")
    assert sandbox.request("GET", f"{RULES}?rule_id=r-1").json["rule_id"] == "r-1"


def test_selection_by_rule_path_and_count(sandbox: Sandbox) -> None:
    """A fault strikes the requests that name its rule, from the skipped ones on, as often as told."""
    for rule_id in ("r-1", "r-2"):
        sandbox.create(query_rule(rule_id))
    sandbox.fault("refuse:method=PUT,rule_id=r-2,skip=1,times=2,path=*/rules")
    first = [sandbox.request("PUT", RULES, query_rule("r-1", name=str(turn))).status for turn in range(4)]
    second = [sandbox.request("PUT", RULES, query_rule("r-2", name=str(turn))).status for turn in range(4)]
    assert first == [200] * 4
    assert second == [200, 500, 500, 200]
    fault = sandbox.admin("GET", "faults")[0]
    assert (fault["seen"], fault["done"]) == (4, 2)


def test_selection_reaches_rules_through_their_ids(sandbox: Sandbox) -> None:
    """A bulk action names rules by saved-object id, a read by query."""
    rule = sandbox.create(query_rule())
    sandbox.fault("refuse:rule_id=r-1")
    assert sandbox.request("POST", BULK, {"action": "disable", "ids": [rule["id"]]}).status == 500
    assert sandbox.request("GET", f"{RULES}?id={rule['id']}").status == 500
    assert sandbox.request("GET", f"{RULES}/_find").status == 200


def test_the_breaker_trips_on_enabling(sandbox: Sandbox) -> None:
    """The update is stored, the enabling is refused: a half-applied change (section 3.5)."""
    rule = sandbox.create(query_rule(enabled=False))
    sandbox.fault("circuit-breaker")
    answer = sandbox.request("PUT", RULES, query_rule(name="New", enabled=True))
    assert answer.status == 400
    assert "cannot be enabled" in answer.json["message"]
    stored = sandbox.rule("r-1")
    assert (stored["name"], stored["enabled"], stored["revision"]) == ("New", False, 1)
    assert sandbox.request("POST", BULK, {"action": "enable", "ids": [rule["id"]]}).status == 500


def test_enabling_fails_half_way(sandbox: Sandbox) -> None:
    """PUT: saved and not enabled; bulk: every second rule fails and the others are enabled."""
    rules = [sandbox.create(query_rule(f"r-{number}", enabled=False)) for number in range(4)]
    sandbox.fault("enable-fails:message=Boom")
    answer = sandbox.request("PUT", RULES, query_rule("r-0", name="New", enabled=True))
    assert (answer.status, answer.json["message"]) == (500, "Boom")
    assert sandbox.rule("r-0")["name"] == "New"
    body = sandbox.request("POST", BULK, {"action": "enable", "ids": [rule["id"] for rule in rules]}).json
    assert body["attributes"]["summary"] == {"failed": 2, "skipped": 0, "succeeded": 2, "total": 4}
    assert [sandbox.rule(f"r-{number}")["enabled"] for number in range(4)] == [True, False, True, False]


def test_one_rule_fails_in_a_batch(sandbox: Sandbox) -> None:
    """Only the rule of the fault fails, with its message."""
    rules = [sandbox.create(query_rule(f"r-{number}")) for number in range(3)]
    sandbox.fault("rule-fails:rule_id=r-1,status=409,message=Saved object conflict")
    body = sandbox.request("POST", BULK, {"action": "disable", "ids": [rule["id"] for rule in rules]}).json
    assert body["attributes"]["errors"] == [
        {
            "message": "Saved object conflict",
            "status_code": 409,
            "rules": [{"id": rules[1]["id"], "name": rules[1]["name"]}],
        }
    ]


def test_concurrent_creates_race_to_duplicates(sandbox: Sandbox) -> None:
    """Under `race` two POSTs of one rule_id both succeed; without it one conflicts (section 0.9)."""

    def create_twice(rule_id: str) -> list[int]:
        statuses: list[int] = []
        act = lambda: statuses.append(sandbox.request("POST", RULES, query_rule(rule_id)).status)  # noqa: E731 - a thread's body
        threads = [threading.Thread(target=act) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(statuses)

    assert create_twice("calm") == [200, 409]
    sandbox.fault("race:seconds=0.3")
    assert create_twice("raced") == [200, 200]
    found = sandbox.request("GET", f"{RULES}/_find?filter=alert.attributes.params.ruleId:%20%22raced%22").json
    assert found["total"] == 2


def test_searches_lag_behind_writes(sandbox: Sandbox) -> None:
    """Under `stale` a search and a lookup by rule_id show the state before the write, a read by id does not."""
    sandbox.fault("stale:seconds=0.5")
    rule = sandbox.create(query_rule())
    assert sandbox.request("GET", f"{RULES}/_find").json["total"] == 0
    assert not exists(sandbox)
    assert sandbox.request("GET", f"{RULES}?id={rule['id']}").status == 200
    deadline = time.monotonic() + 5
    while not exists(sandbox):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert sandbox.request("GET", f"{RULES}/_find").json["total"] == 1


def test_faults_of_the_command_line(start: Callable[..., Sandbox]) -> None:
    """`--fault` repeats, and a spec that is not understood ends the start with a sentence."""
    sandbox = start(fault=["busy:times=1", "refuse:status=418,skip=1,times=1"])
    sandbox.watch = None
    assert [sandbox.request("GET", f"{RULES}/_find").status for _ in range(3)] == [429, 418, 200]
    with pytest.raises(AssertionError, match="There is no fault 'explode'"):
        start(sandbox.data.with_name("other.sqlite3"), fault=["explode"])
    with pytest.raises(AssertionError, match="times='x' of the fault busy is not a number"):
        start(sandbox.data.with_name("other.sqlite3"), fault=["busy:times=x"])


def test_the_request_log_tells_reads_from_writes(sandbox: Sandbox) -> None:
    """Exports, dry runs and refused requests write nothing; counters add up; a clear empties them."""
    rule = sandbox.create(query_rule())
    sandbox.request("GET", f"{RULES}/_find")
    sandbox.request("POST", f"{RULES}/_export")
    sandbox.request("POST", f"{BULK}?dry_run=true", {"action": "delete", "ids": [rule["id"]]})
    sandbox.request("POST", RULES, query_rule())
    log: list[dict[str, Any]] = sandbox.admin("GET", "requests")
    assert [(seen["write"], seen["wrote"], seen["status"]) for seen in log] == [
        (True, True, 200),
        (False, False, 200),
        (False, False, 200),
        (False, False, 200),
        (True, False, 409),
    ]
    assert {seen["user"] for seen in log} == {"elastic"}
    counters = sandbox.admin("GET", "counters")
    assert (counters["total"], counters["writes"], counters["wrote"]) == (5, 2, 1)
    sandbox.admin("DELETE", "requests")
    assert sandbox.admin("GET", "counters")["total"] == 0


def test_the_clock_can_be_moved(sandbox: Sandbox) -> None:
    """Times of rules and the `date` header follow the offset."""
    before = sandbox.create(query_rule("a"))["created_at"]
    sandbox.admin("POST", "clock", {"offset": -86_400})
    rule = sandbox.create(query_rule("b"))
    assert rule["created_at"] < before
    today = time.strftime("%d %b %Y", time.gmtime())
    assert today not in sandbox.request("GET", "/api/status").headers["date"]


def test_users_come_and_go(sandbox: Sandbox) -> None:
    """A user that is added may call, one that is removed may not."""
    record = sandbox.admin("POST", "users", {"username": "bot", "role": "analyst"})
    headers = {"authorization": f"ApiKey {record['api_key']}"}
    assert sandbox.request("POST", RULES, query_rule(), headers=headers).json["created_by"] == "bot"
    assert sandbox.request("GET", RULES, headers={"authorization": f"Bearer {record['token']}"}).status == 400
    sandbox.admin("DELETE", "users?username=bot")
    assert sandbox.request("GET", f"{RULES}/_find", headers=headers).status == 401


def test_the_admin_path_is_for_the_superuser(sandbox: Sandbox) -> None:
    """Others are refused, unknown admin paths are 404."""
    assert sandbox.request("GET", "/_sandbox/users", user="soc-day").status == 403
    assert sandbox.request("GET", "/_sandbox/users", headers={"authorization": None}).status == 401
    assert sandbox.request("GET", "/_sandbox/nope").status == 404
    assert sandbox.request("POST", "/_sandbox/faults", {"spec": "nope"}).status == 400
