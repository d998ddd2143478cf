"""
Where words go: what a command found on stdout, how it is going on stderr.

With `--json` stdout carries one document and nothing else. On a terminal progress is one line that moves, in CI one
line per step.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

from deployer.adapters.surroundings import Surroundings
from deployer.render.style import Style, line


@dataclass
class Console:
    """The two streams of one run, and how to write on them."""

    surroundings: Surroundings
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    _moving: bool = False
    _last_step: str = ""
    _last_time: float = 0.0

    @property
    def style(self) -> Style:
        """The palette for stdout."""
        return Style(color=self.surroundings.stdout_tty and not self.surroundings.no_color and not self.json)

    @property
    def error_style(self) -> Style:
        """The palette for stderr."""
        return Style(color=self.surroundings.stderr_tty and not self.surroundings.no_color)

    def say(self, text: str) -> None:
        """Write what the command found; nothing with `--json`."""
        if not self.json:
            self._settle()
            self.stdout.write(text if text.endswith("\n") else text + "\n")
            self.stdout.flush()

    def document(self, command: str, body: Mapping[str, Any]) -> None:
        """Write the one document of `--json`."""
        if self.json:
            from deployer.render.json_text import document  # it knows plans, which most runs never print

            self.stdout.write(document(command, body))
            self.stdout.flush()

    def note(self, text: str) -> None:
        """Write something that helps a person and is not the result."""
        if not self.quiet:
            self._settle()
            self.stderr.write(text if text.endswith("\n") else text + "\n")
            self.stderr.flush()

    def step(self, name: str, done: int, total: int) -> None:
        """Show how far a step is. The clock here only thins the lines out; nothing depends on it."""
        if self.quiet:
            return
        if not self.surroundings.stderr_tty:
            self._plain_step(name, done, total)
            return
        count = f" {done:,}/{total:,}" if total > 1 else ""
        self.stderr.write(f"\r\x1b[K  {line(name)}{count}")
        self.stderr.flush()
        self._moving = True

    def ask(self, question: str) -> bool:
        """Ask a yes-or-no question; only `y` or `yes` is yes."""
        self._settle()
        self.stderr.write(f"{question} [y/N] ")
        self.stderr.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def _plain_step(self, name: str, done: int, total: int) -> None:
        now = time.monotonic()
        finished = done >= total
        if name == self._last_step and not finished and now - self._last_time < 5:
            return
        if finished or name != self._last_step:
            self._last_step, self._last_time = name, now
            if finished and total:
                count = f"  {done:,}" if total > 1 else ""
                self.stderr.write(f"  {line(name)}{count}\n")
                self.stderr.flush()

    def _settle(self) -> None:
        """End a moving progress line before other words."""
        if self._moving:
            self.stderr.write("\r\x1b[K")
            self._moving = False
