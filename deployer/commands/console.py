"""
Where words go: what a command found on stdout, how it is going on stderr.

With `--json` stdout carries one document and nothing else. On a terminal progress is one line that moves, in CI and
wherever nobody watches one line per step. What an output's encoding cannot hold is spelled otherwise, never an error.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TextIO

from deployer.adapters.surroundings import Surroundings
from deployer.render.plainly import plainly, plainly_json
from deployer.render.progress import finished_line, progress_line
from deployer.render.style import Style

_EVERY: Final = 0.1
"""Seconds between two states of the moving line: 2,000 of them in a second would be what the run waits for."""
_WIDEST, _NARROWEST = 96, 60


@dataclass
class Console:
    """The two streams of one run, and how to write on them."""

    surroundings: Surroundings
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    _moving: int = 0  # how long the moving line is
    _step: str = ""
    _began: float = 0.0
    _drawn: float = 0.0

    @property
    def style(self) -> Style:
        """The palette and the width for stdout."""
        here = self.surroundings
        return Style(here.colorful(tty=here.stdout_tty) and not self.json, self._width(here.stdout_tty))

    @property
    def error_style(self) -> Style:
        """The palette and the width for stderr."""
        here = self.surroundings
        return Style(here.colorful(tty=here.stderr_tty), self._width(here.stderr_tty))

    def say(self, text: str) -> None:
        """Write what the command found; nothing with `--json`."""
        if not self.json:
            self._settle()
            self._write(self.stdout, text if text.endswith("\n") else text + "\n")

    def deliver(self, text: str, *, is_json: bool) -> None:
        """Write a whole report that was asked for on stdout."""
        self._settle()
        spell = plainly_json if is_json else plainly
        self.stdout.write(spell(text, _encoding(self.stdout)))
        self.stdout.flush()

    def document(self, command: str, body: Mapping[str, Any]) -> None:
        """Write the one document of `--json`."""
        if self.json:
            from deployer.render.json_text import document  # it knows plans, which most runs never print

            self.deliver(document(command, body), is_json=True)

    def note(self, text: str) -> None:
        """Write something that helps a person and is not the result."""
        if not self.quiet:
            self._settle()
            self._write(self.stderr, text if text.endswith("\n") else text + "\n")

    def complain(self, text: str) -> None:
        """Write why a command failed, whatever else is kept quiet."""
        self._settle()
        self._write(self.stderr, text)

    def step(self, name: str, done: int, total: int) -> None:
        """Show how far a step is. The clock here only says how fast, and how often to say it; nothing depends on it."""
        if self.quiet:
            return
        now = time.monotonic()
        if name != self._step:
            self._step, self._began, self._drawn = name, now, 0.0
        finished = done >= total
        if not self.surroundings.stderr_tty or self.surroundings.is_ci:
            if finished and total:
                self._write(self.stderr, finished_line(name, total) + "\n")
            return
        if finished or now - self._drawn >= _EVERY:
            self._drawn = now
            self._move(progress_line(name, done, total, now - self._began, self._width(True) - 1))

    def ask(self, question: str) -> bool:
        """Ask a yes-or-no question; only `y` or `yes` is yes."""
        self._settle()
        self._write(self.stderr, f"{question} [y/N] ")
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def _width(self, terminal: bool) -> int:
        """Return how wide lines may be: as the terminal is, within reason."""
        return min(_WIDEST, max(_NARROWEST, self.surroundings.columns)) if terminal else _WIDEST

    def _move(self, text: str) -> None:
        """Write over the moving line. Spaces instead of an escape: every console understands them."""
        self._write(self.stderr, f"\r{text:<{self._moving}}")
        self._moving = len(text)

    def _settle(self) -> None:
        """End a moving progress line before other words."""
        if self._moving:
            self._write(self.stderr, f"\r{'':<{self._moving}}\r")
            self._moving = 0

    def _write(self, stream: TextIO, text: str) -> None:
        stream.write(plainly(text, _encoding(stream)))
        stream.flush()


def _encoding(stream: TextIO) -> str:
    return getattr(stream, "encoding", None) or "utf-8"
