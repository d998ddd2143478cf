"""Cases of the quality checks: rule files, the repository around them, and the policy of the case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import tomli

from deployer.adapters.attack import load_attack
from deployer.core.checks.check import Repository
from deployer.core.checks.policy import Policy
from deployer.core.checks.running import quality_problems
from deployer.core.rule_file import RuleFile, read_rule
from deployer.core.settings.checks import checks
from deployer.core.settings.nodes import SettingsFile, node_of
from deployer.core.toml.positions import positions
from deployer.errors import Problem
from deployer.queries.wildcards import leading_wildcards

CASES = Path(__file__).resolve().parents[1] / "cases" / "checks"
TODAY = date(2026, 11, 24)
MARK = "# fails here"


def policy(written: Mapping[str, Any]) -> Policy:
    """Return the policy that a `[checks]` table says."""
    return checks(node_of(written, SettingsFile("deployer.toml", {"checks": written}), ("checks",)))


def policy_of(code: str) -> Policy:
    """Return the policy of a case, the built-in one where it has none."""
    path = CASES / code / "policy.toml"
    return policy(tomli.loads(path.read_text("utf-8"))["checks"]) if path.exists() else {}


def loaded(path: str, text: str) -> RuleFile:
    """Return the rule of a text that must be one."""
    rule, problems = read_rule(path, text)
    assert rule is not None, problems
    return rule


def problems_of(texts: Mapping[str, str], rules: Policy, *, attack: bool = False, whole: bool = True) -> list[Problem]:
    """Return what the checks find in the first of these files, with the others around it."""
    files = tuple(loaded(path, text) for path, text in texts.items())
    catalogue = load_attack() if attack else None
    repository = Repository(
        tuple(sorted(files, key=lambda file: file.path)), TODAY, whole, catalogue, leading_wildcards
    )
    return list(quality_problems(files[:1], repository, rules, lambda path: positions(texts[path])))


def case(code: str, name: str) -> dict[str, str]:
    """Return the files of one case by path, the one that is judged first; a first line `# path: …` says its path."""
    text = (CASES / code / f"{name}.toml").read_text("utf-8")
    first = text.partition("\n")[0]
    path = f"rules/{code.replace('-', '_')}_{name}.toml"
    if first.startswith("# path: "):
        path = first.removeprefix("# path: ").removesuffix(MARK).strip()
    beside = sorted((CASES / code).glob("beside_*.toml"))
    return {path: text, **{f"rules/{other.name}": other.read_text("utf-8") for other in beside}}


def marked_lines(text: str) -> Iterator[int]:
    """Yield the numbers of the lines that a case marks."""
    for number, line in enumerate(text.split("\n"), 1):
        if MARK in line or MARK.replace("#", "//") in line:
            yield number
