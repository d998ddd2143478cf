"""
Exception lists and items out of an import file, for rules and for lists alike (facts.md sections 5.3 and 7.1).

A list is matched by `list_id` and namespace, an item by `item_id` within its list.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from deployer.sandbox.call import Call
from deployer.sandbox.clock import new_uuid
from deployer.sandbox.documents import Document
from deployer.sandbox.exception_entries import ITEM
from deployer.sandbox.exception_items import replace_item, store_item
from deployer.sandbox.exception_lists import NAMESPACES, OS_TYPES, add_list, find_list, home
from deployer.sandbox.kinds import EXCEPTION_ITEM, LIST_TYPES
from deployer.sandbox.messages import Body
from deployer.sandbox.schema import (
    Check,
    Issues,
    integer,
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
        "type": need(one_of(*LIST_TYPES)),
        "namespace_type": may(one_of(*NAMESPACES)),
        "os_types": may(OS_TYPES),
        "tags": may(strings()),
        "meta": may(record),
        "version": may(integer(least=1)),
    }
)
_LIST_CHANGES = ("name", "description", "type", "tags", "meta")


@dataclass(slots=True)
class Imported:
    """
    What became of the lists and items of a file; the errors are entries of the answer. `repeated` are those of them
    that tell of an id which came twice: nothing failed, the last one counts.
    """

    lists: int = 0
    items: int = 0
    list_errors: list[Body] = field(default_factory=list)
    item_errors: list[Body] = field(default_factory=list)
    repeated: list[Body] = field(default_factory=list)

    @property
    def errors(self) -> list[Body]:
        """All errors, those of lists first."""
        return [*self.list_errors, *self.item_errors]

    @property
    def failures(self) -> list[Body]:
        """The errors of what was not imported."""
        return [error for error in self.errors if all(error is not one for one in self.repeated)]


def _error(status: int, message: str, **names: str) -> Body:
    return {**names, "error": {"status_code": status, "message": message}}


def is_item(entry: Body) -> bool:
    """Whether a line of the file is an item and not a list."""
    return "entries" in entry or "item_id" in entry


def import_exceptions(
    call: Call, entries: list[Body], *, overwrite: bool, as_new: bool = False, unreadable: Iterable[str] = ()
) -> Imported:
    """
    Import lists first, then items. `overwrite` updates a list's own fields and puts the file's items in the place of
    all it had; `as_new` gives every list, with the items that come with it, an id of its own. `unreadable` says what
    was wrong with lines that are no JSON; they count as lists.
    """
    outcome = Imported()
    wrong = [
        _error(400, f"Error found importing exception list: {text}", list_id="(unknown list_id)") for text in unreadable
    ]
    lists, wrong_lists = _checked_lists(call, entries, outcome.repeated)
    items, wrong_items = _checked_items(call, entries, outcome.repeated)
    if as_new:
        lists, items = _renamed(lists, items)
    with call.kibana.documents.joined():
        for given in lists:
            _import_list(call, outcome, given, overwrite=overwrite)
        for given in items:
            _import_item(call, outcome, given, overwrite=overwrite)
    outcome.list_errors += [*wrong, *wrong_lists]
    outcome.item_errors += wrong_items
    return outcome


def _checked_lists(call: Call, entries: list[Body], repeated: list[Body]) -> tuple[list[Body], list[Body]]:
    """The valid lists, the last of each id, and what is wrong with the others."""
    found: dict[str, Body] = {}
    errors: list[Body] = []
    for entry in entries:
        if is_item(entry):
            continue
        given, problem = _checked(call, entry, _LIST)
        if problem:
            errors.append(_error(400, f"Error found importing exception list: {problem}", list_id="(unknown list_id)"))
            continue
        if given["list_id"] in found:
            message = f'More than one exception list with list_id: "{given["list_id"]}" found in imports.'
            repeated.append(_error(400, f"{message} The last list will be used.", list_id=given["list_id"]))
            errors.append(repeated[-1])
        found[given["list_id"]] = given
    return list(found.values()), errors


def _checked_items(call: Call, entries: list[Body], repeated: list[Body]) -> tuple[list[Body], list[Body]]:
    """The valid items, the last of each id within a list, and what is wrong with the others."""
    found: dict[tuple[str, str], Body] = {}
    errors: list[Body] = []
    for entry in entries:
        if not is_item(entry):
            continue
        given, problem = _checked(call, entry, ITEM)
        if problem:
            message = f"Error found importing exception list item: {problem}"
            errors.append(_error(400, message, list_id="(unknown item_id)"))
            continue
        key = (given["list_id"], given["item_id"])
        if key in found:
            message = f'More than one exception list item with item_id: "{given["item_id"]}" found in imports.'
            repeated.append(_error(400, f"{message} The last item will be used.", item_id=given["item_id"]))
            errors.append(repeated[-1])
        found[key] = given
    return list(found.values()), errors


def _checked(call: Call, entry: Body, check: Check) -> tuple[Body, str]:
    issues: Issues = []
    clean: Body = check(entry, (), issues)
    return clean, render(issues, call.version)


def _renamed(lists: list[Body], items: list[Body]) -> tuple[list[Body], list[Body]]:
    """Lists under new ids, and the items that belong to one of them."""
    ids = {given["list_id"]: new_uuid() for given in lists}
    named = [{**given, "list_id": ids[given["list_id"]]} for given in lists]
    return named, [{**given, "list_id": ids[given["list_id"]]} for given in items if given["list_id"] in ids]


def _import_list(call: Call, outcome: Imported, given: Body, *, overwrite: bool) -> None:
    list_id = given["list_id"]
    existing = find_list(call, None, list_id, given.get("namespace_type", "single"))
    if existing is None:
        add_list(call, given)
    elif overwrite:
        _overwrite(call, existing, given)
    else:
        message = f'Found that list_id: "{list_id}" already exists. Import of list_id: "{list_id}" skipped.'
        outcome.list_errors.append(_error(409, message, list_id=list_id))
        return
    outcome.lists += 1


def _overwrite(call: Call, existing: Document, given: Body) -> None:
    body = existing.body | {name: given[name] for name in _LIST_CHANGES if name in given}
    body |= {"updated_at": call.kibana.clock.iso(), "updated_by": call.user.name}
    call.kibana.documents.replace(existing, body)
    call.kibana.documents.remove_children(EXCEPTION_ITEM, existing.space, existing.key)


def _import_item(call: Call, outcome: Imported, given: Body, *, overwrite: bool) -> None:
    item_id, list_id = given["item_id"], given["list_id"]
    namespace = given.get("namespace_type", "single")
    names = {"item_id": item_id, "list_id": list_id}
    if find_list(call, None, list_id, namespace) is None:
        message = (
            f'Exception list with list_id: "{list_id}", not found for exception list item with item_id: "{item_id}"'
        )
        outcome.item_errors.append(_error(409, message, **names))
        return
    existing = call.kibana.documents.by_key(EXCEPTION_ITEM, home(call, namespace), item_id, parent=list_id)
    if existing is None:
        store_item(call, given)
    elif overwrite:
        replace_item(call, existing, given)
    else:
        message = f'Found that item_id: "{item_id}" already exists. Import of item_id: "{item_id}" skipped.'
        outcome.item_errors.append(_error(409, message, **names))
        return
    outcome.items += 1
