"""
A plan while it is made: what is known going in, what is found coming out. `core.planner` fills it, rule by rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from deployer.core.change import Change, Label
from deployer.core.compare import Take
from deployer.core.desired import Desired, DesiredRule
from deployer.core.environment import Environment
from deployer.core.live import LiveRule, by_rule_id
from deployer.core.plan import Blocked, Edit, Entry
from deployer.core.ports import SpaceRead
from deployer.core.record import Record, RuleRecord
from deployer.core.rule_file import RuleFile
from deployer.core.selector import Selector
from deployer.errors import Problem


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


_NAMED: Final = 3  # so many rules are named in a line of the plan's head


def some(names: Iterable[str]) -> str:
    """Return names for a line of the plan's head: a few, and how many more there are."""
    names = sorted(names)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


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
        self.warnings: list[Problem] = []
        self.tuned: list[str] = []  # rules of Elastic's that prebuilt/ names and the space has
        self.customised: list[str] = []  # those of them whose content is not Elastic's any more
        self.given_back: list[str] = []  # what prebuilt/ no longer names, in words
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

    @property
    def keeps_on(self) -> bool:
        """
        Whether nothing may be switched off: the target has no record (design section 6), and nobody decided for git.
        """
        return self.situation.record is None and self.wishes.take != "git"

    def block(self, live: LiveRule, kind: str, reason: str, remedy: str) -> None:
        """Note a rule that the plan may not touch."""
        self.blocked.append(Blocked(live.rule_id, kind, reason, remedy))

    def conflict(self, live: LiveRule) -> None:
        """Note a rule that git and Kibana both changed: it is left out, or blocks the plan, as the environment says."""
        names = ", ".join(edit.field for edit in self.edits if edit.rule_id == live.rule_id and edit.kind == "conflict")
        if self.environment.ownership.conflict == "skip":
            self.left_out.append(live.rule_id)
            return
        remedy = f"--take git or --take live with --only id:{live.rule_id}"
        self.block(live, "conflict", f"git and Kibana both changed {names}", remedy)

    def keep_entry(self, rule: DesiredRule, entry: Entry) -> None:
        """Note what the record is to say of a rule, with the documents that it names."""
        self.entries[rule.file.rule_id] = entry
        self.documents[rule.fingerprint] = rule.file.canonical
        self.documents[rule.authored] = rule.canonical

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
