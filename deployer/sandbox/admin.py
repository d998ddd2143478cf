"""
The admin path `/_sandbox/…`, outside `/api`, for tests and for playing: only the superuser may use it.

    GET    /_sandbox/requests?writes=true    the request log            DELETE clears it, and the counters
    GET    /_sandbox/counters                totals per method, path and status
    GET    /_sandbox/faults                  armed faults with counts   POST a spec arms one; DELETE ?number=N or all
    GET    /_sandbox/parked                  parked requests
    POST   /_sandbox/parked/release          carries out one ({"number": N}) or all
    GET    /_sandbox/users                   users, roles, passwords and API keys
    POST   /_sandbox/users                   {"username", "role", "password"?} adds one; DELETE ?username=
    POST   /_sandbox/clock                   {"offset": seconds} moves the clock
    POST   /_sandbox/executions              {"rule_id" | "id", "space"?, "status", …} sets an execution status
    POST   /_sandbox/prebuilt                {"count": N, "installed"?: true, "space"?} adds fixtures of prebuilt rules
    POST   /_sandbox/prebuilt/update         {"rule_ids": [...], "installed"?: true} as Elastic updates them
    POST   /_sandbox/representation          {"field": value, …}: every rule that lacks a field shows it, as an upgrade
                                             might make it read, with the same revision; {} ends it
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from deployer.sandbox.call import Call
from deployer.sandbox.errors import PlatformError, SandboxError, not_found
from deployer.sandbox.execution import summary_of
from deployer.sandbox.faults import parse_fault
from deployer.sandbox.kibana import DEFAULT_SPACE, Kibana
from deployer.sandbox.messages import Body, NotJsonError, Request, Response, from_json, json_response
from deployer.sandbox.rule_table import StoredRule
from deployer.sandbox.rules import prepackaged
from deployer.sandbox.users import PASSWORD, ROLES, User

if TYPE_CHECKING:
    from deployer.sandbox.app import App

Action = Callable[[Request, Body], Any]


class Admin:
    """Answers the admin path."""

    def __init__(self, kibana: Kibana, app: App) -> None:
        self._kibana = kibana
        self._app = app
        self._actions: dict[tuple[str, str], Action] = {
            ("GET", "requests"): self._requests,
            ("DELETE", "requests"): self._clear_requests,
            ("GET", "counters"): lambda _request, _body: kibana.traffic.counters(),
            ("GET", "faults"): lambda _request, _body: kibana.faults.listed(),
            ("POST", "faults"): self._arm,
            ("DELETE", "faults"): self._disarm,
            ("GET", "parked"): lambda _request, _body: app.parked(),
            ("POST", "parked/release"): lambda _request, body: app.release(body.get("number")),
            ("GET", "users"): lambda _request, _body: kibana.users.all(),
            ("POST", "users"): self._add_user,
            ("DELETE", "users"): self._remove_user,
            ("POST", "clock"): self._move_clock,
            ("POST", "executions"): self._set_execution,
            ("POST", "prebuilt"): self._add_prebuilt,
            ("POST", "prebuilt/update"): self._update_prebuilt,
            ("POST", "representation"): self._represent,
        }

    def answer(self, request: Request) -> Response:
        """The response to an admin request. Raises ApiError."""
        user = self._kibana.users.authenticate(request.headers.get("authorization", ""))
        if not user.may("admin"):
            raise PlatformError(403, "Only the superuser may use the admin path of the sandbox.")
        action = self._actions.get((request.method, request.path.removeprefix("/_sandbox/")))
        if action is None:
            raise not_found()
        try:
            return json_response(action(request, _body(request)))
        except SandboxError as exc:
            raise PlatformError(400, str(exc)) from exc

    def _requests(self, request: Request, _body: Body) -> Any:
        return self._kibana.traffic.requests(only_writes=request.query.get("writes") == ["true"])

    def _clear_requests(self, _request: Request, _body: Body) -> Any:
        self._kibana.traffic.clear()
        return {}

    def _arm(self, _request: Request, body: Body) -> Any:
        number = self._kibana.faults.add(parse_fault(body.get("spec", body)))
        self._kibana.database.keep_stale(self._kibana.faults.stale_seconds())
        return {"number": number}

    def _disarm(self, request: Request, _body: Body) -> Any:
        number = request.query.get("number")
        self._kibana.faults.remove(int(number[0]) if number and number[0].isdecimal() else None)
        self._kibana.database.keep_stale(self._kibana.faults.stale_seconds())
        return {}

    def _add_user(self, _request: Request, body: Body) -> Any:
        name, role = str(body.get("username", "")), str(body.get("role", ""))
        if not name or role not in ROLES:
            raise SandboxError(f"A user has a username and a role, one of {', '.join(ROLES)}.")
        return self._kibana.users.add(name, role, str(body.get("password", PASSWORD)))

    def _remove_user(self, request: Request, _body: Body) -> Any:
        for name in request.query.get("username", []):
            self._kibana.users.remove(name)
        return {}

    def _move_clock(self, _request: Request, body: Body) -> Any:
        offset = body.get("offset")
        if isinstance(offset, bool) or not isinstance(offset, int | float):
            raise SandboxError("The clock is moved by an offset in seconds.")
        self._kibana.clock.offset = float(offset)
        return {"now": self._kibana.clock.iso()}

    def _set_execution(self, _request: Request, body: Body) -> Any:
        stored = self._rule(body)
        summary = summary_of(body, self._kibana.clock.iso())
        self._kibana.rules.set_summary(stored.pk, summary)
        return summary

    def _call(self, request: Request, body: Body) -> Call:
        return Call(self._kibana, request, str(body.get("space", DEFAULT_SPACE)), User("elastic", "superuser"))

    def _add_prebuilt(self, request: Request, body: Body) -> Any:
        count = body.get("count", 1)
        if isinstance(count, bool) or not isinstance(count, int):
            raise SandboxError("`count` is how many prebuilt rules to add.")
        with self._kibana.database.transaction():
            call = self._call(request, body)
            return {"rule_ids": prepackaged.fixtures(call, count, installed=bool(body.get("installed", True)))}

    def _update_prebuilt(self, request: Request, body: Body) -> Any:
        rule_ids = [str(rule_id) for rule_id in body.get("rule_ids", [])]
        with self._kibana.database.transaction():
            call = self._call(request, body)
            done = prepackaged.update_fixtures(call, rule_ids, installed=bool(body.get("installed", True)))
        return {"updated": done}

    def _represent(self, _request: Request, body: Body) -> Any:
        self._kibana.representation = body
        return body

    def _rule(self, body: Body) -> StoredRule:
        space = str(body.get("space", DEFAULT_SPACE))
        rules = self._kibana.rules
        stored = (
            rules.by_id(space, str(body["id"])) if "id" in body else rules.by_rule_id(space, str(body.get("rule_id")))
        )
        if stored is None:
            raise SandboxError(f"Space {space} has no such rule.")
        return stored


def _body(request: Request) -> Body:
    if not request.body:
        return {}
    try:
        body = from_json(request.body)
    except NotJsonError as exc:
        raise PlatformError(400, "Invalid request payload JSON format") from exc
    if not isinstance(body, dict):
        raise PlatformError(400, "The admin path takes a JSON object.")
    return body
