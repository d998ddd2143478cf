"""
One canonical form for exception lists and items, whoever wrote them: a file, Kibana, or a record (facts.md 7.1).

It has what a person decides: no ids, versions and times of the server. Sets are sorted, times are UTC, comments are
their texts: Kibana gives each an id, an author and a time, and lets nobody take one away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from deployer.core.canonical import digest
from deployer.core.dependency import SINGLE

COMMENTS: Final = "comments"
LIST_FIELDS: Final = ("name", "description", "tags", "os_types", "meta")
"""What may change in a list; its type may not."""

ITEM_FIELDS: Final = ("name", "description", "type", "entries", "tags", "os_types", "expire_time", "meta")
"""What may change in an item, beside its comments."""

_SETS: Final = ("tags", "os_types")
_IDENTITY: Final = {"list": ("list_id", "namespace_type", "type"), "item": ("item_id", "list_id", "namespace_type")}

Object = dict[str, Any]


def canonical_list(body: Mapping[str, Any]) -> Object:
    """Return the canonical form of a list."""
    return {"namespace_type": SINGLE, **_identity(body, "list"), **_fields(body, LIST_FIELDS)}


def canonical_item(body: Mapping[str, Any]) -> Object:
    """Return the canonical form of an item."""
    found = {"namespace_type": SINGLE, "type": "simple", **_identity(body, "item"), **_fields(body, ITEM_FIELDS)}
    return {**found, COMMENTS: texts(body.get(COMMENTS) or ())}


def texts(comments: Sequence[Any]) -> list[str]:
    """Return the texts of comments, which a file may write without a table around each."""
    return [str(entry.get("comment", "")) if isinstance(entry, Mapping) else str(entry) for entry in comments]


def image(found: Mapping[str, Any] | None) -> str:
    """Return one short text for a canonical object; "absent" for none."""
    return "absent" if found is None else digest(dict(found))


def list_body(after: Mapping[str, Any], live: Mapping[str, Any] | None = None) -> Object:
    """Return what is sent for a list: `after` on top of what is live, guarded by its `_version`."""
    return _body(canonical_list(live) if live else {}, after, live)


def item_body(after: Mapping[str, Any], live: Mapping[str, Any] | None = None) -> Object:
    """
    Return what is sent for an item: `after` on top of what is live, guarded by its `_version`. The comments that are
    there go back with their ids, or Kibana would double them; new ones come after them.
    """
    body = _body(canonical_item(live) if live else {}, after, live)
    known = list((live or {}).get(COMMENTS) or ())
    kept = [{"id": entry["id"], "comment": entry["comment"]} for entry in known]
    body[COMMENTS] = [*kept, *({"comment": text} for text in missing(after.get(COMMENTS) or (), texts(known)))]
    return body


def missing(wanted: Sequence[str], there: Sequence[str]) -> list[str]:
    """Return the texts that are wanted and not there, each as often as it is missing."""
    left = list(there)
    result = []
    for text in wanted:
        if text in left:
            left.remove(text)
        else:
            result.append(text)
    return result


def utc_time(value: Any) -> str:
    """
    Return a time as Kibana writes it: UTC with milliseconds; a day is its first instant. What is no time stays as it is
    written, for Kibana or the checks to refuse.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return str(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime):
        return str(value)
    moment: datetime = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _identity(body: Mapping[str, Any], kind: str) -> Object:
    return {name: body[name] for name in _IDENTITY[kind] if body.get(name) is not None}


def _fields(body: Mapping[str, Any], names: Sequence[str]) -> Object:
    found = {name: body[name] for name in names if body.get(name) not in (None, [], {})}
    for name in _SETS:
        if name in found and isinstance(found[name], list):
            found[name] = sorted(set(found[name]))
    if "expire_time" in found:
        found["expire_time"] = utc_time(found["expire_time"])
    return found


def _body(base: Object, after: Mapping[str, Any], live: Mapping[str, Any] | None) -> Object:
    body = {**base, **after}
    body = {name: value for name, value in body.items() if value is not None}
    if live is not None and live.get("_version"):
        body["_version"] = live["_version"]
    return body
