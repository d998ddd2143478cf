"""`_find` and `summary` of exception lists and items: filters, sorting, pages (facts.md section 7.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from deployer.sandbox.call import Call
from deployer.sandbox.errors import SiemError
from deployer.sandbox.exception_items import PATH as ITEMS
from deployer.sandbox.exception_lists import NAMESPACES, WHICH, find_list, home, needed, shown
from deployer.sandbox.kinds import EXCEPTION_ITEM, EXCEPTION_LIST
from deployer.sandbox.kql import Terms, compile_filter
from deployer.sandbox.kql_documents import ATTRIBUTES, ROOT_FIELDS, SAVED_OBJECT_TYPES, Sorting, saved_object_terms
from deployer.sandbox.kql_match import Condition, KqlError
from deployer.sandbox.messages import Body, Response, json_response
from deployer.sandbox.query_schema import query_integer, query_list
from deployer.sandbox.routing import Route
from deployer.sandbox.schema import may, need, non_empty, one_of, text

_WINDOW: Final = 10_000
_NAMESPACES: Final = may(query_list(one_of(*NAMESPACES), commas=True))
_PAGING: Final = {
    "page": may(query_integer(least=1)),
    # The document lets items be asked for a page of none, but lets nobody answer with one.
    "per_page": may(query_integer(least=1)),
    "sort_field": may(non_empty()),
    "sort_order": may(one_of("asc", "desc")),
}
_LISTS: Final = {**_PAGING, "namespace_type": _NAMESPACES, "filter": may(text()), "sort_field": may(text())}
_ITEMS: Final = {
    **_PAGING,
    "page": may(query_integer(least=0)),
    "namespace_type": _NAMESPACES,
    "list_id": need(query_list(non_empty(), commas=True)),
    "filter": may(query_list(text(), commas=True)),
    "search": may(text()),
}


def compiled(filter_: str, terms: Terms) -> Condition:
    """A compiled filter. Raises the SIEM 400 for what is no KQL, or names fields that are not there."""
    try:
        return compile_filter(filter_, terms)
    except KqlError as exc:
        raise SiemError(400, str(exc)) from exc


def check_window(page: int, size: int) -> None:
    """Raise the 400 of a page that begins before the first or ends beyond what Elasticsearch counts to."""
    if page < 1:
        raise SiemError(
            400, f"illegal_argument_exception: [from] parameter cannot be negative but was [{(page - 1) * size}]"
        )
    if page * size > _WINDOW:
        raise SiemError(
            400,
            "search_phase_execution_exception: Result window is too large, from + size must be less than or equal to: "
            f"[{_WINDOW}] but was [{page * size}].",
        )


def _either(parts: Sequence[Condition]) -> Condition:
    if not parts:
        return Condition("0")
    return Condition(
        " OR ".join(f"({part.sql})" for part in parts), tuple(value for part in parts for value in part.values)
    )


def _order(given: dict[str, Any], namespaces: Sequence[str]) -> str:
    types = {SAVED_OBJECT_TYPES[namespace] for namespace in namespaces}

    def known(field: str) -> str:
        type_, _, rest = field.partition(".")
        if type_ in types and rest in ATTRIBUTES:
            return rest
        if field in ROOT_FIELDS or (len(types) == 1 and field in ATTRIBUTES):
            return field
        several = f"Unable to sort multiple types by field {field}, not a root property"
        raise SiemError(400, several if len(types) > 1 else f"Unknown sort field {field}")

    return Sorting(given.get("sort_field", ""), given.get("sort_order", "asc")).sql(known)


def _search(call: Call, kind: str, condition: Condition, given: dict[str, Any], namespaces: Sequence[str]) -> Body:
    page, size = given.get("page", 1), given.get("per_page", 20)
    check_window(page, size)
    found = call.kibana.documents.search(
        kind, condition, order=_order(given, namespaces), offset=(page - 1) * size, size=size
    )
    rows = [shown(document) for document in found.documents]
    return {"data": rows, "page": page, "per_page": size, "total": found.total}


def find_lists(call: Call) -> Response:
    """Pages of lists of one or both namespaces."""
    given = call.query(_LISTS)
    namespaces = given.get("namespace_type", ["single"])
    where = _either([Condition("space = ?", (home(call, namespace),)) for namespace in dict.fromkeys(namespaces)])
    filter_ = compiled(given.get("filter", ""), saved_object_terms(namespaces, "list"))
    condition = Condition(f"({where.sql}) AND ({filter_.sql})", (*where.values, *filter_.values))
    with call.searching():
        return json_response(_search(call, EXCEPTION_LIST, condition, given, namespaces))


def find_items(call: Call) -> Response:
    """Pages of the items of one or several lists, each with its namespace and, where any is filtered, its filter."""
    given = call.query(_ITEMS)
    list_ids, namespaces = given["list_id"], given.get("namespace_type", ["single"])
    filters = [filter_ for filter_ in given.get("filter", []) if filter_]
    _check_lengths(list_ids, namespaces, filters)
    with call.searching():
        return json_response(_items_page(call, given, list(zip(list_ids, namespaces, strict=True)), filters))


def _items_page(call: Call, given: dict[str, Any], pairs: list[tuple[str, str]], filters: list[str]) -> Body:
    if all(find_list(call, None, list_id, namespace) is None for list_id, namespace in pairs):
        named = ",".join(list_id for list_id, _ in pairs)
        raise SiemError(404, f'exception list id: "{named}" does not exist')
    namespaces = [namespace for _, namespace in pairs]
    terms = saved_object_terms(namespaces, "item")
    parts = [_items_of(call, *pair) for pair in pairs]
    if filters:
        parts = [both(part, compiled(one, terms)) for part, one in zip(parts, filters, strict=True)]
    condition = _either(parts)
    if given.get("search", "").strip("* "):
        condition = both(condition, Condition("words_at(body, '', ?, 0)", (given["search"],)))
    return _search(call, EXCEPTION_ITEM, condition, given, namespaces)


def _check_lengths(list_ids: list[str], namespaces: list[str], filters: list[str]) -> None:
    for name, other, values in (("namespace_id", "namespace_type", namespaces), ("filter", "filter", filters)):
        if len(values) != len(list_ids) and not (values is filters and not filters):
            raise SiemError(
                400,
                f"list_id and {name} need to have the same comma separated number of values. "
                f"Expected list_id length: {len(list_ids)} to equal {other} length: {len(values)}",
            )


def _items_of(call: Call, list_id: str, namespace: str) -> Condition:
    return Condition("space = ? AND parent = ?", (home(call, namespace), list_id))


def both(one: Condition, other: Condition) -> Condition:
    """The condition that two others hold."""
    return Condition(f"({one.sql}) AND ({other.sql})", (*one.values, *other.values))


def summary(call: Call) -> Response:
    """How many items of a list are for which system."""
    given = call.query({**WHICH, "filter": may(text())})
    namespace = given.get("namespace_type", "single")
    list_ = needed(call, given, unnamed=SiemError(400, "id or list_id required"))
    filter_ = compiled(given.get("filter", ""), saved_object_terms([namespace], "item"))
    items = call.kibana.documents.search(EXCEPTION_ITEM, both(_items_of(call, list_.key, namespace), filter_))
    counts = {
        name: sum(name in item.body["os_types"] for item in items.documents) for name in ("windows", "linux", "macos")
    }
    return json_response({**counts, "total": items.total})


ROUTES = (
    Route("GET", "/api/exception_lists/_find", find_lists, "exceptions-read"),
    Route("GET", "/api/exception_lists/summary", summary, "exceptions-read"),
    Route("GET", f"{ITEMS}/_find", find_items, "exceptions-read"),
)
