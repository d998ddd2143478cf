"""
What rules depend on, before and after: exception lists, their items, value lists.

A list and an item are sent whole, so a change carries the fields that it writes, and a create all of them. A value list
carries only the values that come (`after`) and go (`before`): a list of 50,000 lines of which three changed is six
values. `agnostic` lists exist once per Kibana, everything else once per space.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from deployer.core.canonical import same

AGNOSTIC: Final = "agnostic"
SINGLE: Final = "single"
VALUES: Final = "values"
"""The field of a value list's sides that has the values."""


class Kind(StrEnum):
    """The kinds of dependencies, in the order in which they are written."""

    VALUE_LIST = "value list"
    LIST = "exception list"
    ITEM = "exception item"


_ORDER: Final = tuple(Kind)


@dataclass(frozen=True, slots=True)
class Dependency:
    """
    One object before and after; None where it does not exist on that side. `name` is its `list_id`, `item_id`, or the
    id of the value list; `list_id` is the list that an item belongs to.
    """

    kind: Kind
    name: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    namespace: str = SINGLE
    list_id: str = ""

    @property
    def key(self) -> str:
        """What tells it from every other object of a target, rules included."""
        return key_of(self.kind, self.name, self.namespace)

    @property
    def action(self) -> str:
        """`create`, `update` or `delete`."""
        if self.before is None:
            return "create"
        return "delete" if self.after is None else "update"

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that are written, sorted."""
        return tuple(sorted({*(self.before or {}), *(self.after or {})}))

    @property
    def shared(self) -> bool:
        """Whether the object exists once per Kibana, and not once per space."""
        return self.namespace == AGNOSTIC

    @property
    def added(self) -> tuple[str, ...]:
        """The values that a value list gains."""
        return tuple((self.after or {}).get(VALUES, ()))

    @property
    def removed(self) -> tuple[str, ...]:
        """The values that a value list loses."""
        return tuple((self.before or {}).get(VALUES, ()))

    def moved(self, live: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the written fields that no longer have their before in a canonical live object."""
        before = self.before or {}
        return tuple(name for name in self.names if not same(live.get(name), before.get(name)))

    def has_after(self, live: Mapping[str, Any]) -> bool:
        """Say whether every written field of a canonical live object has its after."""
        after = self.after or {}
        return all(same(live.get(name), after.get(name)) for name in self.names)


def key_of(kind: Kind, name: str, namespace: str = SINGLE) -> str:
    """Return the key of an object: `exception item:single:travelling-staff-sg`."""
    return f"{kind.value}:{namespace}:{name}"


def in_order(dependencies: Iterable[Dependency]) -> tuple[Dependency, ...]:
    """Return dependencies as they are written: value lists, lists, items; each kind by name."""
    return tuple(sorted(dependencies, key=lambda one: (_ORDER.index(one.kind), one.namespace, one.list_id, one.name)))


def dependency_json(dependency: Dependency) -> dict[str, Any]:
    """Return a dependency as JSON: its sides, and what is not at its default."""
    result: dict[str, Any] = {
        "kind": dependency.kind.value,
        "name": dependency.name,
        "before": None if dependency.before is None else dict(dependency.before),
        "after": None if dependency.after is None else dict(dependency.after),
    }
    if dependency.namespace != SINGLE:
        result["namespace"] = dependency.namespace
    if dependency.list_id:
        result["list_id"] = dependency.list_id
    return result


def dependency_from(data: Mapping[str, Any]) -> Dependency:
    """Return the dependency that `dependency_json` wrote. Raises KeyError, ValueError for anything else."""
    return Dependency(
        Kind(data["kind"]),
        data["name"],
        data["before"],
        data["after"],
        data.get("namespace", SINGLE),
        data.get("list_id", ""),
    )
