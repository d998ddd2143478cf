"""
A page of the documentation carried out: its files are written, its commands run, their output compared.

    ```toml PATH       the block is written to PATH
    ```console         lines that start with `$ ` are run; the lines below must stand in the output, in this order;
                       `$ cd FOLDER` and `$ export NAME=VALUE` hold for what follows
    <!-- later: 25h --> time passes in every Kibana of the page

In expected lines `…` stands for anything; a last line `(exit 4)` names the exit code, which is 0 without it.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.project import ProjectFolder, Ran, bare_environ

_STEP = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$|^<!-- later: (\d+)([hm]) -->$", re.M | re.S)
_EXIT = re.compile(r"\(exit (\d+)\)")


@dataclass(frozen=True)
class Command:
    """One command of a page, and what it must print."""

    words: list[str]
    expected: list[str]
    code: int


@dataclass
class Walk:
    """A page being carried out in a folder. `later` moves the clocks by seconds, `adapt` changes files before use."""

    folder: Path
    later: Callable[[float], None]
    adapt: Callable[[str, str], str]
    environ: dict[str, str] = field(default_factory=dict)
    commands: int = 0
    at: Path | None = None

    def carry_out(self, text: str) -> None:
        """Do everything that the page says, in its order."""
        for step in _STEP.finditer(text):
            kind, path, body, number, unit = step.groups()
            if number:
                self.later(float(number) * {"h": 3600, "m": 60}[unit])
            elif kind == "console":
                for command in _commands(body):
                    self._run(command)
            elif path:
                target = self.folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(self.adapt(path, body), "utf-8")

    def _run(self, command: Command) -> None:
        program, *rest = command.words
        if program in ("cd", "export"):
            self._enter(program, rest[0])
            return
        place = ProjectFolder(self.at or self.folder, self.environ)
        done = place.run(*rest) if program == "deployer" else _other(place, command.words)
        shown = shlex.join(command.words)
        assert done.code == command.code, f"$ {shown}\n{done.out}{done.err}"
        _compare(shown, command.expected, done.out + done.err)
        self.commands += 1

    def _enter(self, program: str, word: str) -> None:
        """Go to a folder, or set a variable, as the shell of the page would."""
        if program == "cd":
            self.at = (self.at or self.folder) / word
            assert self.at.is_dir(), word
        else:
            name, _, value = word.partition("=")
            self.environ = {**self.environ, name: value}


def _other(place: ProjectFolder, words: list[str]) -> Ran:
    done = subprocess.run(
        words, cwd=place.root, env=bare_environ() | place.environ, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


def _commands(block: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
        line, *expected = part.splitlines()
        code = _EXIT.fullmatch(expected[-1]) if expected else None
        lines = [each for each in (expected[:-1] if code else expected) if each.strip() and each.strip() != "…"]
        yield Command(shlex.split(line), lines, int(code[1]) if code else 0)


def _compare(shown: str, expected: list[str], output: str) -> None:
    """Find the expected lines in the output, one after the other."""
    lines = [line.rstrip() for line in output.splitlines()]
    at = 0
    for wanted in expected:
        pattern = re.compile(".*".join(re.escape(part.strip()) for part in wanted.split("…")))
        found = next((place for place in range(at, len(lines)) if pattern.fullmatch(lines[place].strip())), None)
        assert found is not None, f"$ {shown}\nno line {wanted!r} below line {at} of\n{output}"
        at = found + 1
