"""
Exception lists and their items into files: those that are there are patched, new lists get a file of their own.

Kibana has the last word on what is there. An item of a file that Kibana does not have goes if the record says that it
was deployed, for then somebody deleted it; else it is work that nobody deployed yet, and stays. The result is read
again and compared as a plan compares it; a list that would still differ is a Problem, and is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from deployer.core.canonical import same
from deployer.core.dependency import Dependency, Kind
from deployer.core.environment import Ownership
from deployer.core.exceptions.diff import LiveList, Manners, diff_list
from deployer.core.exceptions.form import (
    COMMENTS,
    ITEM_FIELDS,
    LIST_FIELDS,
    canonical_item,
    canonical_list,
    missing,
    texts,
)
from deployer.core.exceptions.reading import ListFile, read_exceptions
from deployer.core.exceptions.simple import when_of
from deployer.core.normalise import without_nulls
from deployer.core.toml import read
from deployer.core.toml.amend import amend
from deployer.core.toml.emit import emit
from deployer.errors import Problem

_SETS: Final = ("tags", "os_types")
_INLINE: Final = ("when", "meta")
_IN_NEW_LIST: Final = ("description", "list_id", "name", "namespace_type", "os_types", "tags", "type", "meta")
_IN_NEW_ITEM: Final = (
    *("description", "item_id", "list_id", "name", "namespace_type", "expire_time", "os_types", "tags", "type", "meta"),
)


@dataclass(frozen=True, slots=True)
class Side:
    """One list: what is live, its file (None: there is none), and what the record says that git asked for last."""

    key: str
    live: LiveList
    file: ListFile | None = None
    authored: Mapping[str, Any] | None = None

    @property
    def place(self) -> tuple[str, int]:
        """Where its file has it: the name of the array of tables, and the place there."""
        name, number = self.file.places[""][:2] if self.file else ("", 0)
        return str(name), int(number)

    @property
    def items(self) -> Mapping[str, Mapping[str, Any]]:
        """The items of its file."""
        return self.file.items if self.file else {}


@dataclass(frozen=True, slots=True)
class ListChange:
    """One file of lists that is written. `old` is None for a new one; `names` are its lists that changed."""

    path: str
    names: tuple[str, ...]
    text: str
    old: str | None


@dataclass
class ListsPulled:
    """What a pull writes of lists; `waiting` counts items of files that nobody deployed yet."""

    changes: list[ListChange] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    taken: int = 0
    waiting: int = 0


def pull_lists(
    sides: Iterable[Side],
    text_of: Callable[[str], str],
    place_of: Callable[[Mapping[str, Any]], str],
    ownership: Ownership,
) -> ListsPulled:
    """Return what has to be written so that git says what these lists are; `place_of` names the file of a new one."""
    pulled = ListsPulled()
    by_path: dict[str, list[Side]] = {}
    for side in sorted(sides, key=lambda side: side.key):
        pulled.taken += 1
        if side.file is None:
            _new(side, place_of, pulled)
        elif ownership not in ("live", "once") and _differs(side):
            by_path.setdefault(side.file.path, []).append(side)
    for path in sorted(by_path):
        _patched(path, text_of(path), by_path[path], pulled)
    return pulled


def _new(side: Side, place_of: Callable[[Mapping[str, Any]], str], pulled: ListsPulled) -> None:
    body = side.live.container or {}
    container = {key: value for key in _IN_NEW_LIST if (value := without_nulls(body.get(key))) not in (None, [], {})}
    items = [_new_item(item) for _, item in sorted(side.live.items.items())]
    days = {"creation_date": body.get("created_at"), "updated_date": body.get("updated_at")}
    metadata = {key: str(value)[:10].replace("-", "/") for key, value in days.items() if value}
    entry: dict[str, Any] = {"container": container, **({"items": items} if items else {})}
    document = {"metadata": {**metadata, "list_name": str(body.get("name"))}, "exceptions": [entry]}
    path = place_of(body)
    try:
        text = emit(document, inline=_INLINE)
    except (TypeError, ValueError) as exc:
        pulled.problems.append(_problem(path, side, f"cannot be written as TOML: {exc}"))
        return
    lost = _lost(path, text, [side])
    if not lost:
        pulled.changes.append(ListChange(path, (str(body["list_id"]),), text, None))
    pulled.problems += lost.values()


def _new_item(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item in the words of detection-rules' files (detection-rules.md 3.4)."""
    found = {key: value for key in _IN_NEW_ITEM if (value := without_nulls(body.get(key))) not in (None, [], {})}
    said = texts(body.get(COMMENTS) or ())
    comments: dict[str, Any] = {COMMENTS: [{"comment": text} for text in said]} if said else {}
    return {**found, "entries": without_nulls(body.get("entries")), **comments}


def _patched(path: str, old: str, sides: Sequence[Side], pulled: ListsPulled) -> None:
    """Bring lists of one file up to date, without those that the file cannot say."""
    left = list(sides)
    plain: frozenset[str] = frozenset()
    while True:
        waiting = 0
        document = read(old)
        for side in left:
            document, staying = _merged(document, side, plain=side.key in plain)
            waiting += staying
        try:
            text = amend(old, document, inline=_INLINE)
        except (TypeError, ValueError) as exc:
            pulled.problems += [_problem(path, side, f"cannot be written as TOML: {exc}") for side in left]
            return
        lost = _lost(path, text, left)
        if not lost:
            break
        if lost.keys() <= plain:
            pulled.problems += lost.values()
            left = [side for side in left if side.key not in lost]
        plain = plain | lost.keys()
    pulled.waiting += waiting
    if text != old:
        names = tuple(side.file.list_id for side in left if side.file and _differs(side))
        pulled.changes.append(ListChange(path, names, text, old))


def _merged(document: Mapping[str, Any], side: Side, *, plain: bool) -> tuple[dict[str, Any], int]:
    """Return the document with one list as it is live, and how many of its items nobody deployed yet."""
    head, number = side.place
    simple = head == "list"
    entry = dict(document[head][number])
    container = dict(entry) if simple else dict(entry["container"])
    live = canonical_list(side.live.container or {})
    for name in LIST_FIELDS:
        _settle(container, name, (side.file.content if side.file else {}).get(name), live.get(name))
    entry = container if simple else {**entry, "container": container}
    items, waiting = _items(entry, side, simple=simple, plain=plain)
    if items or "items" in entry:
        entry["items"] = items
    if not items:
        entry.pop("items", None)
    entries = list(document[head])
    entries[number] = entry
    return {**document, head: entries}, waiting


def _items(entry: Mapping[str, Any], side: Side, *, simple: bool, plain: bool) -> tuple[list[Any], int]:
    known = (side.authored or {}).get("items", {})
    result: list[Any] = []
    waiting = 0
    for written in entry.get("items", []):
        item_id = written["item_id"]
        body = side.live.items.get(item_id)
        if body is not None:
            result.append(_item(written, side.items[item_id], body, simple=simple, plain=plain))
        elif item_id not in known:
            waiting += 1
            result.append(written)
    new = [body for name, body in sorted(side.live.items.items()) if name not in side.items]
    return [*result, *(_simple_item(body) if simple else _new_item(body) for body in new)], waiting


def _item(
    written: Mapping[str, Any], wanted: Mapping[str, Any], body: Mapping[str, Any], *, simple: bool, plain: bool
) -> dict[str, Any]:
    """Return an item of a file as it is live; what says the same stays as it is written."""
    item, live = dict(written), canonical_item(body)
    for name in ITEM_FIELDS:
        value = live.get(name)
        if same(wanted.get(name), value):
            continue
        if name == "entries" and "when" in item:
            when = when_of(value or ()) if "entries" not in item and not plain else None
            if when is not None:
                item["when"] = {key: when[key] for key in [*(k for k in item["when"] if k in when), *when]}
                continue
            del item["when"]
        key = "expires" if name == "expire_time" and "expires" in item else name
        _settle(item, key, wanted.get(name), without_nulls(value), field_name=name)
    said = item.get(COMMENTS) or []
    new = missing(live[COMMENTS], texts(said))
    if new:
        bare = all(isinstance(comment, str) for comment in said) if said else simple
        item[COMMENTS] = [*said, *(new if bare else ({"comment": text} for text in new))]
    return item


def _simple_item(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item in the words of our simpler form."""
    live = canonical_item(body)
    item = {"item_id": live["item_id"], "name": live.get("name"), "description": live.get("description")}
    if item["name"] == item["item_id"]:
        del item["name"]
    if item["description"] == live.get("name"):
        del item["description"]
    item |= {key: live[name] for key, name in (("expires", "expire_time"), ("tags", "tags"), ("os_types", "os_types"),
                                               ("meta", "meta"), (COMMENTS, COMMENTS)) if live.get(name)}  # fmt: skip
    entries = live.get("entries") or ()
    when = when_of(entries)
    return {**item, **({"when": when} if when is not None else {"entries": without_nulls(entries)})}


def _settle(table: dict[str, Any], key: str, wanted: Any, live: Any, *, field_name: str = "") -> None:
    """Write a field of a list or an item where it differs; without an opinion on `meta` a file gets none."""
    name = field_name or key
    if same(wanted, live) or (name == "meta" and key not in table):
        return
    if live is None:
        table.pop(key, None)
    elif name in _SETS:
        kept = [value for value in table.get(key, ()) if value in live]
        table[key] = [*kept, *(value for value in live if value not in kept)]
    else:
        table[key] = live


def _lost(path: str, text: str, sides: Sequence[Side]) -> dict[str, Problem]:
    """Compare the file as it will be with Kibana, as a plan does; return a Problem for each list that is not kept."""
    found, problems = read_exceptions(path, text)
    files = {one.key: one for one in found}
    lost: dict[str, Problem] = {}
    for side in sides:
        if problems or side.key not in files:
            why = problems[0].message if problems else "is not read again"
            lost[side.key] = _problem(path, side, f"cannot be said in a file: {why}")
            continue
        diff = diff_list(files[side.key], side.live, None, Manners(adopt=True))
        names = sorted({name for change in diff.changes for name in _fields(change)})
        if names or diff.foreign or diff.blocked:
            lost[side.key] = _problem(path, side, f"{', '.join(names) or 'an item'} cannot be said in its file")
    return lost


def _fields(change: Dependency) -> Sequence[str]:
    """Return the fields in which a file still differs; items and comments that nobody deployed yet are none."""
    if change.before is None:
        return () if change.kind is Kind.ITEM else ("the list",)
    return [name for name in change.after or {} if name != COMMENTS]


def _differs(side: Side) -> bool:
    return side.file is not None and side.file.digest != side.live.digest


def _problem(path: str, side: Side, message: str) -> Problem:
    name = (side.live.container or {}).get("list_id", side.key)
    remedy = "the other lists are pulled; mend this one in Kibana, or write it by hand"
    return Problem(path, 0, 0, "", f'exception list "{name}": {message}', "not-pulled", remedy)
