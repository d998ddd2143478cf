"""
Reads are sent until they are answered, writes exactly once; both end as a decoded value or as one of our errors.

A read is sent again after a failed exchange and after 429, 502, 503 and 504, with delays of 0.5, 1, 2 and 4 seconds, or
what Retry-After asks for, as long as the next try starts within `connect_timeout` + `read_timeout` of the first. The
same sum bounds each single exchange. Nothing starts after `run_timeout`. There is no jitter: a run is one client, and
the limiter, not chance, keeps its requests apart.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Protocol, TypeVar
from urllib.parse import quote

from deployer.adapters.kibana.crew import map_concurrently
from deployer.adapters.kibana.exchange import Answer, Call, ShapeError, Traffic, WireError
from deployer.adapters.kibana.limiter import Limiter
from deployer.adapters.kibana.words import Words, is_absence
from deployer.core.environment import Connection
from deployer.core.ports import Clock
from deployer.errors import DeployerError

T = TypeVar("T")
R = TypeVar("R")

_PASSING = frozenset({429, 502, 503, 504})  # what may be gone at the next try
_DELAYS = (0.5, 1.0, 2.0, 4.0)


class Sender(Protocol):
    """What the session needs of the wire."""

    def send(self, call: Call, prefix: str, deadline: float) -> tuple[Answer, int]:
        """Send once; return the answer and the bytes received. Raises WireError."""
        ...

    def cut(self) -> None:
        """End every exchange that is under way, and start no further one."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class Session:
    """One space of one Kibana, for one run. Safe to use from several threads."""

    def __init__(self, wire: Sender, connection: Connection, words: Words, *, limiter: Limiter, clock: Clock) -> None:
        self._wire, self._connection, self._words = wire, connection, words
        self._limiter, self._clock = limiter, clock
        self._prefix = "" if words.space == "default" else "/s/" + quote(words.space, safe="")
        self._patience = connection.connect_timeout + connection.read_timeout
        self._guard = threading.Lock()
        self._traffic = Traffic()
        self.renew()

    @property
    def space(self) -> str:
        """The id of the space."""
        return self._words.space

    @property
    def traffic(self) -> Traffic:
        """What was exchanged so far."""
        return self._traffic

    def renew(self) -> None:
        """Start `run_timeout` afresh."""
        self._run_ends = self._clock.monotonic() + self._connection.run_timeout

    def cut(self) -> None:
        """End every exchange that is under way, and start no further one. Called from another thread."""
        self._wire.cut()

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def read(self, call: Call, decode: Callable[[Answer], T]) -> T:
        """Return the decoded answer to a call that changes nothing. Raises the RemoteError branch."""
        answer = self._answer(call)
        if not answer.ok:
            raise self._words.not_read(call, answer)
        return self._decoded(call, answer, decode)

    def read_or_none(self, call: Call, decode: Callable[[Answer], T]) -> T | None:
        """As `read`; None where Kibana's Security routes say that the object is not there, and only then."""
        answer = self._answer(call)
        if is_absence(answer):
            return None
        if not answer.ok:
            raise self._words.not_read(call, answer)
        return self._decoded(call, answer, decode)

    def write(self, call: Call, decode: Callable[[Answer], T], *, also: int | None = None) -> T:
        """
        Send a write once and return the decoded answer, which a 2xx or the status `also` may carry.

        Raises RemoteError for a definite refusal (its UnreachableError branch: nothing was sent), UnknownOutcomeError
        for everything else.
        """
        try:
            answer = self._exchange(call)
        except WireError as failure:
            if failure.sent:
                raise self._words.unseen(call, str(failure)) from None
            raise self._words.unreached(call, failure) from None
        if not answer.ok and answer.status != also:
            raise self._words.not_written(call, answer)
        try:
            return decode(answer)
        except ShapeError as exc:
            if not answer.ok:
                raise self._words.not_written(call, answer) from None
            raise self._words.unseen(call, f"the answer {exc}", answer.status) from None

    def map_concurrently(
        self, function: Callable[[T], R], items: Iterable[T], *, stop: Callable[[], bool]
    ) -> Iterator[tuple[T, R | DeployerError]]:
        """As `crew.map_concurrently`, under the limiter of this Kibana."""
        return map_concurrently(function, items, stop=stop, limiter=self._limiter)

    def gather(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Return the results of reads that may run at once, in the order of `items`. Raises the first error."""
        results: dict[int, R] = {}
        for (index, _), result in self.map_concurrently(
            lambda numbered: function(numbered[1]), enumerate(items), stop=lambda: False
        ):
            if isinstance(result, DeployerError):
                raise result
            results[index] = result
        return [results[index] for index in sorted(results)]

    def _decoded(self, call: Call, answer: Answer, decode: Callable[[Answer], T]) -> T:
        try:
            return decode(answer)
        except ShapeError as exc:
            raise self._words.misshapen(call, answer, exc) from None

    def _answer(self, call: Call) -> Answer:
        """Send a read until it is answered for good, or patience ends."""
        started = self._clock.monotonic()
        for tries, delay in enumerate((*_DELAYS, None), start=1):
            try:
                answer = self._exchange(call)
            except WireError as failure:
                if failure.lasting or not self._wait(started, delay):
                    raise self._words.unreached(call, failure, tries) from None
                continue
            if answer.status not in _PASSING or not self._wait(started, delay, self._retry_after(answer)):
                return answer
        raise AssertionError("the last delay is None, which ends the loop")

    def _wait(self, started: float, delay: float | None, asked: float | None = None) -> bool:
        """Wait before the next try; return False, at once, where there shall be none."""
        if delay is None:
            return False
        delay = delay if asked is None else asked
        next_try = self._clock.monotonic() + delay
        if next_try > min(started + self._patience, self._run_ends):
            return False
        self._clock.sleep(delay)
        return True

    def _retry_after(self, answer: Answer) -> float | None:
        """The seconds that the server asks for, as a number or as a date."""
        text = answer.headers.get("retry-after", "").strip()
        if text.isdecimal():
            return float(text)
        until = http_date(text)
        if until is None:
            return None
        now = http_date(answer.headers.get("date", "")) or self._clock.now()
        return max(0.0, (until - now).total_seconds())

    def _exchange(self, call: Call) -> Answer:
        """Send once, within the limits of the host, of the exchange and of the run. Raises WireError."""
        with self._limiter.slot(call.family, call.at_most) as slot:
            started = self._clock.monotonic()
            if started >= self._run_ends:
                reason = f"the run has used up its {self._connection.run_timeout:g} s (run_timeout)"
                raise WireError(reason, sent=False, lasting=True, hint="raise run_timeout in [kibana]")
            received = 0
            try:
                answer, received = self._wire.send(call, self._prefix, min(started + self._patience, self._run_ends))
                slot.troubled = answer.status == 429 or answer.status >= 500
                slot.seconds = self._clock.monotonic() - started
            except WireError:
                slot.troubled = True
                raise
            finally:
                self._count(call, received)
        return answer

    def _count(self, call: Call, received: int) -> None:
        with self._guard:
            seen = self._traffic
            sent = seen.sent + len(call.body or b"")
            self._traffic = Traffic(seen.requests + 1, sent, seen.received + received)


def http_date(text: str) -> datetime | None:
    """Return the time of an HTTP date header, in its time zone; None for anything else."""
    from email.utils import parsedate_to_datetime  # imports half of `email`; --help must not pay

    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else None
