"""What both forms of exception lists have in common: items' entries, comments, times, and what deserves a word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from deployer.core.settings.nodes import Node, wrong_type
from deployer.core.settings.reading import Reader, Table, choice, list_of, text
from deployer.core.settings.sketch import accepts, also_accepts
from deployer.errors import Problem, Severity

NAMESPACES: Final = ("single", "agnostic")
_SYSTEMS: Final = ("linux", "macos", "windows")
_OPERATORS: Final = ("included", "excluded")
KINDS: Final = ("match", "match_any", "wildcard", "exists", "list", "nested")
_NESTED_KINDS: Final = ("match", "match_any", "exists")
_VALUE_LISTS: Final = (
    *("binary", "boolean", "byte", "date", "date_nanos", "date_range", "double", "double_range", "float"),
    *("float_range", "geo_point", "geo_shape", "half_float", "integer", "integer_range", "ip", "ip_range"),
    *("keyword", "long", "long_range", "shape", "short", "text"),
)


_SERVER_OWNED: Final = (
    *("id", "_version", "version", "immutable", "tie_breaker_id"),
    *("created_at", "created_by", "updated_at", "updated_by"),
)


@dataclass(frozen=True, slots=True)
class Named:
    """One list or item of a file by its id, for what only shows across files."""

    kind: str
    namespace: str
    name: str
    node: Node


def shared_keys(table: Table, notes: list[Problem]) -> None:
    """Read what lists and items of both forms may have; what Kibana sets itself deserves a word."""
    table.read("tags", list_of(text), ())
    table.read("os_types", list_of(choice(_SYSTEMS)), ())
    table.read("meta", lambda node: Table(node).node, None)
    for key in _SERVER_OWNED:
        if key in table:
            table.knows(key)
            message = f"{key} is set by Kibana and is not sent"
            notes.append(table.at(key).problem(message, "server-owned", "remove it", severity=Severity.WARNING))


@also_accepts({"type": "string"})
def comment(node: Node) -> None:
    """Read a comment: a text, or a table as Kibana has it."""
    if isinstance(node.value, str):
        return
    table = Table(node)
    table.need("comment", text, "", 'write comment = "…"')
    table.knows("id", "created_at", "created_by", "updated_at", "updated_by")
    table.done(None)


def entries(kinds: tuple[str, ...]) -> Reader[tuple[None, ...]]:
    """Read the entries of an item, of which there must be one; `kinds` are the types that they may have here."""

    def reader(node: Node) -> tuple[None, ...]:
        found = list_of(_entry(kinds))(node)
        if not found:
            raise node.wrong("no entry: the item would except everything", "wrong-value", "write at least one")
        return found

    return reader


def _entry(kinds: tuple[str, ...]) -> Reader[None]:
    def reader(node: Node) -> None:
        table = Table(node)
        table.need("field", text, "", 'write field = "…"')
        kind = table.need("type", choice(kinds), "", f"write one of {', '.join(kinds)}")
        if kind not in ("", "nested"):
            table.need("operator", choice(_OPERATORS), "", 'write operator = "included"')
        readers: dict[str, tuple[str, Reader[Any]]] = {
            "match": ("value", text),
            "wildcard": ("value", text),
            "match_any": ("value", _words),
            "list": ("list", _value_list),
            "nested": ("entries", entries(_NESTED_KINDS)),
        }
        if kind in readers:
            key, read = readers[kind]
            table.need(key, read, None, f'type = "{kind}" needs {key}')
        elif not kind:
            table.knows("value", "list", "entries", "operator")  # what they should be nobody knows
        table.done(None)

    return reader


def _words(node: Node) -> tuple[str, ...]:
    found = list_of(text)(node)
    if not found:
        raise node.wrong("an empty list matches nothing", "wrong-value", "name at least one value")
    return found


def _value_list(node: Node) -> None:
    table = Table(node)
    table.need("id", text, "", "name the value list: the file name in value_lists/")
    table.need("type", choice(_VALUE_LISTS), "", 'write type = "keyword" or "ip"')
    table.done(None)


@accepts({"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}"})  # editors see a TOML time as text
def moment(node: Node) -> datetime:
    """Read a time, as text in Kibana's form or as TOML has it; a day means its first instant (core.exceptions.form)."""
    value = node.value
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise node.wrong(f'"{value[:40]}" is not a time', "wrong-value", "2026-12-31T00:00:00Z") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime):
        raise wrong_type(node, "a date with a time", "2026-12-31T00:00:00Z")
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def note_end(table: Table, key: str, notes: list[Problem], today: date) -> None:
    """Read when an item ends; one that has ended deserves a word, because it does nothing any more."""
    ends = table.read(key, moment, None)
    if ends is not None and ends <= datetime(today.year, today.month, today.day, tzinfo=UTC):
        message = f"ended on {ends.date()}: the item does nothing any more"
        notes.append(table.at(key).problem(message, "expired", "remove the item", severity=Severity.WARNING))
