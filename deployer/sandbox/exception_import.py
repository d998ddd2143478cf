"""
Exception lists and items out of an import file, for rules and for lists alike (facts.md sections 5.3 and 7.1).

A list is matched by `list_id` and namespace, an item by `item_id` within its namespace.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from deployer.sandbox.call import Call
from deployer.sandbox.clock import new_uuid
from deployer.sandbox.documents import Document
from deployer.sandbox.exception_items import ITEM, add_item
from deployer.sandbox.exception_lists import NAMESPACES, TYPES, add_list, find_list, home
from deployer.sandbox.kinds import EXCEPTION_ITEM
from deployer.sandbox.messages import Body
from deployer.sandbox.schema import (
    Check,
    Issues,
    may,
    need,
    non_empty,
    obj,
    one_of,
    record,
    render,
    strings,
    text,
)

_LIST = obj(
    {
        "list_id": need(non_empty()),
        "name": need(text()),
        "description": need(text()),
        "type": need(one_of(*TYPES)),
        "namespace_type": may(one_of(*NAMESPACES)),
        "os_types": may(strings()),
        "tags": may(strings()),
        "meta": may(record),
    }
)
_LIST_CHANGES = ("name", "description", "type", "os_types", "tags", "meta")


@dataclass(slots=True)
class Imported:
    """What became of the lists and items of a file; `errors` are entries of the answer."""

    lists: int = 0
    items: int = 0
    list_errors: int = 0
    item_errors: int = 0
    errors: list[Body] = field(default_factory=list)

    def fail(self, status: int, message: str, *, is_item: bool, **names: str) -> None:
        """One list or item was not imported."""
        self.errors.append({**names, "error": {"status_code": status, "message": message}})
        self.item_errors += is_item
        self.list_errors += not is_item


def import_exceptions(call: Call, entries: list[Body], *, overwrite: bool, as_new: bool = False) -> Imported:
    """
    Import lists first, then items. `overwrite` updates a list's own fields and puts the file's items in the place of
    all it had; `as_new` gives every list and item an id of its own.
    """
    outcome = Imported()
    with call.kibana.documents.joined():
        renamed: dict[str, str] = {}
        for entry in entries:
            if "item_id" not in entry and "entries" not in entry:
                _import_list(call, outcome, entry, overwrite=overwrite, renamed=renamed if as_new else None)
        for entry in entries:
            if "item_id" in entry or "entries" in entry:
                _import_item(call, outcome, entry, overwrite=overwrite, renamed=renamed if as_new else None)
    return outcome


def _checked(call: Call, outcome: Imported, entry: Body, check: Check) -> Body | None:
    issues: Issues = []
    clean: Body = check(entry, (), issues)
    if not issues:
        return clean
    is_item = check is ITEM
    names = {name: str(entry[name]) for name in ("list_id", "item_id") if entry.get(name)}
    outcome.fail(400, render(issues, call.version), is_item=is_item, **names)
    return None


def _import_list(
    call: Call, outcome: Imported, entry: Body, *, overwrite: bool, renamed: dict[str, str] | None
) -> None:
    given = _checked(call, outcome, entry, _LIST)
    if given is None:
        return
    list_id = given["list_id"]
    if renamed is not None:
        renamed[list_id] = given["list_id"] = new_uuid()
    existing = find_list(call, None, given["list_id"], given.get("namespace_type", "single"))
    if existing is None:
        add_list(call, given)
    elif overwrite:
        _overwrite(call, existing, given)
    else:
        message = f'Found that list_id: "{list_id}" already exists. Import of list_id: "{list_id}" skipped.'
        outcome.fail(409, message, is_item=False, list_id=list_id)
        return
    outcome.lists += 1


def _overwrite(call: Call, existing: Document, given: Body) -> None:
    body: Body = {**existing.body, "version": existing.body["version"] + 1}
    body |= {name: given[name] for name in _LIST_CHANGES if name in given}
    body |= {"updated_at": call.kibana.clock.iso(), "updated_by": call.user.name}
    call.kibana.documents.replace(existing, body)
    call.kibana.documents.remove_children(EXCEPTION_ITEM, existing.space, existing.key)


def _import_item(
    call: Call, outcome: Imported, entry: Body, *, overwrite: bool, renamed: dict[str, str] | None
) -> None:
    given = _checked(call, outcome, entry, ITEM)
    if given is None:
        return
    item_id, namespace = given["item_id"], given.get("namespace_type", "single")
    if renamed is not None:
        given["list_id"], given["item_id"] = renamed.get(given["list_id"], given["list_id"]), new_uuid()
    if find_list(call, None, given["list_id"], namespace) is None:
        message = f'exception list id: "{given["list_id"]}" does not exist'
        outcome.fail(404, message, is_item=True, item_id=item_id, list_id=given["list_id"])
        return
    existing = call.kibana.documents.by_key(EXCEPTION_ITEM, home(call, namespace), given["item_id"])
    if existing is not None and not overwrite:
        message = f'Found that item_id: "{item_id}" already exists. Import of item_id: "{item_id}" skipped.'
        outcome.fail(409, message, is_item=True, item_id=item_id, list_id=given["list_id"])
        return
    if existing is not None:
        call.kibana.documents.remove(existing)
    add_item(call, given)
    outcome.items += 1
