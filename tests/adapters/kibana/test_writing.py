"""Writing rules: one request each, what goes out, what must come back, and the batches of flips."""

from __future__ import annotations

import json
from typing import Any

import pytest
import responses

from deployer.adapters.kibana.exchange import Answer, Call, WireError
from deployer.errors import DeniedError, RemoteError, UnknownOutcomeError, UnreachableError
from tests.adapters.kibana.exchanges import answered, in_turn, opened, platform, rule, siem, writer_of

RULES = "http://127.0.0.1:5601/api/detection_engine/rules"


def sent(call: Call) -> Any:
    """Return the JSON that a call carries."""
    return json.loads(call.body or b"null")


def bulk(done: list[str], errors: list[dict[str, Any]] | None = None, status: int = 200) -> Answer:
    """Return the answer of a `_bulk_action`."""
    attributes: dict[str, Any] = {"results": {"updated": [rule(id_, id=id_) for id_ in done], "skipped": []}}
    if errors is not None:
        attributes["errors"] = errors
    return answered({"message": "Bulk edit partially failed", "status_code": status, "attributes": attributes}, status)


def test_create_posts_the_body_as_it_is() -> None:
    """One POST, and what Kibana stored comes back."""
    writer, sender = writer_of(in_turn(answered(rule("a", revision=0))))
    assert writer.create({"rule_id": "a", "name": "n", "enabled": False}) == rule("a")
    assert (sender.calls[0].method, sent(sender.calls[0])) == ("POST", {"rule_id": "a", "name": "n", "enabled": False})


def test_replace_puts_by_rule_id_and_leaves_the_id_out() -> None:
    """A body that was read has both ids; Kibana takes one (facts.md section 3.1). The caller's body is not changed."""
    writer, sender = writer_of(in_turn(answered(rule("a", revision=4))))
    body = rule("a")
    assert writer.replace(body)["revision"] == 4
    assert sent(sender.calls[0]) == {key: value for key, value in rule("a").items() if key != "id"}
    assert body == rule("a")


def test_delete_returns_the_rule_that_kibana_removed() -> None:
    """The id goes into the query."""
    writer, sender = writer_of(in_turn(answered(rule("a b"))))
    assert writer.delete("a b") == rule("a b")
    assert (sender.calls[0].method, sender.calls[0].query) == ("DELETE", (("rule_id", "a b"),))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (siem(400, ["x", "y"]), RemoteError),
        (siem(404, 'rule_id: "a" not found'), RemoteError),
        (platform(413, "Payload content length greater than maximum allowed: 1048576"), RemoteError),
        (platform(401, "no"), DeniedError),
        (siem(403, "no"), DeniedError),
        (siem(409, 'rule_id: "a" already exists'), UnknownOutcomeError),
        (platform(429, "Too Many Requests"), UnknownOutcomeError),
        (siem(500, "boom"), UnknownOutcomeError),
        (answered({"id": "x", "rule_id": "a", "revision": True}), UnknownOutcomeError),
        (answered({"id": "", "rule_id": "a", "revision": 1}), UnknownOutcomeError),
        (answered(rule("b")), UnknownOutcomeError),
        (answered([rule("a")]), UnknownOutcomeError),
        (Answer(204, {}, b""), UnknownOutcomeError),
        (WireError("lost", sent=True), UnknownOutcomeError),
        (WireError("refused", sent=False), UnreachableError),
    ],
)
def test_how_a_write_that_did_not_go_well_is_classified(answer: Answer | WireError, kind: type[RemoteError]) -> None:
    """Exactly this class, for each kind of write, after exactly one request."""
    for write in ("create", "replace", "delete"):
        writer, sender = writer_of(in_turn(answer))
        with pytest.raises(RemoteError) as caught:
            getattr(writer, write)("a" if write == "delete" else {"rule_id": "a"})
        assert type(caught.value) is kind
        assert len(sender.calls) == 1


def test_a_refusal_is_a_sentence() -> None:
    """What was asked, what Kibana said, the status."""
    writer, _ = writer_of(in_turn(siem(400, "params invalid: threshold")))
    with pytest.raises(RemoteError) as caught:
        writer.create({"rule_id": "a"})
    assert str(caught.value) == "Kibana refused to create rule 'a': params invalid: threshold (400)"


@pytest.mark.parametrize("rule_id", ['a"b', "a\\b"])
def test_an_id_that_kibana_would_misread_is_written_by_its_object_id(rule_id: str) -> None:
    """Looked up by an escaped filter first: a PUT by rule_id might replace another rule."""
    page = answered({"total": 1, "data": [rule(rule_id)]})
    writer, sender = writer_of(in_turn(page, answered(rule(rule_id))))
    writer.replace({"rule_id": rule_id, "name": "n"})
    assert sent(sender.calls[1]) == {"id": f"so-{rule_id}", "name": "n"}
    writer, sender = writer_of(in_turn(page, answered(rule(rule_id))))
    writer.delete(rule_id)
    assert sender.calls[1].query == (("id", f"so-{rule_id}"),)


def test_an_id_that_kibana_would_misread_and_that_is_not_one_rule_is_refused() -> None:
    """None to replace, or two to choose from: nothing is written."""
    for data, status in (([], 404), ([rule('a"'), rule('a"', id="twin")], 0)):
        writer, sender = writer_of(in_turn(answered({"total": len(data), "data": data})))
        with pytest.raises(RemoteError) as caught:
            writer.delete('a"')
        assert caught.value.status == status
        assert [call.method for call in sender.calls] == ["GET"]


def test_flips_go_out_as_one_bulk_action() -> None:
    """Ids are object ids."""
    writer, sender = writer_of(in_turn(bulk(["1", "2"])))
    flipped = writer.set_enabled(["1", "2"], enabled=False)
    assert sorted(flipped.done) == ["1", "2"]
    assert flipped.failed == {}
    assert sent(sender.calls[0]) == {"action": "disable", "ids": ["1", "2"]}
    assert sender.calls[0].path.endswith("/_bulk_action")


def test_no_ids_send_nothing() -> None:
    """An empty bulk action means every rule of the space (facts.md section 0)."""
    writer, sender = writer_of(in_turn(bulk([])))
    assert writer.set_enabled([], enabled=True).done == {}
    assert sender.calls == []


def test_a_partial_failure_is_decoded() -> None:
    """HTTP 500 with attributes tells which rule failed and why."""
    errors = [{"message": "circuit breaker", "status_code": 400, "rules": [{"id": "2"}, {"id": "3", "name": "n"}]}]
    writer, _ = writer_of(in_turn(bulk(["1"], errors, 500)))
    flipped = writer.set_enabled(["1", "2", "3"], enabled=True)
    assert list(flipped.done) == ["1"]
    assert flipped.failed == {"2": "circuit breaker", "3": "circuit breaker"}


@pytest.mark.parametrize(
    "answer",
    [
        bulk(["1"]),
        bulk(["1"], [], 500),
        bulk(["1", "2"], [{"message": "x", "rules": [{"id": "2"}]}], 500),
        bulk(["1", "2"], [{"message": "x", "rules": [{"name": "2"}]}], 500),
        answered({"success": True}),
        answered({"attributes": {"results": {"updated": None}}}),
        answered({"attributes": {"results": {"updated": [1]}}}),
        siem(500, "boom"),
        siem(409, "conflict"),
        platform(429, "Too Many Requests"),
        WireError("lost", sent=True),
    ],
)
def test_a_flip_that_does_not_account_for_every_rule_is_unknown(answer: Answer | WireError) -> None:
    """Neither done nor failed, or both: nobody knows."""
    writer, sender = writer_of(in_turn(answer))
    with pytest.raises(UnknownOutcomeError):
        writer.set_enabled(["1", "2"], enabled=True)
    assert len(sender.calls) == 1


def test_a_refused_flip_is_definite() -> None:
    """A 4xx in Kibana's words."""
    writer, _ = writer_of(in_turn(platform(403, "no")))
    with pytest.raises(DeniedError):
        writer.set_enabled(["1"], enabled=True)


def test_more_than_a_hundred_ids_go_out_in_batches() -> None:
    """Each id once."""
    writer, sender = writer_of(lambda call: bulk(sent(call)["ids"]))
    ids = [str(number) for number in range(250)]
    assert list(writer.set_enabled([*ids, "7"], enabled=True).done) == ids
    assert [len(sent(call)["ids"]) for call in sender.calls] == [100, 100, 50]


def test_a_batch_that_is_refused_after_another_was_done_is_part_of_the_result() -> None:
    """An error would hide that the first batch was carried out."""
    ids = [str(number) for number in range(150)]
    writer, _ = writer_of(in_turn(bulk(ids[:100]), platform(403, "no")))
    flipped = writer.set_enabled(ids, enabled=True)
    assert list(flipped.done) == ids[:100]
    assert list(flipped.failed) == ids[100:]
    writer, _ = writer_of(in_turn(bulk(ids[:100]), WireError("lost", sent=True)))
    with pytest.raises(UnknownOutcomeError):
        writer.set_enabled(ids, enabled=True)


@responses.activate
def test_the_same_over_requests() -> None:
    """What goes out through requests is what the calls say."""
    responses.add("POST", RULES, json=rule("a"))
    responses.add("PUT", RULES, json=rule("a", revision=1))
    responses.add("DELETE", RULES, json=rule("a"))
    responses.add("POST", f"{RULES}/_bulk_action", body=bulk(["1"]).body, content_type="application/json")
    with opened("http://127.0.0.1:5601") as kibana:
        kibana.create({"rule_id": "a"})
        kibana.replace({"rule_id": "a"})
        kibana.delete("a")
        kibana.set_enabled(["1"], enabled=True)
        assert kibana.requests == 4
    assert [call.request.method for call in responses.calls] == ["POST", "PUT", "DELETE", "POST"]
    assert responses.calls[1].request.headers["Content-Length"] == str(len(b'{"rule_id":"a"}'))
    assert responses.calls[2].request.params == {"rule_id": "a"}
