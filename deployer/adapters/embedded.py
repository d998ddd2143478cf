"""
The embedded sandbox: a server process on loopback that lives as long as one command.

It is started, not imported: the client and the sandbox are two independent readings of one contract. The process ends
when its standard input is closed, so that it cannot outlive a command that was killed.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deployer.errors import UnreachableError

_READY: Final = "sandbox: "
USER: Final = "elastic"
PASSWORD: Final = "changeme"  # noqa: S105 - documented, and only for a server on loopback that we started ourselves


@dataclass
class Embedded:
    """A sandbox that was started."""

    _data: Path
    _process: subprocess.Popen[str]

    def url(self) -> str:
        """Wait until it listens, and return where. Raises UnreachableError if it does not come up."""
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line.startswith(_READY):
            self._process.kill()
            raise UnreachableError(
                f"the embedded sandbox did not start with {self._data}",
                hint=f"python -m deployer.sandbox serve --data {self._data} shows why; "
                "deployer sandbox reset starts afresh",
            )
        return line.removeprefix(_READY).strip()

    def close(self) -> None:
        """End the process and wait for it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def start(data: Path, stack: str | None) -> Embedded:
    """
    Start the sandbox on a free loopback port, with its state in `data`, and do not wait for it.

    `stack` is the version it plays, None for its default.
    """
    data.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    command = [
        sys.executable,
        "-m",
        "deployer.sandbox",
        "serve",
        "--data",
        str(data),
        "--port",
        "0",
        "--exit-with-stdin",
    ]
    if stack:
        command += ["--stack-version", stack]
    process = subprocess.Popen(  # noqa: S603 - our own
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a Ctrl-C is for the command, which still needs its Kibana to come to an end
    )
    return Embedded(data, process)
