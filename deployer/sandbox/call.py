"""What a handler gets: one request in its space, by its user, with the whole Kibana behind it."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from deployer.sandbox.errors import request_body_error, request_query_error
from deployer.sandbox.faults import Fault
from deployer.sandbox.kibana import Kibana
from deployer.sandbox.messages import Request
from deployer.sandbox.schema import MISSING, Check, Field, Issues, render
from deployer.sandbox.users import User
from deployer.sandbox.versions import Version


@dataclass(slots=True)
class Call:
    """
    One authenticated request. `payload` is the parsed JSON body (None where there is none), `params` are the path
    parameters, `faults` those that happen to this request; `is_write` may be taken back by a handler that only reads.
    """

    kibana: Kibana
    request: Request
    space: str
    user: User
    params: dict[str, str] = field(default_factory=dict)
    payload: Any = None
    faults: dict[str, Fault] = field(default_factory=dict)
    is_write: bool = False

    @property
    def version(self) -> Version:
        """The stack version."""
        return self.kibana.version

    def body(self, check: Check) -> Any:
        """The payload, checked and stripped. Raises the platform 400 of facts.md section 9.2."""
        issues: Issues = []
        clean = check(self.payload, (), issues)
        if issues:
            raise request_body_error(render(issues, self.version))
        return clean

    def query(self, fields: dict[str, Field]) -> dict[str, Any]:
        """
        The query parameters, checked; absent ones are not there. Numbers and booleans are read from their text, a
        parameter of a list check is always a list. Raises the platform 400 of facts.md section 9.2.
        """
        issues: Issues = []
        clean: dict[str, Any] = {}
        sent = self.request.query
        for name, entry in fields.items():
            values = sent.get(name)
            if values is not None:
                clean[name] = entry.check(values if len(values) > 1 else values[0], (name,), issues)
            elif entry.required:
                entry.check(MISSING, (name,), issues)
        if issues:
            raise request_query_error(render(issues, self.version))
        return clean

    def searching(self) -> AbstractContextManager[None]:
        """What is read inside is a search: with the fault `stale` it does not see the writes of the last second."""
        return self.kibana.database.stale() if "stale" in self.faults else nullcontext()

    def spend(self, rules: int) -> None:
        """Take the time that writing this many rules costs on the modelled server."""
        cost = self.kibana.options.rule_cost_ms
        if cost and rules:
            time.sleep(rules * cost / 1000)
