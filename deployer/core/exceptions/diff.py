"""
One exception list, three sides: what git asked for last time (authored), what is live, what git wants now (desired).

Field by field as for rules (design section 6): what only git changed is written, what only Kibana changed is left and
named, both to different values is a conflict. Items that analysts added stay. An item that git no longer has is deleted
only if nobody touched it. Comments only grow, so they never conflict. A list is never deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from deployer.core.canonical import digest, same
from deployer.core.compare import Take
from deployer.core.dependency import Dependency, Kind, key_of
from deployer.core.environment import Conflict, Ownership
from deployer.core.exceptions.form import (
    COMMENTS,
    ITEM_FIELDS,
    LIST_FIELDS,
    canonical_item,
    canonical_list,
    missing,
)
from deployer.core.exceptions.reading import ListFile
from deployer.core.plan import Blocked, Edit
from deployer.core.ports import Body

Fields = Mapping[str, Any]
_SETS: Final = ("tags",)
_KIBANAS_OWN: Final = "endpoint_list"


@dataclass(frozen=True, slots=True)
class Manners:
    """How to decide: who owns fields, what a conflict leads to, what the person asked for."""

    ownership: Ownership = "shared"
    conflict: Conflict = "refuse"
    take: Take | None = None
    adopt: bool = False


@dataclass(frozen=True)
class LiveList:
    """A list as the space has it: the container (None: there is none) and its items by `item_id`, as bodies."""

    container: Body | None = None
    items: Mapping[str, Body] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """The digest of what `ListFile.document` would be, "" for a list that is not there."""
        if self.container is None:
            return ""
        items = {name: canonical_item(body) for name, body in self.items.items()}
        return digest({"list": canonical_list(self.container), "items": items})


@dataclass
class ListDiff:
    """What a list needs. `document` is what the record is to keep of it; `foreign` names the items of analysts."""

    changes: list[Dependency] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    blocked: list[Blocked] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)
    unchanged: int = 0


def diff_list(wanted: ListFile, live: LiveList, authored: Fields | None, manners: Manners) -> ListDiff:
    """
    Return what one list needs. `authored` is the document that the record keeps of it, None where it has none: then
    the comparison is two-way, and what exists with another content needs `--adopt`.
    """
    found = ListDiff(document=wanted.document)
    known = authored or {"list": {}, "items": {}}
    side = _Side(wanted, found, manners)
    side.container(live.container, known["list"])
    for item_id in sorted(wanted.items.keys() | known["items"].keys() | live.items.keys()):
        body = live.items.get(item_id)
        side.item(item_id, wanted.items.get(item_id), body, known["items"].get(item_id))
    if found.foreign:
        newest = max((live.items[name] for name in found.foreign), key=lambda body: str(body.get("updated_at")))
        names = [str(live.items[name].get("name", name)) for name in found.foreign]
        found.edits.append(
            Edit(wanted.key, "items", "kept", None, names, None, str(newest.get("updated_by", "")), _at(newest))
        )
    return found


class _Side:
    """One list while it is compared."""

    def __init__(self, wanted: ListFile, found: ListDiff, manners: Manners) -> None:
        self.wanted, self.found, self.manners = wanted, found, manners

    def container(self, live: Body | None, authored: Fields) -> None:
        wanted = self.wanted
        if live is None and wanted.list_id == _KIBANAS_OWN:
            reason = "is Kibana's own list, and is not there yet: Kibana creates it when it is needed first"
            remedy = "open the exceptions of Elastic Endpoint in Kibana once"
            self.found.blocked.append(Blocked(wanted.key, "endpoint-list", reason, remedy))
            return
        if live is None:
            self._change(Kind.LIST, wanted.list_id, None, wanted.content)
            return
        if live.get("type") != wanted.content["type"]:
            reason = f'is of type "{live.get("type")}" in Kibana, and "{wanted.content["type"]}" in {wanted.path}'
            self.found.blocked.append(
                Blocked(wanted.key, "list-type", reason, "Kibana cannot change it: correct the file")
            )
            return
        self._compare(Kind.LIST, wanted.list_id, wanted.content, (live, canonical_list(live)), authored or None)

    def item(self, item_id: str, desired: Fields | None, body: Body | None, authored: Fields | None) -> None:
        if desired is None and authored is None:
            self.found.foreign.append(item_id)
        elif desired is None:
            self._removed(item_id, body, authored or {})
        elif body is None:
            self._absent(item_id, desired, authored)
        elif body.get("list_id") != self.wanted.list_id:
            reason = f'is the id of an item of the list "{body.get("list_id")}"'
            self.found.blocked.append(Blocked(self._key(item_id), "item-id", reason, "give the item another item_id"))
        else:
            self._compare(Kind.ITEM, item_id, desired, (body, canonical_item(body)), authored)

    def _removed(self, item_id: str, body: Body | None, authored: Fields) -> None:
        """Delete an item that git no longer has, if it is as git last wanted it; else it stays, and is named."""
        if body is None:
            return
        live = canonical_item(body)
        touched = [name for name in (*ITEM_FIELDS, COMMENTS) if not same(live.get(name), _asked(name, authored, live))]
        if not touched or self.manners.take == "git":
            self._change(Kind.ITEM, item_id, live, None)
            return
        self.found.document["items"][item_id] = dict(authored)  # still ours: the next plan asks again
        for name in touched:
            self._edit(self._key(item_id), name, "left", (authored, live, {}), body)

    def _absent(self, item_id: str, desired: Fields, authored: Fields | None) -> None:
        """Create an item; one that an analyst deleted comes back only where git changed it, which is a conflict."""
        if authored is None or self.manners.ownership == "git" or self.manners.take == "git":
            self._change(Kind.ITEM, item_id, None, desired)
            return
        if same(dict(authored), dict(desired)) or self.manners.take == "live":
            self._edit(self._key(item_id), "item", "left", (desired, {}, desired), {})
            return
        self._edit(self._key(item_id), "item", "conflict", (authored, {}, desired), {})
        self._conflict(self._key(item_id), "deleted in Kibana and changed in git", authored)

    def _compare(
        self, kind: Kind, name: str, desired: Fields, live: tuple[Body, Fields], authored: Fields | None
    ) -> None:
        body, there = live
        before: dict[str, Any] = {}
        after: dict[str, Any] = {}
        key = self._key(name) if kind is Kind.ITEM else self.wanted.key
        conflicts: list[str] = []
        for field_name in ITEM_FIELDS if kind is Kind.ITEM else LIST_FIELDS:
            if field_name == "meta" and field_name not in desired and not (authored or {}).get(field_name):
                continue  # absent: no opinion
            what, value = self._ruled(field_name, desired, there, authored)
            if what in ("write", "back"):
                before[field_name], after[field_name] = there.get(field_name), value
            if what in ("left", "back", "conflict"):
                self._edit(key, field_name, what, (authored or {}, there, desired), body)
            if what == "conflict":
                conflicts.append(field_name)
        if conflicts:
            self._conflict(key, f"git and Kibana both changed {', '.join(conflicts)}", authored or {})
            return
        if kind is Kind.ITEM and missing(desired.get(COMMENTS) or (), there[COMMENTS]):
            before[COMMENTS] = there[COMMENTS]
            after[COMMENTS] = [*there[COMMENTS], *missing(desired[COMMENTS], there[COMMENTS])]
        if not before and not after:
            self.found.unchanged += kind is Kind.ITEM
        elif authored is None and not self.manners.adopt and set(after) != {COMMENTS}:
            reason = f"exists in Kibana, is in no record of ours, and differs in {', '.join(sorted(after))}"
            self.found.blocked.append(Blocked(key, "unmanaged", reason, "apply --adopt, or pull it first"))
        else:
            self._change(kind, name, before, after)

    def _ruled(self, name: str, desired: Fields, there: Fields, authored: Fields | None) -> tuple[str, Any]:
        """Return what happens to one field, and the value that is written."""
        wanted, live = desired.get(name), there.get(name)
        if name in _SETS and self.manners.ownership in ("shared", "merge"):
            kept = set(live or ()) - set((authored or {}).get(name) or ())
            wanted = sorted({*(wanted or ()), *kept}) or None
        if same(wanted, live) or self.manners.ownership in ("live", "once"):
            return "unchanged", None
        if authored is None:
            return "write", wanted
        git, kibana = not same(wanted, authored.get(name)), not same(live, authored.get(name))
        if name in _SETS and self.manners.ownership in ("shared", "merge"):
            return "write", wanted
        if self.manners.take == "git" or self.manners.ownership == "git":
            return ("back" if kibana else "write"), wanted
        if git and kibana:
            settled = self.manners.take or self.manners.conflict
            return {"live": "left", "git": "back"}.get(settled, "conflict"), wanted
        return ("write", wanted) if git else ("left", live)

    def _conflict(self, key: str, reason: str, authored: Fields) -> None:
        """Block the plan, or with `conflict = "skip"` leave the object as it was last time."""
        if self.manners.conflict != "skip":
            remedy = "--take git or --take live with --only id:... of a rule that uses the list"
            self.found.blocked.append(Blocked(key, "conflict", reason, remedy))
            return
        self.found.left_out.append(key)
        if key == self.wanted.key:
            self.found.document["list"] = dict(authored)
        else:
            self.found.document["items"][key.split(":", 2)[2]] = dict(authored)

    def _change(self, kind: Kind, name: str, before: Fields | None, after: Fields | None) -> None:
        list_id = self.wanted.list_id if kind is Kind.ITEM else ""
        self.found.changes.append(Dependency(kind, name, before, after, self.wanted.namespace, list_id))

    def _edit(
        self, key: str, name: str, kind: str, sides: tuple[Fields, Fields, Fields], body: Mapping[str, Any]
    ) -> None:
        authored, live, desired = (side.get(name) for side in sides)
        self.found.edits.append(
            Edit(key, name, kind, authored, live, desired, str(body.get("updated_by", "")), _at(body))
        )

    def _key(self, item_id: str) -> str:
        return key_of(Kind.ITEM, item_id, self.wanted.namespace)


def _asked(name: str, authored: Fields, live: Fields) -> Any:
    """Return what an untouched item has in a field; of comments the order may differ, as they only grow."""
    if name != COMMENTS:
        return authored.get(name)
    added = missing(live.get(COMMENTS) or (), authored.get(COMMENTS) or ())
    return [*live[COMMENTS], "?"] if added else live.get(COMMENTS)


def _at(body: Mapping[str, Any]) -> str:
    return str(body.get("updated_at", ""))
