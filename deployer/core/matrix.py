"""
Which rule is in which environment, and how it is doing there: the matrix of `deployer status`.

One cell per rule and target: what the record says was deployed, what Kibana says of it now, and what stands between
them (drift, a hold, a promotion that waits, content in git that was not applied yet).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from deployer.core.drift import Drifted
from deployer.core.live import by_rule_id
from deployer.core.ports import SpaceRead
from deployer.core.record import Record

_HEALTH: Final = {"succeeded": "ok", "partial failure": "partial", "failed": "failed"}
"""What Kibana calls the last execution (facts.md section 11), in a word; anything else has not ended yet."""


@dataclass(frozen=True, slots=True)
class TargetState:
    """
    One target as it is read for the matrix. `wanted` has the content that git or the lock file asks for there, by rule
    (fingerprints); `held` and `waiting` say why a rule does not follow, by rule.
    """

    name: str
    record: Record | None
    live: SpaceRead
    wanted: Mapping[str, str] = field(default_factory=dict)
    drifted: Sequence[Drifted] = ()
    held: Mapping[str, str] = field(default_factory=dict)
    waiting: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cell:
    """
    One rule in one target. `since` is the deployment that brought this content, 0 where it was never deployed;
    `flags` name what a person may want to know, in the order of urgency.
    """

    since: int = 0
    fingerprint: str = ""
    version: int | None = None
    enabled: bool | None = None
    health: str = ""
    flags: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One rule in every target, in the order of the matrix's targets; None where the target does not know it."""

    rule_id: str
    name: str
    cells: tuple[Cell | None, ...]

    @property
    def quiet(self) -> bool:
        """Whether the rule is the same everywhere, with nothing to say about it."""
        contents = {cell.fingerprint if cell else "" for cell in self.cells}
        states = {cell.enabled if cell else None for cell in self.cells}
        flagged = any(cell and (cell.flags or cell.health not in ("", "ok")) for cell in self.cells)
        return len(contents) == 1 and len(states) == 1 and not flagged


@dataclass(frozen=True, slots=True)
class Matrix:
    """The whole matrix, rows sorted by name."""

    targets: tuple[str, ...]
    rows: tuple[Row, ...]

    def counts(self) -> Counter[str]:
        """Return how many cells carry each flag or bad health."""
        found: Counter[str] = Counter()
        for row in self.rows:
            for cell in row.cells:
                if cell is not None:
                    found.update(cell.flags)
                    found.update([cell.health] if cell.health not in ("", "ok") else [])
        return found


def matrix(states: Sequence[TargetState], names: Mapping[str, str]) -> Matrix:
    """Return the matrix of these targets. `names` has the rules of git; what only a record knows is added."""
    cells = [_cells(state) for state in states]
    known = dict(names)
    for state in states:
        for rule_id, recorded in (state.record.rules if state.record else {}).items():
            if known.get(rule_id, "") in ("", rule_id):
                known[rule_id] = recorded.name
    rows = (
        Row(rule_id, name, tuple(column.get(rule_id) for column in cells))
        for rule_id, name in known.items()
        if any(rule_id in column for column in cells)
    )
    return Matrix(
        tuple(state.name for state in states), tuple(sorted(rows, key=lambda row: (row.name.casefold(), row.rule_id)))
    )


def _cells(state: TargetState) -> dict[str, Cell]:
    singles, _ = by_rule_id(state.live.rules)
    recorded = state.record.rules if state.record else {}
    drifted = {each.rule_id for each in state.drifted}
    result: dict[str, Cell] = {}
    for rule_id in recorded.keys() | state.wanted.keys():
        entry, live = recorded.get(rule_id), singles.get(rule_id)
        body = live.body if live and (entry or state.record is None) else {}
        result[rule_id] = Cell(
            since=entry.since if entry else 0,
            fingerprint=entry.fingerprint if entry else "",
            version=body.get("version"),
            enabled=bool(body.get("enabled")) if body else None,
            health=_health(body),
            flags=tuple(_flags(state, rule_id, drifted, missing=bool(entry) and not body)),
            why=state.held.get(rule_id) or state.waiting.get(rule_id) or "",
        )
    return result


def _flags(state: TargetState, rule_id: str, drifted: set[str], *, missing: bool) -> Iterable[str]:
    entry = state.record.rules.get(rule_id) if state.record else None
    if missing and entry is not None and entry.retired is None:
        yield "gone"
    if rule_id in state.held:
        yield "held"
    if rule_id in drifted and not missing:
        yield "drift"
    if rule_id in state.waiting:
        yield "waiting"
    elif entry is not None and entry.retired is not None:
        yield "retired"
    elif state.wanted.get(rule_id, "") != (entry.fingerprint if entry else "") and rule_id not in state.held:
        yield "behind"


def _health(body: Mapping[str, Any]) -> str:
    last = (body.get("execution_summary") or {}).get("last_execution") or {}
    return _HEALTH.get(str(last.get("status")), "") if last else ""
