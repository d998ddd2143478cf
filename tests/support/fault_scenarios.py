"""
Scenarios for the engine: one plan, faults and an analyst's edit at chosen writes, and the judge of how it ended.

A scenario says what happens at which write, counted over all processes. `play` runs the apply, then `recover` as often
as a person would (each time without further faults once the script is used up), and returns what is wrong with the
end, sentence by sentence. It sees Kibana through a `Backend`, so that the same scenarios run on the fake in memory and
on the sandbox over HTTP. The rules of judging are those of transactions.md 5.9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from deployer.core.canonical import digest
from deployer.core.change import Change
from deployer.core.normalise import canonical
from deployer.core.outcomes import ApplyAttentionError, ApplyIncompleteError, ApplyUndoneError, Outcome, Status
from deployer.core.plan import Entry, Label, Plan, Target
from deployer.core.ports import Body, RuleWriter
from deployer.errors import DeployerError, InterruptedRunError
from deployer.executor.apply import apply
from deployer.executor.images import image
from deployer.executor.lease import Terms
from deployer.executor.ledger import Holder, Ledger
from deployer.executor.recover import Mode, recover
from deployer.executor.transaction import Run
from tests.support.fake_kibana import Crash, FakeKibana, MemoryStore, Process, VirtualClock
from tests.support.in_turn import in_turn

MARKER = "deployer:acme"
TARGET = Target("prod", "default", "prod", "https://kibana.example")
HORIZON = 150.0

FAULTS = ("refused", "lost", "done", "late", "reset", "crash_before", "crash_after")
"""Refused; a timeout and not applied; a timeout and applied; applied late; a reset after it was applied; crashes."""

REPORTED = frozenset(
    {Status.LOST_UPDATE, Status.UNVERIFIED_DELETE, Status.KEPT, Status.CONFLICT, Status.NOT_UNDONE, Status.REFUSED}
)


class Backend(Protocol):
    """A Kibana to play on, reached as an engine reaches it, and as an analyst and a judge do."""

    clock: VirtualClock

    def writer(self) -> RuleWriter:
        """Return what the engine is given."""
        ...

    def fault(self, kind: str, write: Callable[[], Any], process: Process) -> Any:
        """Carry out a write with a fault; raise what the engine would see."""
        ...

    def edit(self, rule_id: str, changes: Mapping[str, Any]) -> bool:
        """Edit a rule as an analyst; say whether it was there."""
        ...

    def all_rules(self) -> list[Body]:
        """Return every rule there is."""
        ...


@dataclass(frozen=True, slots=True)
class Edit:
    """An analyst's edit right before a write, after the engine has read the rule. `rule` "" is the one written."""

    at: int
    rule: str = ""
    field: str = "note"


@dataclass(frozen=True, slots=True)
class Scenario:
    """Faults by write number (from 1, over all processes), and at most one edit."""

    faults: Mapping[int, str] = field(default_factory=dict)
    edit: Edit | None = None
    mode: Mode = "undo"

    def __str__(self) -> str:
        """Short, for test output."""
        faults = ", ".join(f"{kind} at write {number}" for number, kind in self.faults.items()) or "no fault"
        edit = f"; {self.edit.field} of {self.edit.rule or 'it'} edited at {self.edit.at}" if self.edit else ""
        return f"{faults}{edit}; then {self.mode}"


class Scripted:
    """A RuleWriter that does what a scenario says at each write."""

    def __init__(self, game: Game, process: Process) -> None:
        self._game = game
        self._inner = game.backend.writer()
        self._process = process

    def __getattr__(self, name: str) -> Any:
        """Pass reads on, as long as the process lives."""
        self._process.check()
        return getattr(self._inner, name)

    def create(self, body: Body) -> Body:
        """POST."""
        return self._write([body["rule_id"]], lambda: self._inner.create(body))

    def replace(self, body: Body) -> Body:
        """PUT."""
        return self._write([body["rule_id"]], lambda: self._inner.replace(body))

    def amend(self, body: Body) -> Body:
        """PATCH."""
        return self._write([body["rule_id"]], lambda: self._inner.amend(body))

    def delete(self, rule_id: str) -> Body:
        """DELETE."""
        return self._write([rule_id], lambda: self._inner.delete(rule_id))

    def set_enabled(self, ids: Sequence[str], *, enabled: bool) -> Any:
        """Flip."""
        names = {body["id"]: body["rule_id"] for body in self._game.backend.all_rules()}
        written = [names[so_id] for so_id in ids if so_id in names]
        return self._write(written, lambda: self._inner.set_enabled(ids, enabled=enabled))

    def _write(self, rule_ids: Sequence[str], write: Callable[[], Any]) -> Any:
        self._process.check()
        fault = self._game.next_write(rule_ids)
        return self._game.backend.fault(fault, write, self._process) if fault else write()


@dataclass
class Game:
    """A scenario while it is played."""

    backend: Backend
    scenario: Scenario
    data: dict[str, bytes] = field(default_factory=dict)
    writes: int = 0
    written: list[str] = field(default_factory=list)
    edited: str = ""
    value: str = "edited by the night shift"
    reports: list[Outcome] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)

    def next_write(self, rule_ids: Sequence[str]) -> str:
        """Count a write, let the analyst in, and return the fault that is due."""
        self.writes += 1
        self.written.append(rule_ids[0] if rule_ids else "")
        edit = self.scenario.edit
        if edit and edit.at == self.writes:
            rule_id = edit.rule or (rule_ids[0] if rule_ids else "")
            if rule_id and self.backend.edit(rule_id, {edit.field: self.value}):
                self.edited = rule_id
        return self.scenario.faults.get(self.writes, "")

    def run(self, **settings: Any) -> Run:
        """Return the run of a new process."""
        process = Process(len(self.processes) + 1)
        self.processes.append(process)
        store = MemoryStore(self.data, process=process)
        run = Run(
            writer=Scripted(self, process),  # type: ignore[arg-type]
            many=in_turn,
            ledger=Ledger(store, TARGET, "acme"),
            clock=self.backend.clock,
            marker=MARKER,
            holder=Holder("ci", "runner", process.pid, "boot"),
            run_id=f"{process.pid:08}",
            terms=Terms(horizon=HORIZON, alive=lambda holder: not self.processes[holder.pid - 1].dead),
        )
        return replace(run, **settings)


@dataclass
class Ended:
    """How a game ended: what the last word was (`done`, `rolled_back`, `incomplete`, `open`), and all that was said."""

    claim: str
    game: Game
    pending: tuple[str, ...] = ()
    messages: list[str] = field(default_factory=list)


def play(game: Game, plan: Plan) -> Ended:
    """Apply, and recover until it is settled or a person is needed."""
    ended = _said(game, lambda: apply(plan, game.run()))
    for _ in range(6):
        if ended.claim in ("done", "rolled_back"):
            break
        before, claim = game.writes, ended.claim
        ended = _said(game, lambda: recover(game.run(), game.scenario.mode), ended)
        if claim == ended.claim == "incomplete" and game.writes == before:
            break
    game.backend.clock.sleep(2 * HORIZON)  # whatever is still under way lands before anybody judges
    return ended


def _said(game: Game, act: Callable[[], Any], last: Ended | None = None) -> Ended:
    messages = last.messages if last else []
    try:
        result = act()
    except Crash:
        return Ended("open", game, messages=messages)
    except ApplyUndoneError as error:
        return _ended("rolled_back", game, error, error.ending.outcomes, messages)
    except ApplyIncompleteError as error:
        return _ended("incomplete", game, error, error.ending.outcomes, messages)
    except ApplyAttentionError as error:
        ended = _ended("done", game, error, error.applied.outcomes, messages)
        ended.pending = error.applied.pending
        return ended
    except InterruptedRunError as error:
        return _ended("open", game, error, (), messages)
    applied = getattr(result, "applied", result)
    how = getattr(result, "how", "resumed")
    game.reports += getattr(result, "outcomes", ())
    if how in ("undone", "freed"):
        return Ended("rolled_back", game, messages=messages)
    if how == "nothing":
        return last or Ended("rolled_back", game)
    return Ended("done", game, applied.pending if applied else (), messages)


def _ended(claim: str, game: Game, error: DeployerError, outcomes: Sequence[Outcome], messages: list[str]) -> Ended:
    game.reports += outcomes
    return Ended(claim, game, messages=[*messages, f"{type(error).__name__}: {error}"])


def judge(ended: Ended, old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """
    Return what is wrong with an end. `old` and `new` are the images of every rule before and after the plan.

    Rules that nobody else touched are all old or all new, and as claimed; an analyst's edit is still there, or was
    reported; the lock is free or in needs_recovery; no rule_id has two rules.
    """
    game = ended.game
    wrong: list[str] = []
    live: dict[str, list[Body]] = {}
    for body in game.backend.all_rules():
        live.setdefault(body["rule_id"], []).append(body)
    wrong += [f"{rule_id} is there {len(found)} times" for rule_id, found in live.items() if len(found) > 1]
    wanted = new if ended.claim == "done" else old
    for rule_id in old.keys() | new.keys():
        found = live.get(rule_id, [])
        seen = image(found[0] if found else None)
        if rule_id == game.edited:
            wrong += _edit_lost(ended, rule_id, found)
        elif seen != wanted[rule_id] and not (rule_id in ended.pending and seen == old[rule_id]):
            wrong.append(f"{rule_id} is not {'new' if ended.claim == 'done' else 'old'}, though {ended.claim} was said")
    lock, _ = Ledger(MemoryStore(game.data), TARGET, "acme").lock()
    if lock.state != ("needs_recovery" if ended.claim == "incomplete" else "free"):
        wrong.append(f"the lock is {lock.state} after {ended.claim}")
    if ended.claim == "open":
        wrong.append("it never came to an end")
    if ended.claim == "incomplete" and not game.edited:
        wrong.append("a person is needed, though nobody edited anything")
    return wrong


def _edit_lost(ended: Ended, rule_id: str, found: Sequence[Body]) -> list[str]:
    game = ended.game
    edit = game.scenario.edit
    assert edit is not None
    if any(body.get(edit.field) == game.value for body in found):
        return []
    reported = any(o.rule_id == rule_id and o.status in REPORTED for o in game.reports)
    return [] if reported else [f"the analyst's {edit.field} of {rule_id} is gone, and nobody said so"]


def rule(rule_id: str, **fields: Any) -> Body:
    """Return a canonical rule without markers."""
    base = {
        "rule_id": rule_id,
        "type": "query",
        "name": f"Rule {rule_id}",
        "description": "Finds what it looks for.",
        "severity": "low",
        "risk_score": 21,
        "query": "event.action: start",
        "language": "kuery",
        "enabled": False,
        "version": 1,
    }
    return canonical({**base, **fields})


def whole(body: Mapping[str, Any]) -> Body:
    """Return a rule as a side of a change that carries whole rules."""
    return {name: value for name, value in body.items() if name != "rule_id"}


ACTION = {"id": "c-1", "action_type_id": ".slack", "group": "default", "params": {"message": "look"}, "uuid": "u-1"}

BEFORE: Mapping[str, Body] = {
    "update": rule("update", enabled=True),
    "update-flip": rule("update-flip", actions=[ACTION]),
    "retire": rule("retire", enabled=True),
    "enable": rule("enable"),
    "recreate": rule("recreate", enabled=True),
    "delete": rule("delete"),
    "bystander": rule("bystander", enabled=True),
}

CHANGES: tuple[Change, ...] = (
    Change("create-on", "query", None, whole(rule("create-on", enabled=True))),
    Change("create-off", "query", None, whole(rule("create-off"))),
    Change("delete", "query", whole(BEFORE["delete"]), None),
    Change("enable", "query", {"enabled": False}, {"enabled": True}),
    Change(
        "recreate",
        "eql",
        whole(BEFORE["recreate"]),
        whole(rule("recreate", type="eql", language="eql", query="any where true", enabled=True)),
    ),
    Change("retire", "query", {"enabled": True}, {"enabled": False}),
    Change("update", "query", {"query": "event.action: start"}, {"query": "event.action: stop"}),
    Change(
        "update-flip",
        "query",
        {"severity": "low", "enabled": False},
        {"severity": "high", "enabled": True},
    ),
)


def the_plan(changes: Sequence[Change] = CHANGES) -> Plan:
    """Return the plan that is played, with an entry and documents for each rule."""
    entries: dict[str, Entry | None] = {}
    documents: dict[str, Mapping[str, Any]] = {}
    for change in changes:
        after = after_of(change)
        if after is None:
            entries[change.rule_id] = None
            continue
        name = digest(after)
        documents[name] = after
        entries[change.rule_id] = Entry(after["name"], f"rules/{change.rule_id}.toml", name, name)
    labels = {change.rule_id: Label(change.rule_id, change.rule_type) for change in changes}
    return Plan(TARGET, "acme", tuple(changes), entries=entries, documents=documents, labels=labels)


def after_of(change: Change) -> Body | None:
    """Return the canonical rule that a change leads to."""
    if change.after is None:
        return None
    before = BEFORE.get(change.rule_id, {}) if "type" not in change.after else {}
    return canonical({**before, **change.after, "rule_id": change.rule_id})


def images() -> tuple[dict[str, str], dict[str, str]]:
    """Return the images of all rules before and after the plan."""
    old = {rule_id: image(marked(body)) for rule_id, body in BEFORE.items()}
    new = dict(old)
    for change in CHANGES:
        after = after_of(change)
        old.setdefault(change.rule_id, image(None))
        new[change.rule_id] = image(None if after is None else marked(after))
    return old, new


def marked(body: Mapping[str, Any]) -> Body:
    """Return a rule with our marker, as it lives in Kibana."""
    return {**body, "tags": [*body.get("tags", []), MARKER]}


class FakeBackend:
    """The fake in memory as a Backend."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.kibana = FakeKibana(self.clock)
        for body in BEFORE.values():
            self.kibana.create(marked(body))
        self.kibana.calls.clear()

    def writer(self) -> RuleWriter:
        """Return the fake itself."""
        return self.kibana

    def fault(self, kind: str, write: Callable[[], Any], process: Process) -> Any:
        """Carry out a write with a fault."""
        return with_fault(kind, write, process, self.clock)

    def edit(self, rule_id: str, changes: Mapping[str, Any]) -> bool:
        """Edit a rule as an analyst."""
        return self.kibana.edit(rule_id, changes)

    def all_rules(self) -> list[Body]:
        """Return every rule."""
        return list(self.kibana.objects.values())


def with_fault(kind: str, write: Callable[[], Any], process: Process, clock: VirtualClock) -> Any:
    """Carry out a write with a fault, in this process."""
    from deployer.errors import RemoteError, UnknownOutcomeError

    if kind == "refused":
        raise RemoteError("Kibana refused it (403)", status=403)
    if kind == "lost":
        raise UnknownOutcomeError("no answer within 60 s")
    if kind == "late":
        clock.later(HORIZON - 20, lambda: _quietly(write))
        raise UnknownOutcomeError("no answer within 60 s")
    if kind == "crash_before":
        process.die()
    if kind == "crash_late":
        clock.later(HORIZON - 20, lambda: _quietly(write))
        process.die()
    _quietly(write)
    if kind == "crash_after":
        process.die()
    raise UnknownOutcomeError("the connection was reset" if kind == "reset" else "no answer within 60 s")


def _quietly(write: Callable[[], Any]) -> None:
    """Carry out a write whose answer nobody sees."""
    try:
        write()
    except DeployerError:
        return


def enumerated(writes: int, recoveries: int) -> Iterator[Scenario]:
    """
    Yield every single fault at every write, times every fault (or none) at the first writes after it, times no edit
    or one edit at every write: of the rule being written, its note and then its query.
    """
    edits = [None, *(Edit(at, "", name) for at in range(1, writes + recoveries + 1) for name in ("note", "query"))]
    seconds = [None, *((step, kind) for step in range(1, recoveries + 1) for kind in FAULTS)]
    for number in range(1, writes + 1):
        for kind in FAULTS:
            for second in seconds:
                faults = {number: kind} | ({number + second[0]: second[1]} if second else {})
                for edit in edits:
                    yield Scenario(faults, edit)
    for edit in edits:
        yield Scenario({}, edit)
