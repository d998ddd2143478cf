"""How a run over several targets ended: one row each, worst first, and the one exit code of them all."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from deployer.errors import ExitCode

_WORST_FIRST: Final = (
    ExitCode.INTERRUPTED,
    ExitCode.INCOMPLETE,
    ExitCode.UNDONE,
    ExitCode.ERROR,
    ExitCode.USAGE,
    ExitCode.REFUSED,
    ExitCode.ATTENTION,
    ExitCode.CHANGES,
    ExitCode.DONE,
)
_WELL: Final = frozenset({ExitCode.DONE, ExitCode.CHANGES})


@dataclass(frozen=True, slots=True)
class Row:
    """One target: `state` in a word or two (`applied`, `unreachable`), `detail` in a sentence, `code` as if alone."""

    target: str
    state: str
    detail: str
    code: ExitCode


def worst_first(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Return the rows, those that need a person first, then by name."""
    return tuple(sorted(rows, key=lambda row: (_WORST_FIRST.index(row.code), row.target)))


def exit_code(codes: Collection[ExitCode], *, writing: bool) -> ExitCode:
    """
    Return the exit code of a run. A target that needs recovery or was interrupted decides alone; a run that wrote to
    some targets and not to others is 7 (design: exit codes); otherwise the worst code counts.
    """
    ordered = sorted(codes, key=_WORST_FIRST.index)
    worst = ordered[0] if ordered else ExitCode.DONE
    decides_alone = worst in (ExitCode.INTERRUPTED, ExitCode.INCOMPLETE)
    mixed = worst not in _WELL and any(code in _WELL for code in ordered)
    return ExitCode.ATTENTION if writing and mixed and not decides_alone else worst
