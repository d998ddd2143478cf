"""How a run ends that does not commit: the journal's last word, the event, the lock, and what is said."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.core.outcomes import ApplyIncompleteError, ApplyUndoneError, Outcome, Status
from deployer.errors import ExitCode, InterruptedRunError
from deployer.executor import ending
from deployer.executor.apply import apply
from deployer.executor.images import image
from deployer.executor.journal import Intent, past
from deployer.executor.ledger import Ledger
from deployer.executor.touched import Touched, Write
from deployer.executor.transaction import Transaction
from tests.support.fake_kibana import MemoryStore
from tests.support.fault_scenarios import BEFORE, CHANGES, TARGET, Edit, FakeBackend, Game, Scenario, marked, the_plan


def begun(game: Game, *, sent: bool = True, **settings: Any) -> Transaction:
    """A transaction that has the lock, and has sent one update that Kibana answered, or nothing yet."""
    run = game.run(**settings)
    tx = Transaction(run, the_plan())
    tx.lease.acquire(run.holder, run.run_id, left=lambda _: False, interrupted=lambda: False)
    tx.journal.token, tx.journal.tx = tx.lease.token, tx.lease.tx
    live = {body["rule_id"]: body for body in game.backend.all_rules()}
    for change in CHANGES:
        tx.rules[change.rule_id] = Touched.of(change, live.get(change.rule_id))
    tx.journal.begin(b"{}", {rule_id: live[rule_id] for rule_id in live})
    if sent:
        _update(tx, game)
    return tx


def _update(tx: Transaction, game: Game) -> None:
    rule = tx.rules["update"]
    body = marked({**BEFORE["update"], "query": "event.action: stop"})
    post = image(body)
    tx.journal.intend(
        [Intent(tx.journal.number(), "update", "update", "", {"image": rule.before_image}, {"image": post})]
    )
    rule.intend(1, Write(post, content=True))
    rule.reached = True
    tx.sends += 1
    rule.settle(1, game.backend.kibana.replace(body), post)
    tx.journal.outcome(1, "update", "update", "applied", landed=True, sent=1, seen=post)


def lock_of(game: Game) -> str:
    """The state of the lock as an onlooker sees it."""
    return Ledger(MemoryStore(game.data), TARGET, "acme").lock()[0].state


def states(game: Game, tx: Transaction) -> str:
    """The journal's last state; "" where there is no journal any more."""
    found = past(Ledger(MemoryStore(game.data), TARGET, "acme"), tx.journal.tx)
    return found.state if found else ""


def events(game: Game) -> list[dict[str, Any]]:
    """The log of the environment."""
    return list(Ledger(MemoryStore(game.data), TARGET, "acme").events())


def store_of(tx: Transaction) -> MemoryStore:
    """The store behind the run's ledger."""
    return tx.run.ledger.store._store


def test_interrupted_before_a_write_frees_the_lock() -> None:
    """Nothing was sent: no journal, no event, a free lock, exit 130 and nothing to type."""
    game = Game(FakeBackend(), Scenario())
    tx = begun(game, sent=False)

    error = ending.interrupted(tx)

    assert (error.exit_code, error.hint) == (ExitCode.INTERRUPTED, "")
    assert "nothing was sent" in str(error)
    assert (lock_of(game), states(game, tx), events(game)) == ("free", "", [])


def test_interrupted_after_a_write_keeps_lock_and_journal() -> None:
    """The journal says `interrupted`, the lock needs recovery, and the line that continues is the hint."""
    game = Game(FakeBackend(), Scenario())
    tx = begun(game)

    error = ending.interrupted(tx)

    assert isinstance(error, InterruptedRunError)
    assert error.hint == "deployer recover -e prod"
    assert (lock_of(game), states(game, tx)) == ("needs_recovery", "interrupted")


def test_interrupted_in_a_recovery_keeps_the_lock_though_it_sent_nothing() -> None:
    """What the run before it sent is still there."""
    game = Game(FakeBackend(), Scenario())
    tx = begun(game, sent=False)
    tx.resumed = True

    ending.interrupted(tx)

    assert lock_of(game) == "needs_recovery"


def test_undone_closes_the_books() -> None:
    """Everything as before: exit 5, an event with reason, cause and each rule's fate; lock and journal are gone."""
    game = Game(FakeBackend(), Scenario())
    tx = begun(game, reason="CHG-1")

    error = ending.undone(tx, ("the check failed",))

    assert isinstance(error, ApplyUndoneError)
    assert "the check failed" in str(error)
    assert (lock_of(game), states(game, tx)) == ("free", "")
    (event,) = events(game)
    assert (event["event"], event["reason"], event["why"]) == ("undone", "CHG-1", "the check failed")
    assert event["outcomes"] == [["update", "undone", ""]]
    assert event["tx"] == tx.journal.tx


def test_the_first_failure_is_the_reason() -> None:
    """A failed write explains the ending better than what was found wrong after it."""
    tx = begun(Game(FakeBackend(), Scenario()))
    tx.fail(Outcome("retire", "disable", Status.REFUSED, "403"))

    error = ending.undone(tx, ("the check failed",))

    assert '"retire" disable: 403' in str(error)


def test_an_edit_on_top_of_ours_is_incomplete() -> None:
    """Exit 6: the edit is kept and named, with the before-image, and the lock stays for a person."""
    game = Game(FakeBackend(), Scenario())
    tx = begun(game)
    game.backend.edit("update", {"note": "theirs"})

    error = ending.undone(tx, ("the check failed",))

    assert isinstance(error, ApplyIncompleteError)
    assert error.hint == "deployer recover -e prod"
    assert "soc-night" in str(error)
    assert [body["rule_id"] for body in error.ending.before_images] == ["update"]
    assert (lock_of(game), states(game, tx)) == ("needs_recovery", "rollback_incomplete")
    assert [event["event"] for event in events(game)] == ["incomplete"]


@pytest.mark.parametrize(("reported", "kind"), [(False, ApplyIncompleteError), (True, ApplyUndoneError)])
def test_a_lost_update_is_for_a_person_once(reported: bool, kind: type[Exception]) -> None:
    """What our write took away is said as exit 6; a recovery after that has nothing more to hold up the lock for."""
    tx = begun(Game(FakeBackend(), Scenario()))
    tx.losses.append(tx.note("update", "update", Status.LOST_UPDATE, "that edit is gone"))

    assert isinstance(ending.undone(tx, ("x",), reported=reported), kind)


@pytest.mark.parametrize("status", [Status.UNVERIFIED_DELETE])
def test_a_delete_that_nobody_saw_is_told_and_holds_nothing_up(status: Status) -> None:
    """The rule was read right before, and is gone as it should be."""
    tx = begun(Game(FakeBackend(), Scenario()))
    tx.losses.append(tx.note("update", "delete", status, "no answer"))

    error = ending.undone(tx, ("x",))

    assert isinstance(error, ApplyUndoneError)
    assert status in [outcome.status for outcome in error.ending.outcomes]


def test_a_store_that_is_down_never_says_undone() -> None:
    """Undone from memory, but the books are not closed: 6, and the lease runs out by itself."""
    game = Game(FakeBackend(), Scenario())
    tx = begun(game)
    store_of(tx).down = True

    error = ending.undone(tx, ("x",))

    assert isinstance(error, ApplyIncompleteError)
    assert "The state store could not be told" in str(error)
    assert image(game.backend.kibana.rule("update")) == tx.rules["update"].before_image
    assert lock_of(game) == "held"


def test_after_the_pivot_nothing_is_undone_from_memory() -> None:
    """Whether it has committed only the store knows: with the store down, what is live stays as it is."""
    game = Game(FakeBackend(), Scenario())
    tx = begun(game)
    tx.decided = True
    store_of(tx).down = True

    error = ending.undone(tx, ("x",))

    assert isinstance(error, ApplyIncompleteError)
    assert game.backend.kibana.rule("update")["query"] == "event.action: stop"


def test_leaving_and_logging_never_raise() -> None:
    """With the store down, `close` says so, `leave` and `append_event` do what they can."""
    tx = begun(Game(FakeBackend(), Scenario()))
    store_of(tx).down = True

    assert ending.close(tx) is False
    ending.leave(tx, "interrupted")
    assert ending.append_event(tx, "undone", why="x") == 0


def test_a_recovery_logs_that_it_was_one() -> None:
    """The same undo, run for somebody else's journal, is a `recover` in the log."""
    game = Game(FakeBackend(), Scenario())
    tx = begun(game)
    tx.resumed = True

    ending.undone(tx, ("it was interrupted",))

    assert [event["event"] for event in events(game)] == ["recover"]


def test_a_message_names_five_rules_and_counts_the_rest() -> None:
    """A long list is for the outcomes; the sentence stays one."""
    tx = begun(Game(FakeBackend(), Scenario()))
    left = [Outcome(f"r-{number}", "undo", Status.KEPT, "kept") for number in range(8)]

    error = ending.incomplete(tx, "x", left, left)

    assert str(error).count("kept") == ending.SHOWN
    assert "and 3 more" in str(error)


@pytest.mark.parametrize(
    ("scenario", "code"),
    [
        (Scenario(), None),
        (Scenario({7: "refused"}), ExitCode.UNDONE),
        (Scenario({8: "refused"}, Edit(8, "update", "note")), ExitCode.INCOMPLETE),
        (Scenario({}, Edit(3, "update", "note")), ExitCode.ATTENTION),
    ],
    ids=["done", "undone", "incomplete", "attention"],
)
def test_every_end_has_its_exit_code(scenario: Scenario, code: ExitCode | None) -> None:
    """0, 5, 6 and 7 as the engine raises them."""
    found = None
    try:
        apply(the_plan(), Game(FakeBackend(), scenario).run())
    except Exception as error:  # noqa: BLE001 - whichever it is, its code is what counts
        found = error.exit_code
    assert found == code
