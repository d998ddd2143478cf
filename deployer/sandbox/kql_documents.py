"""
What KQL means over documents: exception lists and items, which are saved objects, and value lists, which are not.

A filter over saved objects names each field with its type (`exception-list.attributes.name`); Kibana refuses the others
with texts of its own (`core/packages/saved-objects`, filter_utils; facts.md section 7.1 has the fields).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from deployer.sandbox.documents import EVERYWHERE
from deployer.sandbox.kql import Terms
from deployer.sandbox.kql_match import ALL, Condition, KqlError, Value

SAVED_OBJECT_TYPES = {"single": "exception-list", "agnostic": "exception-list-agnostic"}
ROOT_FIELDS = frozenset({"id", "type", "namespaces", "references", "created_at", "updated_at"})
_COMMENT = tuple(
    f"comments.{name}" for name in ("id", "comment", "created_at", "created_by", "updated_at", "updated_by")
)
_ENTRY = tuple(f"entries.{name}" for name in ("field", "type", "operator", "value", "list.id", "list.type"))
_NESTED = tuple(f"entries.entries.{name}" for name in ("field", "type", "operator", "value"))
ATTRIBUTES = frozenset(
    {
        *("item_id", "list_id", "list_type", "name", "description", "type", "os_types", "tags", "meta", "version"),
        *("created_at", "created_by", "updated_by", "tie_breaker_id", "immutable", "expire_time"),
        *_COMMENT,
        *_ENTRY,
        *_NESTED,
    }
)
_ANALYSED = frozenset({"name", "description", "tags", "entries.field", "entries.value", "entries.entries.field"})
_NOTHING = Condition("0")


def saved_object_terms(namespaces: Sequence[str], list_type: str) -> Terms:
    """
    The terms of a filter over exception lists (`list_type` "list") or their items ("item") of these namespaces.

    They raise KqlError with Kibana's text for a field that is not named as a saved object's.
    """
    types = tuple(dict.fromkeys(SAVED_OBJECT_TYPES[namespace] for namespace in namespaces))

    def path_of(field: str) -> tuple[str, str]:
        problem = _complaint(field, types)
        if problem:
            raise KqlError(f"{problem}: Bad Request")
        type_, _, rest = field.partition(".")
        where = "space = ?" if type_ == SAVED_OBJECT_TYPES["agnostic"] else "space <> ?"
        return where, rest.removeprefix("attributes.")

    def equal(field: str, value: Value) -> Condition:
        where, path = path_of(field)
        inner = ALL if path == "list_type" and value.plain in (list_type, "*") else _equal(path, value)
        return Condition(f"({where} AND {inner.sql})", (EVERYWHERE, *inner.values))

    def compare(field: str, operator: str, text: str) -> Condition:
        where, path = path_of(field)
        return Condition(f"({where} AND compares(body, ?, ?, ?))", (EVERYWHERE, path, operator, text))

    return Terms(equal, compare)


def _complaint(field: str, types: tuple[str, ...]) -> str:
    """What Kibana says about the name of a field in a filter over saved objects; "" for a good one."""
    if not field:
        return f"The key is empty and needs to be wrapped by a saved object type like {','.join(types)}"
    type_, *rest = field.split(".")
    if not rest:
        return f"This key '{field}' need to be wrapped by a saved object type like {','.join(types)}"
    if type_ not in types:
        return f"This type {type_} is not allowed"
    if len(rest) > 1 and rest[0] != "attributes":
        return f"This key '{field}' does NOT match the filter proposition SavedObjectType.attributes.key"
    known = rest[0] in ROOT_FIELDS if len(rest) == 1 else _plain(".".join(rest[1:])) in ATTRIBUTES
    return "" if known else f"This key '{field}' does NOT exist in {','.join(types)} saved object index patterns"


def _plain(path: str) -> str:
    """The path without `.text`, the analysed twin of some keyword fields."""
    base = path.removesuffix(".text")
    return base if base in _ANALYSED else path


def _equal(path: str, value: Value) -> Condition:
    if path == "id":
        return Condition("id = ?", (value.plain,))
    pattern = value.pattern
    base = _plain(path)
    if base != path and pattern is None:
        return Condition("words_at(body, ?, ?, ?)", (base, value.text, int(value.quoted)))
    return Condition("matches(body, ?, ?)", (base, pattern.pattern if pattern else re.escape(value.text)))


def index_terms(aliases: Mapping[str, str], words: frozenset[str] = frozenset()) -> Terms:
    """
    The terms of a filter over value lists or their items, which lie in plain indices: a field that is not there matches
    nothing, a value alone is looked for everywhere. `aliases` says which key a field is stored under, `words` which
    fields are analysed text.
    """

    def equal(field: str, value: Value) -> Condition:
        if not field:
            everything = value.plain == "*" and not value.quoted
            return ALL if everything else Condition("words_at(body, '', ?, ?)", (value.plain, int(value.quoted)))
        path = aliases.get(field, field)
        if path in words and value.pattern is None:
            return Condition("words_at(body, ?, ?, ?)", (path, value.text, int(value.quoted)))
        return _equal(path, value)

    def compare(field: str, operator: str, text: str) -> Condition:
        return Condition("compares(body, ?, ?, ?)", (aliases.get(field, field), operator, text))

    return Terms(equal, compare)


@dataclass(frozen=True, slots=True)
class Sorting:
    """`sort_field` and `sort_order` of a `_find`; "" is no field, and documents come in the order of their creation."""

    field: str = ""
    order: str = "asc"

    def sql(self, known: Callable[[str], str]) -> str:
        """The order as SQL; `known` turns the field into a stored key, or raises for one that cannot be sorted by."""
        if not self.field:
            return "pk"
        path = known(self.field)
        return f"{'id' if path == 'id' else _extracted(path)} {self.order.upper()}, pk"


def _extracted(path: str) -> str:
    return "json_extract(body, '$" + "".join(f'."{part}"' for part in path.split(".")) + "')"
