"""
One request from start to end: faults, router, gate, handler, time model, log.

`answer` never raises and never lets a traceback out: what no handler foresaw is printed on the server's own stderr
and answered with Kibana's bare 500.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from deployer.sandbox import gate
from deployer.sandbox.admin import Admin
from deployer.sandbox.call import Call
from deployer.sandbox.errors import ApiError, PlatformError, not_found
from deployer.sandbox.faults import Fault
from deployer.sandbox.faulty import BEFORE_ANSWERS, named_rules, spoiled
from deployer.sandbox.kibana import DEFAULT_SPACE, Kibana
from deployer.sandbox.messages import Request, Response
from deployer.sandbox.recording import Recording
from deployer.sandbox.routing import Route, Router
from deployer.sandbox.table import ROUTES
from deployer.sandbox.traffic import Seen
from deployer.sandbox.users import ANONYMOUS

_ADMIN = "/_sandbox/"
_ECHO = ("elastic-api-version", gate.PUBLIC_VERSION)


class App:
    """Answers the requests of one Kibana."""

    def __init__(self, kibana: Kibana) -> None:
        self.kibana = kibana
        self._router = Router(ROUTES, kibana.version)
        self._parked: dict[int, tuple[Request, str]] = {}
        self._parking = threading.Lock()
        self._admin = Admin(kibana, self)
        self._recording = Recording(kibana.options.record) if kibana.options.record else None

    def answer(self, request: Request) -> Response | None:
        """The response to a request; None where the connection is to be cut without one."""
        place = f"{request.path}?{request.query_text}"
        response = self._answer(request)
        if self._recording is not None and response is not None:
            self._recording.add(request.method, place, response)
        return response

    def _answer(self, request: Request) -> Response | None:
        if request.path.startswith(_ADMIN):
            return _guarded(lambda: self._admin.answer(request))
        with _under_way(self.kibana.options.latency_ms / 1000):
            return self._arrived(request)

    def _arrived(self, request: Request) -> Response | None:
        space, request.path = _split_space(request.path)
        if self.kibana.faults:
            faults = self._faults(request, space)
            if faults:
                return self._answer_faulty(request, space, faults)
        return self._carry_out(request, space, {})

    def _faults(self, request: Request, space: str) -> dict[str, Fault]:
        rules = named_rules(request, space, self.kibana)
        return self.kibana.faults.striking(request.method, request.path, space, rules)

    def _answer_faulty(self, request: Request, space: str, faults: dict[str, Fault]) -> Response | None:
        if "delay" in faults:
            time.sleep(faults["delay"].seconds)
        if "park" in faults:
            with self._parking:
                self._parked[max(self._parked, default=0) + 1] = (request, space)
        if "park" in faults or "drop-before" in faults:
            self._log(request, space, status=0)
            return None
        for kind, answer in BEFORE_ANSWERS.items():
            if kind in faults and not (kind == "starting" and request.path == "/api/status"):
                response = answer(faults[kind])
                self._log(request, space, status=response.status)
                return response
        return spoiled(self._carry_out(request, space, faults), faults)

    def parked(self) -> list[dict[str, Any]]:
        """The parked requests, oldest first."""
        with self._parking:
            waiting = sorted(self._parked.items())
        return [
            {"number": number, "method": request.method, "path": request.path, "space": space}
            for number, (request, space) in waiting
        ]

    def release(self, number: int | None) -> list[dict[str, Any]]:
        """Carry out one parked request, or all in their order; returns their numbers and statuses."""
        with self._parking:
            numbers = [key for key in sorted(self._parked) if number is None or key == number]
            taken = [(key, *self._parked.pop(key)) for key in numbers]
        return [{"number": key, "status": self._carry_out(request, space, {}).status} for key, request, space in taken]

    def _carry_out(self, request: Request, space: str, faults: dict[str, Fault]) -> Response:
        database = self.kibana.database
        before = database.writes()
        call = Call(self.kibana, request, space, ANONYMOUS, faults=faults)
        response = _guarded(lambda: self._dispatch(call))
        wrote = database.writes() != before
        if wrote and self.kibana.options.refresh_ms:
            _wait_for_refresh(self.kibana.options.refresh_ms / 1000)
        self.kibana.traffic.add(
            Seen(request.method, request.path, space, response.status, call.user.name, call.is_write, wrote)
        )
        return response

    def _log(self, request: Request, space: str, *, status: int) -> None:
        found = self._router.find(request.method, request.path)
        is_write = found is not None and found[0].writes
        self.kibana.traffic.add(Seen(request.method, request.path, space, status, "", is_write, wrote=False))

    def _dispatch(self, call: Call) -> Response:
        request, version = call.request, self.kibana.version
        found = self._router.find(request.method, request.path)
        route, call.params = found or (None, {})
        call.user = self._authenticate(route, request)
        if route is None:
            raise _unregistered(request, call)
        call.is_write = route.writes
        call.payload = gate.read_payload(route, request)
        gate.check_xsrf(request, version)
        if call.space != DEFAULT_SPACE and not self.kibana.has_space(call.space):
            raise not_found()
        gate.check_privilege(route, request, call.user, version)
        if not route.versioned:
            return self._called(route, call)
        gate.check_version(request)
        try:
            response = self._called(route, call)
        except ApiError as exc:
            exc.headers = (*exc.headers, _ECHO)
            raise
        response.headers = (*response.headers, _ECHO)
        return response

    def _authenticate(self, route: Route | None, request: Request) -> Any:
        header = request.headers.get("authorization", "")
        if route is None or not route.anonymous:
            return self.kibana.users.authenticate(header)
        try:
            return self.kibana.users.authenticate(header)
        except PlatformError:
            return ANONYMOUS

    def _called(self, route: Route, call: Call) -> Response:
        if not route.in_flight:
            return route.handler(call)
        slot = self._router.slot(route)
        if not slot.acquire(blocking=False):
            raise PlatformError(429, "Too Many Requests")
        try:
            return route.handler(call)
        finally:
            slot.release()


@contextmanager
def _under_way(latency: float) -> Iterator[None]:
    """
    The way of a request and the way of its answer, half the latency each. What this process itself computes in between
    is taken off: the modelled server answers in the time that its latency says, and so benchmarks can count on it.
    """
    if not latency:
        yield
        return
    time.sleep(latency / 2)
    begun = time.thread_time()
    yield
    time.sleep(max(0.0, latency / 2 - (time.thread_time() - begun)))


def _guarded(act: Callable[[], Response]) -> Response:
    try:
        return act()
    except ApiError as exc:
        return exc.response()
    except RecursionError:
        return PlatformError(400, "Invalid request payload JSON format").response()
    except Exception:  # noqa: BLE001 - the last boundary: a bug of ours must neither end the connection nor reach the client
        _report_bug()
        return PlatformError(500, "An internal server error occurred. Check Kibana server logs for details.").response()


def _report_bug() -> None:
    import traceback

    sys.stderr.write(f"sandbox: a request met a bug of the sandbox\n{traceback.format_exc()}")


def _unregistered(request: Request, call: Call) -> PlatformError:
    """Internal paths are restricted from 9.0 on (facts.md section 1.3); everything else is simply not there."""
    restricted = call.version.since(9, 0) and "x-elastic-internal-origin" not in request.headers
    if request.path.startswith("/internal/detection_engine/") and restricted:
        method = request.method.lower()
        text = f"uri [{request.path}] with method [{method}] exists but is not available with the current configuration"
        return PlatformError(400, text)
    return not_found()


def _split_space(path: str) -> tuple[str, str]:
    """Section 1.6: `/s/SPACE` in front of any path."""
    if not path.startswith("/s/"):
        return DEFAULT_SPACE, path
    space, _, rest = path[3:].partition("/")
    return space, "/" + rest


def _wait_for_refresh(seconds: float) -> None:
    """Writes wait for the next refresh, which happens at whole multiples of the interval."""
    time.sleep(seconds - time.monotonic() % seconds)
