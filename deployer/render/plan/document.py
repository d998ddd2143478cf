"""The plans of one run, as every renderer of several plans takes them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from deployer.core.plan import Plan
from deployer.core.review import Review, review
from deployer.core.summary import Row, worst_first
from deployer.errors import DeployerError, ExitCode, RefusedError
from deployer.render.summary_text import state_of

_LINK: Final = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&'*+,;=%-]+")


@dataclass(frozen=True, slots=True)
class Failure:
    """A target that no plan could be made for, and why."""

    target: str
    error: DeployerError

    @property
    def refusal(self) -> str:
        """Why it was refused, for programs; "" where it was no refusal."""
        return self.error.refusal.value if isinstance(self.error, RefusedError) else ""


@dataclass(frozen=True)
class Document:
    """
    One run of `plan`: its plans, and the targets that failed, in the order they were asked for.

    Paths are relative to the project; `prefix` leads from the repository's root to it (`""`, or `detections/`).
    `link` is where the run keeps its files, "" where there is no such page: only a plain http(s) URL is shown.
    """

    plans: tuple[Plan, ...] = ()
    failures: tuple[Failure, ...] = ()
    prefix: str = ""
    version: str = ""
    link: str = ""
    reviews: tuple[Review, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reviews", tuple(review(plan) for plan in self.plans))
        if not _LINK.fullmatch(self.link):
            object.__setattr__(self, "link", "")

    def path(self, path: str) -> str:
        """Return a path of the project from the repository's root, "" for none."""
        return self.prefix + path if path else ""

    def rows(self) -> tuple[Row, ...]:
        """Return every target in one row, worst first."""
        return worst_first([*map(_planned, self.plans), *map(_failed, self.failures)])


def _planned(plan: Plan) -> Row:
    state, detail = state_of(plan)
    return Row(plan.target.name, state, detail, ExitCode.REFUSED if state == "would refuse" else ExitCode.DONE)


def _failed(failure: Failure) -> Row:
    hint = f" ({failure.error.hint})" if failure.error.hint else ""
    return Row(
        failure.target, "refused" if failure.refusal else "failed", f"{failure.error}{hint}", failure.error.exit_code
    )
