"""
One running apply: its lease, its journal, what it read, what it sent, and how to go on from there.

`carry_out` is the one way in which a write reaches Kibana: intent durable, request sent once, outcome noted, an unknown
outcome resolved by reading (transactions.md 5.4 and 5.5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from deployer.core.outcomes import Outcome, Status
from deployer.core.plan import Plan
from deployer.core.ports import Body, Clock, Concurrency, RuleWriter
from deployer.core.record import Provenance
from deployer.errors import DeployerError, RemoteError, UnknownOutcomeError
from deployer.executor.journal import Intent, Journal
from deployer.executor.lease import Lease, Terms
from deployer.executor.ledger import Holder, Ledger


class Progress(Protocol):
    """Told how far a step is."""

    def __call__(self, name: str, done: int, total: int) -> None:
        """Take note."""
        ...


def silent(name: str, done: int, total: int) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Run:
    """Everything that carrying out a plan needs: the outside as Protocols, the settings, and who does it."""

    writer: RuleWriter
    many: Concurrency
    ledger: Ledger
    clock: Clock
    marker: str
    holder: Holder
    run_id: str
    terms: Terms = field(default_factory=Terms)
    provenance: Provenance = field(default_factory=Provenance)
    interrupted: Callable[[], bool] = lambda: False
    progress: Progress = silent
    settle: float = 5.0
    skip_conflicts: bool = False
    already_read: tuple[Body, ...] | None = None


class ConflictError(DeployerError):
    """A planned field has neither its before nor its after; carries the outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


class FencedError(DeployerError):
    """The lease is too short for another request."""


@dataclass
class Step:
    """One write: how to send it, what it makes, and how to see afterwards whether it happened."""

    op: str
    rule_id: str
    before: Body | None
    image: str
    send: Callable[[], Body | None]
    done: Callable[[Body | None], bool]
    undone: Callable[[Body | None], bool]
    repeatable: bool = True  # a PUT or a flip may be sent again at once; a POST only after the horizon


class Transaction:
    """The state of one apply or recovery."""

    def __init__(self, run: Run, plan: Plan, tx: str) -> None:
        self.run = run
        self.plan = plan
        self.tx = tx
        self.skew = timedelta(0)
        self.lease = Lease(run.ledger, run.clock, run.terms, self.server_now)
        self.journal = Journal(run.ledger, tx, 0)
        self.before: dict[str, Body | None] = {}
        self.images: dict[str, set[str]] = {}
        self.flipped: dict[str, bool] = {}
        self.outcomes: list[Outcome] = []
        self.sent = 0
        self.risky_until = 0.0

    def server_now(self) -> datetime:
        """Kibana's clock, as far as we know it."""
        return self.run.clock.now() + self.skew

    def stamp(self) -> str:
        """Kibana's clock as ISO UTC."""
        return self.server_now().isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def set_clock(self, server: datetime | None) -> None:
        """Learn Kibana's clock from an answer."""
        if server is not None:
            self.skew = server - self.run.clock.now()

    def note(self, rule_id: str, op: str, status: Status, detail: str = "") -> None:
        """Note what became of a write."""
        self.outcomes.append(Outcome(rule_id, op, status, detail))
        self.journal.outcome(rule_id, op, status.value, detail)

    def remember(self, intents: Iterable[Intent]) -> None:
        """Keep the first before-image of each rule, and every image that we make of it."""
        for intent in intents:
            self.before.setdefault(intent.rule_id, intent.before)
            self.images.setdefault(intent.rule_id, set())
            if intent.image:
                self.images[intent.rule_id].add(intent.image)
            if intent.op in ("enable", "disable"):
                self.flipped[intent.rule_id] = intent.op == "enable"

    def carry_out(self, name: str, batches: Iterable[Sequence[Step]], total: int) -> list[Step]:
        """
        Send every step of every batch, each once; return those whose outcome nobody saw.

        Stops after the first failure, which is noted. A batch's intents are durable before its
        first step is sent; batches are drawn lazily, so their reads happen right before their writes.
        """
        unknown: list[Step] = []
        sent = self.run.many(self._send, self._intended(batches), stop=self._must_stop)
        for count, (step, result) in enumerate(sent, 1):
            if isinstance(result, UnknownOutcomeError):
                self.risk()
                unknown.append(step)
            elif isinstance(result, ConflictError):
                self.note(step.rule_id, step.op, result.outcome.status, result.outcome.detail)
            elif isinstance(result, FencedError):
                self.note(step.rule_id, step.op, Status.UNKNOWN, str(result))
            elif isinstance(result, DeployerError):
                self.note(step.rule_id, step.op, Status.REFUSED, str(result))
            else:
                self.note(step.rule_id, step.op, Status.APPLIED)
            self.run.progress(name, count, total)
        return unknown

    def failed(self) -> bool:
        """Say whether any write was refused, met a conflict, or stayed unknown."""
        return any(o.status in (Status.REFUSED, Status.CONFLICT, Status.UNKNOWN) for o in self.outcomes)

    def wait_for_the_horizon(self) -> None:
        """Wait until no request of ours can still land; at once where every answer arrived."""
        while (left := self.risky_until - self.run.clock.monotonic()) > 0 and not self.run.interrupted():
            self.run.progress(f"waiting {left:.0f} s: a request without an answer may still land", 0, 1)
            self.run.clock.sleep(min(left, 5.0))

    def settled(self, step: Step) -> bool:
        """
        Resolve a step whose outcome nobody saw; return whether it is done, and note it.

        It is read; where it has not happened a PUT is sent again at once, a POST only after the horizon.
        """
        for attempt in range(2):
            live = self.live(step.rule_id)
            if step.done(live):
                self.note(step.rule_id, step.op, Status.READBACK)
                return True
            if not step.undone(live):
                self.note(
                    step.rule_id, step.op, Status.CONFLICT, "changed by somebody else while our write was under way"
                )
                return False
            if attempt or self.run.interrupted():
                break
            if not step.repeatable:
                self.wait_for_the_horizon()
                if step.done(self.live(step.rule_id)):
                    self.note(step.rule_id, step.op, Status.READBACK)
                    return True
            if self._sent_again(step):
                return True
        self.note(step.rule_id, step.op, Status.UNKNOWN, "no answer, twice")
        return False

    def live(self, rule_id: str) -> Body | None:
        """Read one rule. Raises RemoteError."""
        return self.run.writer.rule(rule_id)

    def _sent_again(self, step: Step) -> bool:
        try:
            self._send(step)
        except UnknownOutcomeError:
            self.risk()
            return False
        except RemoteError:
            return False  # the read of the next round says what is there now
        self.note(step.rule_id, step.op, Status.APPLIED)
        return True

    def _send(self, step: Step) -> Body | None:
        if not self.lease.may_send():
            raise FencedError("the lease is nearly over: not sent")
        self.sent += 1
        return step.send()

    def _intended(self, batches: Iterable[Sequence[Step]]) -> Iterator[Step]:
        for batch in batches:
            self.intend(batch)
            yield from batch

    def intend(self, batch: Sequence[Step]) -> None:
        """Make the intents of a batch durable, and remember its before-images."""
        self.lease.keep()
        intents = [Intent(step.op, step.rule_id, step.before, step.image) for step in batch]
        self.remember(intents)
        self.journal.intend(intents, self.stamp())

    def risk(self) -> None:
        """Note that a request without an answer may land until the horizon has passed."""
        self.risky_until = self.run.clock.monotonic() + self.run.terms.horizon

    def _must_stop(self) -> bool:
        return self.run.interrupted() or self.failed()
