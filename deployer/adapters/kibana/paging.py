"""
All pages of a `_find`, complete or an error: Kibana's order has no tie-breaker, and the space may change meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable

from deployer.adapters.kibana.session import Session
from deployer.adapters.kibana.shapes import Page
from deployer.core.ports import Body
from deployer.errors import RemoteError

WINDOW = 10_000  # page x per_page beyond this is refused (facts.md section 5.1)
PAGE = 1_000

Fetch = Callable[[int], Page]


def read_pages(session: Session, fetch: Fetch, what: str, first: Page | None = None) -> tuple[Body, ...]:
    """
    Return every object that `fetch` pages over, each `id` once; pages after the first are read at once.

    Fewer objects than the total means that something moved between two pages: everything is read again, once. `what`
    names the objects in the error. `first` is page 1 if the caller has it. The total must be within the window.
    """
    seen = 0
    for _ in range(2):
        first = first or fetch(1)
        last = -(-min(first.total, WINDOW) // PAGE)
        pages = [first, *session.gather(fetch, range(2, last + 1))]
        found = {item["id"]: item for page in pages for item in page.items}
        total = max(page.total for page in pages)
        if len(found) >= total:
            return tuple(found.values())
        seen, first = len(found), None
    raise RemoteError(
        f"the {what} of space {session.space!r} could not be read completely: {seen} of {total}, twice",
        hint="somebody is changing them right now; try again",
    )
