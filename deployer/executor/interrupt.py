"""
Being interrupted: from the first signal no new write starts, and requests in hand get a few seconds (issue 5, point 7).

The command's signal handler calls `Interruption.signal()`; the engine only asks `is_set()`. When the grace is over, or
at the second signal, `cut` is called, which the command binds to its clients: they end the connections in use, so that
every open request returns at once with an unknown outcome, is journaled as such, and no thread is left behind.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

GRACE: Final = 5.0
"""Seconds for requests in hand; CI systems kill about ten seconds after the signal."""


class Interruption:
    """
    A request to stop the run, and what follows from it.

    A handler runs between any two steps of the main thread, another handler's included. So `signal` only sets a flag
    and puts into a SimpleQueue, which is made for that; whatever takes a lock is done by the thread of `watched`.
    """

    def __init__(self, *, stop: Callable[[], None], cut: Callable[[], None], grace: float = GRACE) -> None:
        self._asked = False
        self._stop, self._cut, self._grace = stop, cut, grace
        self._signals: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def signal(self) -> None:
        """Take one signal: the first asks to stop and starts the grace, a further one ends it. Safe in a handler."""
        self._asked = True
        self._signals.put(True)

    def is_set(self) -> bool:
        """Say whether a signal came."""
        return self._asked

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Within the block signals have their effect: `stop` is called at the first, `cut` once no time is left."""
        self._signals = queue.SimpleQueue()
        if self._asked:
            self._signals.put(True)
        watcher = threading.Thread(target=self._watch, name="signals", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            self._signals.put(False)
            watcher.join()

    def _watch(self) -> None:
        if not self._signals.get():
            return
        self._stop()
        try:
            cut = self._signals.get(timeout=self._grace)
        except queue.Empty:
            cut = True
        if cut:
            self._cut()
