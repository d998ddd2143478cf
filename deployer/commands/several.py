"""
Several targets in one run: planned at the same time, told one after the other; one that fails does not stop the rest.

One run is one Workspace, so files are read and parsed once; the targets of one Kibana share its limit on requests
(`adapters.kibana.limiter`). Only what `work` returns is kept of a target, so memory is bounded by the plans.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from deployer.commands.workspace import Workspace
from deployer.core.environment import Environment
from deployer.core.summary import Row, worst_first
from deployer.errors import DeployerError, ExitCode, RefusedError, UnreachableError
from deployer.render.errors_text import error_text
from deployer.render.json_text import error_json
from deployer.render.summary_text import summary_text

_AT_ONCE: Final = 8  # targets; more would only wait for the limit of their host

T = TypeVar("T")


@dataclass(frozen=True)
class Reached(Generic[T]):
    """What became of one target: a value, or the error that stopped it."""

    environment: Environment
    value: T | None = None
    error: DeployerError | None = None

    @property
    def name(self) -> str:
        """The target as users write it."""
        return self.environment.target


def reach(
    environments: Sequence[Environment], work: Callable[[Environment], T], *, at_once: int = _AT_ONCE
) -> Iterator[Reached[T]]:
    """Yield each target with its result, in the order given, as soon as it and those before it are there."""
    with ThreadPoolExecutor(max(1, min(at_once, len(environments))), thread_name_prefix="target") as pool:
        yield from pool.map(lambda environment: attempt(environment, work), environments)


def attempt(environment: Environment, work: Callable[[Environment], T]) -> Reached[T]:
    """Return what `work` made of a target, or the DeployerError that it raised."""
    try:
        return Reached(environment, work(environment))
    except DeployerError as error:
        return Reached(environment, error=error)


def tell(workspace: Workspace, name: str, error: DeployerError) -> None:
    """Say why one of several targets failed, on stderr, right when it is known."""
    workspace.console.note(f"{name}\n{error_text(error)}")


def failed_row(name: str, error: DeployerError) -> Row:
    """Return the row of a target that failed."""
    return Row(name, _state(error), str(error), error.exit_code)


def failed_json(name: str, error: DeployerError) -> dict[str, Any]:
    """Return a failed target for programs."""
    return {"target": name, **error_json(error)}


def summarise(workspace: Workspace, rows: Sequence[Row]) -> None:
    """Say how all targets ended, worst first."""
    workspace.console.say(summary_text(worst_first(rows), workspace.console.style))


def _state(error: DeployerError) -> str:
    if isinstance(error, RefusedError):
        return "refused"
    if isinstance(error, UnreachableError):
        return "unreachable"
    return {
        ExitCode.UNDONE: "undone",
        ExitCode.INCOMPLETE: "needs a person",
        ExitCode.ATTENTION: "look at it",
        ExitCode.INTERRUPTED: "interrupted",
    }.get(error.exit_code, "failed")
