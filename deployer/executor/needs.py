"""
One list, item or value list of a run: what it was, what we made of it, what to send, and how it reads.

As `touched` and `jobs` are for rules, for what rules depend on. A list and an item are guarded by the `_version` that
was read before the first write: whoever edited one meanwhile makes Kibana answer 409, and keeps the edit. Values have
no versions and need none: they are a set, and only those of the plan are looked at, added and taken away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from deployer.core.dependency import AGNOSTIC, VALUES, Dependency, Kind
from deployer.core.exceptions.form import COMMENTS, canonical_item, canonical_list, image, item_body, list_body
from deployer.core.ports import Body, Lists, Namespace

FEW: Final = 10  # so many values or items are looked up one by one; more are read with their whole list


@dataclass(slots=True, eq=False)
class Needed:
    """
    What is known of one dependency. `before` is its body before our first write (None: there was none), `live` the one
    that we last saw, `post` the image that our write makes ("" where none was announced). `sent`: a write may have
    reached Kibana. `ghost` is the monotonic time of a send that may still land.
    """

    dependency: Dependency
    before: Body | None = None
    live: Body | None = None
    post: str = ""
    number: int = 0
    sends: int = 0
    sent: bool = False
    kept: bool = False  # left out (conflict = "skip")
    ghost: float | None = None

    @property
    def key(self) -> str:
        """Its key."""
        return self.dependency.key

    @property
    def namespace(self) -> Namespace:
        """Where it lives."""
        return "agnostic" if self.dependency.namespace == AGNOSTIC else "single"

    @property
    def values(self) -> bool:
        """Whether it is a value list."""
        return self.dependency.kind is Kind.VALUE_LIST

    def form(self, body: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """Return the canonical form of a body of this kind."""
        if body is None:
            return None
        if self.values:
            return {"type": body.get("type"), VALUES: sorted(body.get(VALUES) or ())}
        return canonical_item(body) if self.dependency.kind is Kind.ITEM else canonical_list(body)

    def image(self, body: Mapping[str, Any] | None, *, comments: bool = True) -> str:
        """Return the image of a body; without comments for an undo, which cannot take one back (facts.md 7.1)."""
        found = self.form(body)
        if found is not None and not comments:
            found.pop(COMMENTS, None)
        return image(found)

    def wanted(self) -> dict[str, Any] | None:
        """Return the canonical form that the plan makes of what is live."""
        after = self.dependency.after
        if after is None:
            return None
        if self.values:
            kind = (self.live or after).get("type", after.get("type"))
            return {"type": kind, VALUES: sorted(after.get(VALUES, ()))}
        made = {**(self.form(self.live) or {}), **after}
        return self.form({name: value for name, value in made.items() if value is not None})

    def done(self) -> bool:
        """Say whether what is live is as the plan wants it."""
        found = self.form(self.live)
        if self.dependency.after is None:
            return found is None
        return found is not None and self.dependency.has_after(found)

    def in_the_way(self) -> str:
        """Return why the plan may not be carried out on what is live, "" where it may."""
        dependency, found = self.dependency, self.form(self.live)
        if dependency.before is None:
            return f"exists already, written by {editor(self.live)}" if found is not None else ""
        if found is None:
            return "is gone from Kibana"
        moved = () if self.values else dependency.moved(found)
        return f"{', '.join(moved)} edited by {editor(self.live)}" if moved else ""


def editor(live: Mapping[str, Any] | None) -> str:
    """Return who wrote a body last, and when."""
    body = live or {}
    when = str(body.get("updated_at") or "")[:19].replace("T", " ")
    return f"{body.get('updated_by') or 'somebody'}, {when}" if when else str(body.get("updated_by") or "somebody")


def read(lists: Lists, need: Needed) -> Body | None:
    """Return one dependency as it is. Raises RemoteError."""
    name = need.dependency.name
    if need.dependency.kind is Kind.ITEM:
        return lists.exception_item(name, need.namespace)
    if need.dependency.kind is Kind.LIST:
        return lists.exception_list(name, need.namespace)
    found = lists.value_list(name) if lists.value_lists_ready() else None
    return None if found is None else {**found, VALUES: sorted(_touched_values(lists, need.dependency))}


def read_all(lists: Lists, needs: Iterable[Needed]) -> dict[str, Body | None]:
    """Return dependencies as they are, by key; many items of one list with their list. Raises RemoteError."""
    needs = list(needs)
    items = [need for need in needs if need.dependency.kind is Kind.ITEM]
    found: dict[str, Body | None] = {}
    if len(items) > FEW:
        found.update(_items_by_list(lists, items))
    containers = [need for need in needs if need.dependency.kind is Kind.LIST]
    if len(containers) > FEW:
        known = {(body["list_id"], body["namespace_type"]): body for body in lists.exception_lists()}
        found.update({need.key: known.get((need.dependency.name, need.namespace)) for need in containers})
    return {need.key: found[need.key] if need.key in found else read(lists, need) for need in needs}


def write(lists: Lists, need: Needed) -> Body:
    """
    Send what the plan wants of a dependency, once; return what is live then. Raises RemoteError, UnknownOutcomeError.
    """
    dependency = need.dependency
    if need.values:
        return _write_values(lists, need, (dependency.added, dependency.removed))
    if dependency.after is None:
        return lists.delete_exception_item(dependency.name, need.namespace)
    return _put(lists, need, dependency.after)


def write_back(lists: Lists, need: Needed) -> None:
    """
    Send what brings a dependency back to its before-image, once. `need.live` is what is there now. Raises RemoteError,
    UnknownOutcomeError.
    """
    dependency = need.dependency
    if need.values and need.before is not None:
        there = set(need.before.get(VALUES) or ())
        touched = {*dependency.added, *dependency.removed}
        _write_values(lists, need, (tuple(sorted(touched & there)), tuple(sorted(touched - there))))
    elif need.before is not None:
        _put(lists, need, need.form(need.before) or {})
    elif need.values:
        lists.delete_value_list(dependency.name, ignore_references=True)
    elif dependency.kind is Kind.LIST:
        lists.delete_exception_list(dependency.name, need.namespace)
    else:
        lists.delete_exception_item(dependency.name, need.namespace)


def _put(lists: Lists, need: Needed, content: Mapping[str, Any]) -> Body:
    """Send a list or an item whole: POST where there is none, PUT guarded by its version where there is."""
    dependency, live = need.dependency, need.live
    identity: dict[str, Any] = {"namespace_type": need.namespace}
    send: Callable[[Body], Body]
    if dependency.kind is Kind.LIST:
        body = list_body({**content, "list_id": dependency.name, **identity}, live)
        send = lists.create_exception_list if live is None else lists.update_exception_list
    else:
        named = {"item_id": dependency.name, "list_id": dependency.list_id, **identity}
        body = item_body({**content, **named}, live)
        if live is not None:
            del body["list_id"]  # an update says which item, and cannot move it
        send = lists.create_exception_item if live is None else lists.update_exception_item
    return send(body)


def _write_values(lists: Lists, need: Needed, change: tuple[tuple[str, ...], tuple[str, ...]]) -> Body:
    """Add and take away values: those that are missing in one request, those that are too many one by one."""
    name, (come, go) = need.dependency.name, change
    live = need.live
    if live is None:
        if not lists.value_lists_ready():
            lists.prepare_value_lists()
        kind = (need.dependency.after or {}).get("type")
        words = f"Kept in git as {name}."
        live = {**lists.create_value_list({"id": name, "name": name, "description": words, "type": kind}), VALUES: []}
        need.live = live
    there = set(live.get(VALUES) or ())
    if missing := sorted(set(come) - there):
        lists.import_values(name, missing)
    for value in sorted(set(go) & there):
        lists.delete_value(name, value)
    return {**live, VALUES: sorted((there | set(come)) - set(go))}


def _touched_values(lists: Lists, dependency: Dependency) -> set[str]:
    """Return which of the values that the plan touches are there."""
    touched = {*dependency.added, *dependency.removed}
    if len(touched) > FEW:
        return touched & set(lists.values(dependency.name))
    return {value for value in touched if lists.value_items(dependency.name, value)}


def _items_by_list(lists: Lists, items: Iterable[Needed]) -> dict[str, Body | None]:
    """Read items with their lists; an item of a list that does not exist is not there."""
    items = list(items)
    there = {(body["list_id"], body["namespace_type"]) for body in lists.exception_lists()}
    homes = sorted({(need.dependency.list_id, need.namespace) for need in items} & there)
    known = {(body["item_id"], body["namespace_type"]): body for body in lists.items_of(homes)} if homes else {}
    return {need.key: known.get((need.dependency.name, need.namespace)) for need in items}
