"""Recovery: killed at every point, twice, and what a person may say about the rest (issue 5, point 6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from deployer.core.outcomes import ApplyIncompleteError, ApplyUndoneError, Status
from deployer.errors import DeployerError, Refusal, RefusedError, StateError
from deployer.executor.apply import apply
from deployer.executor.ledger import Ledger
from deployer.executor.recover import Mode, leftover, recover
from deployer.executor.transaction import Run
from tests.support.fake_kibana import Crash, MemoryStore
from tests.support.fault_scenarios import (
    CHANGES,
    TARGET,
    Edit,
    FakeBackend,
    Game,
    Scenario,
    images,
    judge,
    play,
    the_plan,
)

OLD, NEW = images()


def lock_of(game: Game):
    """Return the lock record."""
    return ledger_of(game).lock()[0]


def ledger_of(game: Game) -> Ledger:
    """Return the store as an onlooker sees it."""
    return Ledger(MemoryStore(game.data), TARGET, "acme")


def rules(game: Game) -> dict[str, dict[str, Any]]:
    """Return what is live."""
    return {body["rule_id"]: body for body in game.backend.all_rules()}


def killed(game: Game, at: tuple[int, str], mode: Mode | None) -> bool:
    """Apply (or recover) in a process that dies at one of its store writes; say whether it got that far."""
    run = game.run()
    store = run.ledger.store._store
    store.crash_at = at
    try:
        apply(the_plan(), run) if mode is None else recover(run, mode)
    except Crash:
        return True
    return False


def settle(game: Game, mode: Mode) -> str:
    """Recover without further accidents; return how."""
    return recover(game.run(), mode).how


@pytest.mark.parametrize("mode", ["undo", "resume"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_apply_killed_at_any_store_write_is_recovered(mode: Mode, when: str) -> None:
    """Killed before or after every write to the store, `recover` ends all-old, or all-new where it was to resume."""
    for at in range(1, 100):
        game = Game(FakeBackend(), Scenario(mode=mode))
        if not killed(game, (at, when), None):
            break
        how = settle(game, mode)
        committed = how in ("resumed", "finished") or (how == "nothing" and ledger_of(game).head().record is not None)
        wanted = NEW if committed else OLD
        assert _images(game) == wanted, f"killed {when} store write {at}: {how}"
        assert lock_of(game).state == "free"
        assert mode == "undo" or how != "undone"
    assert at > 10


@pytest.mark.parametrize("mode", ["undo", "resume"])
def test_a_recovery_killed_at_any_store_write_is_recovered_again(mode: Mode) -> None:
    """An apply that died half-way, a recovery that dies at each of its store writes, and a second one that finishes."""
    for at in range(1, 100):
        game = Game(FakeBackend(), Scenario({6: "crash_after"}, mode=mode))
        with pytest.raises(Crash):
            apply(the_plan(), game.run())
        if not killed(game, (at, "after"), mode):
            break
        how = settle(game, mode)
        done = ledger_of(game).head().record is not None
        assert _images(game) == (NEW if done else OLD), f"killed after store write {at}: {how}"
        assert done is (mode == "resume")
    assert at > 5


@pytest.mark.parametrize("faults", [{}, {6: "lost"}], ids=["sound", "unanswered"])
def test_a_store_that_goes_down_in_mid_run_leaves_all_old_or_all_new(faults: dict[int, str]) -> None:
    """
    Down after any of its writes: what was done is undone from memory, nobody says `undone` who could not write it down,
    and once the store is back `recover` (whose process before it is gone) closes the books.
    """
    undecided = 0
    for writes in range(1, 100):
        game = Game(FakeBackend(), Scenario(faults))
        run = game.run()
        run = replace(run, terms=replace(run.terms, horizon=20.0))  # within the lease, or nobody may undo any more
        run.ledger.store._store.down_after = writes
        code = _exit_code(run)
        committed = ledger_of(game).head().record is not None
        undecided += _images(game) == NEW and not committed  # the pivot was asked for, and nobody answered
        assert _images(game) in (OLD, NEW), f"down after store write {writes}"
        if code in (None, 5):
            break
        game.processes[-1].dead = True
        game.scenario = Scenario()
        settle(game, "undo")
        assert _images(game) == (NEW if committed else OLD), f"recovered after store write {writes}"
        assert lock_of(game).state == "free"
    assert writes > 8
    assert undecided <= 1


def _exit_code(run: Run) -> int | None:
    try:
        apply(the_plan(), run)
    except DeployerError as error:
        return int(error.exit_code)
    return None


def test_recover_twice_equals_once() -> None:
    """A second recovery finds nothing to do."""
    game = Game(FakeBackend(), Scenario({4: "crash_after"}))
    with pytest.raises(Crash):
        apply(the_plan(), game.run())

    assert [settle(game, "undo"), settle(game, "undo")] == ["undone", "nothing"]


def test_an_interrupted_apply_blocks_the_next_one_until_it_is_recovered() -> None:
    """The next apply is refused (recovery), naming who was interrupted; after `recover` it goes through."""
    game = Game(FakeBackend(), Scenario({4: "crash_after"}))
    with pytest.raises(Crash):
        apply(the_plan(), game.run())

    with pytest.raises(RefusedError, match=r"by ci .* was interrupted") as refused:
        apply(the_plan(), game.run())
    settle(game, "undo")
    apply(the_plan(), game.run())

    assert refused.value.refusal is Refusal.RECOVERY
    assert _images(game) == NEW


def test_a_process_that_died_before_it_sent_anything_leaves_nothing_to_recover() -> None:
    """A lock without intents is taken by the next apply as if it were free."""
    game = Game(FakeBackend(), Scenario({1: "crash_before"}))
    run = game.run()
    run.ledger.store._store.crash_at = (2, "after")  # the before-images and the plan are saved, nothing announced
    with pytest.raises(Crash):
        apply(the_plan(), run)

    game.scenario = Scenario()
    apply(the_plan(), game.run())

    assert _images(game) == NEW


def test_a_commit_that_could_not_say_so_is_finished_by_the_next_run() -> None:
    """Killed right after the pivot: nothing is undone, the event is written once, the lock is freed."""
    game = Game(FakeBackend(), Scenario())
    for at in range(1, 100):
        game = Game(FakeBackend(), Scenario())
        assert killed(game, (at, "after"), None)
        if lock_of(game).committed:
            break

    assert settle(game, "undo") == "finished"
    assert settle(game, "undo") == "nothing"
    assert _images(game) == NEW
    assert [event["event"] for event in ledger_of(game).events()] == ["deploy"]


def test_resume_refuses_another_plan() -> None:
    """`--resume` with a plan that is not the journal's is refused, and the lock stays for `recover`."""
    game = Game(FakeBackend(), Scenario({4: "crash_after"}))
    with pytest.raises(Crash):
        apply(the_plan(), game.run())

    with pytest.raises(RefusedError) as refused:
        recover(game.run(), "resume", plan="sha256:" + "0" * 64)

    assert refused.value.refusal is Refusal.STALE
    assert lock_of(game).state == "needs_recovery"
    assert recover(game.run(), "resume", plan=the_plan().digest).how == "resumed"


def incomplete(field: str = "note", rule: str = "update") -> Game:
    """Return a game whose undo kept an edit: a rule edited after our write, and then a failure."""
    game = Game(FakeBackend(), Scenario({8: "refused"}, Edit(8, rule, field)))
    with pytest.raises(ApplyIncompleteError) as caught:
        apply(the_plan(), game.run())
    game.reports += caught.value.ending.outcomes
    game.scenario = Scenario()
    return game


def test_an_undo_that_kept_an_edit_names_it_and_leaves_the_lock() -> None:
    """Exit 6: every other rule is as before, the edit is there, named with rule, editor and field."""
    game = incomplete()

    kept = [outcome for outcome in game.reports if outcome.status is Status.KEPT and outcome.op == "undo"]
    live = _images(game)
    assert [outcome.rule_id for outcome in kept] == ["update"]
    assert "soc-night" in kept[0].detail
    assert "note" in kept[0].detail
    assert {rule_id for rule_id in OLD if live[rule_id] != OLD[rule_id]} == {"update"}
    assert rules(game)["update"]["note"] == game.value
    assert lock_of(game).state == "needs_recovery"
    assert leftover(ledger_of(game)).holder.startswith("ci (process")


def test_recovering_again_keeps_the_edit_and_stays_incomplete() -> None:
    """A plain `recover` overwrites nothing, however often it runs."""
    game = incomplete()

    for _ in range(2):
        with pytest.raises(ApplyIncompleteError):
            recover(game.run(), "undo")

    assert rules(game)["update"]["note"] == game.value


def test_accept_live_signs_off_what_is_there() -> None:
    """The edit stays, the lock is free, and the record's `authored` is not the edited rule."""
    game = incomplete()

    assert settle(game, "accept_live") == "accepted"

    record = ledger_of(game).head().record
    assert record is not None
    assert record.event == "accept-live"
    assert record.rules["update"].authored == the_plan().entries["update"].authored
    assert record.rules["update"].written != record.rules["update"].authored
    assert rules(game)["update"]["note"] == game.value
    assert lock_of(game).state == "free"


def test_accept_live_for_one_rule_undoes_the_others() -> None:
    """A sign-off of one rule holds; what another rule still needs is said again."""
    game = Game(FakeBackend(), Scenario({8: "crash_before"}, Edit(8, "update", "note")))
    with pytest.raises(Crash):
        apply(the_plan(), game.run())
    game.scenario = Scenario()

    found = recover(game.run(), "accept_live", rules=frozenset({"update"}))

    live = _images(game)
    assert (found.how, found.touched) == ("accepted", 1)
    assert {rule_id for rule_id in OLD if live[rule_id] != OLD[rule_id]} == {"update"}
    assert set(ledger_of(game).head().record.rules) == {"update"}


def test_force_undo_overwrites_the_edit_that_was_kept() -> None:
    """All rules are as before; the edit is gone because a person said so."""
    game = incomplete()

    assert settle(game, "force_undo") == "undone"

    assert _images(game) == OLD
    assert lock_of(game).state == "free"


def test_force_undo_of_another_rule_leaves_the_edit() -> None:
    """`--rule` narrows what is overwritten."""
    game = incomplete()

    with pytest.raises(ApplyIncompleteError):
        recover(game.run(), "force_undo", rules=frozenset({"create-on"}))

    assert rules(game)["update"]["note"] == game.value


def test_a_rule_that_somebody_deleted_meanwhile_is_not_created_again() -> None:
    """A deletion is an edit as well: kept and named; with force it comes back."""
    game = Game(FakeBackend(), Scenario({8: "crash_before"}))
    with pytest.raises(Crash):
        apply(the_plan(), game.run())
    game.backend.kibana.delete("update")
    game.scenario = Scenario()

    with pytest.raises(ApplyIncompleteError, match="deleted it meanwhile"):
        recover(game.run(), "undo")
    assert settle(game, "force_undo") == "undone"

    assert _images(game) == OLD


def test_a_lost_store_starts_again_from_what_is_live_and_marked() -> None:
    """`recover --accept-live` without any record makes one of every rule that carries our marker."""
    game = Game(FakeBackend(), Scenario())
    game.backend.kibana.create({**rules(game)["update"], "rule_id": "stranger", "tags": ["deployer:other"]})

    assert settle(game, "accept_live") == "accepted"

    record = ledger_of(game).head().record
    assert set(record.rules) == {rule_id for rule_id, seen in OLD.items() if seen != "absent"}
    assert all(entry.authored == entry.written for entry in record.rules.values())


def test_a_damaged_journal_is_refused_with_a_sentence() -> None:
    """Recovery never guesses: a journal that cannot be read is a StateError, and the lock stays."""
    game = Game(FakeBackend(), Scenario({4: "crash_after"}))
    with pytest.raises(Crash):
        apply(the_plan(), game.run())
    name = next(name for name in game.data if "/journal/" in name and name.endswith("000002.json"))
    game.data[name] = b"{"

    with pytest.raises(StateError, match="damaged"):
        recover(game.run(), "undo")

    assert lock_of(game).state != "free"


def test_an_edit_made_while_the_process_was_dead_is_kept() -> None:
    """Between the crash and the recovery an analyst edits a rule that was not written yet: it stays, and all is old."""
    game = Game(FakeBackend(), Scenario({3: "crash_before"}))
    with pytest.raises(Crash):
        apply(the_plan(), game.run())
    game.backend.edit("update", {"note": "seen at night"})

    assert settle(game, "undo") == "undone"

    assert rules(game)["update"]["note"] == "seen at night"
    assert rules(game)["update"]["query"] == "event.action: start"


def test_an_edit_made_before_a_write_that_was_only_announced_survives_resume_and_undo() -> None:
    """The edit came between two crashes, our write on top of it was undone: what comes back is the edited rule."""
    game = Game(FakeBackend(), Scenario({3: "crash_after", 5: "refused"}, Edit(3, "update-flip", "query"), "resume"))

    ended = play(game, the_plan())

    assert judge(ended, OLD, NEW) == []
    assert rules(game)["update-flip"]["query"] == game.value


def test_an_undo_of_an_undo_is_as_if_nothing_had_happened() -> None:
    """After an apply that was undone, the same plan applies as it did before."""
    game = Game(FakeBackend(), Scenario({7: "refused"}))
    with pytest.raises(ApplyUndoneError):
        apply(the_plan(), game.run())
    assert _images(game) == OLD

    game.scenario = Scenario()
    ended = play(game, the_plan())

    assert judge(ended, OLD, NEW) == []
    assert {change.rule_id for change in CHANGES} == set(ledger_of(game).head().record.changed)


def _images(game: Game) -> Mapping[str, str]:
    from deployer.executor.images import image

    live = rules(game)
    return {rule_id: image(live.get(rule_id)) for rule_id in OLD}
