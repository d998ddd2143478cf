"""
A plan while it is made: what is known going in, what is found coming out. `core.planner` fills it, rule by rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from deployer.core.change import Change, Label
from deployer.core.compare import Take
from deployer.core.desired import Desired
from deployer.core.environment import Environment
from deployer.core.live import LiveRule, by_rule_id
from deployer.core.plan import Blocked, Edit, Entry
from deployer.core.ports import SpaceRead
from deployer.core.record import Record, RuleRecord
from deployer.core.rule_file import RuleFile
from deployer.core.selector import Selector


@dataclass(frozen=True, slots=True)
class Wishes:
    """
    What the person asked for on top of the files: `--allow`, `--adopt`, `--take`, `--only`; `ids` narrows to rules.
    """

    allow: Mapping[str, int] = field(default_factory=dict)
    adopt: bool = False
    take: Take | None = None
    only: tuple[Selector, ...] = ()
    ids: frozenset[str] | None = None


@dataclass(frozen=True)
class Situation:
    """
    Everything a plan is made from. `baseline` has the canonical rules that the record's `authored` names, at least
    those of `suspects`. `now` is Kibana's clock, `stack` its version.
    """

    environment: Environment
    project: str
    marker: str
    desired: Desired
    live: SpaceRead
    record: Record | None
    baseline: Mapping[str, Mapping[str, Any]]
    now: datetime
    stack: str = ""


class Draft:
    """The plan under construction: what is known going in, what is found coming out."""

    def __init__(self, situation: Situation, wishes: Wishes) -> None:
        self.situation = situation
        self.wishes = wishes
        self.environment = situation.environment
        self.recorded: Mapping[str, RuleRecord] = situation.record.rules if situation.record else {}
        self.live, self.duplicates = by_rule_id(situation.live.rules)
        self.changes: list[Change] = []
        self.entries: dict[str, Entry | None] = {}
        self.documents: dict[str, Mapping[str, Any]] = {}
        self.labels: dict[str, Label] = {}
        self.edits: list[Edit] = []
        self.blocked: list[Blocked] = []
        self.details: dict[str, tuple[str, ...]] = {}
        self.retiring: set[str] = set()
        self.unmarked: list[str] = []
        self.left_out: list[str] = []
        self.unchanged = 0
        self.equal_unmanaged = 0

    def wanted(self, rule_id: str) -> bool:
        """Say whether `--only` lets a rule through."""
        if self.wishes.ids is not None and rule_id not in self.wishes.ids:
            return False
        return not self.wishes.only or any(selector.matches(self.subject(rule_id)) for selector in self.wishes.only)

    def subject(self, rule_id: str) -> RuleFile | LiveRule | Recorded:
        """Return what selectors look at: the file, else the live rule, else what the record remembers."""
        if rule_id in self.situation.desired.rules:
            return self.situation.desired.rules[rule_id].file
        if rule_id in self.live:
            return self.live[rule_id]
        return Recorded(rule_id, self.recorded[rule_id])

    def detail(self, rule_id: str, *sentences: str) -> None:
        """Add sentences under the change of a rule."""
        self.details[rule_id] = (*self.details.get(rule_id, ()), *sentences)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A rule of which only the record is left, as a subject for selectors."""

    rule_id: str
    recorded: RuleRecord
    tags: tuple[str, ...] = ()
    type: str = ""
    severity: str = ""
    maturity: str = ""

    @property
    def name(self) -> str:
        """The name at the last deployment."""
        return self.recorded.name

    @property
    def path(self) -> str:
        """The file at the last deployment."""
        return self.recorded.path
