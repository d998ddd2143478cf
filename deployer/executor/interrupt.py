"""
Being interrupted: from the first signal no new write starts, and requests in hand get a few seconds (issue 5, point 7).

The command's signal handler calls `Interruption.signal()`; the engine only asks `is_set()`. When the grace is over, or
at the second signal, `cut` is called, which the command binds to the client: it ends the connections in use, so that
every open request returns at once with an unknown outcome, is journaled as such, and no thread is left behind.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

GRACE: Final = 5.0
"""Seconds for requests in hand; CI systems kill about ten seconds after the signal."""


class Interruption:
    """A request to stop the run, and what follows from it."""

    def __init__(self, *, cut: Callable[[], None] = lambda: None, grace: float = GRACE) -> None:
        self._asked = threading.Event()
        self._cut = cut
        self._grace = grace

    def signal(self) -> None:
        """Take one signal: the first asks to stop and starts the grace, a further one ends it. Safe in a handler."""
        if self._asked.is_set():
            self._cut()
            return
        self._asked.set()
        timer = threading.Timer(self._grace, self._cut)
        timer.daemon = True
        timer.start()

    def is_set(self) -> bool:
        """Say whether a signal came."""
        return self._asked.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for a signal, at most `seconds`; say whether it came. What the clock of a real run sleeps on."""
        return self._asked.wait(seconds)
