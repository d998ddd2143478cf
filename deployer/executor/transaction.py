"""What one run is given from outside, and its state while it works: lease, journal, the rules it touches, outcomes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from deployer.core.outcomes import Outcome, Status
from deployer.core.plan import Plan
from deployer.core.ports import Body, Clock, Concurrency, Lists, RuleWriter
from deployer.core.record import Provenance
from deployer.executor.journal import Journal
from deployer.executor.lease import Lease, ServerClock, Terms
from deployer.executor.ledger import Holder, Ledger
from deployer.executor.needs import Needed
from deployer.executor.touched import Touched

FEW: Final = 2  # so many rules are looked up one by one: a search may be a second behind (facts.md 5.1)
BY_ID: Final = 50  # so many are read by an id filter, more by their marker (design section 7)
_SLICE: Final = 5.0  # seconds of waiting between two words to the user, and two looks at the lease


class Progress(Protocol):
    """Told how far a step is."""

    def __call__(self, name: str, done: int, total: int) -> None:
        """Take note."""
        ...


def silent(name: str, done: int, total: int) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Run:
    """
    Everything that carrying out a plan needs: the outside as Protocols, the settings, and who does it.

    `already_read` has the space as the plan read it, so that an apply that made its own plan does not read it twice.
    `settle` is how long reads may be behind writes, in seconds. `reason` is what a person says of this run; "" leaves
    it to the plan.
    """

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
    lists: Lists | None = None  # None only where no plan has lists
    already_read: tuple[Body, ...] | None = None
    reason: str = ""


class Transaction:
    """The state of one apply or recovery. `rules` has every rule that the plan touches, in the order of the plan."""

    def __init__(self, run: Run, plan: Plan) -> None:
        self.run = run
        self.plan = plan
        self.server = ServerClock(run.clock, run.writer.status().date)
        self.lease = Lease(run.ledger, run.clock, run.terms, self.server)
        self.journal = Journal(run.ledger, "", self.server.stamp)
        self.rules: dict[str, Touched] = {}
        self.needs: dict[str, Needed] = {}  # what rules depend on, by key, in the order of writing
        self.common: Lease | None = None  # held while lists are written that exist once per Kibana
        self.outcomes: list[Outcome] = []
        self.failures: list[Outcome] = []  # why the run does not commit
        self.losses: list[Outcome] = []  # edits of somebody else that a write of ours took away
        self.stuck: dict[str, Outcome] = {}  # what an undo could not put back, by rule
        self.due: tuple[str, ...] = ()  # items whose late delete is still due, by key
        self.sends = 0
        self.halted = False
        self.undoing = False
        self.decided = False  # the pivot was asked for: whether it happened, only the store knows
        self.resumed = False  # this run continues the journal of another one
        self.inherited = 0.0  # until then a request of the process before us may land, on the monotonic clock

    @property
    def name(self) -> str:
        """The target as users write it."""
        return self.plan.target.name

    @property
    def reason(self) -> str:
        """Why, for record and history: what was said of this run, else of the plan."""
        return self.run.reason or self.plan.reason

    @property
    def recover_line(self) -> str:
        """The command that continues what this run leaves."""
        return f"deployer recover -e {self.name}"

    def note(self, rule_id: str, op: str, status: Status, detail: str = "") -> Outcome:
        """Note what became of a rule."""
        outcome = Outcome(rule_id, op, status, detail)
        self.outcomes.append(outcome)
        return outcome

    def fail(self, outcome: Outcome) -> None:
        """Note that the run failed, and send nothing more forward; an undo goes on with the other rules."""
        if self.undoing:
            self.stuck.setdefault(outcome.rule_id, outcome)
        else:
            self.failures.append(outcome)
            self.halted = True

    def stopping(self) -> bool:
        """Say whether no new write may start."""
        return self.halted or self.run.interrupted()

    def risk(self, rule: Touched) -> None:
        """Note that a request got no answer, and may land until the horizon has passed."""
        rule.ghost = self.run.clock.monotonic()

    def wait_for_the_horizon(self) -> None:
        """Wait until no request of ours can still land; at once where every answer arrived. Ends when interrupted."""
        horizon = self.run.terms.horizon
        ghosts = [rule.ghost for rule in self.rules.values()] + [need.ghost for need in self.needs.values()]
        until = max((ghost + horizon for ghost in ghosts if ghost is not None), default=0.0)
        until = max(until, self.inherited)
        total = int(until - self.run.clock.monotonic()) + 1
        while (left := until - self.run.clock.monotonic()) > 0 and not self.run.interrupted():
            self.run.progress("waiting: a request without an answer may still land", total - int(left) - 1, total)
            self.pause(min(left, _SLICE))
        if not self.run.interrupted():
            for rule in self.rules.values():
                rule.ghost = None
            for need in self.needs.values():
                need.ghost = None

    def pause(self, seconds: float) -> None:
        """Wait, and keep the lease meanwhile. Raises LostLockError, and StateError once no request fits into it."""
        self.run.clock.sleep(seconds)
        self.lease.may_send()
        if self.common is not None:
            self.common.keep()

    def rule(self, rule_id: str) -> Body | None:
        """Read one rule. Raises RemoteError."""
        return self.run.writer.rule(rule_id)

    def read(self, rule_ids: Collection[str], *, look_up: int = FEW) -> dict[str, list[Body]]:
        """
        Read rules, two of one id included: up to `look_up` one by one, up to BY_ID by an id filter, more by the marker.

        Raises RemoteError.
        """
        wanted = list(rule_ids)
        if len(wanted) <= look_up:
            found: Sequence[Body] = [body for rule_id in wanted if (body := self.rule(rule_id)) is not None]
        elif len(wanted) <= BY_ID:
            found = self.run.writer.rules(wanted)
        else:
            found = self.run.writer.read_space(marker=self.run.marker, wanted=wanted).rules
        return grouped(found, set(wanted))

    def before_images(self) -> tuple[Body, ...]:
        """Return the before-image of every rule that a write of ours may have reached."""
        return tuple(rule.before for rule in self.rules.values() if rule.reached and rule.before is not None)


def grouped(bodies: Iterable[Body], wanted: Collection[str]) -> dict[str, list[Body]]:
    """Return the bodies with a wanted rule_id, by rule_id."""
    found: dict[str, list[Body]] = {}
    for body in bodies:
        if body.get("rule_id") in wanted:
            found.setdefault(str(body["rule_id"]), []).append(body)
    return found


def singles(found: Mapping[str, list[Body]]) -> dict[str, Body]:
    """Return one body for each rule_id."""
    return {rule_id: bodies[0] for rule_id, bodies in found.items()}
