"""
`_find` of value lists and of their values: filters, sorting, and pages that a cursor carries on (facts.md section 7.3;
`encode_decode_cursor.ts` and `get_sort_with_tie_breaker.ts` of the lists plugin).
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any, Final

from deployer.sandbox.call import Call
from deployer.sandbox.documents import Document
from deployer.sandbox.errors import SiemError
from deployer.sandbox.exception_find import both, check_window, compiled
from deployer.sandbox.exception_lists import shown
from deployer.sandbox.kinds import VALUE_ITEM, VALUE_LIST
from deployer.sandbox.kql_documents import index_terms
from deployer.sandbox.kql_match import Condition
from deployer.sandbox.messages import Body, Response, json_response
from deployer.sandbox.query_schema import query_integer
from deployer.sandbox.routing import Route
from deployer.sandbox.schema import may, need, non_empty, one_of, text
from deployer.sandbox.value_items import PATH as ITEMS
from deployer.sandbox.value_lists import PATH as LISTS
from deployer.sandbox.value_lists import find_value_list

_STAMPS: Final = ("@timestamp", "created_at", "created_by", "updated_at", "updated_by", "tie_breaker_id")
_LIST_FIELDS: Final = frozenset({"name", "description", "type", "version", "immutable", *_STAMPS})
_ITEM_FIELDS: Final = frozenset({"list_id", *_STAMPS})
_QUERY: Final = {
    "page": may(query_integer()),
    "per_page": may(query_integer()),
    "sort_field": may(non_empty()),
    "sort_order": may(one_of("asc", "desc")),
    "cursor": may(non_empty()),
    "filter": may(text()),
}
_TIE: Final = "json_extract(body, '$.tie_breaker_id')"


@dataclass(frozen=True, slots=True)
class _Pages:
    """
    Which page, in which order, and from where on: `after` holds the sort values of the last row before `index`.
    `key` is the stored key that is sorted by, "" where only the tie breaker decides.
    """

    page: int
    size: int
    key: str
    descending: bool
    index: int = 0
    after: tuple[Any, ...] = ()

    @property
    def column(self) -> str:
        """The sort key as SQL; what lacks it counts as empty."""
        return f"ifnull(json_extract(body, '$.\"{self.key}\"'), '')"

    @property
    def order(self) -> str:
        """The order as SQL."""
        first = f"{self.column} {'DESC' if self.descending else 'ASC'}, " if self.key else ""
        return f"{first}{_TIE}"

    def rest(self) -> Condition:
        """The rows behind `after`."""
        if not self.after:
            return Condition("1")
        if not self.key:
            return Condition(f"{_TIE} > ?", (self.after[-1],))
        beyond = "<" if self.descending else ">"
        return Condition(
            f"({self.column} {beyond} ? OR ({self.column} = ? AND {_TIE} > ?))",
            (self.after[0], self.after[0], self.after[-1]),
        )

    def cursor(self, last: Document | None) -> str:
        """The cursor that carries on behind the last row of this page."""
        place: list[Any] = [0]
        if last is not None:
            tie = last.body["tie_breaker_id"]
            place = [self.page * self.size, [last.body.get(self.key, ""), tie] if self.key else [tie]]
        return base64.b64encode(json.dumps(place).encode()).decode("ascii")


def _pages(given: dict[str, Any], key: str) -> _Pages:
    page, size = given.get("page", 1), given.get("per_page", 20)
    if size < 0:
        raise SiemError(400, f"illegal_argument_exception: [size] parameter cannot be negative, found [{size}]")
    check_window(min(page, 1), size)  # pages are reached by hopping: only one page is bound to the window
    index, after = _decoded(given["cursor"], (page - 1) * size, key) if "cursor" in given else (0, ())
    return _Pages(page, size, key, given.get("sort_order") == "desc", index, after)


def _decoded(cursor: str, start: int, key: str) -> tuple[int, tuple[Any, ...]]:
    try:
        place = json.loads(base64.b64decode(cursor, validate=True))
    except (ValueError, RecursionError) as exc:
        raise SiemError(400, "Error parsing JSON from base64 encoded cursor") from exc
    index, after = (*place, [])[:2] if isinstance(place, list) and place else (None, [])
    sound = isinstance(after, list) and all(isinstance(one, str | int | float) for one in after)
    if isinstance(index, bool) or not isinstance(index, int) or not sound or len(place) > 2:
        raise SiemError(400, "Error decoding cursor structure")
    if index < 0:
        raise SiemError(400, "index of cursor cannot be less 0")
    if index > start:
        raise SiemError(400, f"index: {index} of cursor cannot be greater than the start page index: {start}")
    if after and len(after) != (2 if key else 1):
        raise SiemError(400, "The cursor belongs to another sort_field.")
    return index, tuple(after)


def _sort_key(given: dict[str, Any], fields: frozenset[str], aliases: dict[str, str]) -> str:
    field = given.get("sort_field", "")
    if field and field not in fields and field not in aliases:
        raise SiemError(400, f"search_phase_execution_exception: No mapping found for [{field}] in order to sort on")
    return str(aliases.get(field, field))


def _answer(call: Call, kind: str, where: Condition, pages: _Pages) -> Response:
    documents = call.kibana.documents
    total = documents.search(kind, where, size=0).total
    offset = (pages.page - 1) * pages.size - pages.index
    found = documents.search(kind, both(where, pages.rest()), order=pages.order, offset=offset, size=pages.size)
    rows = [shown(document) for document in found.documents]
    last = found.documents[-1] if rows else None
    body: Body = {"cursor": pages.cursor(last), "data": rows, "page": pages.page, "per_page": pages.size}
    return json_response({**body, "total": total})


def find_lists(call: Call) -> Response:
    """Pages of the value lists of the space."""
    given = call.query(_QUERY)
    pages = _pages(given, _sort_key(given, _LIST_FIELDS, {}))
    where = Condition("space = ?", (call.space,))
    filter_ = compiled(given.get("filter", ""), index_terms({}))
    with call.searching():
        return _answer(call, VALUE_LIST, both(where, filter_), pages)


def find_items(call: Call) -> Response:
    """Pages of the values of a list; `value` and the name of the list's type mean the value."""
    given = call.query({**_QUERY, "list_id": need(non_empty())})
    with call.searching():
        return _items_page(call, given)


def _items_page(call: Call, given: dict[str, Any]) -> Response:
    list_ = find_value_list(call, given["list_id"])
    if list_ is None:
        raise SiemError(404, f'list id: "{given["list_id"]}" does not exist')
    aliases = {"value": "value", list_.body["type"]: "value"}
    pages = _pages(given, _sort_key(given, _ITEM_FIELDS, aliases))
    where = Condition("space = ? AND parent = ?", (call.space, list_.id))
    words = frozenset({"value"} if list_.body["type"] == "text" else ())
    filter_ = compiled(given.get("filter", ""), index_terms(aliases, words))
    return _answer(call, VALUE_ITEM, both(where, filter_), pages)


ROUTES = (
    Route("GET", f"{LISTS}/_find", find_lists, "lists-read"),
    Route("GET", f"{ITEMS}/_find", find_items, "lists-read"),
)
