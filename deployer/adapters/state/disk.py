"""What differs between operating systems when files must survive a crash: locks between processes, and flushing."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deployer.errors import StateError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

PATIENCE: Final = 30.0
"""Seconds to wait for another process that is writing. It needs milliseconds, unless somebody suspended it."""

_HELD: Final = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


@contextmanager
def exclusive(path: Path, *, patience: float = PATIENCE) -> Iterator[None]:
    """
    Hold the lock file `path`: one thread of one process at a time; the system lets go of it when a process dies.

    The file is made where it is missing, and stays. Raises StateError where somebody keeps it for `patience` seconds.
    """
    descriptor = open_lock(path)
    try:
        _wait(descriptor, path, patience)
        yield
    finally:
        os.close(descriptor)


def open_lock(path: Path) -> int:
    """Open a lock file, made where it is missing and possible; return its descriptor."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        if exc.errno in (errno.EROFS, errno.EACCES, errno.EPERM) and path.exists():
            return os.open(path, os.O_RDONLY)  # a lock needs no right to write
        raise


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open lock file if it is free. It is held until the descriptor is closed."""
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            # flock and not lockf: its lock belongs to this opening of the file, so threads exclude each other too.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        if exc.errno in _HELD:
            return False
        raise
    return True


def _wait(descriptor: int, path: Path, patience: float) -> None:
    """Poll, at first every millisecond. A blocking call could not give up, and a suspended holder would hang us all."""
    end, pause = time.monotonic() + patience, 0.001
    while not try_lock(descriptor):
        if time.monotonic() > end:
            raise StateError(
                f"another process has been holding {path} for {patience:.0f} s",
                hint="look for a suspended deployer process; nothing is lost when it is ended",
            )
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)


def flush(descriptor: int) -> None:
    """Return when the written bytes are on the medium."""
    if sys.platform == "darwin":
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # fsync there stops at the drive's own cache
    else:
        os.fsync(descriptor)


def flush_folder(path: Path) -> None:
    """Return when the names in a folder are on the medium (a no-op on Windows, which does it itself)."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        flush(descriptor)
    finally:
        os.close(descriptor)
