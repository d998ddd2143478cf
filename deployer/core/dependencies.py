"""
All lists of one target at once: what git wants of them, what is there, and what follows for the plan.

What the record keeps of a list is one document: the list with its items as git asked for them, or a value list with its
values. Equal to git and to Kibana it settles a list without looking closer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from deployer.core.canonical import digest
from deployer.core.change import Label
from deployer.core.dependency import VALUES, Dependency, Kind, in_order, key_of
from deployer.core.exceptions.diff import LiveList, Manners, diff_list
from deployer.core.exceptions.reading import ListFile
from deployer.core.plan import Blocked, Edit, ListEntry, Plan
from deployer.core.ports import Body
from deployer.core.record import Record
from deployer.core.value_lists import ValueListFile, diff_values

_NAMED: Final = 5  # so many values are named one by one

EXTRA: Final = "lists"
"""In `Record.extra`: key -> {authored, bundle, path} of every list that we manage in the target."""


@dataclass(frozen=True)
class Wanted:
    """What git wants: exception lists and value lists. `narrowed` where `--only` leaves some of them out."""

    lists: tuple[ListFile, ...] = ()
    values: tuple[ValueListFile, ...] = ()
    narrowed: bool = False

    @property
    def keys(self) -> frozenset[str]:
        """The keys of all of them."""
        return frozenset([*(one.key for one in self.lists), *(one.key for one in self.values)])


@dataclass(frozen=True)
class There:
    """What a target has of the wanted: lists with items by key, value lists with their values by id."""

    lists: Mapping[str, LiveList] = field(default_factory=dict)
    values: Mapping[str, tuple[Body, tuple[str, ...]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Known:
    """What the record says of lists: the digest of each document by key, and the documents that are needed."""

    recorded: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    documents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def document(self, key: str) -> Mapping[str, Any] | None:
        """Return what git asked for last time, None where the record has no such list."""
        return self.documents[self.recorded[key]["authored"]] if key in self.recorded else None


@dataclass
class Found:
    """What all lists together come to; `core.dependencies.joined` puts it into a plan."""

    changes: list[Dependency] = field(default_factory=list)
    entries: dict[str, ListEntry | None] = field(default_factory=dict)
    documents: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    edits: list[Edit] = field(default_factory=list)
    blocked: list[Blocked] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    labels: dict[str, Label] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    unchanged: int = 0
    foreign: int = 0


def recorded_lists(record: Record | None) -> Mapping[str, Mapping[str, str]]:
    """Return what a record says of lists."""
    found = record.extra.get(EXTRA, {}) if record else {}
    return found if isinstance(found, Mapping) else {}


def wanted_here(
    lists: Iterable[ListFile],
    values: Iterable[ValueListFile],
    used: Collection[str],
    known: Collection[str],
    only: Collection[str] | None = None,
) -> Wanted:
    """
    Return what one target is to have. `used` are the list ids that its rules name, `known` those that any rule of git
    names: a list whose rules are all elsewhere is not deployed, one that no rule names is. `only` narrows to these.
    """
    here = tuple(
        one
        for one in lists
        if (one.list_id in used or one.list_id not in known) and (only is None or one.list_id in only)
    )
    all_users = {name for one in lists for name in one.value_lists}
    users = {name for one in here for name in one.value_lists}
    chosen = tuple(v for v in values if v.list_id in users or (only is None and v.list_id not in all_users))
    return Wanted(here, chosen, narrowed=only is not None)


def suspects(wanted: Wanted, there: There, recorded: Mapping[str, Mapping[str, str]]) -> frozenset[str]:
    """Return the digests of the baseline documents that a plan needs: of lists that git or Kibana changed."""
    lists = [(one.key, one.digest, there.lists.get(one.key, LiveList()).digest) for one in wanted.lists]
    values = [(one.key, one.digest, _values_digest(one, there.values.get(one.list_id))) for one in wanted.values]
    return frozenset(
        recorded[key]["authored"]
        for key, desired, live in (*lists, *values)
        if key in recorded and not desired == live == recorded[key]["authored"]
    )


def find(wanted: Wanted, there: There, known: Known, manners: Manners) -> Found:
    """Return what the lists of one target need, and what analysts did to them."""
    found = Found()
    for one in wanted.lists:
        _list(found, one, there.lists.get(one.key, LiveList()), known, manners)
    for values in wanted.values:
        _values(found, values, there.values.get(values.list_id), known)
    if not wanted.narrowed:
        for key in sorted(known.recorded.keys() - wanted.keys):
            found.entries[key] = None
            found.lines.append(f"left behind {_words(key)} is no longer in git here; it stays in Kibana as it is")
    return found


def joined(plan: Plan, found: Found) -> Plan:
    """Return the plan with what its lists need."""
    notes = plan.notes
    census = replace(notes.census, items_unchanged=found.unchanged, items_foreign=found.foreign)
    named = {edit.rule_id for edit in found.edits} | {blocked.rule_id for blocked in found.blocked}
    named |= {change.key for change in found.changes} | set(found.left_out)
    return replace(
        plan,
        dependencies=in_order(found.changes),
        lists=found.entries,
        documents={**plan.documents, **found.documents},
        labels={**plan.labels, **{key: found.labels[key] for key in sorted(named) if key in found.labels}},
        notes=replace(
            notes,
            census=census,
            edits=(*notes.edits, *found.edits),
            blocked=(*notes.blocked, *found.blocked),
            left_out=(*notes.left_out, *found.left_out),
            lines=(*notes.lines, *found.lines),
        ),
    )


def _list(found: Found, wanted: ListFile, live: LiveList, known: Known, manners: Manners) -> None:
    key = wanted.key
    found.labels[key] = Label(f"exception list {wanted.list_id}", path=wanted.path)
    if wanted.digest == live.digest == known.recorded.get(key, {}).get("authored"):
        found.unchanged += len(wanted.items)
        return
    for item_id in wanted.items.keys() | live.items.keys() | _items(known.document(key)).keys():
        item = wanted.items.get(item_id) or live.items.get(item_id) or _items(known.document(key))[item_id]
        label = Label(f"{wanted.list_id}: {item.get('name', item_id)}", path=wanted.path)
        found.labels[key_of(Kind.ITEM, item_id, wanted.namespace)] = label
    diff = diff_list(wanted, live, known.document(key), manners)
    found.changes += diff.changes
    found.edits += diff.edits
    found.blocked += diff.blocked
    found.left_out += diff.left_out
    found.unchanged += diff.unchanged
    found.foreign += len(diff.foreign)
    _keep(found, key, diff.document, wanted.path, known)


def _values(found: Found, wanted: ValueListFile, live: tuple[Body, tuple[str, ...]] | None, known: Known) -> None:
    key = wanted.key
    found.labels[key] = Label(f"value list {wanted.list_id}", path=wanted.path)
    body, values = live or (None, ())
    name = known.recorded.get(key, {}).get("authored")
    authored = known.documents.get(name) if name else None
    if name == wanted.digest == _values_digest(wanted, live):
        return
    diff = diff_values(wanted, body, values, authored)
    if diff.problem:
        found.blocked.append(Blocked(key, "value-list-type", diff.problem, "give the file another name"))
        return
    if diff.change is not None:
        found.changes.append(diff.change)
    if diff.foreign:
        found.edits.append(Edit(key, VALUES, "kept", None, _some(diff.foreign), None))
    if diff.left:
        found.edits.append(Edit(key, VALUES, "left", _some(diff.left), [], _some(diff.left)))
    _keep(found, key, wanted.document, wanted.path, known)


def _keep(found: Found, key: str, document: Mapping[str, Any], path: str, known: Known) -> None:
    """Note what the record is to say of a list, where it says something else."""
    name = digest(document)
    if known.recorded.get(key, {}).get("authored") != name:
        found.entries[key] = ListEntry(name, path)
        found.documents[name] = document


def _values_digest(wanted: ValueListFile, live: tuple[Body, tuple[str, ...]] | None) -> str:
    """Return the digest of a live value list as the record would keep it, "" where there is none."""
    if live is None:
        return ""
    body, values = live
    return digest({"id": wanted.list_id, "type": body.get("type"), VALUES: sorted(set(values))})


def _some(values: Sequence[str]) -> list[str]:
    """Return values as a plan names them: a few, or how many."""
    return list(values) if len(values) <= _NAMED else [f"{len(values):,} values"]


def _items(document: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return document["items"] if document else {}


def _words(key: str) -> str:
    kind, _, name = key.split(":", 2)
    return f'{kind} "{name}"'
