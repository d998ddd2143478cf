"""The same faults over HTTP: the real engine and client against the real sandbox (issue 5, "Enumerated faults")."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fault_scenarios import Game, Scenario, enumerated, images, judge, play, the_plan
from tests.support.sandbox import Sandbox, running
from tests.support.sandbox_backend import SandboxBackend

WRITES = 9
RECOVERY = 4

OLD, NEW = images()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One server for all scenarios; each has a space of its own."""
    with running(Path(tmp_path_factory.mktemp("sandbox")) / "kibana.sqlite3") as server:
        yield server


def wrong_ends(sandbox: Sandbox, scenarios: list[Scenario]) -> tuple[Counter[str], list[str]]:
    """Play scenarios; return how often each claim was made, and every wrong end as a line."""
    claims: Counter[str] = Counter()
    wrong: list[str] = []
    for scenario in scenarios:
        backend = SandboxBackend(sandbox)
        ended = play(Game(backend, scenario), the_plan())
        claims[ended.claim] += 1
        if found := judge(ended, OLD, NEW):
            wrong.append(f"{scenario}: {'; '.join(found)} ({ended.messages})")
        backend.close()
    return claims, wrong


def sampled(count: int, seed: int) -> list[Scenario]:
    """Return a seeded sample of the enumerated scenarios."""
    return random.Random(seed).sample(list(enumerated(WRITES, RECOVERY)), count)


def test_the_plan_is_carried_out_over_http(sandbox: Sandbox) -> None:
    """Without a fault all is new, in the same nine writes as on the fake."""
    game = Game(SandboxBackend(sandbox), Scenario())

    ended = play(game, the_plan())

    assert (ended.claim, game.writes, judge(ended, OLD, NEW)) == ("done", WRITES, [])


def test_a_sample_of_the_enumerated_faults_ends_as_claimed_over_http(sandbox: Sandbox) -> None:
    """At least 200 scenarios on each run of the tests."""
    claims, wrong = wrong_ends(sandbox, sampled(210, seed=11))

    print(f"{claims.total()} scenarios over HTTP: {dict(claims)}")
    assert wrong == []


@pytest.mark.torture
def test_thousands_of_enumerated_faults_end_as_claimed_over_http(sandbox: Sandbox) -> None:
    """Every single fault with every edit, and as many again with a second fault: at least 5,000 in all."""
    single = [scenario for scenario in enumerated(WRITES, RECOVERY) if len(scenario.faults) < 2]
    claims, wrong = wrong_ends(sandbox, [*single, *sampled(4_000, seed=13)])

    print(f"{claims.total()} scenarios over HTTP: {dict(claims)}")
    assert wrong == []
    assert claims.total() >= 5_000
