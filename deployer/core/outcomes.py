"""What became of each rule, and what a whole apply was: the values that commands print and programs read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from deployer.core.compose import recreation
from deployer.core.ports import Body
from deployer.core.record import Record
from deployer.errors import AttentionError, IncompleteError, UndoneError


class Status(StrEnum):
    """What became of one write, or of its undo."""

    APPLIED = "applied"
    READBACK = "readback"
    REFUSED = "refused"
    CONFLICT = "conflict"
    UNKNOWN = "unknown"
    LOST_UPDATE = "lost_update"
    UNVERIFIED_DELETE = "unverified_delete"
    LEFT_OUT = "left_out"
    DUPLICATE = "duplicate"
    UNDONE = "undone"
    KEPT = "foreign_edit_kept"
    NOT_UNDONE = "not_undone"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One rule and what became of it; `detail` is Kibana's sentence or ours."""

    rule_id: str
    op: str
    status: Status
    detail: str = ""


@dataclass(frozen=True)
class Applied:
    """A committed apply. `record` is None where there was nothing to do."""

    record: Record | None = None
    outcomes: tuple[Outcome, ...] = ()
    written: int = 0
    pending: tuple[str, ...] = ()  # late deletes that did not go through; the next apply does them
    event: int = 0

    @property
    def to_look_at(self) -> tuple[Outcome, ...]:
        """The outcomes for which a person must look."""
        wrong = (Status.LOST_UPDATE, Status.LEFT_OUT, Status.DUPLICATE)
        return tuple(outcome for outcome in self.outcomes if outcome.status in wrong)


@dataclass(frozen=True)
class Ending:
    """How an apply that did not commit ended, for the error that carries it."""

    outcomes: tuple[Outcome, ...] = ()
    before_images: tuple[Body, ...] = field(default=(), repr=False)

    def ndjson(self) -> str:
        """Return the before-images as NDJSON that Kibana's own import accepts."""
        return "".join(json.dumps(importable(body), ensure_ascii=False) + "\n" for body in self.before_images)


class ApplyUndoneError(UndoneError):
    """UndoneError with the outcomes."""

    def __init__(self, message: str, ending: Ending, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.ending = ending


class ApplyIncompleteError(IncompleteError):
    """IncompleteError with the outcomes and the before-images."""

    def __init__(self, message: str, ending: Ending, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.ending = ending


class ApplyAttentionError(AttentionError):
    """AttentionError with what was applied."""

    def __init__(self, message: str, applied: Applied, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.applied = applied


def importable(body: Body) -> dict[str, Any]:
    """Return a before-image as a line of Kibana's import: as it was, `enabled` said out loud (facts.md 5.3)."""
    return {**recreation(body), "enabled": bool(body.get("enabled", False))}


def worst(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Return the outcomes that explain a failure, the failed write first."""
    order = (Status.CONFLICT, Status.REFUSED, Status.UNKNOWN, Status.NOT_UNDONE, Status.KEPT)
    return tuple(sorted((o for o in outcomes if o.status in order), key=lambda o: order.index(o.status)))
