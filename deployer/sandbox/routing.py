"""Which handler answers which path, and what the router checks before it calls one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from deployer.sandbox.messages import Response
from deployer.sandbox.versions import Version

if TYPE_CHECKING:
    from deployer.sandbox.call import Call

Handler = Callable[["Call"], Response]

MEBIBYTE = 1_048_576


@dataclass(frozen=True, slots=True)
class Route:
    """
    One method and path. A module of handlers exports a tuple `ROUTES` of these; `table.py` joins them.

    `path` has no space prefix; `{name}` takes one segment, found in `call.params`. `privilege` is what the route
    needs (`rules-all`, ...; several separated by "|" mean any of them). `body` says how the payload is read; `most`
    is its largest size. `in_flight` requests at a time, more are answered 429. `versioned` routes take and echo
    `elastic-api-version`. `since` and `until` bound the stack versions that have the route. `writes` counts it as a
    write in the request log; `anonymous` lets it be called without valid credentials.
    """

    method: str
    path: str
    handler: Handler
    privilege: str = ""
    body: Literal["none", "json", "multipart"] = "none"
    most: int = MEBIBYTE
    in_flight: int = 0
    versioned: bool = True
    since: tuple[int, int] = (0, 0)
    until: tuple[int, int] = (99, 0)
    writes: bool = False
    anonymous: bool = False

    def exists_in(self, version: Version) -> bool:
        """Whether this stack version has the route (`until` is the first version without it)."""
        return version.since(*self.since) and not version.since(*self.until)


class Router:
    """The routes that one stack version has."""

    def __init__(self, routes: Iterable[Route], version: Version) -> None:
        self._exact: dict[str, dict[str, Route]] = {}
        self._patterns: list[tuple[tuple[str, ...], dict[str, Route]]] = []
        self._slots: dict[str, threading.BoundedSemaphore] = {}
        for route in routes:
            if route.exists_in(version):
                self._add(route)

    def _add(self, route: Route) -> None:
        if route.in_flight:
            self._slots[route.path] = threading.BoundedSemaphore(route.in_flight)
        if "{" not in route.path:
            self._exact.setdefault(route.path, {})[route.method] = route
            return
        segments = tuple(route.path.split("/"))
        for known, methods in self._patterns:
            if known == segments:
                methods[route.method] = route
                return
        self._patterns.append((segments, {route.method: route}))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route of a request and its path parameters, None where there is none; HEAD counts as GET."""
        wanted = "GET" if method == "HEAD" else method
        methods = self._exact.get(path)
        if methods is not None and wanted in methods:
            return methods[wanted], {}
        segments = path.split("/")
        for pattern, methods in self._patterns:
            if len(pattern) == len(segments) and wanted in methods:
                params = _match(pattern, segments)
                if params is not None:
                    return methods[wanted], params
        return None

    def slot(self, route: Route) -> threading.BoundedSemaphore:
        """The places for concurrent requests of a route with `in_flight`."""
        return self._slots[route.path]


def _match(pattern: tuple[str, ...], segments: list[str]) -> dict[str, str] | None:
    params = {}
    for expected, segment in zip(pattern, segments, strict=True):
        if expected.startswith("{"):
            if not segment:
                return None
            params[expected[1:-1]] = segment
        elif expected != segment:
            return None
    return params
