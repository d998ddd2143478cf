"""All routes of the sandbox, and 501 for documented paths that it does not implement."""

from __future__ import annotations

from deployer.sandbox import (
    connectors,
    exception_find,
    exception_items,
    exception_lists,
    exception_transfer,
    spaces,
    status,
    timelines,
    value_find,
    value_items,
    value_lists,
)
from deployer.sandbox.call import Call
from deployer.sandbox.documented import DOCUMENTED
from deployer.sandbox.errors import PlatformError
from deployer.sandbox.messages import Response
from deployer.sandbox.routing import Route
from deployer.sandbox.rules import (
    alerting_view,
    bulk,
    crud,
    engine,
    exceptions,
    exporting,
    find,
    importing,
    legacy,
    prepackaged,
    preview,
)

IMPLEMENTED: tuple[Route, ...] = (
    *status.ROUTES,
    *spaces.ROUTES,
    *connectors.ROUTES,
    *exception_lists.ROUTES,
    *exception_find.ROUTES,
    *exception_items.ROUTES,
    *exception_transfer.ROUTES,
    *timelines.ROUTES,
    *value_lists.ROUTES,
    *value_items.ROUTES,
    *value_find.ROUTES,
    *crud.ROUTES,
    *find.ROUTES,
    *bulk.ROUTES,
    *exporting.ROUTES,
    *engine.ROUTES,
    *importing.ROUTES,
    *exceptions.ROUTES,
    *legacy.ROUTES,
    *prepackaged.ROUTES,
    *preview.ROUTES,
    *alerting_view.ROUTES,
)


def _not_implemented(call: Call) -> Response:
    raise PlatformError(
        501, f"{call.request.method} {call.request.path} is documented, but the sandbox does not implement it."
    )


def _missing() -> tuple[Route, ...]:
    have = {(route.method, route.path) for route in IMPLEMENTED}
    return tuple(Route(method, path, _not_implemented) for method, path in DOCUMENTED if (method, path) not in have)


ROUTES: tuple[Route, ...] = (*IMPLEMENTED, *_missing())
