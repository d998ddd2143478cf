"""Being interrupted: the first signal stops, the end of the grace or a further one cuts."""

from __future__ import annotations

import threading

import pytest

from deployer.executor.interrupt import Interruption


class Heard:
    """Notes what an Interruption does."""

    def __init__(self, grace: float = 60.0) -> None:
        self.stopped, self.cut = threading.Event(), threading.Event()
        self.interruption = Interruption(stop=self.stopped.set, cut=self.cut.set, grace=grace)


def test_without_a_signal_nothing_happens() -> None:
    """A run that comes to its end is neither stopped nor cut."""
    heard = Heard()
    with heard.interruption.watched():
        assert not heard.interruption.is_set()

    assert not heard.stopped.is_set()
    assert not heard.cut.is_set()


def test_the_first_signal_stops_and_does_not_cut() -> None:
    """Requests in hand get their grace; a run that ends within it is never cut."""
    heard = Heard()
    with heard.interruption.watched():
        heard.interruption.signal()
        assert heard.interruption.is_set()
        assert heard.stopped.wait(5)

    assert not heard.cut.is_set()


def test_the_end_of_the_grace_cuts() -> None:
    """What is still open then is given up."""
    heard = Heard(grace=0.01)
    with heard.interruption.watched():
        heard.interruption.signal()
        assert heard.cut.wait(5)


@pytest.mark.parametrize("signals", [2, 5])
def test_a_further_signal_cuts_at_once(signals: int) -> None:
    """Who presses Ctrl-C twice does not wait for the grace."""
    heard = Heard()
    with heard.interruption.watched():
        for _ in range(signals):
            heard.interruption.signal()
        assert heard.cut.wait(5)


def test_a_later_block_is_still_interrupted() -> None:
    """A run of several steps that was stopped in one gets no second grace without end in the next."""
    heard = Heard(grace=0.01)
    with heard.interruption.watched():
        heard.interruption.signal()
    with heard.interruption.watched():
        assert heard.interruption.is_set()
        assert heard.cut.wait(5)
