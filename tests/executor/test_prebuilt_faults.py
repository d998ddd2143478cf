"""
Every fault at every write of a plan for Elastic's rules: they end as claimed, and no content of theirs is taken back.

The same game as for rules of ours (`test_faults`). An edit of a rule right before a write, after the engine has read
it, stands for an update by Elastic: because a PATCH carries only our fields, it must survive whatever else happens, and
nobody must be asked about it.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from deployer.core.canonical import digest
from deployer.core.change import Change
from deployer.core.fields import PREBUILT
from deployer.core.normalise import canonical
from deployer.core.plan import Entry, Plan
from deployer.core.ports import Body
from deployer.executor.apply import apply
from deployer.executor.images import image
from deployer.executor.recover import Mode, recover
from tests.support.fake_kibana import Crash
from tests.support.fault_scenarios import (
    ACTION,
    BEFORE,
    FAULTS,
    Edit,
    Ended,
    FakeBackend,
    Game,
    Scenario,
    enumerated,
    judge,
    marked,
    play,
    rule,
    the_plan,
)

LINK = {"id": "l-1", "list_id": "servers", "type": "detection", "namespace_type": "single"}
ELASTICS: Mapping[str, Body] = {
    "elastic-on": rule("elastic-on"),
    "elastic-links": rule("elastic-links", enabled=True, actions=[ACTION], note="Elastic wrote it."),
    "elastic-off": rule("elastic-off", enabled=True, exceptions_list=[LINK]),
}
SETS: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "elastic-on": ({"actions": [], "enabled": False}, {"actions": [ACTION], "enabled": True}),
    "elastic-links": ({"actions": [ACTION], "exceptions_list": []}, {"actions": [], "exceptions_list": [LINK]}),
    "elastic-off": ({"exceptions_list": [LINK], "enabled": True}, {"exceptions_list": [], "enabled": False}),
}
OURS = Change("update", "query", {"query": "event.action: start"}, {"query": "event.action: stop"})
WRITES = 6  # three PATCHes, one PUT, two flips
RECOVERY = 3


class Backend(FakeBackend):
    """The fake with rules of Elastic's beside the others."""

    def __init__(self) -> None:
        super().__init__()
        for body in ELASTICS.values():
            made = self.kibana.create(body)
            self.kibana.objects[made["id"]]["immutable"] = True
        self.kibana.calls.clear()


def plan() -> Plan:
    """The plan that is played: it sets something on each of Elastic's rules, and updates one of ours."""
    made = the_plan([OURS])
    entries, documents = dict(made.entries), dict(made.documents)
    for name, (_, after) in SETS.items():
        document = canonical({**after, "rule_id": name, "name": f"Rule {name}", PREBUILT: True})
        documents[digest(document)] = document
        entries[name] = Entry(f"Rule {name}", "prebuilt/x.toml", digest(document), digest(document), prebuilt=True)
    changes = [Change(name, "query", *SETS[name], prebuilt=True) for name in SETS]
    return replace(made, changes=(*changes, OURS), entries=entries, documents=documents)


def images() -> tuple[dict[str, str], dict[str, str]]:
    """The images of all rules before and after the plan."""
    old = {name: image(marked(body)) for name, body in BEFORE.items()} | {n: image(b) for n, b in ELASTICS.items()}
    changed = {name: image({**body, **SETS[name][1]}) for name, body in ELASTICS.items()}
    return old, old | changed | {"update": image(marked({**BEFORE["update"], "query": "event.action: stop"}))}


OLD, NEW = images()


def wrong_of(ended: Ended) -> list[str]:
    """Return what is wrong with an end; of a rule of Elastic's that was updated meanwhile more is asked for."""
    game, edit = ended.game, ended.game.scenario.edit
    found = judge(ended, OLD, NEW)
    if edit is None or game.edited not in ELASTICS:
        return found
    (live,) = [body for body in game.backend.all_rules() if body["rule_id"] == game.edited]
    if live.get(edit.field) != game.value:
        found.append(f"the update of {game.edited} was taken back")
    side = SETS[game.edited][1 if ended.claim == "done" else 0]
    wanted = image({**ELASTICS[game.edited], **side, edit.field: game.value})
    if image(live) != wanted:
        found.append(f"{game.edited} is not what {ended.claim} says beside its update")
    if ended.claim == "incomplete":
        found.append("a person is asked about an update by Elastic")
    return found


def wrong_ends(scenarios: Iterable[Scenario]) -> tuple[Counter[str], list[str]]:
    """Play scenarios; return how often each claim was made, and every wrong end as a line."""
    claims: Counter[str] = Counter()
    wrong: list[str] = []
    for scenario in scenarios:
        ended = play(Game(Backend(), scenario), plan())
        claims[ended.claim] += 1
        if found := wrong_of(ended):
            wrong.append(f"{scenario}: {'; '.join(found)} ({ended.messages})")
    return claims, wrong


def entangled(count: int, seed: int) -> list[Scenario]:
    """Return random scenarios beyond the enumeration: up to three faults, resumed or undone."""
    source = random.Random(seed)
    found = []
    for _ in range(count):
        faults = {source.randint(1, WRITES + 4): source.choice([*FAULTS, "crash_late"]) for _ in range(3)}
        edit = Edit(source.randint(1, 10), source.choice([*ELASTICS, "update", ""]), source.choice(("note", "query")))
        found.append(Scenario(faults, edit if source.random() < 0.7 else None, source.choice(("undo", "resume"))))
    return found


def test_the_plan_is_carried_out_in_six_writes() -> None:
    """Without a fault all is new; no write of Elastic's rules carries content."""
    game = Game(Backend(), Scenario())

    ended = play(game, plan())

    assert (ended.claim, game.writes, wrong_of(ended)) == ("done", WRITES, [])
    assert set(game.written[:4]) == {*ELASTICS, "update"}


@pytest.mark.quick
def test_a_sample_of_faults_and_updates_ends_as_claimed() -> None:
    """A seeded sample of the enumeration, and random ones."""
    sample = random.Random(8).sample(list(enumerated(WRITES, RECOVERY)), 300)

    claims, wrong = wrong_ends([*sample, *entangled(200, seed=8)])

    assert wrong == []
    assert min(claims["done"], claims["rolled_back"]) > 0


@pytest.mark.parametrize("mode", ["undo", "force_undo"])
def test_a_rule_that_was_removed_meanwhile_is_never_created(mode: Mode) -> None:
    """Undone by force or not: what somebody took out of Kibana is Elastic's to install, and the others go back."""
    game = Game(Backend(), Scenario({3: "crash_after"}))
    assert play_once(game) == "crashed"
    backend = game.backend
    assert isinstance(backend, Backend)
    backend.kibana.delete("elastic-on")

    assert recover(game.run(), mode).how == "undone"

    live = {body["rule_id"]: image(body) for body in backend.all_rules()}
    assert "elastic-on" not in live
    assert live == {name: seen for name, seen in OLD.items() if name != "elastic-on"}


def play_once(game: Game) -> str:
    """Apply, and say how it ended."""
    try:
        apply(plan(), game.run())
    except Crash:
        return "crashed"
    return "ended"


@pytest.mark.torture
def test_all_faults_and_updates_end_as_claimed() -> None:
    """The whole enumeration, and 5,000 random scenarios."""
    claims, wrong = wrong_ends([*enumerated(WRITES, RECOVERY), *entangled(5_000, seed=9)])

    print(f"{claims.total()} scenarios: {dict(claims)}")
    assert wrong == []
