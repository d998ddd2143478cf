"""
A rule before and after: the one value for everything that a plan does.

A side is a mapping of field to value, or None where the rule does not exist on that side. A create has no before, a
delete no after; a create, a delete and a recreate carry whole rules, everything else only the fields that it writes. A
key that stands on one side only is added or removed. The action is derived from the sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from deployer.core import fields
from deployer.core.fields import ABSENT, Category
from deployer.core.normalise import same_field

Side = Mapping[str, Any]


class Action(StrEnum):
    """What a change does to its rule."""

    CREATE = "create"
    UPDATE = "update"
    ENABLE = "enable"
    DISABLE = "disable"
    DELETE = "delete"
    RECREATE = "recreate"
    ADOPT = "adopt"


@dataclass(frozen=True, slots=True)
class Change:
    """
    One rule before and after.

    `rule_type` is the type on the after side (before, for a delete). `marker` is True where the write also puts our
    marker on a rule that lacks it, and `adopts` where that makes somebody else's rule ours (`--adopt`). `prebuilt`: one
    of Elastic's rules, of which only these fields are sent, so that it stays Elastic's.
    """

    rule_id: str
    rule_type: str
    before: Side | None
    after: Side | None
    marker: bool = False
    adopts: bool = False
    prebuilt: bool = False

    @property
    def action(self) -> Action:
        """The action, derived from the sides."""
        if self.before is None:
            return Action.CREATE
        if self.after is None:
            return Action.DELETE
        if "type" in self.before and not retypes_in_place(self.before["type"], self.after.get("type")):
            return Action.RECREATE
        if self.adopts:
            return Action.ADOPT
        if self.names == ("enabled",) and not self.marker:
            return Action.ENABLE if self.after.get("enabled") else Action.DISABLE
        return Action.UPDATE

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that the change writes, in the order of the field table."""
        written = {*(self.before or {}), *(self.after or {})}
        known = [name for name in fields.FIELDS if name in written]
        return (*known, *sorted(written.difference(known)))

    @property
    def category(self) -> Category:
        """What the change means: its strongest field's category; semantic for a recreate."""
        action = self.action
        if action is Action.RECREATE:
            return Category.SEMANTIC
        if action in (Action.CREATE, Action.DELETE):
            return Category.EXPOSURE
        order = list(Category)
        return max((fields.field(name).category for name in self.names), key=order.index, default=Category.COSMETIC)

    @property
    def content(self) -> tuple[str, ...]:
        """The fields other than `enabled`: what a content write sends."""
        return tuple(name for name in self.names if name != "enabled")

    @property
    def flips(self) -> bool:
        """Whether the change switches the rule on or off."""
        before, after = (self.before or {}).get("enabled", False), (self.after or {}).get("enabled", ABSENT)
        return after is not ABSENT and bool(before) != bool(after)

    def side(self, name: str) -> tuple[Any, Any]:
        """Return before and after of one field, ABSENT where the key is missing."""
        return (self.before or {}).get(name, ABSENT), (self.after or {}).get(name, ABSENT)

    def told(self, name: str) -> tuple[Any, Any]:
        """Return before and after as people compare them: actions without the uuid, which Kibana gives and keeps."""
        before, after = self.side(name)
        return (_without_uuids(before), _without_uuids(after)) if name == "actions" else (before, after)

    def differs_from_before(self, live: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the planned fields that no longer have their before in a live body (the stale check of design 5)."""
        return tuple(
            name
            for name in self.names
            if not same_field(name, live.get(name, ABSENT), (self.before or {}).get(name, ABSENT), live.get("type", ""))
        )

    def differs_from_after(self, live: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the planned fields that do not have their after in a live body."""
        return tuple(
            name
            for name in self.names
            if not same_field(name, live.get(name, ABSENT), (self.after or {}).get(name, ABSENT), self.rule_type)
        )


def retypes_in_place(before: Any, after: Any) -> bool:
    """Say whether a rule may go from one type to the other by PUT: only `query` and `saved_query` (facts.md 3.4)."""
    return before == after or {before, after} == {"query", "saved_query"}


@dataclass(frozen=True, slots=True)
class Label:
    """How a rule is named to people; no part of a plan's digest."""

    name: str = ""
    rule_type: str = ""
    severity: str = ""
    path: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


def _without_uuids(actions: Any) -> Any:
    if not isinstance(actions, list):
        return actions
    return [{key: part for key, part in a.items() if key != "uuid"} if isinstance(a, Mapping) else a for a in actions]
