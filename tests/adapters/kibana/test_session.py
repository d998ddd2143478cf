"""When a read is sent again, how long it waits, when it gives up; that a write is never sent again; what is counted."""

from __future__ import annotations

import threading

import pytest

from deployer.adapters.kibana import shapes
from deployer.adapters.kibana.exchange import Answer, Call, Traffic, WireError
from deployer.errors import NotReadyError, RemoteError, UnknownOutcomeError, UnreachableError
from tests.adapters.kibana.exchanges import JumpingClock, answered, html, in_turn, platform, session_of

pytestmark = pytest.mark.quick

GET = Call("GET", "/api/x", "read x")
FIND = Call("POST", "/api/x/_export", "export x", body=b"null")
GOOD = answered({"x": 1})
LOST = WireError("lost", sent=True)


@pytest.mark.parametrize("call", [GET, FIND])
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_read_is_sent_again_after_a_passing_failure(call: Call, status: int) -> None:
    """GET, and POST where it only reads; the delays double and are the same in every run."""
    clock = JumpingClock()
    session, sender = session_of(in_turn(html(status), html(status), html(status), GOOD), clock=clock, read_timeout=60)
    assert session.read(call, shapes.body) == {"x": 1}
    assert clock.slept == [0.5, 1.0, 2.0]
    assert sender.calls == [call] * 4
    assert session.traffic.requests == 4


def test_a_read_is_sent_again_after_a_lost_exchange() -> None:
    """A lost answer and a connection that was not made are alike for a read."""
    session, sender = session_of(in_turn(LOST, WireError("refused", sent=False), GOOD))
    assert session.read(GET, shapes.body) == {"x": 1}
    assert len(sender.calls) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 500, 501])
def test_a_read_is_not_sent_again_after_a_lasting_answer(status: int) -> None:
    """The same question would get the same answer."""
    session, sender = session_of(in_turn(platform(status, "no")))
    with pytest.raises(RemoteError):
        session.read(GET, shapes.body)
    assert len(sender.calls) == 1


def test_a_read_is_not_sent_again_after_a_lasting_failure() -> None:
    """A certificate does not become valid by trying."""
    session, sender = session_of(in_turn(WireError("not trusted", sent=False, lasting=True, hint="ca_file")))
    with pytest.raises(UnreachableError) as caught:
        session.read(GET, shapes.body)
    assert len(sender.calls) == 1
    assert caught.value.hint == "ca_file"


def test_a_200_that_is_not_the_answer_is_not_sent_again() -> None:
    """A login page stays a login page."""
    session, sender = session_of(in_turn(html()))
    with pytest.raises(UnreachableError, match=r"is not JSON \(text/html; charset=utf-8\).*Log in"):
        session.read(GET, shapes.body)
    assert len(sender.calls) == 1


def test_a_read_gives_up_after_five_tries() -> None:
    """And says how often it tried."""
    clock = JumpingClock()
    session, sender = session_of(in_turn(LOST), clock=clock, read_timeout=600)
    with pytest.raises(UnreachableError, match="tried 5 times"):
        session.read(GET, shapes.body)
    assert clock.slept == [0.5, 1.0, 2.0, 4.0]
    assert len(sender.calls) == 5


@pytest.mark.parametrize(
    ("asked", "date", "waited"),
    [
        ("7", "", 7.0),
        ("0", "", 0.0),
        ("Sun, 01 Mar 2026 12:00:09 GMT", "", 9.0),
        ("Sun, 01 Mar 2026 10:00:09 GMT", "Sun, 01 Mar 2026 10:00:00 GMT", 9.0),  # the server's clock counts
        ("Sun, 01 Mar 2026 11:00:00 GMT", "", 0.0),
        ("soon", "", 0.5),
        ("-3", "", 0.5),
        ("", "", 0.5),
    ],
)
def test_retry_after_is_honoured_in_both_forms(asked: str, date: str, waited: float) -> None:
    """Seconds, or a date by the server's own clock; nonsense is ignored."""
    clock = JumpingClock()
    busy = answered({"statusCode": 429, "error": "x", "message": "x"}, 429, retry_after=asked, date=date)
    session, _ = session_of(in_turn(busy, GOOD), clock=clock, read_timeout=60)
    assert session.read(GET, shapes.body) == {"x": 1}
    assert clock.slept == [waited]


def test_patience_ends_with_both_timeouts_together() -> None:
    """The next try starts within connect_timeout + read_timeout of the first, or not at all."""
    clock = JumpingClock()
    starting = Answer(503, {"retry-after": "30"}, b"Kibana server is not ready yet")
    session, sender = session_of(in_turn(starting), clock=clock, connect_timeout=5, read_timeout=60)
    with pytest.raises(NotReadyError):
        session.read(GET, shapes.body)
    assert clock.slept == [30.0, 30.0]
    assert len(sender.calls) == 3


def test_a_retry_after_beyond_patience_is_not_waited_for() -> None:
    """Whatever the server asks for, nobody waits for an hour."""
    clock = JumpingClock()
    for asked in ("3600", "9" * 400):
        session, sender = session_of(in_turn(Answer(503, {"retry-after": asked}, b"later")), clock=clock)
        with pytest.raises(NotReadyError):
            session.read(GET, shapes.body)
        assert len(sender.calls) == 1
    assert clock.slept == []


def test_the_run_ends_reads_and_writes_before_they_are_sent() -> None:
    """After run_timeout nothing starts; a write that was not sent is known not to have happened."""
    clock = JumpingClock()
    session, sender = session_of(in_turn(GOOD), clock=clock, run_timeout=100)
    clock.seconds = 100
    with pytest.raises(UnreachableError, match="run_timeout") as caught:
        session.read(GET, shapes.body)
    assert "run_timeout" in caught.value.hint
    with pytest.raises(UnreachableError, match="run_timeout"):
        session.write(GET, shapes.body)
    assert sender.calls == []
    assert session.traffic == Traffic()


def test_a_renewed_run_goes_on() -> None:
    """Undoing gets its own time."""
    clock = JumpingClock()
    session, _ = session_of(in_turn(GOOD), clock=clock, run_timeout=100)
    clock.seconds = 100
    session.renew()
    assert session.read(GET, shapes.body) == {"x": 1}


def test_no_retry_reaches_beyond_the_run() -> None:
    """The end of the run cuts patience short."""
    clock = JumpingClock()
    session, sender = session_of(in_turn(LOST), clock=clock, run_timeout=1)
    with pytest.raises(UnreachableError):
        session.read(GET, shapes.body)
    assert clock.slept == [0.5]
    assert len(sender.calls) == 2


@pytest.mark.parametrize("bad", [LOST, html(502), html(503), platform(429, "busy"), platform(409, "conflict"), html()])
def test_a_write_is_never_sent_again(bad: Answer | WireError) -> None:
    """Its outcome is unknown, and stays so here."""
    clock = JumpingClock()
    session, sender = session_of(in_turn(bad, GOOD), clock=clock)
    with pytest.raises(UnknownOutcomeError):
        session.write(GET, shapes.body)
    assert len(sender.calls) == 1
    assert clock.slept == []


def test_a_write_that_was_not_sent_is_definite() -> None:
    """No connection, no write."""
    session, _ = session_of(in_turn(WireError("the connection was refused", sent=False)))
    with pytest.raises(UnreachableError, match="refused"):
        session.write(GET, shapes.body)


def test_a_status_that_also_carries_an_answer() -> None:
    """It is decoded where it has the shape, and judged by its status where it has not."""
    session, _ = session_of(in_turn(answered({"x": 1}, 500), platform(500, "no"), html(500)))
    assert session.write(GET, lambda answer: shapes.body(answer, *()), also=500) == {"x": 1}
    for _ in range(2):
        with pytest.raises(UnknownOutcomeError):
            session.write(GET, lambda answer: shapes.body(answer, "id"), also=500)


def test_only_kibanas_404_is_none() -> None:
    """Absence is said by the handler; a 200 is decoded; anything else raises."""
    gone = answered({"message": "not found", "status_code": 404}, 404)
    session, _ = session_of(in_turn(gone, GOOD, platform(404, "Not Found"), html(404)))
    assert session.read_or_none(GET, shapes.body) is None
    assert session.read_or_none(GET, shapes.body) == {"x": 1}
    with pytest.raises(RemoteError):
        session.read_or_none(GET, shapes.body)
    with pytest.raises(UnreachableError):
        session.read_or_none(GET, shapes.body)


def test_traffic_counts_every_request_and_byte_from_all_threads() -> None:
    """What the plan's last line says is exact."""
    session, _ = session_of(lambda call: GOOD)
    threads = [threading.Thread(target=lambda: [session.read(FIND, shapes.body) for _ in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert session.traffic == Traffic(400, 400 * len(b"null"), 400 * len(GOOD.body))


def test_gathering_keeps_order_and_raises_the_first_error() -> None:
    """Results come in the order of the items, however the reads end."""
    session, _ = session_of(lambda call: GOOD)
    assert session.gather(lambda number: number * 2, range(20)) == [number * 2 for number in range(20)]
    session, _ = session_of(in_turn(html()))
    with pytest.raises(UnreachableError):
        session.gather(lambda number: session.read(GET, shapes.body), range(20))


def test_the_space_is_a_prefix_and_what_is_global_has_none() -> None:
    """`default` has no prefix; a space's id is escaped."""
    for space, path in (("default", "/api/x"), ("soc-1", "/s/soc-1/api/x"), ("a/b c", "/s/a%2Fb%20c/api/x")):
        session, sender = session_of(lambda call: GOOD, space=space)
        session.read(GET, shapes.body)
        session.read(Call("GET", "/api/status", "x", scoped=False), shapes.body)
        assert sender.paths == [path, "/api/status"]


def test_closing_closes_the_wire() -> None:
    """Nothing stays open."""
    session, sender = session_of(lambda call: GOOD)
    session.close()
    assert sender.closed
