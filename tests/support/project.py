"""A project in a folder of its own, and the program run on it: in this process, or as one of its own."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from deployer.__main__ import main

RULE = """[metadata]
creation_date = "2026/11/24"
updated_date = "2026/11/24"
maturity = "production"

[rule]
author = ["tests"]
description = "A rule of the tests."
name = "{name}"
risk_score = 21
rule_id = "{rule_id}"
severity = "low"
type = "query"
language = "kuery"
index = ["logs-*"]
query = \'\'\'
{query}
\'\'\'
"""


@dataclass(frozen=True)
class Ran:
    """What one run of the program did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document of `--json`."""
        return json.loads(self.out)


@dataclass(frozen=True)
class ProjectFolder:
    """A project on disk; `environ` is added to the environment of every run."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict, repr=False)

    def write(self, path: str, text: str) -> Path:
        """Write one file of the project."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        return target

    def rule(self, number: int, query: str = "event.action : *", name: str = "") -> Path:
        """Write one small rule; its id and name follow from its number."""
        rule_id = f"00000000-0000-4000-8000-{number:012d}"
        text = RULE.format(name=name or f"Rule {number}", rule_id=rule_id, query=query)
        return self.write(f"rules/rule_{number}.toml", text)

    def rules(self, count: int, query: str = "event.action : *") -> None:
        """Write that many small rules."""
        for number in range(1, count + 1):
            self.rule(number, query=query)

    def run(self, *words: str, **environ: str) -> Ran:
        """
        Run the program in the project's folder, without a terminal: its `main` in this process, an eighth of the time
        of a process of its own. What is said of processes (signals, kills, imports, terminals) needs `run_process`.
        """
        assert not any(name.startswith("PYTHON") for name in environ), "Python reads them when it starts"
        out, err = _stream(), _stream()
        with _as_process(words, self._environ(environ), self.root, out, err):
            try:
                main()
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
        return Ran(code, _text(out), _text(err))

    def run_process(self, *words: str, **environ: str) -> Ran:
        """Run the program as a process in the project's folder, without a terminal, as a user's CI would."""
        process = self.start(*words, **environ)
        try:
            out, err = process.communicate(timeout=600)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return Ran(process.returncode, out, err)

    def start(self, *words: str, **environ: str) -> subprocess.Popen[str]:
        """Start the program in the project's folder, without a terminal; whoever starts it ends it."""
        return subprocess.Popen(
            [sys.executable, "-m", "deployer", *words],
            cwd=self.root,
            env=self._environ(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _environ(self, environ: dict[str, str]) -> dict[str, str]:
        return {**bare_environ(), **self.environ, **environ}


def _stream() -> io.TextIOWrapper:
    """A pipe's end as a process gets it, which keeps what is written into it."""
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")


def _text(stream: io.TextIOWrapper) -> str:
    """What was written, as `subprocess` reads it in text mode."""
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")


@contextlib.contextmanager
def _as_process(
    words: tuple[str, ...], environ: dict[str, str], folder: Path, out: io.TextIOWrapper, err: io.TextIOWrapper
) -> Iterator[None]:
    """Make this process look as a new one would to the program, and put everything back."""
    threshold = gc.get_threshold()
    with (
        mock.patch.dict(os.environ, environ, clear=True),
        mock.patch.object(sys, "argv", ["deployer", *words]),
        mock.patch.object(sys, "stdin", io.StringIO()),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        contextlib.chdir(folder),
    ):
        try:
            yield
        finally:
            gc.set_threshold(*threshold)


def bare_environ() -> dict[str, str]:
    """Return the environment of the tests without what the program looks at."""
    hidden = ("CI", "GITHUB_", "GITLAB_", "DEPLOYER_", "NO_COLOR", "FORCE_COLOR")
    return {name: value for name, value in os.environ.items() if not name.startswith(hidden)}


def new_project(root: Path, *, environment: str = '[kibana]\nurl = "sandbox"\n') -> ProjectFolder:
    """Return a project with one environment `s`, without rules."""
    project = ProjectFolder(root)
    project.write("deployer.toml", 'project = "tests"\n')
    project.write("environments/s.toml", environment)
    (root / "rules").mkdir(exist_ok=True)
    return project
