"""Policy and exceptions: which check judges which rule at which level, and what is wrong with what people write."""

from __future__ import annotations

import pytest

from deployer.core.settings.nodes import WrongError
from deployer.errors import Severity
from tests.support.checks import policy, problems_of

pytestmark = pytest.mark.quick

RULE = """[metadata]
maturity = "production"
{extended}
[rule]
name = "Case"
rule_id = "00000000-0000-4000-8000-000000000001"
description = "A rule of the tests."
risk_score = {risk}
severity = "{severity}"
type = "query"
query = "a : b"
tags = ["Domain: Cloud"]
"""


def rule(severity: str = "critical", risk: int = 99, extended: str = "") -> dict[str, str]:
    """Return one rule by path; a severe one has no note."""
    lines = f"\n[metadata.extended]\n{extended}\n" if extended else ""
    return {"rules/case.toml": RULE.format(severity=severity, risk=risk, extended=lines)}


def found(texts, written=None, **how):
    """Return code and severity of each finding."""
    return [(p.code, p.severity) for p in problems_of(texts, policy(written or {}), **how)]


NOTE_WARNING = [("triage-note", Severity.WARNING)]
NOTE_ERROR = [("triage-note", Severity.ERROR)]


def test_a_level_stands_for_all_rules() -> None:
    """A word is the level of the check for every rule."""
    assert found(rule()) == NOTE_WARNING
    assert found(rule(), {"triage-note": "error"}) == NOTE_ERROR
    assert found(rule(), {"triage-note": "off"}) == []


def test_the_first_entry_that_concerns_a_rule_decides() -> None:
    """Of several entries the first whose selectors match is taken; where none does, the built-in level stays."""
    entries = [
        {"match": ["tag:Domain: Cloud & severity:critical"], "level": "error"},
        {"match": ["severity:critical"], "level": "off"},
    ]
    assert found(rule(), {"triage-note": entries}) == NOTE_ERROR
    assert found(rule(), {"triage-note": entries[1:]}) == []
    assert found(rule("high", 73), {"triage-note": entries}) == NOTE_WARNING


def test_a_check_that_is_off_comes_on_by_being_configured() -> None:
    """A table without a level switches an opt-in check on, as a warning, for the rules it selects."""
    assert found(rule("low", 1), {"owner-missing": {"match": ["severity:low"]}}) == [
        ("owner-missing", Severity.WARNING)
    ]
    assert found(rule("low", 1), {"owner-missing": {"match": ["severity:high"]}}) == []


def test_options_change_what_is_wrong() -> None:
    """An option replaces its default and nothing else."""
    assert found(rule("low", 30), {"severity-risk": {"bands": {"low": [0, 30]}}}) == []
    assert found(rule("low", 30)) == [("severity-risk", Severity.WARNING)]
    assert found(rule(), {"triage-note": {"severities": ["high"]}}) == []


@pytest.mark.parametrize(
    ("written", "key", "words"),
    [
        ({"triage-not": "off"}, "triage-not", "not a key"),
        ({"triage-note": "fatal"}, "triage-note", '"fatal" is not known here'),
        ({"triage-note": 3}, "triage-note", "must be a table"),
        ({"triage-note": {"level": "err"}}, "level", "not known here"),
        ({"triage-note": {"severity": ["high"]}}, "severity", "not a key"),
        ({"triage-note": {"severities": ["hi"]}}, "severities", "not known here"),
        ({"triage-note": [{"match": ["tg:x"]}]}, "match", "not a kind"),
        ({"severity-risk": {"bands": {"low": [30, 0]}}}, "bands", "not a band"),
        ({"file-name": {"pattern": "("}}, "pattern", "not a regular expression"),
        ({"look-back-overlap": {"overlap": "1 minute"}}, "overlap", "not a duration"),
        ({"attack-tactic": {"others": 0}}, "others", "between 1"),
    ],
)
def test_a_wrong_policy_is_a_problem_with_its_key(written, key: str, words: str) -> None:
    """What cannot be a policy is refused with the key that is wrong; a mistyped code gets a suggestion."""
    with pytest.raises(WrongError) as caught:
        policy(written)

    (problem,) = caught.value.problems
    assert key in problem.key
    assert words in problem.message


def test_a_mistyped_code_gets_a_suggestion() -> None:
    """The remedy names the check that was meant."""
    with pytest.raises(WrongError) as caught:
        policy({"triage-not": "off"})

    assert "triage-note" in caught.value.problems[0].remedy


IGNORE = "deployer_ignore = "


@pytest.mark.parametrize(
    ("written", "codes"),
    [
        ('[{ code = "triage-note", reason = "see the wiki" }]', []),
        ('[{ code = "triage-note" }]', ["triage-note", "ignore-without-reason"]),
        ('[{ code = "triage-note", reason = "  " }]', ["triage-note", "ignore-without-reason"]),
        ('[{ code = "triage-nots", reason = "x" }]', ["triage-note", "ignore-unknown-code"]),
        ('[{ code = "triage-note", reason = "x", until = "2027" }]', ["triage-note", "ignore-malformed"]),
        ('[{ reason = "x" }]', ["triage-note", "ignore-malformed"]),
        ('["triage-note"]', ["triage-note", "ignore-malformed"]),
        ('"triage-note"', ["triage-note", "ignore-malformed"]),
        (
            '[{ code = "triage-note", reason = "x" }, { code = "severity-risk", reason = "x" }]',
            ["ignore-unused"],
        ),
        (
            '[{ code = "triage-note", reason = "x" }, { code = "triage-note", reason = "y" }]',
            ["ignore-unused"],
        ),
    ],
)
def test_what_an_exception_must_say(written: str, codes: list[str]) -> None:
    """An exception needs a known code, a reason and something to ignore; else it is a Problem and spares nothing."""
    problems = problems_of(rule(extended=IGNORE + written), {})

    assert [problem.code for problem in problems] == codes
    for problem in problems:
        if problem.code.startswith("ignore-"):
            assert problem.line == 5
            assert problem.remedy
            assert problem.severity is (Severity.WARNING if problem.code == "ignore-unused" else Severity.ERROR)


def test_exceptions_may_be_tables_of_their_own() -> None:
    """An array of tables says the same as a list of inline tables, and a mistake is told at its own header or key."""
    entry = '[[metadata.extended.deployer_ignore]]\ncode = "triage-note"\n'

    assert problems_of(rule(extended=entry + 'reason = "x"'), {}) == []
    found_here = {p.code: p.line for p in problems_of(rule(extended=entry + 'reason = ""'), {})}
    assert found_here["ignore-without-reason"] == 5


def test_an_exception_is_not_called_unused_by_a_check_that_could_not_judge() -> None:
    """Off, without ATT&CK or with only some files read, nobody knows whether the exception is needed."""
    for code, written, how in (
        ("owner-missing", {}, {}),
        ("attack-retired", {}, {"attack": False}),
        ("duplicate-name", {}, {"whole": False}),
    ):
        texts = rule("low", 1, extended=f'{IGNORE}[{{ code = "{code}", reason = "x" }}]')
        assert found(texts, written, **how) == [], code
    unneeded = rule("low", 1, extended=f'{IGNORE}[{{ code = "duplicate-name", reason = "x" }}]')
    assert found(unneeded) == [("ignore-unused", Severity.WARNING)]


def test_retired_rules_are_not_judged() -> None:
    """A rule of maturity deprecated has no findings, whatever it lacks."""
    (path, text), *_ = rule().items()
    assert found({path: text.replace("production", "deprecated")}) == []
