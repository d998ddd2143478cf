"""The lists of one space in memory (facts.md section 7), with a fault at every write on demand."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from deployer.core.exceptions.form import canonical_item, canonical_list
from deployer.core.ports import Body
from deployer.errors import RemoteError, UnknownOutcomeError
from tests.support.fake_kibana import Process, VirtualClock

FAULTS = ("refused", "lost", "vanished", "late", "busy", "killed before", "killed after")
LATE = 20.0  # seconds after which a late write lands: within the horizon of the tests


class Space:
    """What a space has: it outlives the processes that write to it."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.lists: dict[str, Body] = {}
        self.items: dict[str, Body] = {}
        self.values: dict[str, list[str]] = {}
        self.types: dict[str, str] = {}
        self.count = itertools.count(1)

    def stamped(self, body: Mapping[str, Any], old: Mapping[str, Any] | None, by: str = "deployer") -> Body:
        """Return a body as it is stored; comments that come without an id get one, and none goes."""
        if old is not None and "_version" in body and body["_version"] != old["_version"]:
            raise UnknownOutcomeError("the version moved", status=409)
        number = next(self.count)
        known = list((old or {}).get("comments", []))
        added = [one for one in body.get("comments", []) if "id" not in one]
        comments = [*known, *({"id": f"c{next(self.count)}", **one} for one in added)]
        server = {"id": (old or {}).get("id", f"so-{number}"), "_version": f"v{number}", "updated_by": by}
        return {"os_types": [], "tags": [], **body, **server, "comments": comments}

    def edit(self, item_id: str) -> bool:
        """Edit an item as an analyst does; say whether it was there."""
        old = self.items.get(item_id)
        if old is not None:
            body = {key: value for key, value in old.items() if key != "_version"}
            self.items[item_id] = self.stamped({**body, "description": "analyst"}, old, "soc-day")
        return old is not None

    def content(self) -> dict[str, Any]:
        """Return everything that people decide, with the ids of comments."""
        lists = {name: canonical_list(body) for name, body in self.lists.items()}
        items = {name: canonical_item(body) for name, body in self.items.items()}
        return {"lists": lists, "items": items, "values": {name: sorted(held) for name, held in self.values.items()}}


class FakeLists:
    """The Lists of one process. `at` has the fault of each write, by number over all processes."""

    def __init__(self, space: Space, process: Process, at: Mapping[int, str], numbers: Any) -> None:
        self.space, self.process, self.at, self.numbers = space, process, at, numbers

    def exception_lists(self) -> tuple[Body, ...]:
        """Return all lists."""
        self.process.check()
        return tuple(copy.deepcopy(list(self.space.lists.values())))

    def exception_list(self, list_id: str, namespace: str = "single") -> Body | None:
        """Return one list."""
        self.process.check()
        return copy.deepcopy(self.space.lists.get(list_id))

    def exception_items(self, list_id: str, namespace: str = "single") -> tuple[Body, ...]:
        """Return the items of a list."""
        return self.items_of([(list_id, namespace)])

    def items_of(self, lists: Sequence[tuple[str, str]]) -> tuple[Body, ...]:
        """Return the items of lists."""
        self.process.check()
        names = {name for name, _ in lists}
        return tuple(copy.deepcopy([body for body in self.space.items.values() if body["list_id"] in names]))

    def exception_item(self, item_id: str, namespace: str = "single") -> Body | None:
        """Return one item."""
        self.process.check()
        return copy.deepcopy(self.space.items.get(item_id))

    def value_lists_ready(self) -> bool:
        """Say yes."""
        self.process.check()
        return True

    def prepare_value_lists(self) -> None:
        """Do nothing."""

    def value_list(self, list_id: str) -> Body | None:
        """Return one value list."""
        self.process.check()
        known = self.space.types.get(list_id)
        return {"id": list_id, "type": known} if known else None

    def values(self, list_id: str) -> tuple[str, ...]:
        """Return the values of a list."""
        self.process.check()
        return tuple(self.space.values.get(list_id, ()))

    def value_items(self, list_id: str, value: str) -> tuple[Body, ...]:
        """Return the items with a value."""
        return tuple({"id": one} for one in self.values(list_id) if one == value)

    def create_exception_list(self, body: Body) -> Body:
        """POST a list."""
        return self._write(lambda: self._put(self.space.lists, body["list_id"], body, new=True))

    def update_exception_list(self, body: Body) -> Body:
        """PUT a list."""
        return self._write(lambda: self._put(self.space.lists, body["list_id"], body, new=False))

    def delete_exception_list(self, list_id: str, namespace: str = "single") -> Body:
        """DELETE a list with its items."""

        def delete() -> Body:
            self.space.items = {k: one for k, one in self.space.items.items() if one["list_id"] != list_id}
            return self.space.lists.pop(list_id)

        return self._write(delete)

    def create_exception_item(self, body: Body) -> Body:
        """POST an item."""
        return self._write(lambda: self._put(self.space.items, body["item_id"], body, new=True), body["item_id"])

    def update_exception_item(self, body: Body) -> Body:
        """PUT an item."""
        return self._write(lambda: self._put(self.space.items, body["item_id"], body, new=False), body["item_id"])

    def delete_exception_item(self, item_id: str, namespace: str = "single") -> Body:
        """DELETE an item."""
        return self._write(lambda: self._drop(item_id), item_id)

    def create_value_list(self, body: Body) -> Body:
        """POST a value list."""

        def create() -> Body:
            if body["id"] in self.space.types:
                raise UnknownOutcomeError("already exists", status=409)
            self.space.types[body["id"]] = body["type"]
            self.space.values[body["id"]] = []
            return dict(body)

        return self._write(create)

    def delete_value_list(self, list_id: str, *, ignore_references: bool = False) -> Body:
        """DELETE a value list."""

        def delete() -> Body:
            self.space.values.pop(list_id, None)
            return {"id": list_id, "type": self.space.types.pop(list_id)}

        return self._write(delete)

    def import_values(self, list_id: str, values: Iterable[str]) -> Body:
        """POST values; one that is there twice is there twice."""
        added = list(values)

        def add() -> Body:
            self.space.values[list_id].extend(added)
            return {"id": list_id, "type": self.space.types[list_id]}

        return self._write(add)

    def delete_value(self, list_id: str, value: str) -> tuple[Body, ...]:
        """DELETE a value."""

        def delete() -> tuple[Body, ...]:
            self.space.values[list_id] = [one for one in self.space.values[list_id] if one != value]
            return ({"id": value},)

        return self._write(delete)

    def _put(self, where: dict[str, Body], name: str, body: Body, *, new: bool) -> Body:
        old = where.get(name)
        if new and old is not None:
            raise UnknownOutcomeError("already exists", status=409)
        if not new and old is None:
            raise RemoteError("does not exist", status=404)
        home = {"list_id": old["list_id"]} if old is not None else {}
        where[name] = self.space.stamped({**home, **body}, old)
        return copy.deepcopy(where[name])

    def _drop(self, item_id: str) -> Body:
        if item_id not in self.space.items:
            raise RemoteError("does not exist", status=404)
        return self.space.items.pop(item_id)

    def _write(self, write: Callable[[], Any], edited: str = "") -> Any:
        self.process.check()
        fault = self.at.get(next(self.numbers), "")
        if fault == "edited" and edited:
            self.space.edit(edited)
        if fault == "refused":
            raise RemoteError("no", status=400)
        if fault == "busy":
            raise UnknownOutcomeError("busy", status=429)
        if fault == "vanished":
            raise UnknownOutcomeError("no answer")
        if fault == "late":
            self.space.clock.later(LATE, lambda: _landing(write))
            raise UnknownOutcomeError("no answer")
        if fault == "killed before":
            self.process.die()
        result = write()
        if fault == "killed after":
            self.process.die()
        if fault == "lost":
            raise UnknownOutcomeError("no answer")
        return result


def _landing(write: Callable[[], Any]) -> None:
    """Carry out a write of which nobody hears any more."""
    try:
        write()
    except (RemoteError, KeyError):
        return
