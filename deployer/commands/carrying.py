"""The engine put together for one target: the run's identity, its settings, its progress and its signals."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from deployer.adapters import process
from deployer.adapters.kibana import KibanaWriter
from deployer.adapters.surroundings import SystemClock
from deployer.commands.leftovers import may_live
from deployer.commands.provenance import provenance_of
from deployer.commands.target import WriteTarget
from deployer.commands.workspace import Workspace
from deployer.core.ports import Body
from deployer.executor.interrupt import Interruption
from deployer.executor.lease import Terms
from deployer.executor.ledger import Holder
from deployer.executor.transaction import Run

_EMBEDDED_HORIZON = 2.0  # seconds; the sandbox of this very command cannot answer later than that


class Carrier:
    """What the runs of one command share: one id (its targets share a deployment number), and being interrupted."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.interruption = Interruption(stop=self._wake, cut=self._cut)
        self._guarded = False
        self._writers: list[KibanaWriter] = []

    @cached_property
    def run_id(self) -> str:
        """The identity of this run: CI's page where there is one, so that a person can find it again."""
        return uuid.uuid4().hex

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """
        Within the block a signal stops the run in good order, and not the process. Main thread only; blocks may nest.
        """
        if self._guarded:
            yield
            return
        self._guarded = True
        try:
            with self.interruption.watched(), process.signals_to(self.interruption.signal):
                yield
        finally:
            self._guarded = False

    def run(
        self, target: WriteTarget, *, read: tuple[Body, ...] | None = None, wait: float = 0.0, reason: str = ""
    ) -> Run:
        """Return the run for one target; `reason` is what was said of it, "" leaves that to the plan."""
        workspace, connection = self.workspace, target.environment.connection
        self._writers.append(target.kibana)
        stack = target.kibana.status().version
        return Run(
            writer=target.kibana,
            many=target.kibana.map_concurrently,
            ledger=target.ledger,
            clock=workspace.clock,
            marker=workspace.project.marker,
            holder=self.holder(),
            run_id=self.run_id,
            terms=Terms(
                lease=workspace.surroundings.lease or 120.0,
                horizon=workspace.surroundings.horizon
                or (_EMBEDDED_HORIZON if target.environment.sandbox else connection.horizon),
                timeout=min(
                    connection.connect_timeout + connection.read_timeout, (workspace.surroundings.lease or 120.0) / 2
                ),
                wait=wait,
                alive=may_live(workspace),
            ),
            provenance=provenance_of(workspace, stack=stack, kibana_user=target.kibana.user()),
            interrupted=self.interruption.is_set,
            progress=workspace.console.step,
            skip_conflicts=target.environment.ownership.conflict == "skip",
            already_read=read,
            lists=target.kibana.lists,
            reason=reason,
        )

    def holder(self) -> Holder:
        """Return who holds a lock that this run takes."""
        surroundings = self.workspace.surroundings
        return Holder(surroundings.actor, surroundings.host, process.pid(), process.boot_id(), surroundings.ci_run_url)

    def _wake(self) -> None:
        """End every sleep: a run that is to stop waits for nothing."""
        if isinstance(self.workspace.clock, SystemClock):
            self.workspace.clock.stop.set()

    def _cut(self) -> None:
        for writer in self._writers:
            writer.cut()
