"""What a plan does to exception lists, their items and value lists, in a few lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from deployer.core.dependency import Dependency, Kind
from deployer.core.plan import Plan
from deployer.render.style import cut, line, plural

_SYMBOL: Final = {"create": " + ", "update": " ~ ", "delete": " - "}
_SHOWN: Final = 5  # of the items of one list that have the same done to them


def lists_lines(plan: Plan, dependencies: Iterable[Dependency], *, verbose: bool, width: int = 96) -> Iterator[str]:
    """Yield a line per list and item that is written; of many alike items of one list only the first."""
    groups: dict[tuple[str, ...], list[Dependency]] = {}
    for one in dependencies:
        alike = (one.kind.value, one.list_id or one.name, one.action, ",".join(one.names))
        groups.setdefault(alike, []).append(one)
    for group in groups.values():
        shown = group if verbose or len(group) <= _SHOWN else group[:1]
        for one in shown:
            room = width - 36
            name = cut(line(plan.label(one.key).name), room)
            yield cut(f"{_SYMBOL[one.action]} {name:<{room}} {list_what(one)}".rstrip(), width)
        if len(group) > len(shown):
            first = group[0]
            more = f"    … and {plural(len(group) - len(shown), 'item')} of {line(first.list_id)}, {first.action} alike"
            yield cut(more, width)


def lists_count(dependencies: Sequence[Dependency]) -> str:
    """Return how many objects of each kind are written: `1 value list, 2 exception items`, "" for none."""
    counts = {kind: sum(one.kind is kind for one in dependencies) for kind in Kind}
    return ", ".join(plural(count, kind.value) for kind, count in counts.items() if count)


def list_what(one: Dependency) -> str:
    """Return what is done to one object beside its action: values, fields."""
    if one.kind is Kind.VALUE_LIST:
        parts = [f"+{len(one.added):,}"] if one.added else []
        parts += [f"-{len(one.removed):,}"] if one.removed else []
        return " ".join(parts) + " values" if parts else "no values"
    if one.action == "update":
        return ", ".join(one.names)
    return "once per Kibana" if one.shared else ""
