"""
Checks `exceptions/*.toml`: lists and their items in detection-rules' format (detection-rules.md 3.4, facts.md 7.1), and
in the simpler form of our own (core.settings.simple_lists).

Kibana takes an item that can never apply (an entry whose value is of the wrong kind) for as long as nobody looks; here
it is a Problem with its line. Metadata is free.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from deployer.core.settings.exception_parts import KINDS, NAMESPACES, Named, comment, entries, note_end, shared_keys
from deployer.core.settings.nodes import Node, SettingsFile, WrongError, node_of
from deployer.core.settings.reading import Reader, Table, choice, list_of, text
from deployer.core.settings.simple_lists import simple_list
from deployer.core.settings.sketch import Sketch
from deployer.core.shape.models import LIST_TYPES
from deployer.errors import Problem


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
        table.read("exceptions", list_of(_exception(named, notes, today)), ())
        table.read("list", list_of(simple_list(named, notes, today)), ())
        if isinstance(node, Sketch):
            node.some_of("exceptions", "list")
        elif "exceptions" not in table and "list" not in table:
            table.add(table.node.problem("there is no list in it", "missing-key", "write [[list]] or [[exceptions]]"))
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
        home = table.need("container", _container(named, notes), ("", "single"), "write [exceptions.container]")
        table.read("items", list_of(_item(home, named, notes, today)), ())
        table.done(None)

    return reader


def _container(named: list[Named], notes: list[Problem]) -> Reader[tuple[str, str]]:
    """Read a list; returns its `list_id` and namespace, which its items repeat."""

    def reader(node: Node) -> tuple[str, str]:
        table = Table(node)
        list_id = table.need("list_id", text, "", 'write list_id = "…": rules refer to it')
        namespace = table.read("namespace_type", choice(NAMESPACES), "single")
        table.need("name", text, "", 'write name = "…"')
        table.need("description", text, "", 'write description = "…"')
        table.need("type", choice(LIST_TYPES), "", 'write type = "detection"')
        shared_keys(table, notes)
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
        item_id = table.need("item_id", text, "", 'write item_id = "…": it is what the item is known by')
        table.need("entries", entries(KINDS), (), "write [[exceptions.items.entries]]")
        table.read("comments", list_of(comment), ())
        note_end(table, "expire_time", notes, today)
        shared_keys(table, notes)
        if item_id:
            named.append(Named("item", home[1], item_id, node))
        table.done(None)

    return reader
