"""How many requests run at once: growth, shrinking, one limit per host, and the crew that works under it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.adapters.kibana.crew import map_concurrently
from deployer.adapters.kibana.limiter import Limiter, limiter_of
from deployer.errors import DeployerError, StateError

pytestmark = pytest.mark.quick


def rounds(limiter: Limiter, count: int, seconds: float, *, troubled: bool = False) -> None:
    """Let crowds as large as the limit end, each request after `seconds`."""
    for _ in range(count):
        slots = [limiter.slot("GET x") for _ in range(limiter.limit)]
        held = [slot.__enter__() for slot in slots]
        for slot in held:
            slot.seconds, slot.troubled = seconds, troubled
        for slot in slots:
            slot.__exit__(None, None, None)


def test_it_starts_with_four_and_grows_to_the_most_while_answers_stay_quick() -> None:
    """One more each round."""
    limiter = Limiter(8)
    assert limiter.limit == 4
    rounds(limiter, 1, 0.02)
    assert limiter.limit in (4, 5)
    rounds(limiter, 8, 0.02)
    assert limiter.limit == 8


def test_it_never_starts_above_the_most() -> None:
    """`connections = 2` means two."""
    limiter = Limiter(2)
    rounds(limiter, 5, 0.01)
    assert limiter.limit == 2
    assert Limiter(0).limit == 1


def test_trouble_halves_it_once_for_a_whole_crowd() -> None:
    """Eight 429s at once are one overload."""
    limiter = Limiter(8)
    rounds(limiter, 20, 0.02)
    rounds(limiter, 1, 0.02, troubled=True)
    assert limiter.limit == 4
    rounds(limiter, 1, 0.02, troubled=True)
    assert limiter.limit == 2
    rounds(limiter, 9, 0.02, troubled=True)
    assert limiter.limit == 1


def test_it_recovers_after_trouble() -> None:
    """Quick answers win it back."""
    limiter = Limiter(8)
    rounds(limiter, 3, 0.02, troubled=True)
    rounds(limiter, 30, 0.02)
    assert limiter.limit == 8


def test_slowness_stops_growth_and_then_takes_away() -> None:
    """Twice the best time is a plateau, four times is too much."""
    limiter = Limiter(8)
    rounds(limiter, 1, 0.1)
    before = limiter.limit
    rounds(limiter, 20, 0.2)
    assert limiter.limit <= before + 1
    rounds(limiter, 20, 0.5)
    assert limiter.limit < before


def test_a_slow_family_of_calls_is_not_measured_by_a_quick_one() -> None:
    """A page of a thousand rules takes longer than one rule, always."""
    limiter = Limiter(8)
    for _ in range(40):
        for family, seconds in (("GET rule", 0.01), ("GET page", 0.5)):
            with limiter.slot(family) as slot, limiter.slot(family) as other, limiter.slot(family) as third:
                slot.seconds = other.seconds = third.seconds = seconds
    assert limiter.limit > 4


def test_what_was_not_sent_teaches_nothing() -> None:
    """A slot without a time changes nothing."""
    limiter = Limiter(8)
    for _ in range(50):
        with limiter.slot("GET x"):
            pass
    assert limiter.limit == 4


def test_a_family_may_have_its_own_limit() -> None:
    """Kibana takes five bulk actions at once, and refuses the sixth."""
    limiter = Limiter(8)
    running, most = 0, 0
    guard = threading.Lock()
    gate = threading.Event()

    def bulk() -> None:
        nonlocal running, most
        with limiter.slot("POST bulk", at_most=2):
            with guard:
                running += 1
                most = max(most, running)
            gate.wait(0.02)
            with guard:
                running -= 1

    threads = [threading.Thread(target=bulk) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2


@given(st.lists(st.tuples(st.floats(0, 10), st.booleans()), max_size=60), st.integers(1, 16))
def test_the_limit_stays_between_one_and_the_most(ends: list[tuple[float, bool]], most: int) -> None:
    """Whatever a server does."""
    limiter = Limiter(most)
    for seconds, troubled in ends:
        with limiter.slot("GET x") as slot:
            slot.seconds, slot.troubled = seconds, troubled
        assert 1 <= limiter.limit <= most


def test_all_spaces_of_a_host_share_one_limiter_for_as_long_as_one_is_open() -> None:
    """The narrowest setting counts; a later run starts afresh."""
    one = limiter_of("https://one.example", 8)
    assert limiter_of("https://one.example", 3) is one
    assert one.most == 3
    assert one.limit == 3
    assert limiter_of("https://two.example", 8) is not one
    del one
    assert limiter_of("https://one.example", 8).most == 8


def collect(pairs: Iterator[tuple[int, object]]) -> dict[int, object]:
    """Return what came out."""
    return dict(pairs)


def test_every_item_gets_its_result() -> None:
    """In whatever order they complete."""
    found = collect(map_concurrently(lambda item: item * item, range(200), stop=lambda: False, limiter=Limiter(8)))
    assert found == {item: item * item for item in range(200)}


def test_no_more_at_once_than_the_limit() -> None:
    """Items wait for the limit, not only their requests."""
    limiter = Limiter(3)
    running: set[int] = set()
    most = 0
    guard = threading.Lock()

    def work(item: int) -> None:
        nonlocal most
        with guard:
            running.add(item)
            most = max(most, len(running))
        threading.Event().wait(0.002)
        with guard:
            running.discard(item)

    collect(map_concurrently(work, range(30), stop=lambda: False, limiter=limiter))
    assert most == 3


def test_nothing_is_handed_out_after_the_first_error() -> None:
    """What was under way is awaited and comes out; what was drawn and not started does not."""
    drawn: list[int] = []
    started: list[int] = []
    together = threading.Barrier(4, timeout=5)  # four are under way when the first one fails

    def source() -> Iterator[int]:
        for item in range(100):
            drawn.append(item)
            yield item

    def work(item: int) -> int:
        started.append(item)
        together.wait()
        if item == 2:
            raise DeployerError("no")
        threading.Event().wait(0.05)
        return item

    found = collect(map_concurrently(work, source(), stop=lambda: False, limiter=Limiter(8)))
    assert sorted(started) == sorted(found) == [0, 1, 2, 3]
    assert len(drawn) <= 4 + 2 * 4
    assert {item for item, result in found.items() if not isinstance(result, DeployerError)} == {0, 1, 3}
    assert str(found[2]) == "no"


def test_a_flag_stops_handing_out() -> None:
    """An interrupted run ends with what is under way."""
    done: list[int] = []
    found = collect(map_concurrently(done.append, range(100), stop=lambda: len(done) >= 10, limiter=Limiter(4)))
    assert 10 <= len(found) < 20
    assert set(found) == set(done)


def test_nothing_starts_when_the_flag_is_up_already() -> None:
    """Not even one."""
    assert collect(map_concurrently(lambda item: item, range(5), stop=lambda: True, limiter=Limiter(4))) == {}


def test_an_error_of_the_source_comes_after_what_is_under_way() -> None:
    """A journal that fails stops the run, and every write that was handed out still has its result."""

    def source() -> Iterator[int]:
        yield 1
        yield 2
        raise StateError("disk full")

    pairs = map_concurrently(lambda item: item, source(), stop=lambda: False, limiter=Limiter(8))
    assert {next(pairs), next(pairs)} == {(1, 1), (2, 2)}
    with pytest.raises(StateError, match="disk full"):
        next(pairs)


def test_a_bug_is_raised_and_not_swallowed() -> None:
    """An exception that is not ours keeps its class."""
    with pytest.raises(ZeroDivisionError):
        collect(map_concurrently(lambda item: 1 // item, range(3), stop=lambda: False, limiter=Limiter(4)))


def test_a_caller_that_walks_away_waits_for_what_is_under_way() -> None:
    """No thread writes behind the back of whoever goes on to undo."""
    ended: list[int] = []

    def work(item: int) -> None:
        threading.Event().wait(0.01 * item)
        ended.append(item)

    pairs = map_concurrently(work, range(100), stop=lambda: False, limiter=Limiter(4))
    next(pairs)
    pairs.close()  # type: ignore[attr-defined]
    count = len(ended)
    threading.Event().wait(0.1)
    assert len(ended) == count
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("kibana")]
