"""
What git wants of one target: which rules, and each as this target should have it.

Selection reads the rule as its file says it; overlays and references come after. `gone` says of every rule that is in
git and not desired why it is not, for the plan's words when it retires one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from deployer.core.canonical import digest
from deployer.core.environment import Environment
from deployer.core.flaw import Locate
from deployer.core.normalise import canonical
from deployer.core.overlay import RewriteSources, apply_overrides, unmatched_overrides
from deployer.core.references import Space, linked, resolve
from deployer.core.rule_file import DEPRECATED, RuleFile, unresolved
from deployer.core.stack import older
from deployer.errors import Problem, Severity


@dataclass(frozen=True)
class DesiredRule:
    """One rule as git wants it here. `payload` is complete and resolved, `origins` says which override set a field."""

    file: RuleFile
    payload: Mapping[str, Any]
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """The content address of the rule from its file alone."""
        return self.file.fingerprint

    @cached_property
    def canonical(self) -> Mapping[str, Any]:
        """The canonical form of the rule for this target."""
        return self.file.canonical if self._as_in_file else canonical(self.payload)

    @cached_property
    def authored(self) -> str:
        """The content address of the rule for this target: what git asks for here."""
        return self.file.fingerprint if self._as_in_file else digest(canonical(self.payload))

    @property
    def _as_in_file(self) -> bool:
        return self.payload is self.file.payload and unresolved(self.payload) is self.payload


@dataclass(frozen=True)
class Desired:
    """Everything git wants of one target."""

    rules: Mapping[str, DesiredRule]
    gone: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def selected(files: Iterable[RuleFile], environment: Environment, stack: str) -> tuple[list[RuleFile], Desired]:
    """
    Return the files that this environment deploys, and a Desired without rules that says why the others are not.

    `stack` is the server's version, "" where it is not known: then `min_stack_version` cannot be judged.
    """
    chosen: list[RuleFile] = []
    gone: dict[str, str] = {}
    problems: list[Problem] = []
    for file in files:
        reason = _left_out(file, environment)
        if reason is None and older(stack, file.min_stack):
            reason = _too_new(file, environment, stack, problems)
        if reason is None:
            chosen.append(file)
        else:
            gone[file.rule_id] = reason
    return chosen, Desired({}, gone, tuple(problems))


def _left_out(file: RuleFile, environment: Environment) -> str | None:
    if file.maturity == DEPRECATED:
        return 'maturity is "deprecated"'
    include = () if file.prebuilt else environment.rules.include  # an entry of prebuilt/ is an inclusion by itself
    if include and not any(selector.matches(file) for selector in include):
        return f"no longer included by {environment.path}"
    for exclusion in environment.rules.exclude:
        if exclusion.selector.matches(file):
            return f"excluded by {environment.path}" + (f": {exclusion.reason}" if exclusion.reason else "")
    return None


def _too_new(file: RuleFile, environment: Environment, stack: str, problems: list[Problem]) -> str | None:
    policy = environment.rules.min_stack
    message = f"needs stack {file.min_stack}, {environment.target} has {stack}"
    if policy == "skip":
        return message
    severity = Severity.ERROR if policy == "error" else Severity.WARNING
    remedy = 'upgrade the stack, exclude the rule, or set [rules] min_stack = "skip"'
    problems.append(Problem(file.path, 0, 0, "metadata.min_stack_version", message, "min-stack", remedy, severity))
    return None


@dataclass(frozen=True)
class Rendering:
    """How rules become those of one target: its overlays, and what its space calls connectors and lists."""

    environment: Environment
    space: Space
    locate: Locate
    rewrite_sources: RewriteSources

    @property
    def added_actions(self) -> list[Mapping[str, Any]]:
        """The actions that overrides add, with connectors by name."""
        return [action for override in self.environment.overrides for action in override.add_actions]

    def of(self, file: RuleFile) -> tuple[DesiredRule, tuple[Problem, ...]]:
        """Return one file as this target should have it, and what cannot be set or resolved."""
        payload, origins, problems = file.payload, dict[str, str](), tuple[Problem, ...]()
        if self.environment.overrides and not file.prebuilt:
            overlaid = apply_overrides(file.payload, file, self.environment.overrides, self.rewrite_sources)
            payload, origins, problems = overlaid.payload, dict(overlaid.origins), overlaid.problems
        payload = linked(payload, self.space, file.rule_id)
        resolved, found = self.resolved(payload, file)
        return DesiredRule(file, resolved, origins), (*problems, *found)

    def resolved(self, payload: Mapping[str, Any], file: RuleFile) -> tuple[Mapping[str, Any], tuple[Problem, ...]]:
        """Return a payload with its references resolved, and what cannot be."""
        return resolve(payload, self.space, file.path, self.locate, file.key)


def rendered(
    files: Iterable[RuleFile], environment: Environment, space: Space, locate: Locate, rewrite_sources: RewriteSources
) -> Desired:
    """Return each of the files as this target should have it, with a Problem for all that cannot be resolved."""
    rendering = Rendering(environment, space, locate, rewrite_sources)
    rules: dict[str, DesiredRule] = {}
    problems: list[Problem] = []
    files = list(files)
    for file in files:
        rules[file.rule_id], found = rendering.of(file)
        problems.extend(found)
    problems.extend(unmatched_overrides(environment.overrides, [f for f in files if not f.prebuilt], environment.path))
    return Desired(rules, problems=tuple(problems))
