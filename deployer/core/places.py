"""What is only in some environments: rules by the targets that have them, and rules whose contents differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deployer.core.matrix import Cell, Matrix, Row


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that exactly these targets have, and those do not: `only` where it is one target."""

    where: tuple[str, ...]
    missing: tuple[str, ...]
    rule_ids: tuple[str, ...]

    @property
    def only(self) -> bool:
        """Whether one target alone has them."""
        return len(self.where) == 1


@dataclass(frozen=True, slots=True)
class Differing:
    """A rule of which targets run different contents: the fingerprint of its file by target."""

    rule_id: str
    contents: Mapping[str, str]


def present(cell: Cell | None) -> bool:
    """Say whether a target has a rule: it is in Kibana, and not on its way out."""
    return cell is not None and cell.enabled is not None and "retired" not in cell.flags


def groups(found: Matrix) -> tuple[Group, ...]:
    """Return the rules that are not everywhere; those of one target alone come first, in the order of the targets."""
    by_pattern: dict[tuple[bool, ...], list[str]] = {}
    for row in found.rows:
        by_pattern.setdefault(tuple(present(cell) for cell in row.cells), []).append(row.rule_id)
    result = [
        Group(_where(found.targets, pattern), _where(found.targets, [not one for one in pattern]), tuple(rule_ids))
        for pattern, rule_ids in by_pattern.items()
        if any(pattern) and not all(pattern)
    ]
    return tuple(sorted(result, key=lambda group: (len(group.where), *map(found.targets.index, group.where))))


def differing(found: Matrix) -> tuple[Differing, ...]:
    """Return the rules that several targets have, with different contents, by name."""
    return tuple(
        one for one in (_contents(found.targets, row) for row in found.rows) if len({*one.contents.values()}) > 1
    )


def _contents(targets: Sequence[str], row: Row) -> Differing:
    cells = zip(targets, row.cells, strict=True)
    return Differing(
        row.rule_id, {target: cell.fingerprint for target, cell in cells if cell and present(cell) and cell.fingerprint}
    )


def _where(targets: Sequence[str], pattern: Sequence[bool]) -> tuple[str, ...]:
    return tuple(target for target, there in zip(targets, pattern, strict=True) if there)
