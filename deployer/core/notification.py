"""What a run tells the people who were not there: values, made while it runs, told once at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from deployer.core.environment import NotifyPolicy
from deployer.core.plan import Plan
from deployer.errors import ExitCode

_RESULTS: Final = {
    ExitCode.DONE: "applied",
    ExitCode.CHANGES: "drift",
    ExitCode.UNDONE: "undone",
    ExitCode.INCOMPLETE: "incomplete",
    ExitCode.ATTENTION: "attention",
    ExitCode.INTERRUPTED: "interrupted",
}


@dataclass(frozen=True, slots=True)
class Touched:
    """One rule of a deployment, or of a drift: what was done to it in a word, `update` or the field that drifted."""

    rule_id: str
    name: str
    what: str


@dataclass(frozen=True)
class Happened:
    """What became of one target. `error` and `next` are sentences that the command printed, "" where it was well."""

    event: str
    target: str
    url: str
    code: ExitCode
    deployment: int | None = None
    digest: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    touched: tuple[Touched, ...] = ()
    reason: str = ""
    error: str = ""
    next: str = ""

    @property
    def result(self) -> str:
        """How it ended, in one word: `applied`, `undone`, `incomplete`, `attention`, `interrupted`, `drift`."""
        return _RESULTS.get(self.code, "failed")

    @property
    def well(self) -> bool:
        """Whether nobody has to look."""
        return self.code is ExitCode.DONE


def event_of(plan: Plan) -> str:
    """Return the event of a plan as `[notify] on` names it: a deployment is an `apply`, an adoption too."""
    return plan.event if plan.event in NotifyPolicy().on else "apply"


def touched_by(plan: Plan) -> tuple[Touched, ...]:
    """Return what a plan writes, rules first."""
    rules = [Touched(one.rule_id, plan.label(one.rule_id).name, one.action.value) for one in plan.changes]
    lists = [Touched(one.key, plan.label(one.key).name, one.action) for one in plan.dependencies]
    return (*rules, *lists)
