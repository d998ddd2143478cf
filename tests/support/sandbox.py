"""
A running sandbox for tests: its own process, real HTTP, loopback only.

    sandbox = Sandbox.start(tmp_path / "kibana.sqlite3", stack_version="9.5")
    answer = sandbox.request("POST", "/api/detection_engine/rules", {...}, user="soc-day")
    assert answer.status == 200
    sandbox.admin("POST", "faults", {"spec": "drop-after:method=PUT,times=1"})
    sandbox.stop()
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RULES = "/api/detection_engine/rules"
PASSWORD = "changeme"
DEFAULT_HEADERS = {"kbn-xsrf": "tests", "elastic-api-version": "2023-10-31"}


@dataclass(frozen=True, slots=True)
class Answer:
    """One response; header names are lower-case."""

    method: str
    path: str
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The parsed body."""
        return json.loads(self.body)

    @property
    def lines(self) -> list[Any]:
        """The parsed lines of an NDJSON body."""
        return [json.loads(line) for line in self.body.splitlines() if line.strip()]


@dataclass(slots=True)
class Sandbox:
    """
    A server process; `url` has no trailing slash, `api_key` is that of the superuser.

    `watch`, where it is set, sees every answer to `request`, and raises for one that should not be. `recorded` is where
    the server writes down what it answers to anybody; `running` holds all of it to the official contract.
    """

    process: subprocess.Popen[str]
    url: str
    api_key: str
    data: Path
    watch: Callable[[Answer], None] | None = None
    recorded: Path | None = None

    @classmethod
    def start(cls, data: Path | str, **options: Any) -> Sandbox:
        """
        Start a server on a free port and wait until it accepts requests.

        Options are those of `python -m deployer.sandbox serve`, with underscores: `stack_version="9.5"`,
        `fault=["busy:times=1"]`, `latency_ms=5`, `license="basic"`.
        """
        command = [sys.executable, "-m", "deployer.sandbox", "serve", "--data", str(data), "--exit-with-stdin"]
        command += _words({"port": 0, **options})
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        if not first.startswith("sandbox: "):
            _, errors = process.communicate(timeout=10)
            raise AssertionError(f"the sandbox did not start: {first}{errors}")
        key = process.stdout.readline().removeprefix("api key: ").strip()
        return cls(process, first.removeprefix("sandbox: ").strip(), key, Path(data))

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.url.rsplit(":", 1)[1])

    def connect(self, timeout: float = 30.0) -> http.client.HTTPConnection:
        """A raw connection."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str = "elastic",
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        """
        Send one request on its own connection, as `user` with the common password.

        `body` is sent as it is when it is bytes, as JSON otherwise. `headers` are added; None takes a default away.
        """
        sent = DEFAULT_HEADERS | {"authorization": basic(user)}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if data is not None:
            sent["content-type"] = "application/json"
        for name, value in (headers or {}).items():
            sent.pop(name.lower(), None)
            if value is not None:
                sent[name.lower()] = value
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, data, sent)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(method, path, response.status, found, response.read())
        if self.watch is not None:
            self.watch(answer)
        return answer

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """Use the admin path `/_sandbox/PATH`; returns the parsed answer, which must be a success."""
        answer = self.request(method, f"/_sandbox/{path}", body)
        assert answer.status == 200, answer.body
        return answer.json

    def fault(self, spec: str) -> int:
        """Arm a fault; returns its number."""
        return int(self.admin("POST", "faults", {"spec": spec})["number"])

    def writes(self) -> list[dict[str, Any]]:
        """The requests so far that could have changed something, oldest first."""
        return list(self.admin("GET", "requests?writes=true"))

    def create(self, rule: Mapping[str, Any], *, space: str = "", user: str = "elastic") -> dict[str, Any]:
        """Create a rule, which must work; returns it."""
        answer = self.request("POST", in_space(space, RULES), dict(rule), user=user)
        assert answer.status == 200, answer.body
        return dict(answer.json)

    def rule(self, rule_id: str, *, space: str = "") -> dict[str, Any]:
        """Read a rule, which must exist."""
        answer = self.request("GET", f"{in_space(space, RULES)}?rule_id={rule_id}")
        assert answer.status == 200, answer.body
        return dict(answer.json)

    def stop(self) -> str:
        """End the server as its owner does, by closing its stdin; returns what it wrote to stderr."""
        _, errors = self.process.communicate(timeout=10)
        return errors

    def kill(self) -> None:
        """Kill the server (SIGKILL); its data file stays."""
        self.process.kill()
        self.process.communicate(timeout=10)


class Space:
    """A fresh space in a shared sandbox; paths are those within it."""

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        self.sandbox = sandbox
        self.name = name
        assert sandbox.request("POST", "/api/spaces/space", {"id": name, "name": name}).status == 200

    def request(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """Send one request into the space; see `Sandbox.request`."""
        return self.sandbox.request(method, f"/s/{self.name}{path}", body, **options)

    def create(self, rule: dict[str, Any], **options: Any) -> dict[str, Any]:
        """Create a rule, which must work."""
        return self.sandbox.create(rule, space=self.name, **options)

    def rule(self, rule_id: str = "r-1") -> dict[str, Any]:
        """Read a rule, which must exist."""
        return self.sandbox.rule(rule_id, space=self.name)

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """Use the admin path about this space."""
        return self.sandbox.admin(method, path, {"space": self.name, **(body or {})} if method == "POST" else body)


@contextlib.contextmanager
def running(data: Path | str, *, checked: bool = True, **options: Any) -> Iterator[Sandbox]:
    """
    A sandbox for the length of a `with` block. Fails where the server has written anything to stderr.

    With `checked`, every answer that the server gave to anybody, so also to our client and to whole deployers, is held
    to the OpenAPI document at the end, where that is beside the repository.
    """
    from tests.support import contract

    recorded = Path(f"{data}.answers") if checked and contract.available() else None
    if recorded is not None:
        options["record"] = recorded
    sandbox = Sandbox.start(data, **options)
    sandbox.recorded = recorded
    try:
        yield sandbox
    finally:
        errors = "" if sandbox.process.poll() is not None else sandbox.stop()
    assert not errors, errors
    if recorded is not None:
        contract.check_recorded(recorded)


_numbers = iter(range(1, 1_000_000))


def fresh_space(sandbox: Sandbox) -> Space:
    """A space that nothing has been in."""
    return Space(sandbox, f"space-{next(_numbers)}")


def basic(user: str, password: str = PASSWORD) -> str:
    """The value of a basic `authorization` header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def in_space(space: str, path: str) -> str:
    """The path within a space; "" is the default space."""
    return f"/s/{space}{path}" if space else path


def query_rule(rule_id: str = "r-1", **fields: Any) -> dict[str, Any]:
    """A minimal valid query rule."""
    return {
        "type": "query",
        "rule_id": rule_id,
        "name": f"Rule {rule_id}",
        "description": "Finds what it looks for.",
        "severity": "low",
        "risk_score": 21,
        "query": "event.action: start",
    } | fields


def _words(options: Mapping[str, Any]) -> list[str]:
    words: list[str] = []
    for name, value in options.items():
        for entry in value if isinstance(value, list | tuple) else [value]:
            words += [f"--{name.replace('_', '-')}", str(entry)]
    return words
