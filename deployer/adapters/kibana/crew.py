"""Worker threads that carry out one function for many items, as many at once as the limiter allows."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

from deployer.adapters.kibana.limiter import Limiter
from deployer.errors import DeployerError

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

T = TypeVar("T")
R = TypeVar("R")


def map_concurrently(
    function: Callable[[T], R], items: Iterable[T], *, stop: Callable[[], bool], limiter: Limiter
) -> Iterator[tuple[T, R | DeployerError]]:
    """
    Call `function` for each item in worker threads; yield each item with its result or error, as they complete.

    `items` is drawn in the caller's thread, each right before it is handed out. After the first DeployerError, or once
    `stop()` is true, nothing more is handed out; what is under way is awaited and yielded, so that every item handed
    out has its pair. A DeployerError raised by `items` itself stops the same way and is raised at the end. Any other
    exception is a bug: it is raised at once, after what was under way has ended.
    """
    from concurrent.futures import ThreadPoolExecutor  # imports logging; --help must not pay

    with ThreadPoolExecutor(limiter.most, thread_name_prefix="kibana") as workers:
        crew = _Crew(function, items, stop, limiter, workers)
        crew.hand_out()
        while crew.under_way:
            item, future = crew.done.get()
            crew.under_way -= 1
            crew.hand_out()  # before the caller does its part, so that nobody idles meanwhile
            yield item, future.result()
    if crew.source_error is not None:
        raise crew.source_error


class _Crew(Generic[T, R]):
    """The state of one run of `map_concurrently`."""

    def __init__(
        self,
        function: Callable[[T], R],
        items: Iterable[T],
        stop: Callable[[], bool],
        limiter: Limiter,
        workers: ThreadPoolExecutor,
    ) -> None:
        self._function, self._source, self._stop, self._limiter = function, iter(items), stop, limiter
        self._workers = workers
        self._failed = threading.Event()
        self.done: queue.SimpleQueue[tuple[T, Future[R | DeployerError]]] = queue.SimpleQueue()
        self.under_way = 0
        self.source_error: DeployerError | None = None

    def hand_out(self) -> None:
        """Hand out items while there is room, nothing has failed and nobody asked to stop."""
        while self.under_way < self._limiter.limit and not self._failed.is_set() and not self._stop():
            try:
                item = next(self._source)
            except StopIteration:
                return
            except DeployerError as exc:
                self.source_error = exc
                self._failed.set()
                return
            self._submit(item)

    def _submit(self, item: T) -> None:
        self.under_way += 1
        future = self._workers.submit(self._work, item)
        future.add_done_callback(lambda done: self.done.put((item, done)))

    def _work(self, item: T) -> R | DeployerError:
        """Carry out one item. The failure is noted here, in the worker, so that nothing slips out behind it."""
        try:
            return self._function(item)
        except DeployerError as exc:
            self._failed.set()
            return exc
