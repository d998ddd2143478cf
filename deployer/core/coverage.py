"""
Which ATT&CK techniques have a rule, where, and which have none.

A gap needs a known universe. With ATT&CK's own data (the extra `attack`) it is every technique of that version. Without
it, it is what the rules themselves name: then a technique that no rule ever named cannot be missed, and the report says
so.
A rule for a subtechnique counts for its technique as well. A rule counts below every tactic that the technique has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from deployer.core.checks.attack import slug
from deployer.core.checks.check import Catalogue, Entry, Technique

FRAMEWORK: Final = "MITRE ATT&CK"
Answer = Literal["runs", "off", "elsewhere", "none"]


@dataclass(frozen=True, slots=True)
class Tactic:
    """One tactic of ATT&CK: its slug, its name, its id."""

    slug: str
    name: str
    id: str = ""


TACTICS: Final = (
    Tactic("reconnaissance", "Reconnaissance", "TA0043"),
    Tactic("resource-development", "Resource Development", "TA0042"),
    Tactic("initial-access", "Initial Access", "TA0001"),
    Tactic("execution", "Execution", "TA0002"),
    Tactic("persistence", "Persistence", "TA0003"),
    Tactic("privilege-escalation", "Privilege Escalation", "TA0004"),
    Tactic("defense-evasion", "Defense Evasion", "TA0005"),
    Tactic("credential-access", "Credential Access", "TA0006"),
    Tactic("discovery", "Discovery", "TA0007"),
    Tactic("lateral-movement", "Lateral Movement", "TA0008"),
    Tactic("collection", "Collection", "TA0009"),
    Tactic("command-and-control", "Command and Control", "TA0011"),
    Tactic("exfiltration", "Exfiltration", "TA0010"),
    Tactic("impact", "Impact", "TA0040"),
)
"""The tactics of the Enterprise matrix, in its order; another one that a technique has comes after them."""


@dataclass(frozen=True)
class Universe:
    """
    The techniques that a gap is measured against, by id. `source` says where they are from: `attack` (then `version` is
    ATT&CK's), or `rules`. `strangers` are ids that rules name and ATT&CK does not have, or has retired.
    """

    source: Literal["attack", "rules"]
    version: str
    techniques: Mapping[str, Technique]
    strangers: frozenset[str] = frozenset()

    @property
    def tactics(self) -> tuple[Tactic, ...]:
        """The tactics that have a technique, in the order of the matrix."""
        used = {name for technique in self.techniques.values() for name in technique.tactics}
        known = [tactic for tactic in TACTICS if tactic.slug in used]
        others = used.difference(tactic.slug for tactic in TACTICS)
        return (*known, *(Tactic(name, name.replace("-", " ").title()) for name in sorted(others)))


@dataclass(frozen=True, slots=True)
class Mapped:
    """
    One rule as coverage sees it: the ids it names, whether it is written in git (and not deprecated), the targets where
    it runs, and those where it is switched off. `others` has the ids that it names in a target, where they are others.
    """

    rule_id: str
    techniques: tuple[str, ...]
    written: bool
    runs: frozenset[str] = frozenset()
    off: frozenset[str] = frozenset()
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def names(self, target: str = "") -> set[str]:
        """Return the ids that it counts for in a target (in git), with the techniques of its subtechniques."""
        named = self.others.get(target, self.techniques)
        return {*named, *(name.partition(".")[0] for name in named)}


@dataclass(frozen=True, slots=True)
class Spot:
    """
    One technique or subtechnique and its rules: those that run and those that are off, by target, and those in git.
    `parent` is the technique of a subtechnique, "" for a technique; `tactics` are slugs.
    """

    id: str
    name: str
    tactics: tuple[str, ...]
    parent: str
    runs: Mapping[str, tuple[str, ...]]
    off: Mapping[str, tuple[str, ...]]
    written: tuple[str, ...]

    def answer(self, target: str) -> Answer:
        """Say how a target stands: a rule runs there, one is there but off, there is one elsewhere, or none at all."""
        if self.runs.get(target):
            return "runs"
        if self.off.get(target):
            return "off"
        return "elsewhere" if self.anywhere else "none"

    @property
    def anywhere(self) -> bool:
        """Whether there is a rule at all: in git, or in a target."""
        return bool(self.written or any(self.runs.values()) or any(self.off.values()))


def universe(catalogue: Catalogue | None, entries: Iterable[Entry]) -> Universe:
    """Return what gaps are measured against: ATT&CK's techniques that are not retired, and all that rules name."""
    named = _named(entries)
    if catalogue is None:
        return Universe("rules", "", named)
    current = {name: technique for name, technique in catalogue.techniques.items() if not technique.retired}
    strangers = frozenset(named.keys() - current.keys())
    return Universe("attack", catalogue.version, {**named, **current}, strangers)


def _named(entries: Iterable[Entry]) -> dict[str, Technique]:
    """Return the techniques that rules name, each with the name that most give it and every tactic it stands below."""
    names: dict[str, Counter[str]] = {}
    tactics: dict[str, set[str]] = {}
    for entry in entries:
        if entry.framework == FRAMEWORK and entry.kind != "tactic" and entry.id:
            names.setdefault(entry.id, Counter())[entry.name] += 1
            tactics.setdefault(entry.id, set()).update([slug(entry.tactic)] if entry.tactic else [])
    for name in [name for name in names if "." in name]:
        above = name.partition(".")[0]
        names.setdefault(above, Counter([above]))  # a subtechnique stands below its technique, named or not
        tactics.setdefault(above, set()).update(tactics[name])
    return {name: Technique(_usual(names[name]), frozenset(tactics[name])) for name in names}


def _usual(names: Counter[str]) -> str:
    return min(names, key=lambda name: (-names[name], name))


def techniques_of(entries: Iterable[Entry]) -> tuple[str, ...]:
    """Return the ids of ATT&CK that a rule names, techniques and subtechniques, sorted."""
    return tuple(
        sorted({entry.id for entry in entries if entry.framework == FRAMEWORK and entry.kind != "tactic" and entry.id})
    )


def spots(known: Universe, rules: Iterable[Mapped], targets: Sequence[str]) -> tuple[Spot, ...]:
    """Return every technique of the universe with its rules, sorted by id."""
    runs: dict[tuple[str, str], list[str]] = {}
    off: dict[tuple[str, str], list[str]] = {}
    written: dict[str, list[str]] = {}
    for rule in rules:
        for target in targets:
            if target in rule.runs or target in rule.off:
                found = runs if target in rule.runs else off
                for name in rule.names(target):
                    found.setdefault((name, target), []).append(rule.rule_id)
        for name in rule.names() if rule.written else ():
            written.setdefault(name, []).append(rule.rule_id)
    return tuple(
        Spot(
            name,
            known.techniques[name].name,
            tuple(sorted(known.techniques[name].tactics)),
            name.partition(".")[0] if "." in name else "",
            {target: tuple(runs.get((name, target), ())) for target in targets},
            {target: tuple(off.get((name, target), ())) for target in targets},
            tuple(written.get(name, ())),
        )
        for name in sorted(known.techniques)
    )
