"""
Who may write: a lease on the target's lock record (transactions.md 5.7).

Acquire, renew and release are each one compare-and-swap; every acquire raises the token. Kibana does not check the
token, so a holder fences itself: it stops sending when its own monotonic clock nears the end of the lease.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from deployer.core.ports import Clock
from deployer.errors import Refusal, RefusedError, StateError
from deployer.executor.ledger import Head, Holder, Ledger, Lock

_MARGIN: Final = 5.0
_LOOK_AGAIN: Final = 2.0


@dataclass(frozen=True, slots=True)
class Terms:
    """The settings of a lease, in seconds. `alive` says whether a holder on this very machine still runs."""

    lease: float = 120.0
    horizon: float = 150.0
    timeout: float = 60.0
    wait: float = 0.0
    alive: Callable[[Holder], bool] = lambda _: True


class Lease:
    """A held lock. Not shared between processes; `may_send` is safe to ask from worker threads."""

    def __init__(self, ledger: Ledger, clock: Clock, terms: Terms, server_now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._terms = terms
        self._server_now = server_now
        self._lock = Lock()
        self._version: str | None = None
        self._until = 0.0

    @property
    def token(self) -> int:
        """The fencing token of this lease."""
        return self._lock.token

    def acquire(self, holder: Holder, tx: str) -> Head:
        """
        Take the lock; return what the target's head was. Waits up to `terms.wait` for a live holder.

        Raises RefusedError: `locked` naming the holder, or `recovery` where an interrupted apply left something.
        """
        deadline = self._clock.monotonic() + self._terms.wait
        while True:
            head = self._ledger.head()
            blocked = self._in_the_way(head.lock)
            if blocked is None:
                if self._take(head, holder, tx):
                    return head
            elif blocked.refusal is Refusal.RECOVERY or self._clock.monotonic() >= deadline:
                raise blocked
            self._clock.sleep(_LOOK_AGAIN if blocked else 0.05)

    def take_over(self, holder: Holder) -> Head:
        """Take a lock that an interrupted apply left. Raises RefusedError (locked) while its holder may still write."""
        head = self._ledger.head()
        if head.lock.state == "held" and not self._abandoned(head.lock):
            raise self._locked(head.lock)
        if not self._take(head, holder, head.lock.tx):
            raise RefusedError("somebody else is recovering this target", Refusal.LOCKED, hint="run it again")
        return head

    def may_send(self) -> bool:
        """Say whether a request sent now is sure to end within the lease."""
        return self._clock.monotonic() + self._terms.timeout + _MARGIN < self._until

    def keep(self) -> None:
        """Renew the lease once a third of it is gone. Raises StateError if the lock is not ours any more."""
        if self._until - self._clock.monotonic() < self._terms.lease * 2 / 3:
            self._swap(replace(self._lock, expires_at=self._expiry()))
            self._until = self._clock.monotonic() + self._terms.lease

    def commit(self, number: int) -> None:
        """Move the target's head to a record: the pivot of an apply."""
        self._swap(replace(self._lock, head=number))

    def release(self) -> None:
        """Free the lock."""
        self._swap(replace(self._lock, state="free", tx="", holder=Holder(), expires_at=""))

    def leave_for_recovery(self) -> None:
        """Keep the lock, marked as needing `recover`."""
        self._swap(replace(self._lock, state="needs_recovery"))

    def _in_the_way(self, lock: Lock) -> RefusedError | None:
        if lock.state == "free":
            return None
        if lock.state == "needs_recovery" or self._abandoned(lock):
            return RefusedError(
                f"an apply by {lock.holder} was interrupted, {lock.since[:16].replace('T', ' ')} UTC",
                Refusal.RECOVERY,
                hint=f"deployer recover -e {self._ledger.target.name}   (or apply with --recover)",
            )
        return self._locked(lock)

    def _locked(self, lock: Lock) -> RefusedError:
        return RefusedError(
            f"{self._ledger.target.name} is locked by {lock.holder} until {lock.expires_at[11:19]} UTC",
            Refusal.LOCKED,
            hint="wait for it with --wait 5m",
        )

    def _abandoned(self, lock: Lock) -> bool:
        """Say whether the holder can no longer write: dead on this machine, or its lease and the horizon are over."""
        if lock.state != "held":
            return True
        if not self._terms.alive(lock.holder):
            return True
        over = datetime.fromisoformat(lock.expires_at) + timedelta(seconds=self._terms.horizon)
        return self._server_now() > over

    def _take(self, head: Head, holder: Holder, tx: str) -> bool:
        lock = replace(
            head.lock,
            state="held",
            token=head.lock.token + 1,
            holder=holder,
            tx=tx,
            since=_iso(self._server_now()),
            expires_at=self._expiry(),
        )
        started = self._clock.monotonic()
        version = self._ledger.swap_lock(lock, head.version)
        if version is None:
            return False
        self._lock, self._version, self._until = lock, version, started + self._terms.lease
        return True

    def _swap(self, lock: Lock) -> None:
        version = self._ledger.swap_lock(lock, self._version)
        if version is None:
            raise StateError(
                f"the lock of {self._ledger.target.name} was taken over by somebody else",
                hint=f"deployer recover -e {self._ledger.target.name}",
            )
        self._lock, self._version = lock, version

    def _expiry(self) -> str:
        return _iso(self._server_now() + timedelta(seconds=self._terms.lease))


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
