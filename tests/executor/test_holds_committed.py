"""A hold is there exactly when the deployment that made it is: through kills, resumes, undos and sign-offs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deployer.core.holds import Hold, holds_of
from deployer.core.plan import Plan
from deployer.executor.apply import apply
from deployer.executor.ledger import Ledger
from deployer.executor.recover import recover
from tests.support.fake_kibana import Crash, MemoryStore
from tests.support.fault_scenarios import TARGET, FakeBackend, Game, Scenario, the_plan


def holding() -> Plan:
    """The plan of the faults as a rollback: it holds a rule that it updates and one that it creates."""
    plan = the_plan()
    holds = tuple(Hold(rule_id, rule_id, "file", "file", bad="b") for rule_id in ("update", "create-on"))
    return replace(plan, event="rollback", holds=holds)


def held(game: Game) -> dict[str, int]:
    """The holds of the last committed record, with their numbers."""
    record = Ledger(MemoryStore(game.data), TARGET, "acme").head().record
    return {rule_id: hold.number for rule_id, hold in holds_of(record).items()}


@pytest.mark.parametrize("mode", ["undo", "resume"])
def test_killed_at_any_store_write_holds_and_deployment_are_both_there_or_neither(mode: str) -> None:
    """Wherever the process dies: undone means no hold, finished means every hold, by the record's number."""
    ends = set()
    for at in range(1, 60):
        game = Game(FakeBackend(), Scenario())
        run = game.run()
        run.ledger.store._store.crash_at = (at, "after")
        try:
            apply(holding(), run)
            break
        except Crash:
            game.scenario = Scenario()
            recover(game.run(), mode)  # type: ignore[arg-type]
        record = Ledger(MemoryStore(game.data), TARGET, "acme").head().record
        expected = {} if record is None else {"create-on": record.number, "update": record.number}
        assert held(game) == expected
        ends.add(record is None)

    assert ends == {True, False}


def test_a_sign_off_holds_what_is_as_the_rollback_wanted_it() -> None:
    """Accepted in the middle: the rule that was written is held, one that never got there is not."""
    seen = set()
    for at in range(1, 60):
        game = Game(FakeBackend(), Scenario())
        run = game.run()
        run.ledger.store._store.crash_at = (at, "after")
        try:
            apply(holding(), run)
            break
        except Crash:
            game.scenario = Scenario()
            recover(game.run(), "accept_live")
        ledger = Ledger(MemoryStore(game.data), TARGET, "acme")
        record = ledger.head().record
        if record is None or record.event != "accept-live":
            continue
        entries = holding().entries
        as_wanted = {r for r in ("update", "create-on") if r in record.rules and _same(record.rules[r], entries[r])}
        assert set(held(game)) == as_wanted
        seen.add(frozenset(as_wanted))

    assert len(seen) > 1


def _same(recorded, entry) -> bool:
    return (recorded.fingerprint, recorded.authored) == (entry.fingerprint, entry.authored)
