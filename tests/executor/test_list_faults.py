"""Every fault at every write of lists: the end is all old or all new, edits of analysts stay, nothing is doubled."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from deployer.core.change import Change
from deployer.core.dependency import Dependency, Kind, in_order
from deployer.core.exceptions.form import canonical_item
from deployer.core.outcomes import ApplyAttentionError, ApplyIncompleteError, ApplyUndoneError
from deployer.core.plan import Plan, Target
from deployer.core.ports import Body
from deployer.errors import DeployerError
from deployer.executor.apply import apply
from deployer.executor.lease import Terms
from deployer.executor.ledger import Holder, Ledger
from deployer.executor.recover import recover
from deployer.executor.transaction import Run
from tests.support.fake_kibana import Crash, FakeKibana, MemoryStore, Process, VirtualClock
from tests.support.fake_lists import FAULTS, FakeLists, Space
from tests.support.fault_scenarios import rule, the_plan, whole
from tests.support.in_turn import in_turn
from tests.support.lists import entry

TARGET = Target("prod", "default", "prod", "https://kibana.example")
HORIZON = 60.0
WRITES = 8  # of lists, in a run without faults: counted by the first test
LINK = {"list_id": "new", "type": "detection", "namespace_type": "single"}


def item(name: str, list_id: str = "old", value: str = "kim", *comments: str) -> Body:
    """An item as a side of a dependency."""
    body = {"item_id": name, "list_id": list_id, "name": name, "description": name, "entries": entry(value)}
    return canonical_item({**body, "comments": [{"comment": text} for text in comments]})


def needs() -> tuple[Dependency, ...]:
    """A new list with an item, an item changed and one deleted in an old list, one value list new and one changed."""
    changed = {"entries": entry("kim2"), "comments": ["agreed", "again"]}
    new = {"name": "new", "description": "d", **LINK}
    return in_order(
        [
            Dependency(Kind.VALUE_LIST, "fresh", None, {"type": "ip", "values": ["10.0.0.1", "10.0.0.2"]}),
            Dependency(Kind.VALUE_LIST, "known", {"values": ["gone"]}, {"values": ["come"]}),
            Dependency(Kind.LIST, "new", None, new),
            Dependency(Kind.ITEM, "new-1", None, item("new-1", "new"), list_id="new"),
            Dependency(Kind.ITEM, "change", {"entries": entry("kim"), "comments": ["agreed"]}, changed, list_id="old"),
            Dependency(Kind.ITEM, "drop", item("drop"), None, list_id="old"),
        ]
    )


def a_plan() -> Plan:
    """The plan that is played: the lists, and a new rule that names the new one."""
    created = Change("r-new", "query", None, whole(rule("r-new", enabled=True, exceptions_list=[LINK])))
    return replace(the_plan([created]), target=TARGET, dependencies=needs())


@dataclass
class World:
    """One play: what is live, what the store has, and the processes so far."""

    faults: Mapping[int, str] = field(default_factory=dict)
    clock: VirtualClock = field(default_factory=VirtualClock)
    data: dict[str, bytes] = field(default_factory=dict)
    processes: list[Process] = field(default_factory=list)
    numbers: Any = field(default_factory=lambda: itertools.count(1))
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.space = Space(self.clock)
        self.kibana = FakeKibana(self.clock)
        lists = FakeLists(self.space, Process(0), {}, itertools.count(1))
        lists.create_exception_list({"list_id": "old", "name": "old", "description": "d", "type": "detection",
                                     "namespace_type": "single"})  # fmt: skip
        for name in ("change", "drop"):
            body = {**item(name), "comments": [{"comment": "agreed"}] if name == "change" else []}
            lists.create_exception_item(body)
        lists.create_value_list({"id": "known", "type": "keyword"})
        lists.import_values("known", ["gone", "theirs"])

    def run(self) -> Run:
        """The run of a new process."""
        process = Process(len(self.processes) + 1)
        self.processes.append(process)
        store = MemoryStore(self.data, process=process)
        return Run(
            writer=self.kibana,
            many=in_turn,
            ledger=Ledger(store, TARGET, "acme"),
            clock=self.clock,
            marker="deployer:acme",
            holder=Holder("ci", "runner", process.pid, "boot"),
            run_id=f"{process.pid:08}",
            terms=Terms(horizon=HORIZON, alive=lambda holder: not self.processes[holder.pid - 1].dead),
            lists=FakeLists(self.space, process, self.faults, self.numbers),  # type: ignore[arg-type]
        )

    def play(self, mode: Any = "undo") -> str:
        """Apply, and recover until it is settled; return `new`, `old` or `person`."""
        claim = self._said(lambda: apply(a_plan(), self.run()))
        for _ in range(4):
            if claim in ("new", "old"):
                break
            claim = self._said(lambda: recover(self.run(), mode))
        self.clock.sleep(2 * HORIZON)
        return claim

    def _said(self, act: Any) -> str:
        try:
            result = act()
        except Crash:
            return "open"
        except ApplyUndoneError:
            return "old"
        except ApplyAttentionError as error:
            self.told += [outcome.detail for outcome in error.applied.to_look_at]
            return "new"
        except ApplyIncompleteError:
            return "person"
        except DeployerError as error:
            return f"error: {error}"
        return "old" if getattr(result, "how", "") in ("undone", "freed", "nothing") else "new"


def ends() -> tuple[dict[str, Any], dict[str, Any]]:
    """What is there before and after a run without faults."""
    world = World()
    old = world.space.content()
    assert world.play() == "new"
    return old, world.space.content()


OLD, NEW = ends()


def wrong(world: World, claim: str, edited: str = "") -> list[str]:
    """Return what is wrong with an end."""
    found = []
    content, wanted = world.space.content(), NEW if claim == "new" else OLD
    for kind in ("lists", "items", "values"):
        for name in OLD[kind].keys() | NEW[kind].keys():
            if name != edited and not same(content[kind].get(name), wanted[kind].get(name)):
                found.append(f"{kind} {name} is not {claim}")
    if edited and world.space.items.get(edited, {}).get("description") != "analyst":
        found.append(f"the edit of {edited} is gone")
    if any("theirs" not in held for name, held in world.space.values.items() if name == "known"):
        found.append("a value of an analyst is gone")
    rules = [body["rule_id"] for body in world.kibana.objects.values()]
    if rules != (["r-new"] if claim == "new" else []):
        found.append(f"the rules are {rules}")
    lock, _ = Ledger(MemoryStore(world.data), TARGET, "acme").lock()
    if lock.state != ("needs_recovery" if claim == "person" else "free"):
        found.append(f"the lock is {lock.state}")
    return found


def same(one: Any, other: Any) -> bool:
    """Compare; an undo cannot take a comment back, so comments are left out."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {**one, "comments": 0} == {**other, "comments": 0}
    return bool(one == other)


def test_a_run_without_faults_writes_each_thing_once() -> None:
    """The order is value lists, lists, items, rules; the delete comes last; ids are filled in; comments keep theirs."""
    world = World()
    before = world.space.items["change"]["comments"]
    assert world.play() == "new"
    assert next(world.numbers) == WRITES + 1
    (rule_body,) = world.kibana.objects.values()
    assert rule_body["exceptions_list"][0]["id"] == world.space.lists["new"]["id"]
    assert world.space.items["change"]["comments"][:1] == before
    assert set(world.space.items) == {"change", "new-1"}
    assert sorted(world.space.values["known"]) == ["come", "theirs"]


@pytest.mark.parametrize("mode", ["undo", "resume"])
def test_every_fault_at_every_write(mode: str) -> None:
    """One fault, then recovery as far as needed: all old or all new, as it was said."""
    claims: Counter[str] = Counter()
    found = []
    for number, fault in itertools.product(range(1, WRITES + 1), FAULTS):
        world = World({number: fault})
        claim = world.play(mode)
        claims[claim] += 1
        found += [f"{fault} at {number}: {words} ({claim})" for words in wrong(world, claim)]
    assert found == [f"refused at {WRITES}: items drop is not new (new)"]  # a late delete: due at the next apply
    assert set(claims) == {"new", "old"}


def test_every_fault_while_undoing() -> None:
    """A refusal, and another fault at each of the writes that take back: all old in the end."""
    found = []
    for first, second, fault in itertools.product((5, 6, 7), range(1, 7), ("lost", "vanished", "busy", "killed after")):
        world = World({first: "refused", first + second: fault})
        claim = world.play()
        found += [f"{fault} at {first}+{second}: {words} ({claim})" for words in wrong(world, claim)]
    assert found == []


def test_an_edit_right_before_a_write_is_kept() -> None:
    """An analyst edits the item that is about to be written: a conflict, all old, and the edit stays."""
    for number in range(1, WRITES + 1):
        world = World({number: "edited"})
        claim = world.play()
        names = [name for name, body in world.space.items.items() if body["description"] == "analyst"]
        if number == WRITES:
            assert (claim, world.told) == ("new", ["edited by soc-day as it was deleted; that body is in the journal"])
        if names:
            assert (names, claim) == (["change"], "old")
            assert wrong(world, claim, "change") == []
