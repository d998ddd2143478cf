"""What a command costs: time, processor, memory; and, in a run of its own, requests and bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from socket import create_connection, create_server, socket
from typing import Any

from tests.bench.material import CREDENTIALS, ROOT

_METER = Path(__file__).with_name("meter.py")
_HIDDEN = ("CI", "GITHUB_", "GITLAB_", "DEPLOYER_", "NO_COLOR", "FORCE_COLOR", "PYTHONDONTWRITEBYTECODE")
"""What would change a command. Without byte code, which an installed package has, every process compiles deployer."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of wall clock and of processor (of the command and an embedded sandbox), megabytes at the peak."""

    wall: float
    processor: float
    memory: float


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `requests` and the kilobytes are None where they were not counted."""

    what: str
    rules: int
    changed: str
    server: str
    cost: Cost
    requests: int | None = None
    sent_kb: int | None = None
    received_kb: int | None = None
    target: str = ""

    def json(self) -> dict[str, Any]:
        """Return the row as JSON."""
        return asdict(self)


def run(root: Path, *words: str, ok: tuple[int, ...] = (0,)) -> Cost:
    """Run a command of deployer in a project once. Fails on another exit code."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(_HIDDEN)}
    command = [sys.executable, "-S", str(_METER), sys.executable, "-m", "deployer", *words]
    done = subprocess.run(
        command, cwd=root, env={**clean, **CREDENTIALS, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, check=True
    )
    found = json.loads(done.stdout)
    assert found["code"] in ok, f"deployer {' '.join(words)}: {found['code']}\n{found['words']}"
    return Cost(found["wall"], found["processor"], found["memory"])


def best(costs: list[Cost]) -> Cost:
    """Return the least of each: whatever is above it is the machine's other work."""
    return Cost(
        min(cost.wall for cost in costs), min(cost.processor for cost in costs), min(cost.memory for cost in costs)
    )


class Relay:
    """A plain TCP relay that counts the bytes of both directions; used in runs whose time is not taken."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server = create_server(("127.0.0.1", 0))
        self._guard = threading.Lock()
        self.sent = self.received = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def reset(self) -> None:
        """Count from zero again."""
        self.sent = self.received = 0

    def close(self) -> None:
        """Accept nothing more."""
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            server = create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._pump, args=(client, server, "sent"), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, "received"), daemon=True).start()

    def _pump(self, source: socket, sink: socket, counter: str) -> None:
        try:
            while data := source.recv(65_536):
                sink.sendall(data)
                with self._guard:
                    setattr(self, counter, getattr(self, counter) + len(data))
        except OSError:
            pass
        finally:
            source.close()
            sink.close()


@contextmanager
def relay(port: int) -> Iterator[Relay]:
    """Run a relay to a port of this machine for the time of a block."""
    running = Relay(port)
    try:
        yield running
    finally:
        running.close()
