"""One call after the other: what tests of the engine use in place of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from deployer.errors import DeployerError

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_turn(
    function: Callable[[Item], Result], items: Iterable[Item], *, stop: Callable[[], bool]
) -> Iterator[tuple[Item, Result | DeployerError]]:
    """Carry out one call after the other: the Concurrency of tests and of whoever has no threads."""
    source = iter(items)
    while not stop():
        try:
            item = next(source)
        except StopIteration:
            return
        try:
            result: Result | DeployerError = function(item)
        except DeployerError as exc:
            result = exc
        yield item, result
