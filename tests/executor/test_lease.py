"""The lock: who may write, for how long, and who may take over (transactions.md 5.7; issue 5, point 2)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deployer.adapters.state.file import FileStore
from deployer.errors import InterruptedRunError, Refusal, RefusedError, StateError
from deployer.executor.lease import Lease, LostLockError, ServerClock, Terms
from deployer.executor.ledger import Holder, Ledger, Lock
from tests.support.fake_kibana import MemoryStore, VirtualClock
from tests.support.fault_scenarios import TARGET

CI = Holder("ci-main", "runner-1", 41, "boot-a", "https://ci.example/run/7")
LAPTOP = Holder("ada", "laptop", 42, "boot-b")


class World:
    """One store and one clock; `lease` opens a further handle, as another process would."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.data: dict[str, bytes] = {}
        self.stores: list[MemoryStore] = []

    def lease(self, **terms: object) -> Lease:
        """Return an unheld lease."""
        self.stores.append(MemoryStore(self.data))
        ledger = Ledger(self.stores[-1], TARGET, "acme")
        return Lease(ledger, self.clock, replace(Terms(), **terms), ServerClock(self.clock, self.clock.now()))

    def lock(self) -> Lock:
        """Return the lock record."""
        return Ledger(MemoryStore(self.data), TARGET, "acme").lock()[0]


def acquire(
    lease: Lease, holder: Holder = LAPTOP, *, left: bool = True, interrupted: Callable[[], bool] = lambda: False
):
    """Acquire a lease for a test."""
    return lease.acquire(holder, "0123456789", left=lambda lock: left, interrupted=interrupted)


def test_a_lock_names_its_holder_and_refuses_everybody_else() -> None:
    """The second run is refused as locked, with the holder's name and CI run."""
    world = World()
    acquire(world.lease(), CI)

    with pytest.raises(RefusedError, match=r"ci-main \(https://ci.example/run/7\)") as refused:
        acquire(world.lease())

    assert refused.value.refusal is Refusal.LOCKED


def test_every_acquire_raises_the_token_and_the_record_stays() -> None:
    """A released lock is free, and the next holder has a higher token."""
    world = World()
    first = world.lease()
    acquire(first, CI)
    first.release()

    assert (world.lock().state, world.lock().token, world.lock().holder) == ("free", 1, Holder())
    second = world.lease()
    acquire(second)
    assert second.token == 2


def test_an_abandoned_lock_is_taken_only_after_expiry_and_horizon() -> None:
    """A holder that went silent keeps the lock until its lease and the horizon are over."""
    world = World()
    acquire(world.lease(lease=120, horizon=150), CI)

    world.clock.sleep(269)
    with pytest.raises(RefusedError) as locked:
        acquire(world.lease(), left=False)
    world.clock.sleep(2)
    acquire(world.lease(), left=False)

    assert locked.value.refusal is Refusal.LOCKED
    assert world.lock().holder == LAPTOP


def test_an_abandoned_lock_with_writes_behind_it_needs_recovery() -> None:
    """Whoever comes after expiry and horizon is told to recover, not let in."""
    world = World()
    acquire(world.lease(), CI)
    world.clock.sleep(300)

    with pytest.raises(RefusedError, match="interrupted") as refused:
        acquire(world.lease(), left=True)

    assert refused.value.refusal is Refusal.RECOVERY
    assert "deployer recover -e prod" in refused.value.hint


def test_a_holder_that_is_provably_gone_needs_no_expiry() -> None:
    """Same machine, same boot, no such process: the lock may be recovered at once."""
    world = World()
    acquire(world.lease(), CI)
    lease = world.lease(alive=lambda holder: holder != CI)

    head = lease.take_over(LAPTOP, waiting=lambda seconds: pytest.fail("waited"))

    assert head is not None
    assert (lease.token, world.lock().holder, world.lock().tx) == (2, LAPTOP, head.lock.tx)


def test_taking_over_a_lease_that_just_ran_out_waits_for_the_horizon() -> None:
    """A recovery that comes right after expiry waits, through the clock, and then takes over."""
    world = World()
    acquire(world.lease(lease=120, horizon=150), CI)
    world.clock.sleep(130)
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        world.clock.sleep(seconds)

    world.lease(horizon=150).take_over(LAPTOP, waiting=wait)

    assert waited[0] == pytest.approx(140, abs=1)


def test_a_live_holder_is_not_taken_over() -> None:
    """Recover refuses as locked while the holder may still write."""
    world = World()
    acquire(world.lease(), CI)

    with pytest.raises(RefusedError) as refused:
        world.lease().take_over(LAPTOP, waiting=lambda seconds: None)

    assert refused.value.refusal is Refusal.LOCKED


def test_taking_over_waits_for_a_live_holder_as_long_as_asked() -> None:
    """`apply --recover --wait`: a holder that ends leaves nothing to take over; one that does not refuses."""
    world = World()
    first = world.lease()
    acquire(first, CI)
    world.clock.later(20, first.release)

    assert world.lease(wait=60).take_over(LAPTOP, waiting=world.clock.sleep) is None
    assert 20 <= world.clock.seconds < 24

    acquire(world.lease(lease=600), CI)
    with pytest.raises(RefusedError, match="is locked by"):
        world.lease(wait=60).take_over(LAPTOP, waiting=world.clock.sleep)
    assert 80 <= world.clock.seconds < 88


def test_a_holder_renews_while_it_works() -> None:
    """Asking to send, again and again, keeps the lease for as long as the work takes."""
    world = World()
    lease = world.lease(lease=120)
    acquire(lease, CI)

    for _ in range(100):
        world.clock.sleep(30)
        assert lease.may_send()

    with pytest.raises(RefusedError):
        acquire(world.lease())


def test_a_paused_holder_that_was_taken_over_sends_nothing_more() -> None:
    """It finds out before its next request, and touches nothing."""
    world = World()
    paused = world.lease()
    acquire(paused, CI)
    world.clock.sleep(300)
    world.lease().take_over(LAPTOP, waiting=lambda seconds: None)

    with pytest.raises(LostLockError, match="taken over"):
        paused.may_send()

    assert not paused.held


def test_a_holder_fences_itself_when_the_store_is_down() -> None:
    """Without a renewal it goes on only as long as a request is sure to end within the lease."""
    world = World()
    lease = world.lease(lease=120, timeout=60)
    acquire(lease, CI)
    world.stores[-1].down = True

    world.clock.sleep(45)
    assert lease.may_send()  # 75 s left, a request takes 60 at most
    world.clock.sleep(15)
    with pytest.raises(StateError):
        lease.may_send()


def test_a_renewal_whose_answer_was_lost_is_no_loss_of_the_lock() -> None:
    """A swap that happened without its answer coming back is recognised by our own token."""
    world = World()
    lease = world.lease()
    acquire(lease, CI)
    store = world.stores[-1]
    real = store.replace

    def answer_lost(name: str, data: bytes, version: str | None) -> str | None:
        real(name, data, version)
        store.replace = real
        raise StateError("no answer")

    store.replace = answer_lost
    world.clock.sleep(50)
    assert lease.may_send()  # the store did not answer, and there is time left
    world.clock.sleep(50)

    assert lease.may_send()
    assert lease.held


def test_wait_takes_the_lock_as_soon_as_it_is_free() -> None:
    """`--wait` looks again until the holder is done."""
    world = World()
    first = world.lease()
    acquire(first, CI)
    world.clock.later(20, first.release)

    acquire(world.lease(wait=60))

    assert 20 <= world.clock.seconds < 24
    assert world.lock().holder == LAPTOP


def test_wait_ends_when_interrupted() -> None:
    """A signal during the wait ends it; nothing was sent."""
    world = World()
    acquire(world.lease(), CI)

    with pytest.raises(InterruptedRunError, match="nothing was sent"):
        acquire(world.lease(wait=600), interrupted=lambda: world.clock.seconds > 5)


def test_the_clock_that_counts_is_kibanas() -> None:
    """Two machines whose clocks differ by an hour agree on when a lease is over."""
    world = World()
    acquire(world.lease(lease=120, horizon=150), CI)
    ledger = Ledger(MemoryStore(world.data), TARGET, "acme")

    class Ahead(VirtualClock):
        """An hour fast."""

        def now(self):
            return super().now() + timedelta(hours=1)

    other = Lease(ledger, Ahead(), Terms(horizon=150), ServerClock(Ahead(), world.clock.now()))

    with pytest.raises(RefusedError) as refused:
        acquire(other)

    assert refused.value.refusal is Refusal.LOCKED


def test_of_many_that_race_for_a_lock_in_a_folder_exactly_one_gets_it(tmp_path: Path) -> None:
    """Sixteen threads with a handle each on a real file store: one holder, fifteen refusals, sixteen times over."""
    for attempt in range(16):
        assert sorted(_race(tmp_path / str(attempt), 16)) == ["held", *["locked"] * 15]


def _race(root: Path, count: int) -> list[str]:
    results: list[str] = []
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        clock = VirtualClock()
        server = ServerClock(clock, clock.now())
        lease = Lease(Ledger(FileStore(root, "file"), TARGET, "acme"), clock, Terms(), server)
        barrier.wait()
        try:
            acquire(lease, Holder(f"run-{number}"))
            results.append("held")
        except RefusedError as exc:
            results.append(exc.refusal.value)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
