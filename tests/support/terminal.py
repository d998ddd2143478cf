"""The program on a real terminal: a pseudo-terminal of a given width, and what stood on it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from dataclasses import dataclass

from tests.support.project import ProjectFolder, bare_environ

_COLOR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Screen:
    """What one run wrote to its terminal, byte for byte, and how it ended."""

    code: int
    raw: str

    @property
    def plain(self) -> str:
        """Without colours."""
        return _COLOR.sub("", self.raw)

    @property
    def colored(self) -> bool:
        """Whether a colour was written."""
        return _COLOR.search(self.raw) is not None

    @property
    def lines(self) -> list[str]:
        """The lines as a person sees them at the end: what was written over is gone."""
        return [_seen(text) for text in self.plain.replace("\r\n", "\n").split("\n")]

    @property
    def states(self) -> list[str]:
        """Every state of every line, those that were written over included."""
        return [part for text in self.plain.replace("\r\n", "\n").split("\n") for part in text.split("\r") if part]


def _seen(text: str) -> str:
    """Play carriage returns."""
    shown: list[str] = []
    at = 0
    for sign in text:
        if sign == "\r":
            at = 0
            continue
        shown[at : at + 1] = [sign]
        at += 1
    return "".join(shown).rstrip()


def on_terminal(project: ProjectFolder, *words: str, columns: int = 80, keys: str = "", **environ: str) -> Screen:
    """Run the program with its three streams on a terminal of so many columns; type `keys` into it at once."""
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    inherited = {name: value for name, value in bare_environ().items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-m", "deployer", *words],
        cwd=project.root,
        env={**inherited, "TERM": "xterm", **project.environ, **environ},
        stdin=there,
        stdout=there,
        stderr=there,
        start_new_session=True,
    )
    os.close(there)
    if keys:
        os.write(here, keys.encode())
    written = bytearray()
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if not select.select([here], [], [], 0.2)[0]:
            if process.poll() is not None:
                break
            continue
        try:
            data = os.read(here, 65536)
        except OSError:  # Linux: the other end is closed
            break
        if not data:
            break
        written += data
    os.close(here)
    return Screen(process.wait(30), written.decode("utf-8", "replace"))
