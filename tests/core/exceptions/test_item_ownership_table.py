"""Every field of an exception item and of a list, every ownership, and who changed it: what happens to the field."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest

from deployer.core.canonical import digest, same
from deployer.core.environment import Ownership
from deployer.core.exceptions.diff import LiveList, Manners, diff_list
from deployer.core.exceptions.form import ITEM_FIELDS, LIST_FIELDS
from deployer.core.exceptions.reading import ListFile
from tests.support.lists import entry, list_file

pytestmark = pytest.mark.quick

OWNERS: tuple[Ownership, ...] = get_args(Ownership)
SITUATIONS = ("neither", "git", "analyst", "both")
VALUES: dict[str, tuple[Any, Any, Any]] = {
    "name": ("a", "b", "c"),
    "description": ("a", "b", "c"),
    "entries": (entry("a"), entry("b"), entry("c")),
    "tags": (["a"], ["a", "b"], ["a", "c"]),
    "os_types": (["linux"], ["windows"], ["macos"]),
    "expire_time": ("2099-01-01T00:00:00.000Z", "2099-02-01T00:00:00.000Z", "2099-03-01T00:00:00.000Z"),
    "meta": ({"a": 1}, {"a": 2}, {"a": 3}),
}
PLACES = [("item", name) for name in ITEM_FIELDS if name != "type"] + [("list", name) for name in LIST_FIELDS]
"""An item's `type` is always `simple`."""


def with_value(file: ListFile, place: str, name: str, value: Any) -> ListFile:
    """The list, or its one item, with another value at a field."""
    content, items = dict(file.content), {key: dict(item) for key, item in file.items.items()}
    (content if place == "list" else items["i"])[name] = value
    changed = replace(file, content=content, items=items)
    return replace(changed, digest=digest(changed.document))


def live_of(file: ListFile) -> LiveList:
    """The list as Kibana answers it, edited last by an analyst."""
    stamp = {"updated_by": "soc-day", "updated_at": "t", "_version": "v"}
    bodies = {
        key: {**item, **stamp, "comments": [{"id": "c", "comment": text} for text in item["comments"]]}
        for key, item in file.items.items()
    }
    return LiveList({**file.content, **stamp}, bodies)


def expected(name: str, owner: Ownership, situation: str) -> tuple[str, Any]:
    """The kind of the edit ("" for none), and the value that is written (None for none)."""
    was, git, _ = VALUES[name]
    unites = name == "tags" and owner in ("shared", "merge")
    if owner in ("live", "once") or situation == "neither" or (unites and situation == "analyst"):
        return "", None
    if situation == "git":
        return "", git
    if unites:
        return "", ["a", "b", "c"]
    if owner == "git":
        return "back", was if situation == "analyst" else git
    return ("left", None) if situation == "analyst" else ("conflict", None)


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize(("place", "name"), PLACES)
def test_every_field_of_lists_under_every_ownership(place: str, name: str, owner: Ownership, situation: str) -> None:
    """Field by field as for rules; tags of both sides are united."""
    was, git, kibana = VALUES[name]
    authored = with_value(list_file(i="kim"), place, name, was)
    wanted = with_value(authored, place, name, git) if situation in ("git", "both") else authored
    live = live_of(with_value(authored, place, name, kibana) if situation in ("analyst", "both") else authored)

    found = diff_list(wanted, live, authored.document, Manners(ownership=owner))

    kind, value = expected(name, owner, situation)
    assert [(edit.kind, edit.field, edit.by) for edit in found.edits] == ([(kind, name, "soc-day")] if kind else [])
    assert bool(found.blocked) == (kind == "conflict")
    assert [list(change.after or {}) for change in found.changes] == ([[name]] if value is not None else [])
    assert all(same((change.after or {})[name], value) for change in found.changes)
