"""
The lock on what all spaces of one Kibana share: agnostic exception lists.

Two targets have locks of their own, and would write one agnostic list at the same time. Whoever writes one also takes
the lock of that Kibana, after its own and never the other way round, so that two runs cannot wait for each other. It
has no journal: what an interrupted run did to a shared list stands in the journal of its target.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from deployer.core.plan import Target
from deployer.errors import DeployerError
from deployer.executor.lease import Lease
from deployer.executor.ledger import Ledger
from deployer.executor.transaction import Transaction

_SPACE: Final = "agnostic"


@contextmanager
def common_lock(tx: Transaction) -> Iterator[None]:
    """
    Hold the lock of the Kibana within the block, if the plan writes what its spaces share; it waits as long as that of
    the target does. Raises RefusedError (locked), StateError, InterruptedRunError.
    """
    if not any(dependency.shared for dependency in tx.plan.dependencies):
        yield
        return
    run = tx.run
    ledger = Ledger(run.ledger.store, shared_target(tx.plan.target), run.ledger.project)
    lease = Lease(ledger, run.clock, run.terms, tx.server)
    lease.acquire(run.holder, run.run_id, left=lambda _: False, interrupted=run.interrupted)
    tx.common = lease
    try:
        yield
    finally:
        tx.common = None
        _free(lease)


def shared_target(target: Target) -> Target:
    """Return the target under which the lock of a Kibana stands; no environment is called like it."""
    name = hashlib.sha256(target.url.encode()).hexdigest()[:16]
    return Target(f"_kibana-{name}", _SPACE, f"the shared lists of {target.url}", target.url)


def _free(lease: Lease) -> None:
    """Free the lock; where the store does not take it, the lease runs out by itself."""
    try:
        if lease.held:
            lease.release()
    except DeployerError:
        return
