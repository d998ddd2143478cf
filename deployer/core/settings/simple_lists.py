"""
Checks `[[list]]` of exceptions/*.toml: our simpler form, whose meaning `core.exceptions.simple` gives.

A list needs only its `list_id`, an item its `item_id` and `when` (or `entries` as Kibana has them).
"""

from __future__ import annotations

from datetime import date

from deployer.core.exceptions.simple import UnclearError, expanded_item
from deployer.core.settings.exception_parts import (
    KINDS,
    NAMESPACES,
    Named,
    comment,
    entries,
    note_end,
    shared_keys,
)
from deployer.core.settings.nodes import Node
from deployer.core.settings.reading import Reader, Table, choice, list_of, mapping_of, text
from deployer.core.settings.sketch import accepts
from deployer.core.shape.models import LIST_TYPES
from deployer.errors import Problem


def simple_list(named: list[Named], notes: list[Problem], today: date) -> Reader[None]:
    """Read one `[[list]]`; what it names and what deserves a word is added to the lists."""

    def reader(node: Node) -> None:
        table = Table(node)
        list_id = table.need("list_id", text, "", 'write list_id = "…": rules refer to it')
        spoken = table.read("namespace", choice(NAMESPACES), "single")
        namespace = table.read("namespace_type", choice(NAMESPACES), spoken)
        table.read("name", text, "")
        table.read("description", text, "")
        table.read("type", choice(LIST_TYPES), "detection")
        table.read("items", list_of(_item(namespace, named, notes, today)), ())
        shared_keys(table, notes)
        if list_id:
            named.append(Named("list", namespace, list_id, node))
        table.done(None)

    return reader


def _item(namespace: str, named: list[Named], notes: list[Problem], today: date) -> Reader[None]:
    def reader(node: Node) -> None:
        table = Table(node)
        item_id = table.need("item_id", text, "", 'write item_id = "…": it is what the item is known by')
        for key in ("name", "description"):
            table.read(key, text, "")
        table.read("type", choice(("simple",)), "simple")
        table.read("when", mapping_of(_condition), {})
        table.read("entries", entries(KINDS), ())
        table.read("comments", list_of(comment), ())
        note_end(table, "expires", notes, today)
        note_end(table, "expire_time", notes, today)
        shared_keys(table, notes)
        if "when" not in table and "entries" not in table:
            table.add(table.node.problem("excepts everything", "missing-key", 'write when = { "field" = "value" }'))
        if item_id:
            named.append(Named("item", namespace, item_id, node))
        table.done(None)

    return reader


@accepts({"type": ["string", "boolean", "array", "object"]})
def _condition(node: Node) -> None:
    """Read one value of `when`: whatever `core.exceptions.simple` can make an entry of."""
    try:
        expanded_item({"item_id": "x", "when": {"the field": node.plain()}})
    except UnclearError:
        remedy = 'write a text, a list of texts, true, false, { not = … } or { list = "…" }'
        raise node.wrong("says nothing that an entry could be made of", "wrong-value", remedy) from None
