"""Reading a space: complete or an error, in few requests; the single reads of plan and doctor."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from deployer.adapters.kibana import KibanaReader
from deployer.adapters.kibana.exchange import Answer, Call
from deployer.errors import DeniedError, NotReadyError, RemoteError, UnreachableError
from tests.adapters.kibana.exchanges import (
    ScriptedSender,
    answered,
    html,
    in_turn,
    platform,
    rule,
    session_of,
    siem,
)

MARKER = "deployer:acme"
TYPES = ("eql", "query", "threshold", "something_new")

_CLAUSES: dict[str, Callable[[dict[str, Any], set[str]], bool]] = {
    "alert.attributes.tags": lambda found, values: not values.isdisjoint(found.get("tags", [])),
    "alert.attributes.params.ruleId": lambda found, values: found["rule_id"] in values,
    "alert.attributes.params.type": lambda found, values: found.get("type") in values,
    "alert.attributes.enabled": lambda found, values: str(found["enabled"]).lower() in values,
}


class FakeSpace:
    """The `_find` of a space of many rules, with the little KQL that the client sends and Kibana's window."""

    def __init__(self, rules: list[dict[str, Any]]) -> None:
        self.rules = rules
        self.before_page: Callable[[int], None] = lambda page: None

    def __call__(self, call: Call) -> Answer:
        """Answer one call."""
        query = dict(call.query)
        assert call.path.endswith("/rules/_find")
        assert query["sort_field"] == "created_at"
        assert query["sort_order"] == "asc"
        page, size = int(query["page"]), int(query["per_page"])
        self.before_page(page)
        if page * size > 10_000:
            return platform(400, "Result window is too large")
        matches = _condition(query.get("filter", ""))
        found = [rule for rule in self.rules if all(match(rule) for match in matches)]
        return answered({"page": page, "perPage": size, "total": len(found), "data": found[(page - 1) * size :][:size]})


def _condition(text: str) -> list[Callable[[dict[str, Any]], bool]]:
    """Read clauses joined by `and`, each `[not ]field: literal` or `field: (literal or literal)`."""
    matches = []
    for clause in text.split(" and ") if text else []:
        field, _, values = clause.removeprefix("not ").partition(": ")
        literals = re.findall(r'"((?:[^"\\]|\\.)*)"', values) or [values]
        plain = {re.sub(r"\\(.)", r"\1", literal) for literal in literals}
        wanted = not clause.startswith("not ")
        matches.append(lambda rule, holds=_CLAUSES[field], plain=plain, wanted=wanted: holds(rule, plain) is wanted)
    return matches


def reader_of(reply: Callable[[Call], Any], **options: Any) -> tuple[KibanaReader, ScriptedSender]:
    """Return a reader on a scripted sender, and the sender."""
    session, sender = session_of(reply, **options)
    return KibanaReader(session), sender


def many(count: int, prefix: str = "r", **fields: Any) -> list[dict[str, Any]]:
    """Return rules."""
    return [rule(f"{prefix}{number}", **fields) for number in range(count)]


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (1, 1), (1000, 1), (1001, 2), (2068, 3), (10_000, 10)])
def test_a_space_within_the_window_is_read_whole_in_few_requests(count: int, requests: int) -> None:
    """Pages of a thousand, oldest first, every rule once, in order."""
    reader, sender = reader_of(FakeSpace(many(count)))
    read = reader.read_space(marker=MARKER, wanted=["r0"])
    assert [found["rule_id"] for found in read.rules] == [f"r{number}" for number in range(count)]
    assert (read.others, read.requests, len(sender.calls)) == (0, requests, requests)


def test_a_rule_that_vanishes_between_pages_makes_it_read_again() -> None:
    """A shifted page hides a rule; the total betrays it."""
    space = FakeSpace(many(2500))
    vanish = [lambda: space.rules.pop(0)]

    def before_page(page: int) -> None:
        if page == 2 and vanish:
            vanish.pop()()

    space.before_page = before_page
    reader, sender = reader_of(space)
    read = reader.read_space(marker=MARKER, wanted=[])
    assert [found["rule_id"] for found in read.rules] == [f"r{number}" for number in range(1, 2500)]
    assert read.requests == len(sender.calls) == 6


def test_a_space_that_does_not_hold_still_is_an_error() -> None:
    """Never a plan on half a space."""
    space = FakeSpace(many(2500))
    space.before_page = lambda page: space.rules.pop(0) if page == 2 else None  # type: ignore[assignment, return-value]
    reader, _ = reader_of(space)
    with pytest.raises(RemoteError, match=r"could not be read completely: 2498 of 2499, twice"):
        reader.read_space(marker=MARKER, wanted=[])


def test_a_page_that_fails_fails_the_read() -> None:
    """One page of three is no space."""
    space = FakeSpace(many(3000))

    def reply(call: Call) -> Answer:
        return html(500) if dict(call.query)["page"] == "3" else space(call)

    reader, _ = reader_of(reply)
    with pytest.raises(UnreachableError):
        reader.read_space(marker=MARKER, wanted=[])


def test_above_the_window_only_what_is_ours_or_wanted_is_read() -> None:
    """20,000 rules, 2,000 of them marked, 120 wanted without a mark: 1 + 2 + 3 requests, the rest counted."""
    ours = many(2000, "ours", tags=["x", MARKER])
    space = FakeSpace(many(18_000, "other") + ours)
    wanted = [f"ours{number}" for number in range(2000)] + [f"other{number}" for number in range(110)]
    wanted += [f"absent{number}" for number in range(10)]
    reader, sender = reader_of(space)
    read = reader.read_space(marker=MARKER, wanted=wanted)
    assert {found["rule_id"] for found in read.rules} == {found["rule_id"] for found in ours} | set(wanted[2000:2110])
    assert len(read.rules) == 2110
    assert read.others == 20_000 - 2110
    assert read.requests == len(sender.calls) == 1 + 2 + 3


def test_a_marked_set_above_the_window_is_split_by_type_then_by_enabled() -> None:
    """Types that nobody knows yet are a part of their own."""
    ours = [
        rule(f"{kind}{number}", tags=[MARKER], type=kind, enabled=number % 2 == 0)
        for kind, count in zip(TYPES, (12_000, 400, 300, 200), strict=True)
        for number in range(count)
    ]
    reader, _ = reader_of(FakeSpace(ours + many(50, "other")))
    read = reader.read_space(marker=MARKER, wanted=[])
    assert len(read.rules) == len(ours)
    assert {found["id"] for found in read.rules} == {found["id"] for found in ours}
    assert read.others == 50


def test_a_marked_set_that_cannot_be_split_far_enough_is_an_error() -> None:
    """20,000 marked rules of one type and one state are beyond Kibana's reading."""
    ours = many(10_001, tags=[MARKER], type="eql", enabled=True)
    reader, _ = reader_of(FakeSpace(ours))
    with pytest.raises(RemoteError, match="at most 10000"):
        reader.read_space(marker=MARKER, wanted=[])


def test_rules_are_looked_up_in_batches_and_duplicates_are_both_returned() -> None:
    """Two rules of one id must be seen, not hidden."""
    twin = rule("r7") | {"id": "so-twin"}
    reader, sender = reader_of(FakeSpace([*many(200), twin]))
    found = reader.rules([f"r{number}" for number in range(120)] + ["r7", "absent"])
    assert len(found) == 121
    assert {rule["id"] for rule in found if rule["rule_id"] == "r7"} == {"so-r7", "so-twin"}
    assert len(sender.calls) == 3
    assert reader.rules([]) == ()
    assert len(sender.calls) == 3


@pytest.mark.parametrize("rule_id", ['a"b', "a\\b", 'x" or alert.attributes.name: *', "\\"])
def test_an_id_that_kibana_would_misread_is_looked_up_by_our_own_filter(rule_id: str) -> None:
    """Kibana's lookup pastes the id into KQL; ours escapes it."""
    reader, sender = reader_of(FakeSpace([*many(3), rule(rule_id)]))
    assert reader.rule(rule_id) == rule(rule_id)
    assert reader.rule(rule_id + '"') is None
    assert all(call.path.endswith("_find") for call in sender.calls)


def test_a_rule_is_read_by_its_id() -> None:
    """One GET; None for Kibana's 404; another rule is no answer."""
    reader, sender = reader_of(in_turn(answered(rule("a b&c"))))
    assert reader.rule("a b&c") == rule("a b&c")
    assert sender.calls[0].query == (("rule_id", "a b&c"),)
    reader, _ = reader_of(in_turn(siem(404, 'rule_id: "a" not found')))
    assert reader.rule("a") is None
    reader, _ = reader_of(in_turn(answered(rule("b"))))
    with pytest.raises(UnreachableError, match="another rule_id"):
        reader.rule("a")


@pytest.mark.parametrize(
    "answer",
    [
        answered({"total": 1}),
        answered({"data": [], "total": "1"}),
        answered({"data": {}, "total": 0}),
        answered({"data": [1], "total": 1}),
        answered({"data": [{"id": "x"}], "total": 1}),
        answered({"data": [rule("")], "total": 1}),
        answered([]),
        answered(None),
    ],
)
def test_a_page_that_lacks_what_is_needed_is_an_error(answer: Answer) -> None:
    """Never an empty space."""
    reader, _ = reader_of(in_turn(answer))
    with pytest.raises(UnreachableError):
        reader.read_space(marker=MARKER, wanted=[])


STATUS = {
    "version": {"number": "9.3.1", "build_flavor": "serverless"},
    "status": {"overall": {"level": "available"}},
}


def test_status_tells_version_flavor_level_and_clock() -> None:
    """From the body and the Date header."""
    reader, sender = reader_of(in_turn(answered(STATUS, date="Sun, 01 Mar 2026 10:00:09 GMT")), space="x")
    found = reader.status()
    assert (found.version, found.flavor, found.level) == ("9.3.1", "serverless", "available")
    assert found.date == datetime(2026, 3, 1, 10, 0, 9, tzinfo=UTC)
    assert sender.paths == ["/api/status"]


def test_status_for_a_caller_without_privileges() -> None:
    """Only the level is told; the rest is empty, and traditional."""
    reader, _ = reader_of(in_turn(answered({"status": {"overall": {"level": "degraded"}}})))
    found = reader.status()
    assert (found.version, found.flavor, found.level, found.date) == ("", "traditional", "degraded", None)


@pytest.mark.parametrize("body", [{}, {"status": "green"}, {"status": {"overall": {}}}, []])
def test_something_else_that_answers_at_api_status_is_no_kibana(body: Any) -> None:
    """Other products have a status page, too."""
    reader, _ = reader_of(in_turn(answered(body)))
    with pytest.raises(UnreachableError):
        reader.status()


def test_the_status_of_a_kibana_that_is_down() -> None:
    """503 with the status document."""
    body = STATUS | {"status": {"overall": {"level": "critical", "summary": "no Elasticsearch"}}}
    reader, _ = reader_of(in_turn(answered(body, 503)))
    with pytest.raises(NotReadyError, match="critical: no Elasticsearch"):
        reader.status()


def test_the_user_is_asked_once_and_may_be_unknown() -> None:
    """From the privileges; a role that hides them still deploys; a wrong credential is an error."""
    reader, sender = reader_of(in_turn(answered({"username": "ci-deployer"})))
    assert (reader.user(), reader.user()) == ("ci-deployer", "ci-deployer")
    assert len(sender.calls) == 1
    for answer in (answered({"is_authenticated": True}), platform(403, "no"), platform(404, "no")):
        reader, _ = reader_of(in_turn(answer))
        assert reader.user() == ""
    reader, _ = reader_of(in_turn(platform(401, "no")))
    with pytest.raises(DeniedError):
        reader.user()


def test_what_doctor_asks_for() -> None:
    """Spaces are global, privileges and connectors belong to the space."""
    reader, sender = reader_of(in_turn(answered([{"id": "default", "name": "Default"}])), space="x")
    assert reader.spaces() == ({"id": "default", "name": "Default"},)
    assert reader.connectors() == ({"id": "default", "name": "Default"},)
    assert sender.paths == ["/api/spaces/space", "/s/x/api/actions/connectors"]
    reader, _ = reader_of(in_turn(answered({"has_encryption_key": True})))
    assert reader.privileges() == {"has_encryption_key": True}
    for answer in (answered({}), answered([{}]), html()):
        reader, _ = reader_of(in_turn(answer))
        with pytest.raises(UnreachableError):
            reader.connectors()


def test_bodies_are_handed_on_as_kibana_has_them() -> None:
    """Unknown keys, unknown types, lone surrogates: nothing is lost or changed."""
    odd = rule("a", type="correlation", extra={"x": [1, 1.5, None, True]}, note="\ud800 ü")
    reader, _ = reader_of(lambda call: Answer(200, {}, json.dumps(odd).encode()))
    assert reader.rule("a") == odd
