"""
Checks `exceptions/*.toml`: lists and their items in detection-rules' format (detection-rules.md 3.4, facts.md 7.1).

Kibana takes an item that can never apply (an entry whose value is of the wrong kind) for as long as nobody looks; here
it is a Problem with its line. Metadata is free.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from deployer.core.settings.nodes import Node, SettingsFile, WrongError, node_of, wrong_type
from deployer.core.settings.reading import Reader, Table, choice, list_of, text
from deployer.core.settings.sketch import accepts, also_accepts
from deployer.core.shape.models import LIST_TYPES
from deployer.errors import Problem, Severity

NAMESPACES: Final = ("single", "agnostic")
_SYSTEMS: Final = ("linux", "macos", "windows")
_OPERATORS: Final = ("included", "excluded")
_KINDS: Final = ("match", "match_any", "wildcard", "exists", "list", "nested")
_NESTED_KINDS: Final = ("match", "match_any", "exists")
_VALUE_LISTS: Final = (
    *("binary", "boolean", "byte", "date", "date_nanos", "date_range", "double", "double_range", "float"),
    *("float_range", "geo_point", "geo_shape", "half_float", "integer", "integer_range", "ip", "ip_range"),
    *("keyword", "long", "long_range", "shape", "short", "text"),
)


@dataclass(frozen=True, slots=True)
class Named:
    """One list or item of a file by its id, for what only shows across files."""

    kind: str
    namespace: str
    name: str
    node: Node


@dataclass(frozen=True, slots=True)
class ExceptionsChecked:
    """What a file names, and what is wrong with it."""

    named: tuple[Named, ...]
    problems: tuple[Problem, ...]


def check_exceptions(file: SettingsFile, today: date) -> ExceptionsChecked:
    """Return the lists and items that a file names, and every Problem of it. An item past its time is a warning."""
    named: list[Named] = []
    problems: list[Problem] = []
    try:
        exceptions_file(named, problems, today)(node_of(file.data, file))
    except WrongError as error:
        problems.extend(error.problems)
    return ExceptionsChecked(tuple(named), tuple(problems))


def exceptions_file(named: list[Named], notes: list[Problem], today: date) -> Reader[None]:
    """Read a whole file; what it names and what deserves a word is added to the lists."""

    def reader(node: Node) -> None:
        table = Table(node)
        table.read("metadata", _metadata, None)
        table.need("exceptions", list_of(_exception(named, notes, today)), (), "write [[exceptions]]")
        table.done(None)

    return reader


def repeated(named: Iterator[Named] | list[Named]) -> Iterator[Problem]:
    """Yield a Problem for each list or item whose id another one in the same namespace has."""
    first: dict[tuple[str, str, str], Named] = {}
    for one in named:
        other = first.setdefault((one.kind, one.namespace, one.name), one)
        if other is not one:
            key = "list_id" if one.kind == "list" else "item_id"
            message = f"{key} {one.name} is also in {other.node.file.path}"
            yield one.node.problem(message, f"duplicate-{one.kind}-id", "give one a new id", key=key)


def _metadata(node: Node) -> None:
    Table(node)


def _exception(named: list[Named], notes: list[Problem], today: date) -> Reader[None]:
    def reader(node: Node) -> None:
        table = Table(node)
        home = table.need("container", _container(named), ("", "single"), "write [exceptions.container]")
        table.read("items", list_of(_item(home, named, notes, today)), ())
        table.done(None)

    return reader


def _container(named: list[Named]) -> Reader[tuple[str, str]]:
    """Read a list; returns its `list_id` and namespace, which its items repeat."""

    def reader(node: Node) -> tuple[str, str]:
        table = Table(node)
        list_id = table.need("list_id", text, "", 'write list_id = "…": rules refer to it')
        namespace = table.read("namespace_type", choice(NAMESPACES), "single")
        table.need("name", text, "", 'write name = "…"')
        table.need("description", text, "", 'write description = "…"')
        table.need("type", choice(LIST_TYPES), "", 'write type = "detection"')
        _shared_keys(table)
        if list_id:
            named.append(Named("list", namespace, list_id, node))
        return table.done((list_id, namespace))

    return reader


def _item(home: tuple[str, str], named: list[Named], notes: list[Problem], today: date) -> Reader[None]:
    def reader(node: Node) -> None:
        table = Table(node)
        for key, wanted in (("list_id", home[0]), ("namespace_type", home[1])):
            said = table.read(key, text, wanted)
            if wanted and said != wanted:
                message = f'{key} is "{said}", but the list above says "{wanted}"'
                table.add(table.at(key).problem(message, "wrong-value", f'write "{wanted}", or remove the line'))
        table.need("name", text, "", 'write name = "…"')
        table.need("description", text, "", 'write description = "…"')
        table.read("type", choice(("simple",)), "simple")
        item_id = table.read("item_id", text, "")
        table.need("entries", _entries(_KINDS), (), "write [[exceptions.items.entries]]")
        table.read("comments", list_of(_comment), ())
        ends = table.read("expire_time", _moment, None)
        if ends is not None and ends.date() < today:
            message = f"ended on {ends.date()}: the item does nothing any more"
            notes.append(
                table.at("expire_time").problem(message, "expired", "remove the item", severity=Severity.WARNING)
            )
        _shared_keys(table)
        if item_id:
            named.append(Named("item", home[1], item_id, node))
        table.done(None)

    return reader


def _shared_keys(table: Table) -> None:
    table.read("tags", list_of(text), ())
    table.read("os_types", list_of(choice(_SYSTEMS)), ())
    table.read("meta", lambda node: Table(node).node, None)


@also_accepts({"type": "string"})
def _comment(node: Node) -> None:
    if isinstance(node.value, str):
        return
    table = Table(node)
    table.need("comment", text, "", 'write comment = "…"')
    table.knows("id", "created_at", "created_by", "updated_at", "updated_by")
    table.done(None)


def _entries(kinds: tuple[str, ...]) -> Reader[tuple[None, ...]]:
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
            "nested": ("entries", _entries(_NESTED_KINDS)),
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
def _moment(node: Node) -> datetime:
    """Read a time, as text in Kibana's form or as TOML has it."""
    value = node.value
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise node.wrong(f'"{value[:40]}" is not a time', "wrong-value", "2026-12-31T00:00:00Z") from None
    if not isinstance(value, datetime):
        raise wrong_type(node, "a date with a time", "2026-12-31T00:00:00Z")
    return value if value.tzinfo else value.replace(tzinfo=UTC)
