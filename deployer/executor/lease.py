"""
Who may write: a lease on the target's lock record (transactions.md 5.7).

Acquire, renew, commit and release are each one compare-and-swap; every acquire raises the token. Kibana does not check
the token, so a holder fences itself: whoever wants to send renews the lease first when a third of it is gone, and sends
nothing once a request might outlive it. No thread renews in the background: a run that hangs must lose its lease.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from deployer.core.ports import Clock
from deployer.errors import IncompleteError, InterruptedRunError, Refusal, RefusedError, StateError
from deployer.executor.ledger import Head, Holder, Ledger, Lock

_MARGIN: Final = 5.0
_LOOK_AGAIN: Final = 2.0
_RESERVE: Final = 0.6  # of the lease at most is kept free for the last request, however short the lease
_RENEW_AFTER: Final = 1 / 3  # of the lease


@dataclass(frozen=True, slots=True)
class Terms:
    """
    The settings of a lease, in seconds; `timeout` is how long one request may take. `alive` is False only for a holder
    that is provably gone: same machine, same boot, and no such process.
    """

    lease: float = 120.0
    horizon: float = 150.0
    timeout: float = 60.0
    wait: float = 0.0
    alive: Callable[[Holder], bool] = lambda _: True

    @property
    def renew_after(self) -> float:
        """The age at which a lease is renewed before the next request."""
        return self.lease * _RENEW_AFTER

    @property
    def last_send(self) -> float:
        """The age after which nothing may be sent: a request must end within the lease."""
        return self.lease - min(self.timeout + _MARGIN, self.lease * _RESERVE)


class LostLockError(IncompleteError):
    """The lock went to somebody else while we were at work; they recover what we did, and we touch nothing more."""


class ServerClock:
    """Kibana's clock, learned once from its `Date` header and carried on by our monotonic one (transactions.md 5.3)."""

    def __init__(self, clock: Clock, date: datetime | None) -> None:
        self._clock = clock
        self._date = date or clock.now()
        self._since = clock.monotonic()

    def now(self) -> datetime:
        """Return the time at Kibana."""
        return self._date + timedelta(seconds=self._clock.monotonic() - self._since)

    def stamp(self, after: float = 0.0) -> str:
        """Return the time at Kibana in `after` seconds, as ISO UTC with milliseconds."""
        return iso(self.now() + timedelta(seconds=after))


class Lease:
    """A held lock. `may_send` and `keep` are safe to call from the threads that send."""

    def __init__(self, ledger: Ledger, clock: Clock, terms: Terms, server: ServerClock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._terms = terms
        self._server = server
        self._lock = Lock()
        self._version: str | None = None
        self._taken = 0.0
        self._mutex = threading.RLock()
        self.held = False

    @property
    def token(self) -> int:
        """The fencing token of this lease."""
        return self._lock.token

    @property
    def tx(self) -> str:
        """The transaction that the lock names."""
        return self._lock.tx

    def acquire(
        self, holder: Holder, run: str, *, left: Callable[[Lock], bool], interrupted: Callable[[], bool]
    ) -> Head:
        """
        Take the lock for a new transaction; return what the target's head was. Waits up to `terms.wait` for a holder.

        `left` says whether an abandoned lock leaves writes behind: then RefusedError (recovery). Raises RefusedError
        (locked) naming the holder, InterruptedRunError during the wait.
        """
        deadline = self._clock.monotonic() + self._terms.wait
        while True:
            head = self._ledger.head()
            blocked = self._in_the_way(head.lock, left)
            if blocked is None:
                if self._take(head, holder, f"{head.lock.token + 1:06}-{run[:8]}"):
                    return head
            elif blocked.refusal is Refusal.RECOVERY or self._clock.monotonic() >= deadline:
                raise blocked
            if interrupted():
                raise InterruptedRunError("interrupted while waiting for the lock; nothing was sent")
            self._clock.sleep(_LOOK_AGAIN if blocked else 0.05)

    def take_over(self, holder: Holder, *, waiting: Callable[[float], None]) -> Head | None:
        """
        Take the lock that an interrupted apply left, keeping its transaction; None where the lock is free.

        A lease that ran out without its holder being provably gone is taken once the horizon has passed as well:
        `waiting` is told the seconds and waits them. Raises RefusedError (locked) while the holder may still write and
        `terms.wait` is over.
        """
        deadline = self._clock.monotonic() + self._terms.wait
        while True:
            head = self._ledger.head()
            if head.lock.state == "free":
                return None
            if head.lock.state == "held" and not self._gone(head.lock):
                left = self._until_abandoned(head.lock)
                patience = deadline - self._clock.monotonic()
                if left > self._terms.horizon and patience <= 0:
                    raise self._locked(head.lock)
                if left > 0:
                    waiting(left if left <= self._terms.horizon else min(patience, _LOOK_AGAIN))
                    continue  # the holder may have come back meanwhile
            if self._take(head, holder, head.lock.tx):
                return head

    def may_send(self) -> bool:
        """
        Renew the lease if it is due, and say whether a request sent now ends within it.

        Raises LostLockError if the lock is not ours any more, StateError if the store does not answer and the lease is
        too short without it.
        """
        with self._mutex:
            try:
                self.keep()
            except StateError:
                if self._age() > self._terms.last_send:
                    raise
            return self._age() <= self._terms.last_send

    def keep(self) -> None:
        """Renew the lease once a third of it is gone. Raises LostLockError, StateError."""
        with self._mutex:
            if self._age() >= self._terms.renew_after:
                started = self._clock.monotonic()
                self._swap(replace(self._lock, expires_at=self._expiry()))
                self._taken = started

    def commit(self, number: int) -> None:
        """Move the target's head to a record: the pivot of an apply. Raises LostLockError, StateError."""
        self._swap(replace(self._lock, head=number, committed=True, expires_at=self._expiry()))

    def committed(self, number: int) -> bool:
        """Ask the store whether the pivot happened, after a swap whose answer was lost."""
        now, version = self._ledger.lock()
        if now.token != self._lock.token:
            raise self._lost()
        self._lock, self._version = now, version
        return now.head == number and now.committed

    def release(self) -> None:
        """Free the lock."""
        self._swap(replace(self._lock, state="free", tx="", holder=Holder(), since="", expires_at="", committed=False))
        self.held = False

    def leave_for_recovery(self) -> None:
        """Keep the lock, marked as needing `recover`; `expires_at` says since when nothing is sent any more."""
        self._swap(replace(self._lock, state="needs_recovery", expires_at=self._server.stamp()))
        self.held = False

    def _age(self) -> float:
        return self._clock.monotonic() - self._taken

    def _in_the_way(self, lock: Lock, left: Callable[[Lock], bool]) -> RefusedError | None:
        if lock.state == "free":
            return None
        if lock.state == "held" and not self._gone(lock) and self._until_abandoned(lock) > 0:
            return self._locked(lock)
        return self._recovery(lock) if left(lock) else None

    def _recovery(self, lock: Lock) -> RefusedError:
        name = self._ledger.target.name
        return RefusedError(
            f"an apply to {name} by {lock.holder} was interrupted, begun {lock.since[:16].replace('T', ' ')} UTC; "
            "recover it first, or apply with --recover",
            Refusal.RECOVERY,
            hint=f"deployer recover -e {name}",
        )

    def _locked(self, lock: Lock) -> RefusedError:
        return RefusedError(
            f"{self._ledger.target.name} is locked by {lock.holder} until {lock.expires_at[11:19]} UTC",
            Refusal.LOCKED,
            hint="wait for it with --wait 5m",
        )

    def _gone(self, lock: Lock) -> bool:
        return not self._terms.alive(lock.holder)

    def _until_abandoned(self, lock: Lock) -> float:
        """Return the seconds until a held lock may be taken over: its expiry and the horizon, on Kibana's clock."""
        over = moment(lock.expires_at) + timedelta(seconds=self._terms.horizon)
        return (over - self._server.now()).total_seconds()

    def _take(self, head: Head, holder: Holder, tx: str) -> bool:
        started = self._clock.monotonic()
        lock = replace(
            head.lock,
            state="held",
            token=head.lock.token + 1,
            holder=holder,
            tx=tx,
            since=self._server.stamp(),
            expires_at=self._expiry(),
            committed=head.lock.committed and tx == head.lock.tx,
        )
        version = self._ledger.swap_lock(lock, head.version)
        if version is None:
            return False
        self._lock, self._version, self._taken, self.held = lock, version, started, True
        return True

    def _swap(self, lock: Lock) -> None:
        """Swap the record; an earlier swap of ours whose answer was lost shows as our own token, and is no loss."""
        with self._mutex:
            for _ in range(2):
                version = self._ledger.swap_lock(lock, self._version)
                if version is not None:
                    self._lock, self._version = lock, version
                    return
                now, self._version = self._ledger.lock()
                if now.token != self._lock.token:
                    break
            raise self._lost()

    def _lost(self) -> LostLockError:
        self.held = False
        name = self._ledger.target.name
        return LostLockError(
            f"the lock of {name} was taken over while this run was at work; it stopped at once",
            hint=f"deployer recover -e {name}",
        )

    def _expiry(self) -> str:
        return self._server.stamp(self._terms.lease)


def iso(when: datetime) -> str:
    """Return a moment as ISO UTC with milliseconds, the form of every time in the store."""
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """Return the moment of such a text. Raises StateError if it is none."""
    try:
        return datetime.fromisoformat(text)
    except ValueError as exc:
        raise StateError(f'the state store has a time that is none: "{text}"') from exc
