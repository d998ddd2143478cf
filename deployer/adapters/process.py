"""This process and its neighbours: who holds a lock, whether a holder still lives, and the signals that CI sends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType


def boot_id() -> str:
    """Return what tells one boot of this machine from another, "" where the system does not say."""
    path = Path("/proc/sys/kernel/random/boot_id")
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def pid() -> int:
    """Return the number of this process."""
    return os.getpid()


def is_gone(host: str, boot: str, number: int, *, here: str) -> bool:
    """
    Say whether a process is provably gone: of this machine (`here` is its name) and this very boot, and not running.

    Of another machine, or where the system does not tell its boots apart, nothing can be known.
    """
    return bool(boot) and (host, boot) == (here, boot_id()) and not runs(number)


def runs(number: int) -> bool:
    """Say whether a process of this machine still runs."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError, OSError):
        return True
    return not _is_zombie(number)


def _is_zombie(number: int) -> bool:
    """A killed process that nobody waited for is gone, whatever its number says."""
    try:
        stat = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[:1] == ["Z"]


@contextmanager
def signals_to(take: Callable[[], None]) -> Iterator[None]:
    """Within the block SIGINT and SIGTERM call `take`, in the main thread, instead of ending the process at once."""

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        take()

    caught = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, stop) for number in caught]
    try:
        yield
    finally:
        for number, handler in zip(caught, before, strict=True):
            signal.signal(number, handler)
