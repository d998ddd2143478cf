"""Every check over every rule: settings by policy, exceptions by rule file, and the places of what is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from deployer.core.checks.check import Case, Check, Finding, Repository
from deployer.core.checks.ignores import UNUSED, Ignores, read_ignores
from deployer.core.checks.policy import Policy, Setting
from deployer.core.checks.registry import CHECKS
from deployer.core.rule_file import DEPRECATED, RuleFile
from deployer.core.toml.place import path_text
from deployer.errors import Problem, Severity

if TYPE_CHECKING:
    from deployer.core.toml.positions import Positions

Places = Callable[[str], "Positions"]
"""Gives the places of keys in one file, by its path; asked only for files that have a finding."""


def quality_problems(
    files: Iterable[RuleFile], repository: Repository, policy: Policy, places: Places
) -> Iterator[Problem]:
    """Yield what the checks find in these rules, retired ones left out, and what is wrong with their exceptions."""
    runs = [_Run(check, policy.get(check.code, ()), check.can_judge(repository)) for check in CHECKS.values()]
    runs = [run for run in runs if run.settings or run.check.level != "off"]
    for file in files:
        if file.maturity == DEPRECATED:
            continue
        found = [*_judged(file, repository, runs)]
        if found:
            where = places(file.path)
            yield from (_problem(file, where, *item) for item in found)


def setting_of(check: Check, file: RuleFile, policy: Policy) -> Setting:
    """Return the first entry of the policy that concerns a rule, with every option; else the check's own default."""
    return _Run(check, policy.get(check.code, ()), judges=True).setting(file)


@dataclass(frozen=True)
class _Run:
    """One check in one run: the policy's entries for it, and whether it can judge."""

    check: Check
    settings: tuple[Setting, ...]
    judges: bool

    @cached_property
    def usual(self) -> Setting:
        return Setting(self.check.level, (), self.check.defaults)

    def setting(self, file: RuleFile) -> Setting:
        for setting in self.settings:
            if setting.concerns(file):
                return setting if setting.options else Setting(setting.level, setting.match, self.check.defaults)
        return self.usual


def _judged(file: RuleFile, repository: Repository, runs: list[_Run]) -> Iterator[tuple[str, Finding, Severity]]:
    ignores = read_ignores(file, CHECKS.keys())
    found: set[str] = set()
    judged: set[str] = set()
    for run in runs:
        setting, code = run.setting(file), run.check.code
        if setting.level == "off":
            continue
        if run.judges:
            judged.add(code)
        for finding in run.check.look(Case(file, setting.options, repository)):
            found.add(code)
            if code not in ignores.codes:
                yield code, finding, Severity(setting.level)
    yield from _about(ignores, found, judged)


def _about(ignores: Ignores, found: set[str], judged: set[str]) -> Iterator[tuple[str, Finding, Severity]]:
    """Yield what is wrong with the exceptions themselves. One that is not needed is only a warning."""
    for code, finding in (*ignores.wrong, *ignores.unused(found, judged)):
        yield code, finding, Severity.WARNING if code == UNUSED else Severity.ERROR


def _problem(file: RuleFile, where: Positions, code: str, finding: Finding, severity: Severity) -> Problem:
    line, column = _place(where, finding)
    key = path_text(finding.key)
    return Problem(file.path, line, column, key, finding.message, code, finding.remedy, severity)


def _place(where: Positions, finding: Finding) -> tuple[int, int]:
    if not finding.key:
        return 1, 1
    if finding.inside:
        return where.position_in_string(finding.key, *finding.inside)
    found = where.find(finding.key) or where.find(finding.key[:-1])
    if found is None:  # a key that is not written: the table that it belongs into
        found = where.nearest(finding.key)
    return found.key.line, found.key.column
