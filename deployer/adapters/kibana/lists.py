"""
Exception lists, their items, and value lists (facts.md section 7), with the error rules of the rule calls.

Bodies are Kibana's own. A PUT that carries the `_version` of the body it replaces is compare-and-swap: when somebody
was faster Kibana answers 409, which, like any 409, is an UnknownOutcomeError with `status` 409, to be resolved by
reading (transactions.md K8).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import uuid4

from deployer.adapters.kibana import shapes
from deployer.adapters.kibana.exchange import Answer, Call, Method, Query, ShapeError, json_body
from deployer.adapters.kibana.paging import PAGE, WINDOW, read_pages
from deployer.adapters.kibana.session import Session
from deployer.adapters.kibana.shapes import Page
from deployer.core.ports import Body, Namespace

LISTS = "/api/exception_lists"
ITEMS = "/api/exception_lists/items"
VALUE_LISTS = "/api/lists"
VALUES = "/api/lists/items"
VALUE_INDEX = "/api/lists/index"

_LISTS_AT_ONCE = 40  # so many names fit into one URL
_LIST_KEYS = ("id", "list_id", "type", "namespace_type")
_ITEM_KEYS = ("id", "item_id", "list_id", "namespace_type")
_VALUE_LIST_KEYS = ("id", "type")
_VALUE_KEYS = ("id", "list_id", "value")


class ListReader:
    """The lists of one space, to read. Raises the RemoteError branch; what is not there is None."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def exception_lists(self) -> tuple[Body, ...]:
        """Return every exception list container of the space, and the agnostic ones of all spaces."""
        scope = (("namespace_type", "single,agnostic"),)
        return self._all(f"{LISTS}/_find", scope, _LIST_KEYS, "exception lists")

    def exception_list(self, list_id: str, namespace: Namespace = "single") -> Body | None:
        """Return one exception list container."""
        query = (("list_id", list_id), ("namespace_type", namespace))
        return self._one(LISTS, query, _LIST_KEYS, f"read exception list {list_id!r}")

    def exception_items(self, list_id: str, namespace: Namespace = "single") -> tuple[Body, ...]:
        """Return every item of one exception list. A list that does not exist is an error (404)."""
        query = (("list_id", list_id), ("namespace_type", namespace))
        return self._all(f"{ITEMS}/_find", query, _ITEM_KEYS, f"items of exception list {list_id!r}")

    def items_of(self, lists: Sequence[tuple[str, Namespace]]) -> tuple[Body, ...]:
        """
        Return every item of these lists, `(list_id, namespace)`, which must exist: many lists in one request, as long
        as they have no more items together than Kibana pages over.
        """
        plain = [one for one in lists if "," not in one[0]]
        lots = [plain[start : start + _LISTS_AT_ONCE] for start in range(0, len(plain), _LISTS_AT_ONCE)]
        lots += [[one] for one in lists if "," in one[0]]
        return tuple(item for items in self._session.gather(self._items_of, lots) for item in items)

    def _items_of(self, lot: Sequence[tuple[str, Namespace]]) -> tuple[Body, ...]:
        """Read one lot, in halves where its items are too many for one search."""
        if len(lot) == 1:
            return self.exception_items(*lot[0])
        query = (("list_id", ",".join(name for name, _ in lot)), ("namespace_type", ",".join(kind for _, kind in lot)))
        paging = (("page", "1"), ("per_page", str(PAGE)), ("sort_field", "created_at"), ("sort_order", "asc"))
        first = self._session.read(
            Call("GET", f"{ITEMS}/_find", "find items of exception lists", query + paging), shapes.page(*_ITEM_KEYS)
        )
        if first.total > WINDOW:
            half = len(lot) // 2
            return (*self._items_of(lot[:half]), *self._items_of(lot[half:]))
        return self._all(f"{ITEMS}/_find", query, _ITEM_KEYS, "items of exception lists", first)

    def exception_item(self, item_id: str, namespace: Namespace = "single") -> Body | None:
        """Return one exception item."""
        query = (("item_id", item_id), ("namespace_type", namespace))
        return self._one(ITEMS, query, _ITEM_KEYS, f"read exception item {item_id!r}")

    def value_lists_ready(self) -> bool:
        """Say whether the data streams of the value lists exist in this space; without them no list can be created."""
        call = Call("GET", VALUE_INDEX, "look for the value list index")
        found = self._session.read_or_none(call, shapes.body)
        return found is not None and found.get("list_index") is True and found.get("list_item_index") is True

    def value_lists(self) -> tuple[Body, ...]:
        """Return every value list of the space, without the values."""
        return self._all(f"{VALUE_LISTS}/_find", (), _VALUE_LIST_KEYS, "value lists")

    def value_list(self, list_id: str) -> Body | None:
        """Return one value list, without the values."""
        return self._one(VALUE_LISTS, (("id", list_id),), _VALUE_LIST_KEYS, f"read value list {list_id!r}")

    def values(self, list_id: str) -> tuple[str, ...]:
        """Return every value of one value list, by its export: one request for any number of values."""
        query = (("list_id", list_id),)
        return self._session.read(
            Call("POST", f"{VALUES}/_export", f"export value list {list_id!r}", query), _exported_values
        )

    def value_items(self, list_id: str, value: str) -> tuple[Body, ...]:
        """Return the items of a value list that hold this value, with their ids; none if it has no such value."""
        query = (("list_id", list_id), ("value", value))
        call = Call("GET", VALUES, f"look up a value of list {list_id!r}", query)
        return self._session.read_or_none(call, _value_items) or ()

    def _one(self, path: str, query: Query, keys: tuple[str, ...], purpose: str) -> Body | None:
        return self._session.read_or_none(Call("GET", path, purpose, query), lambda answer: shapes.body(answer, *keys))

    def _all(
        self, path: str, query: Query, keys: tuple[str, ...], what: str, first: Page | None = None
    ) -> tuple[Body, ...]:
        def fetch(number: int) -> Page:
            paging = (
                ("page", str(number)),
                ("per_page", str(PAGE)),
                ("sort_field", "created_at"),
                ("sort_order", "asc"),
            )
            return self._session.read(Call("GET", path, f"find {what}", query + paging), shapes.page(*keys))

        return read_pages(self._session, fetch, what, first)


class ListWriter(ListReader):
    """The lists of one space, to read and write. Each write is sent once; errors as those of `KibanaWriter`."""

    def create_exception_list(self, body: Body) -> Body:
        """POST an exception list container; return what Kibana stored."""
        return self._send("POST", LISTS, body, _LIST_KEYS, f"create exception list {body.get('list_id')!r}")

    def update_exception_list(self, body: Body) -> Body:
        """PUT a whole container, by `id` or `list_id`; with `_version` only if it still has that version."""
        return self._send("PUT", LISTS, body, _LIST_KEYS, f"update exception list {body.get('list_id')!r}")

    def delete_exception_list(self, list_id: str, namespace: Namespace = "single") -> Body:
        """DELETE a container with its items; return the container that Kibana removed."""
        query = (("list_id", list_id), ("namespace_type", namespace))
        return self._delete(LISTS, query, _LIST_KEYS, f"delete exception list {list_id!r}")

    def create_exception_item(self, body: Body) -> Body:
        """POST an item to the list `list_id`; return what Kibana stored."""
        return self._send("POST", ITEMS, body, _ITEM_KEYS, f"create exception item {body.get('item_id')!r}")

    def update_exception_item(self, body: Body) -> Body:
        """
        PUT a whole item, by `id` or `item_id`; with `_version` only if it still has that version. Existing comments
        must be sent with their `id`, or they are doubled.
        """
        return self._send("PUT", ITEMS, body, _ITEM_KEYS, f"update exception item {body.get('item_id')!r}")

    def delete_exception_item(self, item_id: str, namespace: Namespace = "single") -> Body:
        """DELETE an item; return the item that Kibana removed."""
        query = (("item_id", item_id), ("namespace_type", namespace))
        return self._delete(ITEMS, query, _ITEM_KEYS, f"delete exception item {item_id!r}")

    def prepare_value_lists(self) -> None:
        """POST the data streams of the value lists of this space; see `value_lists_ready`."""
        self._session.write(Call("POST", VALUE_INDEX, "create the value list index"), _acknowledged)

    def create_value_list(self, body: Body) -> Body:
        """POST a value list; with an `id` this is atomic: a second one of that id is refused with 409."""
        return self._send("POST", VALUE_LISTS, body, _VALUE_LIST_KEYS, f"create value list {body.get('id')!r}")

    def delete_value_list(self, list_id: str, *, ignore_references: bool = False) -> Body:
        """DELETE a value list with its values; Kibana refuses while exceptions use it, unless they are ignored."""
        query = (("id", list_id), ("deleteReferences", "false"), ("ignoreReferences", str(ignore_references).lower()))
        return self._delete(VALUE_LISTS, query, _VALUE_LIST_KEYS, f"delete value list {list_id!r}")

    def import_values(self, list_id: str, values: Iterable[str]) -> Body:
        """POST many values at once, as a text file with one a line; return the value list."""
        boundary = uuid4().hex
        call = Call(
            "POST",
            f"{VALUES}/_import",
            f"import values into list {list_id!r}",
            (("list_id", list_id), ("refresh", "wait_for")),
            _text_file(f"{list_id}.txt", "\n".join(values) + "\n", boundary),
            f"multipart/form-data; boundary={boundary}",
        )
        return self._session.write(call, lambda answer: shapes.body(answer, *_VALUE_LIST_KEYS))

    def delete_value(self, list_id: str, value: str) -> tuple[Body, ...]:
        """DELETE a value from a list; return the items that Kibana removed."""
        query = (("list_id", list_id), ("value", value), ("refresh", "wait_for"))
        call = Call("DELETE", VALUES, f"delete a value of list {list_id!r}", query)
        return self._session.write(call, _value_items)

    def _send(self, method: Method, path: str, body: Body, keys: tuple[str, ...], purpose: str) -> Body:
        call = Call(method, path, purpose, body=json_body(body))
        return self._session.write(call, lambda answer: shapes.body(answer, *keys))

    def _delete(self, path: str, query: Query, keys: tuple[str, ...], purpose: str) -> Body:
        call = Call("DELETE", path, purpose, query)
        return self._session.write(call, lambda answer: shapes.body(answer, *keys))


def _value_items(answer: Answer) -> tuple[Body, ...]:
    """By value Kibana answers with an array, by id with one object."""
    if isinstance(answer.json(), list):
        return shapes.bodies(answer, *_VALUE_KEYS)
    return (shapes.body(answer, *_VALUE_KEYS),)


def _exported_values(answer: Answer) -> tuple[str, ...]:
    """The export is plain text, one value a line, under the type of NDJSON; a login page has another type."""
    if "ndjson" not in answer.headers.get("content-type", "") or "content-disposition" not in answer.headers:
        raise ShapeError("is not an export")
    try:
        return tuple(line for line in answer.body.decode("utf-8").split("\n") if line)
    except UnicodeDecodeError:
        raise ShapeError("is not UTF-8") from None


def _acknowledged(answer: Answer) -> None:
    if shapes.body(answer).get("acknowledged") is not True:
        raise ShapeError("lacks `acknowledged`")


def _text_file(name: str, text: str, boundary: str) -> bytes:
    """A form with one file, the part `file` (facts.md section 7.3)."""
    safe = "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in name)
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{safe}"\r\n'
    return f"{head}Content-Type: text/plain\r\n\r\n{text}\r\n--{boundary}--\r\n".encode()
