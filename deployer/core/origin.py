"""
Where each change of a plan comes from: this branch, the branch that it goes to, or Kibana. Pure.

A change is this branch's where the plan of the other tree (`plan --base REF`), made from the same reading of Kibana and
the same record, does not have the very same change. What both plans have was there before: on REF and not applied yet,
or, where git asks for what it asked for at the last deployment, done in Kibana. Nothing here touches the plan's digest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from deployer.core.canonical import same
from deployer.core.change import Change
from deployer.core.dependencies import recorded_lists
from deployer.core.dependency import Dependency, Kind, key_of
from deployer.core.fields import ABSENT
from deployer.core.plan import Branch, Plan, Waiting
from deployer.core.record import Record


class Origin(StrEnum):
    """Where a change comes from, the branch's own first."""

    BRANCH = "branch"
    BASE = "base"  # on REF, not applied yet
    BEHIND = "behind"  # REF changed it since this branch left: the branch would take it back
    KIBANA = "kibana"  # done in Kibana since the last deployment; the plan puts it back


@dataclass(frozen=True)
class Trees:
    """
    The plans of the other trees: `base` that of REF, `fork` that of the commit where the branch left REF, None where
    that is REF itself or is not in this clone.
    """

    ref: str
    commit: str
    base: Plan
    fork: Plan | None = None


def compared(plan: Plan, trees: Trees, record: Record | None) -> Branch:
    """Return where the changes of `plan` come from, and which changes of REF's plan this branch takes away."""
    base, fork = _written(trees.base), _written(trees.fork) if trees.fork else {}
    found: dict[str, str] = {}
    mixed: dict[str, tuple[str, ...]] = {}
    for key, change in _written(plan).items():
        if same(_sides(change), _sides(base.get(key))):
            found[key] = Origin.KIBANA.value if _done_in_kibana(plan, change, record) else Origin.BASE.value
        elif trees.fork is not None and same(_sides(change), _sides(fork.get(key))):
            found[key] = Origin.BEHIND.value
        else:
            found[key] = Origin.BRANCH.value
            mixed[key] = _shared_fields(change, base.get(key))
    undone = tuple(sorted(trees.base.label(key).name for key in base if key not in found))
    return Branch(trees.ref, trees.commit, found, {key: names for key, names in mixed.items() if names}, undone)


def everything(plan: Plan, ref: str, commit: str, why: str) -> Branch:
    """Return every change as this branch's, because nothing could be compared: `why` is the sentence that says so."""
    return Branch(ref, commit, dict.fromkeys(_written(plan), Origin.BRANCH.value), note=why)


def part(plan: Plan, origin: Origin) -> Plan:
    """Return the plan with the changes of one origin only, to be shown. Its digest is not that of the plan."""
    branch = plan.notes.branch
    if branch is None:
        return plan if origin is Origin.BRANCH else replace(plan, changes=(), dependencies=())
    return replace(
        plan,
        changes=tuple(change for change in plan.changes if branch.origins.get(change.rule_id) == origin),
        dependencies=tuple(one for one in plan.dependencies if branch.origins.get(one.key) == origin),
    )


def shares(plan: Plan) -> dict[Origin, int]:
    """Return how many objects the plan writes by where the change comes from; {} without `--base`."""
    branch = plan.notes.branch
    if branch is None:
        return {}
    keys = _written(plan)
    return {origin: sum(branch.origins.get(key) == origin for key in keys) for origin in Origin}


@dataclass(frozen=True)
class Moving:
    """
    A rule that this branch changes and that a promoted target does not run before it is pinned. `since` is where the
    soak stands, "" where the source does not run it yet.
    """

    rule_id: str
    name: str
    path: str
    soaks: str = ""


def not_now(moving: Iterable[Moving], plan: Plan, source: str, soak: str) -> tuple[Waiting, ...]:
    """
    Return, for each rule that the branch changes and the plan does not write, why not now. `soak` is how long a rule
    has to run in `source`, as people write it.
    """
    written = {change.rule_id for change in plan.changes}
    first = f"waits {soak} in {source}" if soak else f"waits for {source}"
    rows = [
        Waiting(one.rule_id, one.name, one.path, f"not now: {one.soaks or first}")
        for one in moving
        if one.rule_id not in written
    ]
    return tuple(sorted(rows, key=lambda row: (row.name.casefold(), row.rule_id)))


def _written(plan: Plan) -> dict[str, Change | Dependency]:
    objects: dict[str, Change | Dependency] = {change.rule_id: change for change in plan.changes}
    return {**objects, **{one.key: one for one in plan.dependencies}}


def _sides(change: Change | Dependency | None) -> list[Any]:
    return [] if change is None else [change.before, change.after]


def _shared_fields(change: Change | Dependency, other: Change | Dependency | None) -> tuple[str, ...]:
    """Return the fields of an update that REF's plan writes alike: they are not this branch's."""
    if not isinstance(change, Change) or not isinstance(other, Change):
        return ()
    if change.before is None or change.after is None or change.action is not other.action:
        return ()
    return tuple(name for name in change.names if _alike(change.side(name), other.side(name)))


def _alike(one: tuple[Any, Any], other: tuple[Any, Any]) -> bool:
    return all(
        (a is ABSENT and b is ABSENT) or (a is not ABSENT and b is not ABSENT and same(a, b))
        for a, b in zip(one, other, strict=True)
    )


def _done_in_kibana(plan: Plan, change: Change | Dependency, record: Record | None) -> bool:
    """Say whether git asks for what it asked for at the last deployment, so that what differs was done in Kibana."""
    if record is None:
        return False
    if isinstance(change, Dependency):
        key = change.key if change.kind is not Kind.ITEM else key_of(Kind.LIST, change.list_id, change.namespace)
        recorded = recorded_lists(record).get(key)
        entry = plan.lists.get(key)
        return recorded is not None and (entry is None or entry.authored == recorded.get("authored"))
    before, after = record.rules.get(change.rule_id), plan.entries.get(change.rule_id)
    if before is None or after is None:
        return False
    return before.authored == after.authored and (before.retired is None) == (after.retired is None)
