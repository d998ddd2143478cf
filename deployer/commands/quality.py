"""The quality checks of `validate`: the project's policy over its rules, with ATT&CK where the extra is installed."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.adapters.attack import load_attack
from deployer.adapters.rules import RuleTree
from deployer.commands.workspace import Workspace
from deployer.core.checks.check import Repository
from deployer.core.checks.registry import CHECKS
from deployer.core.checks.running import quality_problems, setting_of
from deployer.errors import Problem
from deployer.queries.wildcards import leading_wildcards

ATTACK_NOTE = (
    "ATT&CK itself was not asked: ids, names and tactics were only compared within the repository; "
    "pip install 'kibana-deployer[attack]' checks them"
)


def quality(workspace: Workspace, tree: RuleTree, *, whole: bool) -> tuple[list[Problem], list[str]]:
    """
    Return what the quality checks find in these rules, and what they could not check.

    `whole` says whether the tree is all of the project. Findings that other commands make as well (`duplicate-name`)
    are judged here by policy, see `without_judged`.
    """
    policy = workspace.project.checks
    catalogue = load_attack() if any(file.payload.get("threat") for file in tree.files) else None
    today = workspace.clock.now().date()
    repository = Repository(tree.files, today, whole, catalogue, leading_wildcards)
    problems = list(quality_problems(tree.files, repository, policy, tree.positions))
    asked = (file for file in repository.live if file.payload.get("threat"))
    missed = any(setting_of(CHECKS["attack-unknown"], file, policy).level != "off" for file in asked)
    return problems, [ATTACK_NOTE] if missed and catalogue is None else []


def without_judged(problems: tuple[Problem, ...]) -> Iterator[Problem]:
    """Yield the problems that no quality check judges by policy."""
    return (problem for problem in problems if problem.code not in CHECKS)
