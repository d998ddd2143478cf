"""
What a reviewer must look at, and in which order: the same for every renderer.

First comes what can blind or flood people: rules that stop, are deleted or recreated, queries that changed meaning,
detections that got weaker, response actions that are armed. Ten or more changes of one kind are one group with one
example, so that 2,000 equal changes do not bury the one that matters.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from deployer.core.change import Action, Change
from deployer.core.fields import Category
from deployer.core.guards import weakens
from deployer.core.plan import Edit, Plan

GROUP_FROM: Final = 10
OVERDUE_DAYS: Final = 7  # an edit that is left alone for longer wants a decision

_ORDER: Final = (
    Action.RECREATE,
    Action.DELETE,
    Action.DISABLE,
    Action.UPDATE,
    Action.ADOPT,
    Action.ENABLE,
    Action.CREATE,
)
_CATEGORIES: Final = (Category.SEMANTIC, Category.EXPOSURE, Category.TUNING, Category.COSMETIC)


@dataclass(frozen=True, slots=True)
class Group:
    """Changes that read alike: one change, or ten and more with the same action, category and fields."""

    changes: tuple[Change, ...]

    @property
    def example(self) -> Change:
        """The change that stands for the group."""
        return self.changes[0]


@dataclass(frozen=True, slots=True)
class Review:
    """
    The changes of a plan in reading order: `first` is what must be looked at, `rest` is the quiet rest. `overdue` are
    edits made in Kibana that nobody has decided on for a week, `recent` the other edits that are left alone.
    """

    first: tuple[Group, ...]
    rest: tuple[Group, ...]
    overdue: tuple[Edit, ...] = ()
    recent: tuple[Edit, ...] = ()


def review(plan: Plan) -> Review:
    """Return the changes of a plan in reading order."""
    first = [change for change in plan.changes if risky(change)]
    rest = [change for change in plan.changes if not risky(change)]
    left = [edit for edit in plan.notes.edits if edit.kind == "left"]
    overdue = [edit for edit in left if (age_of(plan, edit) or 0) >= OVERDUE_DAYS]
    recent = [edit for edit in left if edit not in overdue]
    return Review(_grouped(plan, first), _grouped(plan, rest), tuple(overdue), tuple(recent))


def age_of(plan: Plan, edit: Edit) -> float | None:
    """Return how many days before the plan an edit was made, None where Kibana does not say."""
    try:
        return (datetime.fromisoformat(plan.made_at) - datetime.fromisoformat(edit.at)).total_seconds() / 86400
    except (ValueError, TypeError):
        return None


def risky(change: Change) -> bool:
    """Say whether a person must look at a change before it is applied."""
    if change.action in (Action.RECREATE, Action.DELETE, Action.DISABLE):
        return True
    if change.action is Action.CREATE:
        return False
    return change.category is Category.SEMANTIC or weakens(change) or _stops(change) or _drops_exceptions(change)


def _stops(change: Change) -> bool:
    return change.flips and not (change.after or {}).get("enabled")


def _drops_exceptions(change: Change) -> bool:
    before, after = change.side("exceptions_list")
    return bool(before) and len(before or ()) > len(after or ())


def _grouped(plan: Plan, changes: list[Change]) -> tuple[Group, ...]:
    kinds: dict[tuple[object, ...], list[Change]] = {}
    for change in sorted(changes, key=lambda change: _position(plan, change)):
        kinds.setdefault(_kind(change), []).append(change)
    groups: list[Group] = []
    for alike in kinds.values():
        groups += [Group(tuple(alike))] if len(alike) >= GROUP_FROM else [Group((change,)) for change in alike]
    return tuple(sorted(groups, key=lambda group: _position(plan, group.example)))


def _kind(change: Change) -> tuple[object, ...]:
    names = () if change.action in (Action.CREATE, Action.DELETE) else change.names
    return change.action, change.category, names


def _position(plan: Plan, change: Change) -> tuple[int, int, str, str]:
    category = _CATEGORIES.index(change.category)
    return _ORDER.index(change.action), category, plan.label(change.rule_id).name.casefold(), change.rule_id
