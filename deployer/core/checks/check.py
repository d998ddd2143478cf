"""What a check is, what it may look at, and what it says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from deployer.core.checks.policy import Level
from deployer.core.rule_file import DEPRECATED, RuleFile

if TYPE_CHECKING:
    from deployer.core.settings.reading import Reader

Key = tuple[str | int, ...]
WildcardFinder = Callable[[str, str], Iterable[tuple[int, int, str]]]
"""Finds the patterns of a query that begin with a wildcard: language and text in, (line, column, pattern) out."""


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One thing that a check found: a sentence, a remedy, and the key of the file that it is about.

    An empty key is the file itself. `inside` is a line and column (from 1) within the text that the key holds.
    """

    key: Key
    message: str
    remedy: str = ""
    inside: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Technique:
    """One technique or subtechnique of ATT&CK: `tactics` are slugs like `initial-access`, `retired` has a reason."""

    name: str
    tactics: frozenset[str]
    retired: str = ""


@dataclass(frozen=True)
class Catalogue:
    """ATT&CK itself, of one version: techniques by id."""

    version: str
    techniques: Mapping[str, Technique]

    @cached_property
    def tactics(self) -> frozenset[str]:
        """The slugs of every tactic that has a technique."""
        return frozenset[str]().union(*(technique.tactics for technique in self.techniques.values()))


@dataclass(frozen=True)
class Repository:
    """
    What a check may know beside the one rule: the other rules, the day, and helpers that the core does not own.

    `whole` is False where only named files were read, so that nothing can be said about what they lack.
    """

    files: tuple[RuleFile, ...]
    today: date
    whole: bool = True
    catalogue: Catalogue | None = None
    leading_wildcards: WildcardFinder | None = None

    @cached_property
    def live(self) -> tuple[RuleFile, ...]:
        """The rules that are not deprecated: only they are judged."""
        return tuple(file for file in self.files if file.maturity != DEPRECATED)

    @cached_property
    def first_by_name(self) -> Mapping[str, RuleFile]:
        """The first live rule of each name."""
        found: dict[str, RuleFile] = {}
        for file in self.live:
            found.setdefault(file.name, file)
        return found

    @cached_property
    def _threats(self) -> dict[str, tuple[Entry, ...]]:
        return {}

    def threats(self, file: RuleFile) -> tuple[Entry, ...]:
        """Return every tactic, technique and subtechnique of a rule, walked once."""
        found = self._threats.get(file.path)
        if found is None:
            found = self._threats[file.path] = tuple(threats_in(file.payload))
        return found

    @cached_property
    def attack(self) -> tuple[Mapping[str, Counter[str]], Mapping[str, Counter[str]]]:
        """How often each ATT&CK id has which name, and each technique stands below which tactic."""
        names: dict[str, Counter[str]] = {}
        tactics: dict[str, Counter[str]] = {}
        for file in self.live:
            for entry in self.threats(file):
                names.setdefault(entry.id, Counter())[entry.name] += 1
                if entry.kind != "tactic":
                    tactics.setdefault(entry.id, Counter())[entry.tactic] += 1
        return names, tactics


@dataclass(frozen=True, slots=True)
class Case:
    """One rule under one check: the rule, the check's options for it, and the repository around it."""

    rule: RuleFile
    options: Mapping[str, Any]
    repository: Repository

    @property
    def threats(self) -> tuple[Entry, ...]:
        """Every tactic, technique and subtechnique of the rule."""
        return self.repository.threats(self.rule)

    def text(self, name: str) -> str:
        """Return a text field without the white space around it, "" where it is missing or no text."""
        value = self.rule.payload.get(name)
        return value.strip() if isinstance(value, str) else ""


Look = Callable[[Case], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a check: how it is read from deployer.toml, and what it is without being set."""

    name: str
    reader: Reader[Any]
    default: Any
    summary: str


@dataclass(frozen=True, slots=True)
class Check:
    """
    One quality check. `needs` names what it cannot do without: "attack" is the catalogue, "repository" all rules.

    `on` is the level that it has once a project configures it without saying one.
    """

    code: str
    look: Look = field(repr=False)
    summary: str
    level: Level = "warning"
    options: tuple[Option, ...] = ()
    needs: Literal["", "repository", "attack"] = ""

    @property
    def on(self) -> Level:
        """The level of a check that was configured without a level."""
        return "warning" if self.level == "off" else self.level

    @property
    def defaults(self) -> dict[str, Any]:
        """Every option at its default."""
        return {option.name: option.default for option in self.options}

    def can_judge(self, repository: Repository) -> bool:
        """Say whether a rule without a finding is known to be right, and not only unchecked."""
        if self.needs == "attack":
            return repository.catalogue is not None
        return repository.whole or not self.needs


@dataclass(frozen=True, slots=True)
class Entry:
    """One ATT&CK reference of a rule: a tactic, technique or subtechnique, where it stands and what it stands below."""

    kind: Literal["tactic", "technique", "subtechnique"]
    key: Key
    framework: str
    tactic: str
    parent: str
    id: str
    name: str
    reference: str


def threats_in(payload: Mapping[str, Any]) -> Iterator[Entry]:
    """Yield every tactic, technique and subtechnique of a rule; what has not the right shape is for `core.shape`."""
    for number, threat in _tables(payload.get("threat")):
        key: Key = ("rule", "threat", number)
        framework = str(threat.get("framework", ""))
        tactic = threat.get("tactic")
        above = str(tactic.get("name", "")) if isinstance(tactic, Mapping) else ""
        if isinstance(tactic, Mapping):
            yield Entry("tactic", (*key, "tactic"), framework, above, "", *_said(tactic))
        for at, technique in _tables(threat.get("technique")):
            below: Key = (*key, "technique", at)
            said = _said(technique)
            yield Entry("technique", below, framework, above, "", *said)
            for nth, part in _tables(technique.get("subtechnique")):
                yield Entry("subtechnique", (*below, "subtechnique", nth), framework, above, said[0], *_said(part))


def _said(table: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return id, name and reference as they are written."""
    return str(table.get("id", "")), str(table.get("name", "")), str(table.get("reference", ""))


def _tables(value: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, Mapping):
            yield number, item
