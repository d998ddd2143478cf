"""
The sandbox over HTTP as a Backend of the fault scenarios: our own client, real requests, the sandbox's own faults.

Each scenario has a space of its own in one server. The engine's clock is virtual, so nothing really waits; a request
that lands late is parked in the server, and released when that clock comes to it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

from deployer.adapters.kibana import Secrets, connect
from deployer.core.environment import Connection, Credentials
from deployer.core.ports import Body, RuleWriter
from deployer.errors import RemoteError
from tests.support.fake_kibana import Process, VirtualClock
from tests.support.fault_scenarios import ACTION, BEFORE, HORIZON, marked
from tests.support.sandbox import PASSWORD, RULES, Sandbox

_SPECS = {
    "refused": "refuse:status=403,",
    "lost": "drop-before:",
    "done": "drop-after:",
    "late": "park:",
    "reset": "truncate:",
    "crash_late": "park:",
}
_spaces = itertools.count(1)


class SandboxBackend:
    """A fresh space with the rules of the scenarios."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.clock = VirtualClock()
        self._sandbox = sandbox
        self._space = f"faults-{next(_spaces)}"
        self._ask("POST", "/api/spaces/space", {"id": self._space, "name": self._space}, scoped=False)
        connector = {"name": "Slack", "connector_type_id": ACTION["action_type_id"], "config": {}, "secrets": {}}
        connector["secrets"] = {"webhookUrl": "https://slack.example/hook"}
        self._ask("POST", f"/api/actions/connector/{ACTION['id']}", connector)
        address = Connection(sandbox.url, Credentials(), Credentials())
        secrets = Secrets(username="elastic", password=PASSWORD)
        self._kibana = connect(address, self._space, secrets, clock=self.clock, read_only=False)
        for body in BEFORE.values():
            self._kibana.create(marked(body))

    def writer(self) -> RuleWriter:
        """Return our own client."""
        return self._kibana

    def fault(self, kind: str, write: Callable[[], Any], process: Process) -> Any:
        """Carry out a write with a fault of the sandbox's, or end the process around it."""
        if kind == "crash_before":
            process.die()
        if kind == "crash_after":
            write()
            process.die()
        self._sandbox.fault(_SPECS[kind] + f"times=1,method=[PD]*,space={self._space}")
        parked = {entry["number"] for entry in self._sandbox.admin("GET", "parked")}
        try:
            return write()
        finally:
            self._sandbox.admin("DELETE", "faults")
            for entry in self._sandbox.admin("GET", "parked"):
                if entry["number"] not in parked:
                    self.clock.later(HORIZON - 20, lambda number=entry["number"]: self._release(number))
            if kind == "crash_late":
                process.die()

    def edit(self, rule_id: str, changes: Mapping[str, Any]) -> bool:
        """Edit a rule as an analyst, through the API."""
        live = next((body for body in self.all_rules() if body["rule_id"] == rule_id), None)
        if live is not None:
            body = {"rule_id": rule_id, "type": live["type"], "max_signals": 100, **changes}  # facts.md 0.4, 0.5
            self._ask("PATCH", RULES, body, "soc-night")
        return live is not None

    def all_rules(self) -> list[Body]:
        """Return every rule, read past our client."""
        return list(self._ask("GET", f"{RULES}/_find?per_page=100", None)["data"])

    def close(self) -> None:
        """Close the client."""
        self._kibana.close()

    def _release(self, number: int) -> None:
        self._sandbox.admin("POST", "parked/release", {"number": number})

    def _ask(self, method: str, path: str, body: Any, user: str = "elastic", *, scoped: bool = True) -> Any:
        place = f"/s/{self._space}{path}" if scoped else path
        answer = self._sandbox.request(method, place, body, user=user)
        if answer.status != 200:
            raise RemoteError(f"{method} {place}: {answer.body.decode()}", status=answer.status)
        return json.loads(answer.body)
