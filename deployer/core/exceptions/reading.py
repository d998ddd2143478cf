"""
One file of exceptions/ as lists and items, before any target is looked at.

Both forms: `[[exceptions]]` with container and items is detection-rules' (detection-rules.md 3.4), `[[list]]` is ours
(`core.exceptions.simple`). As with rules, reading checks only what every later step relies on: that there are names,
and that no name is there twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from deployer.core.canonical import canonical_json, digest
from deployer.core.dependency import SINGLE, Kind, key_of
from deployer.core.exceptions.form import canonical_item, canonical_list
from deployer.core.exceptions.simple import UnclearError, expanded_item, expanded_list
from deployer.core.flaw import dotted
from deployer.core.toml import TomlError, locator, read
from deployer.errors import Problem

_NAMESPACES: Final = (SINGLE, "agnostic")
Keys = tuple[str | int, ...]


@dataclass(frozen=True)
class ListFile:
    """One list of a file: canonical, with its items by `item_id`, and where each of them is written."""

    path: str
    content: Mapping[str, Any]
    items: Mapping[str, Mapping[str, Any]]
    places: Mapping[str, Keys] = field(default_factory=dict)  # item_id -> the way to it; "" is the list
    rule_ids: tuple[str, ...] = ()  # metadata.rule_ids: what detection-rules links by
    digest: str = ""  # of `document`

    @property
    def list_id(self) -> str:
        """The name that rules use."""
        return str(self.content["list_id"])

    @property
    def namespace(self) -> str:
        """`single` or `agnostic`."""
        return str(self.content["namespace_type"])

    @property
    def key(self) -> str:
        """Its key among everything that is deployed."""
        return key_of(Kind.LIST, self.list_id, self.namespace)

    @cached_property
    def document(self) -> dict[str, Any]:
        """What a record keeps of the list: the list and its items."""
        return {"list": dict(self.content), "items": {name: dict(item) for name, item in self.items.items()}}

    @property
    def value_lists(self) -> dict[str, str]:
        """The value lists that its items use, each with the type that the item gives it."""
        return {
            str(entry["list"].get("id")): str(entry["list"].get("type"))
            for item in self.items.values()
            for entry in item.get("entries") or ()
            if isinstance(entry, Mapping) and isinstance(entry.get("list"), Mapping)
        }


def read_exceptions(path: str, text: str) -> tuple[tuple[ListFile, ...], tuple[Problem, ...]]:
    """Return the lists of one file and what is wrong with it; no lists where a Problem makes it useless."""
    try:
        data = read(text)
    except TomlError as exc:
        return (), (Problem(path, exc.line, exc.column, "", f"not TOML: {exc.message}", "toml-syntax", "mend it"),)
    found = _File(path, text, data)
    lists = tuple(found.lists())
    return (() if found.problems else lists), tuple(found.problems)


def repeated_names(files: Iterable[ListFile]) -> Iterator[Problem]:
    """Yield a Problem for each list and item whose id is there twice in one namespace."""
    seen: dict[str, str] = {}
    for file in files:
        names = [(file.key, f'the list "{file.list_id}"')]
        names += [(key_of(Kind.ITEM, name, file.namespace), f'the item "{name}"') for name in file.items]
        for key, words in names:
            if key in seen:
                message = f"{words} is also in {seen[key]}"
                yield Problem(file.path, 0, 0, "", message, "duplicate-list-id", "give one of them another id")
            seen.setdefault(key, file.path)


class _File:
    """One file while it is read."""

    def __init__(self, path: str, text: str, data: Mapping[str, Any]) -> None:
        self._path, self._text, self._data = path, text, data
        self.problems: list[Problem] = []

    def lists(self) -> Iterator[ListFile]:
        """Yield the lists of both forms; what is wrong is in `problems`."""
        metadata = self._data.get("metadata")
        rule_ids = metadata.get("rule_ids") if isinstance(metadata, Mapping) else None
        linked = tuple(str(one) for one in rule_ids) if isinstance(rule_ids, list) else ()
        for number, entry in enumerate(self._tables("exceptions", (), self._data)):
            way: Keys = ("exceptions", number)
            container = entry.get("container")
            if not isinstance(container, Mapping):
                self._wrong(way, "there is no container", "missing-key", "write [exceptions.container]")
                continue
            yield from self._list(dict(container), entry, (*way, "container"), way, linked)
        for number, entry in enumerate(self._tables("list", (), self._data)):
            yield from self._list(expanded_list(entry), entry, ("list", number), ("list", number), linked)
        if "exceptions" not in self._data and "list" not in self._data:
            self._wrong((), "there is no list in it", "missing-key", "write [[list]] or [[exceptions]]")

    def _list(
        self, body: Mapping[str, Any], entry: Mapping[str, Any], place: Keys, way: Keys, linked: tuple[str, ...]
    ) -> Iterator[ListFile]:
        known = self._texts_at(body, ("list_id", "name", "description", "type"), place)
        if body.get("namespace_type", SINGLE) not in _NAMESPACES:
            known = self._wrong((*place, "namespace_type"), "no such namespace", "wrong-value", "single or agnostic")
        if not known:
            return
        content = canonical_list(body)
        items: dict[str, Mapping[str, Any]] = {}
        places: dict[str, Keys] = {"": place}
        for number, written in enumerate(self._tables("items", way, entry)):
            here = (*way, "items", number)
            item = self._item(written, content, here, simple=way[0] == "list")
            if item is None:
                continue
            if item["item_id"] in items:
                self._wrong((*here, "item_id"), "this item_id is there twice", "duplicate-item-id", "change one")
            items[item["item_id"]], places[item["item_id"]] = item, here
        try:
            name = digest({"list": content, "items": items})
        except (TypeError, ValueError):  # somewhere in it: look where
            for key, found in (("", content), *items.items()):
                self._plain(found, places[key])
            return
        yield ListFile(self._path, content, items, places, linked, name)

    def _item(
        self, written: Mapping[str, Any], home: Mapping[str, Any], place: Keys, *, simple: bool
    ) -> Mapping[str, Any] | None:
        try:
            body = expanded_item(written) if simple else dict(written)
        except UnclearError as exc:
            self._wrong((*place, "when"), str(exc), "wrong-value", "")
            return None
        known = self._texts_at(body, ("item_id", "name", "description"), place)
        if not isinstance(body.get("entries"), list) or not body["entries"]:
            known = self._wrong(place, "it has no entries, and would except everything", "missing-key", "add one")
        for name in ("list_id", "namespace_type"):
            if body.get(name, home[name]) != home[name]:
                known = self._wrong((*place, name), f"the list says {home[name]}", "wrong-value", "remove the line")
        if not known:
            return None
        return canonical_item({**body, **{name: home[name] for name in ("list_id", "namespace_type")}})

    def _plain(self, content: Mapping[str, Any], place: Keys) -> None:
        """Note what Kibana cannot be told: TOML has dates and times, JSON has not."""
        try:
            canonical_json(content)
        except (TypeError, ValueError):
            message = "a date, a time or a number that is none stands where Kibana takes a text"
            self._wrong(place, message, "wrong-type", "write it in quotes")

    def _tables(self, name: str, way: Keys, parent: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        found = parent.get(name, [])
        if isinstance(found, list) and all(isinstance(one, Mapping) for one in found):
            return found
        self._wrong((*way, name), f"{name} is not a list of tables", "wrong-type", f"write [[{name}]]")
        return []

    def _texts_at(self, body: Mapping[str, Any], names: Iterable[str], place: Keys) -> bool:
        """Say whether all these texts are there; note each that is not."""
        absent = [name for name in names if not (isinstance(body.get(name), str) and body[name].strip())]
        for name in absent:
            self._wrong((*place, name), f"{name} is missing", "missing-key", f'write {name} = "…"')
        return not absent

    def _wrong(self, key: Keys, message: str, code: str, remedy: str) -> bool:
        """Note a Problem at a key, or at what is nearest to it; False, so that it can be returned."""
        locate, here = locator(self._text), key
        while not (place := locate(here))[0] and here:
            here = here[:-1]
        self.problems.append(Problem(self._path, *place, dotted(key), message, code, remedy))
        return False
