"""Worker threads that carry out one function for many items, as many at once as the limiter allows."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Generic, TypeVar

from deployer.adapters.kibana.limiter import Limiter
from deployer.errors import DeployerError

T = TypeVar("T")
R = TypeVar("R")

_AHEAD: Final = 2  # items drawn for each that may run: workers go on while the caller journals the next batch


def map_concurrently(
    function: Callable[[T], R], items: Iterable[T], *, stop: Callable[[], bool], limiter: Limiter
) -> Iterator[tuple[T, R | DeployerError]]:
    """
    Call `function` for each item in worker threads; yield each item with its result or error, as they complete.

    `items` is drawn in the caller's thread, a few items ahead of the workers, who never wait for the caller as long as
    some are left. After the first DeployerError, or once `stop()` is true, nothing is drawn or started any more; what
    is under way is awaited and yielded, so that every item that was started has its pair. A DeployerError raised by
    `items` itself stops the same way and is raised at the end. Any other exception is a bug: it is raised at once,
    after what was under way has ended.
    """
    crew = _Crew(function, items, stop, limiter)
    try:
        crew.draw()
        while crew.expects():
            item, result = crew.done.get()
            crew.draw()  # before the caller does its part, so that nobody idles meanwhile
            if isinstance(result, _Bug):
                raise result.exception
            yield item, result
    finally:
        crew.dismiss()
    if crew.source_error is not None:
        raise crew.source_error


class _Bug:
    """An exception that is not ours, on its way to the caller's thread."""

    def __init__(self, exception: BaseException) -> None:
        self.exception = exception


class _GoHome:
    """What a worker is told when there is nothing more to do."""


class _Crew(Generic[T, R]):
    """The state of one run of `map_concurrently`; `_guard` protects what the workers and the caller both change."""

    def __init__(
        self, function: Callable[[T], R], items: Iterable[T], stop: Callable[[], bool], limiter: Limiter
    ) -> None:
        self._function, self._source, self._stop, self._limiter = function, iter(items), stop, limiter
        self._guard = threading.Lock()
        self._failed = False
        self._drawn: deque[T] = deque()
        self._running = 0
        self._untold = 0  # items that were started and whose pair was not asked for yet
        self._workers: list[threading.Thread] = []
        self._turns: queue.SimpleQueue[T | _GoHome] = queue.SimpleQueue()
        self.done: queue.SimpleQueue[tuple[T, R | DeployerError | _Bug]] = queue.SimpleQueue()
        self.source_error: DeployerError | None = None

    def draw(self) -> None:
        """Draw items until enough are ready, and start those for which there is room. For the caller's thread."""
        self._start()
        while not self._halted() and len(self._drawn) < _AHEAD * self._limiter.limit:
            try:
                item = next(self._source)
            except StopIteration:
                return
            except DeployerError as exc:
                self.source_error, self._failed = exc, True
                return
            self._drawn.append(item)
            self._start()

    def expects(self) -> bool:
        """Say whether one more pair will come; who asks takes it."""
        with self._guard:
            expected = self._untold > 0
            self._untold -= expected
            return expected

    def dismiss(self) -> None:
        """Start nothing more, and wait for what is under way."""
        self._failed = True
        with self._guard:
            workers = tuple(self._workers)
        for _ in workers:
            self._turns.put(_GoHome())
        for worker in workers:
            worker.join()

    def _halted(self) -> bool:
        return self._failed or self._stop()

    def _start(self) -> None:
        """Give a worker to each drawn item that there is room for."""
        with self._guard:
            while self._drawn and self._running < self._limiter.limit and not self._halted():
                self._running += 1
                self._untold += 1
                if self._running > len(self._workers):
                    self._hire()
                self._turns.put(self._drawn.popleft())

    def _hire(self) -> None:
        worker = threading.Thread(target=self._work, name=f"kibana_{len(self._workers)}", daemon=True)
        self._workers.append(worker)
        worker.start()

    def _work(self) -> None:
        while not isinstance(item := self._turns.get(), _GoHome):
            result = self._result(item)
            with self._guard:
                self._running -= 1
            self._start()
            self.done.put((item, result))

    def _result(self, item: T) -> R | DeployerError | _Bug:
        """Carry out one item. A failure is noted here, in the worker, so that nothing slips out behind it."""
        try:
            return self._function(item)
        except DeployerError as exc:
            self._failed = True
            return exc
        except BaseException as exc:  # noqa: BLE001 - a bug keeps its class: it is raised in the caller's thread
            self._failed = True
            return _Bug(exc)
