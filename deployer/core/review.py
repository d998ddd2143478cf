"""
What a reviewer must look at, and in which order: the same for every renderer.

First comes what can blind or flood people: rules that stop, are deleted or recreated, queries that changed meaning,
detections that got weaker, response actions that are armed. Ten or more changes of one kind are one group with one
example, so that 2,000 equal changes do not bury the one that matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from deployer.core.change import Action, Change
from deployer.core.dependency import Dependency, Kind
from deployer.core.fields import Category
from deployer.core.fields import field as field_of
from deployer.core.guards import weaker_fields
from deployer.core.origin import Origin, part
from deployer.core.plan import Blocked, Edit, Held, Plan

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
_LOSES: Final = {Action.RECREATE: "recreated", Action.DELETE: "deleted"}
_WEAKER: Final = {
    "severity": "severity lowered",
    "risk_score": "risk score lowered",
    "alert_suppression": "suppression added",
    "exceptions_list": "exceptions added",
}
_OF_VERDICTS: Final = {"response_actions": "response actions armed", "protected": "a protected rule"}


@dataclass(frozen=True, slots=True)
class Group:
    """Changes that read alike: one change, or ten and more with the same action, category, fields and reasons."""

    changes: tuple[Change, ...]

    @property
    def example(self) -> Change:
        """The change that stands for the group."""
        return self.changes[0]

    @property
    def others(self) -> tuple[Change, ...]:
        """The changes that the example stands for."""
        return self.changes[1:]


@dataclass(frozen=True, slots=True)
class Rename:
    """A rule that has another name afterwards: playbooks and dashboards key on the name."""

    rule_id: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Review:
    """
    What a plan says, in reading order: `first` is what must be looked at, `rest` is the quiet rest.

    `reasons` says why, by rule id or key of a list; only those to look at have any. `conflicts` and `left_out` (by
    `conflict = "skip"`) are rules that git and Kibana both changed, `blocked` the other rules that the plan may not
    touch. `held` are holds that end, or that git has something new for; `standing` the others. `rekeyed` are
    rules that run as another Kibana user from then on. `overdue` are edits made in Kibana that
    nobody has decided on for a week, `recent` the other edits that are left alone.

    With `--base` the changes and lists among them are those of this branch; `elsewhere` has the
    rest of the plan, by where it comes from.
    """

    first: tuple[Group, ...] = ()
    rest: tuple[Group, ...] = ()
    reasons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    first_lists: tuple[Dependency, ...] = ()
    rest_lists: tuple[Dependency, ...] = ()
    conflicts: tuple[Blocked, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    left_out: tuple[str, ...] = ()
    held: tuple[Held, ...] = ()
    standing: tuple[Held, ...] = ()
    rekeyed: tuple[str, ...] = ()
    renamed: tuple[Rename, ...] = ()
    overdue: tuple[Edit, ...] = ()
    recent: tuple[Edit, ...] = ()
    elsewhere: tuple[tuple[Origin, tuple[Group, ...]], ...] = ()


def review(plan: Plan) -> Review:
    """Return what a plan says in reading order."""
    notes = plan.notes
    reasons = _reasons(plan)
    own = part(plan, Origin.BRANCH)
    first = [change for change in own.changes if change.rule_id in reasons]
    rest = [change for change in own.changes if change.rule_id not in reasons]
    left = [edit for edit in notes.edits if edit.kind == "left"]
    overdue = [edit for edit in left if (age_of(plan, edit) or 0) >= OVERDUE_DAYS]
    return Review(
        first=_grouped(plan, first, reasons),
        rest=_grouped(plan, rest, reasons),
        reasons=reasons,
        first_lists=tuple(one for one in own.dependencies if one.key in reasons),
        rest_lists=tuple(one for one in own.dependencies if one.key not in reasons),
        conflicts=tuple(blocked for blocked in notes.blocked if blocked.kind == "conflict"),
        blocked=tuple(blocked for blocked in notes.blocked if blocked.kind != "conflict"),
        left_out=notes.left_out,
        held=tuple(held for held in notes.held if held.state != "held"),
        standing=tuple(held for held in notes.held if held.state == "held"),
        rekeyed=notes.rekeyed,
        renamed=tuple(_renamed(plan.changes)),
        overdue=tuple(overdue),
        recent=tuple(edit for edit in left if edit not in overdue),
        elsewhere=tuple(_elsewhere(plan, reasons)),
    )


def _elsewhere(plan: Plan, reasons: Mapping[str, tuple[str, ...]]) -> Iterable[tuple[Origin, tuple[Group, ...]]]:
    """Yield the changes that are not this branch's, by where they come from."""
    if plan.notes.branch is not None:
        for origin in list(Origin)[1:]:
            yield origin, _grouped(plan, list(part(plan, origin).changes), reasons)


def age_of(plan: Plan, edit: Edit) -> float | None:
    """Return how many days before the plan an edit was made, None where Kibana does not say."""
    try:
        return (datetime.fromisoformat(plan.made_at) - datetime.fromisoformat(edit.at)).total_seconds() / 86400
    except (ValueError, TypeError):
        return None


def _reasons(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Return why each change must be looked at before it is applied; quiet ones are not there."""
    marked: dict[str, list[str]] = {}
    for verdict in plan.notes.verdicts:
        for rule_id in verdict.rules if verdict.guard in _OF_VERDICTS else ():
            marked.setdefault(rule_id, []).append(_OF_VERDICTS[verdict.guard])
    wider = {key for verdict in plan.notes.verdicts if verdict.guard == "weaken" for key in verdict.rules}
    found = {change.rule_id: (*_of_change(change), *marked.get(change.rule_id, ())) for change in plan.changes}
    found |= {one.key: tuple(_of_list(one, one.key in wider)) for one in plan.dependencies}
    return {name: reasons for name, reasons in found.items() if reasons}


def _of_change(change: Change) -> Iterable[str]:
    """Yield why one change can blind or flood people."""
    if change.action is Action.CREATE:
        return
    if change.action in _LOSES:
        yield _LOSES[change.action]
        return
    if _stops(change):
        yield "disabled"
    meant = [name for name in change.names if field_of(name).category is Category.SEMANTIC]
    if meant:
        yield f"other meaning: {', '.join(meant)}"
    yield from (words for name, words in _WEAKER.items() if name in weaker_fields(change))
    if _drops_exceptions(change):
        yield "exceptions removed"


def _of_list(one: Dependency, wider: bool) -> Iterable[str]:
    if one.action == "delete":
        yield "exception removed" if one.kind is Kind.ITEM else "list removed"
    elif one.removed:
        yield "values removed"
    if wider:
        yield "more is excepted"


def _stops(change: Change) -> bool:
    return change.flips and not (change.after or {}).get("enabled")


def _drops_exceptions(change: Change) -> bool:
    """Say whether a list of exceptions is not there any more; another one instead does not make up for it."""
    before, after = ({_list_of(entry) for entry in side or ()} for side in change.side("exceptions_list"))
    return bool(before - after)


def _list_of(entry: object) -> object:
    return entry.get("list_id") if isinstance(entry, Mapping) else str(entry)


def _renamed(changes: Iterable[Change]) -> Iterable[Rename]:
    for change in changes:
        before, after = (change.before or {}).get("name"), (change.after or {}).get("name")
        if before and after and before != after:
            yield Rename(change.rule_id, str(before), str(after))


def _grouped(plan: Plan, changes: list[Change], reasons: Mapping[str, tuple[str, ...]]) -> tuple[Group, ...]:
    kinds: dict[tuple[object, ...], list[Change]] = {}
    for change in sorted(changes, key=lambda change: _position(plan, change)):
        kinds.setdefault((*_kind(change), reasons.get(change.rule_id, ())), []).append(change)
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
