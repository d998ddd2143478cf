"""
A Kibana by address and API key: a real one (`KIBANA_URL`, `KIBANA_API_KEY`), or a sandbox that stands in for it.

Everything happens in a space of its own that is created before and removed after, with all that is in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.sandbox import DEFAULT_HEADERS, RULES, running

LIVE = pytest.param("live", marks=pytest.mark.live)
WITHOUT = "KIBANA_URL and KIBANA_API_KEY are not set: there is no real Kibana to ask (docs/live.md)"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; `body` is the parsed JSON, or the text where it is none."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass(slots=True)
class LiveKibana:
    """
    One space of a Kibana. `url` has no trailing slash; `api_key` is encoded as the `ApiKey` scheme wants it.

    `patience` is how many seconds a probe may wait for what happens by itself, such as the first run of a rule.
    """

    url: str
    api_key: str = field(repr=False)
    space: str
    patience: float = 0.0
    session: requests.Session = field(default_factory=requests.Session, repr=False)

    def ask(self, method: str, path: str, body: Any = None, *, headers: Any = None, anywhere: bool = False) -> Reply:
        """
        Send one request into the space, or outside every space with `anywhere`. Text goes out as it is.

        `headers` are added; None takes one away.
        """
        sent = DEFAULT_HEADERS | {"authorization": f"ApiKey {self.api_key}", "content-type": "application/json"}
        sent |= headers or {}
        place = path if anywhere else f"/s/{self.space}{path}"
        data = body if isinstance(body, str | bytes) else None if body is None else json.dumps(body)
        kept = {name: value for name, value in sent.items() if value is not None}
        answer = self.session.request(method, self.url + place, data=data, headers=kept, timeout=60)
        found = {name.lower(): value for name, value in answer.headers.items()}
        try:
            return Reply(answer.status_code, found, answer.json())
        except ValueError:
            return Reply(answer.status_code, found, answer.text)

    def must(self, method: str, path: str, body: Any = None, *, anywhere: bool = False) -> Any:
        """The body of an answer that must be a success."""
        reply = self.ask(method, path, body, anywhere=anywhere)
        assert reply.status < 300, f"{method} {path}: {reply.status} {reply.body}"
        return reply.body

    def rule(self, rule_id: str = "r-1") -> dict[str, Any]:
        """One rule, which must exist."""
        found: dict[str, Any] = self.must("GET", f"{RULES}?rule_id={rule_id}")
        return found

    def edit(self, rule_id: str, **fields: Any) -> str:
        """Change a rule as somebody in Kibana would; returns who Kibana says it was."""
        live = self.rule(rule_id)
        patch = {"rule_id": rule_id, "type": live["type"], "max_signals": live["max_signals"], **fields}
        return str(self.must("PATCH", RULES, patch)["updated_by"])

    @property
    def version(self) -> str:
        """`9.3.1`, or `9.6.0-serverless`."""
        found = self.must("GET", "/api/status", anywhere=True)["version"]
        flavor = found.get("build_flavor", "traditional")
        return str(found["number"]) + ("" if flavor == "traditional" else f"-{flavor}")


@contextlib.contextmanager
def own_space(url: str, api_key: str) -> Iterator[LiveKibana]:
    """A fresh space, removed at the end whatever happens in it."""
    kibana = LiveKibana(url.rstrip("/"), api_key, f"deployer-tests-{secrets.token_hex(4)}")
    space = {"id": kibana.space, "name": kibana.space, "description": "Made by tests; may be deleted."}
    kibana.must("POST", "/api/spaces/space", space, anywhere=True)
    try:
        yield kibana
    finally:
        kibana.must("DELETE", f"/api/spaces/space/{kibana.space}", anywhere=True)
        kibana.session.close()


@contextlib.contextmanager
def opened(kind: str, folder: Path) -> Iterator[LiveKibana]:
    """A space in the real Kibana ("live"; skips without the variables) or in a sandbox reached by its address."""
    if kind == "live":
        url, key = os.environ.get("KIBANA_URL", ""), os.environ.get("KIBANA_API_KEY", "")
        if not (url and key):
            pytest.skip(WITHOUT)
        with own_space(url, key) as kibana:
            kibana.patience = 150.0
            yield kibana
        return
    with running(folder / "kibana.sqlite3") as sandbox, own_space(sandbox.url, sandbox.api_key) as kibana:
        yield kibana


def at_once(count: int, act: Any) -> list[Any]:
    """What `count` calls at the same time return, each called with its number."""
    found: list[Any] = [None] * count
    gate = threading.Barrier(count)

    def work(number: int) -> None:
        gate.wait()
        found[number] = act(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return found
