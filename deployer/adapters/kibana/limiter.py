"""
How many requests run at once against one Kibana: few at first, more while it stays quick, fewer when it struggles.

A request that is refused with 429, answered by a 5xx or lost halves the limit (once per crowd: those that were under
way together share one cause). A round of quick answers adds one. A round that takes three times as long as it did at
best takes one away. Design: 4 at first, 8 at most by default, shared by all spaces of a host.
"""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

FIRST = 4


@dataclass(slots=True)
class Slot:
    """One request under way. Whoever holds it says at its end how long it took and whether the server struggled."""

    family: str
    crowd: int
    seconds: float | None = None  # None: nothing to learn, it was not sent
    troubled: bool = False


@dataclass(slots=True)
class _Pace:
    """How long one family of calls takes: lately (smoothed), and at best. Both in seconds."""

    lately: float = 0.0
    best: float = 0.0
    seen: int = 0

    def add(self, seconds: float) -> None:
        self.lately = seconds if not self.seen else 0.8 * self.lately + 0.2 * seconds
        self.best = (
            self.lately if not self.seen else min(self.lately, self.best * 1.002)
        )  # the best is forgotten slowly
        self.seen += 1

    @property
    def flat(self) -> bool:
        """Quick as ever; 5 ms of scatter are nothing."""
        return self.lately <= 1.5 * self.best + 0.005

    @property
    def slow(self) -> bool:
        """Three times the best, and not by mere scatter."""
        return self.lately > 3 * self.best + 0.02


class Limiter:
    """The limit of one host; safe to use from many threads."""

    def __init__(self, most: int, first: int = FIRST) -> None:
        self.most = max(1, most)
        self._limit = float(max(1, min(first, self.most)))
        self._crowd = 0
        self._under_way: Counter[str] = Counter()
        self._paces: dict[str, _Pace] = {}
        self._changed = threading.Condition()

    @property
    def limit(self) -> int:
        """How many requests may be under way now."""
        return int(self._limit)

    def narrow(self, most: int) -> None:
        """Never let more than `most` run at once from here on (a second space of the host asks for less)."""
        with self._changed:
            self.most = max(1, min(self.most, most))
            self._limit = min(self._limit, float(self.most))

    @contextmanager
    def slot(self, family: str, at_most: int | None = None) -> Iterator[Slot]:
        """Wait for room, hold it for the block, learn from what the holder put into the slot."""
        with self._changed:
            self._changed.wait_for(lambda: self._room(family, at_most))
            self._under_way[family] += 1
            slot = Slot(family, self._crowd)
        try:
            yield slot
        finally:
            with self._changed:
                self._learn(slot)
                self._under_way[family] -= 1
                self._changed.notify_all()

    def _room(self, family: str, at_most: int | None) -> bool:
        if at_most is not None and self._under_way[family] >= at_most:
            return False
        return self._under_way.total() < self.limit

    def _learn(self, slot: Slot) -> None:
        if slot.troubled:
            if slot.crowd == self._crowd:
                self._crowd += 1
                self._limit = max(1.0, self._limit / 2)
        elif slot.seconds is not None:
            pace = self._paces.setdefault(slot.family, _Pace())
            pace.add(slot.seconds)
            self._adjust(pace)

    def _adjust(self, pace: _Pace) -> None:
        busy = self._under_way.total() * 2 >= self._limit  # a lone request tells nothing about a crowd
        if pace.flat and busy:
            self._limit = min(float(self.most), self._limit + 1 / self._limit)
        elif pace.slow:
            self._limit = max(1.0, self._limit - 1 / self._limit)


_limiters: weakref.WeakValueDictionary[str, Limiter] = weakref.WeakValueDictionary()
_guard = threading.Lock()


def limiter_of(host: str, most: int) -> Limiter:
    """
    Return the one limiter of a host: all spaces that are open at the same time share it, so that fifty targets do not
    mean four hundred connections. It lives as long as somebody holds it.
    """
    with _guard:
        limiter = _limiters.get(host)
        if limiter is None:
            limiter = _limiters[host] = Limiter(most)
        else:
            limiter.narrow(most)
        return limiter
