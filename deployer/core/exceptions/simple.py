"""
Our simpler way to write exceptions, brought to the words of Kibana's API.

    [[list]]
    list_id = "corporate-egress"
    description = "Addresses behind which many of our own people sit."

    [[list.items]]
    item_id = "corporate-egress-load-test"
    expires = 2027-03-31
    comments = ["Agreed with the owner of the load test."]
    when = { "source.ip" = "203.0.113.30", "user.name" = "loadtest-*" }

`when` holds if all of it holds: a text is a match, one with `*` or `?` a wildcard, a list any of its values, true that
the field exists, false that it does not, `{ list = "…" }` a value list, and `{ not = … }` turns a text or list round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from deployer.core.canonical import same

_WORDS: Final = {"expires": "expire_time", "namespace": "namespace_type"}


class UnclearError(ValueError):
    """A value of `when` that says nothing; its text is for people."""


def expanded_list(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return a list as the API has it, with the defaults of the simpler form."""
    body = _words(written)
    body.pop("items", None)
    list_id = body.get("list_id", "")
    return {"name": list_id, "description": body.get("name", list_id), "type": "detection", **body}


def expanded_item(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item as the API has it. Raises UnclearError."""
    body = _words(written)
    when = body.pop("when", None)
    if isinstance(when, Mapping):
        body["entries"] = [*body.get("entries", ()), *(_entry(field, value) for field, value in when.items())]
    item_id = body.get("item_id", "")
    return {"name": item_id, "description": body.get("name", item_id), "type": "simple", **body}


def _words(written: Mapping[str, Any]) -> dict[str, Any]:
    return {_WORDS.get(name, name): value for name, value in written.items()}


def _entry(field: str, value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"field": field, "type": "exists", "operator": _operator(included=value)}
    if isinstance(value, Mapping) and set(value) == {"not"} and isinstance(value["not"], str | list):
        return {**_entry(field, value["not"]), "operator": _operator(included=False)}
    if isinstance(value, Mapping) and isinstance(value.get("list"), str) and set(value) <= {"list", "type"}:
        named = {"id": value["list"], "type": value.get("type", "keyword")}
        return {"field": field, "type": "list", "operator": _operator(included=True), "list": named}
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return {"field": field, "type": "match_any", "operator": _operator(included=True), "value": value}
    if isinstance(value, str) and value:
        kind = "wildcard" if "*" in value or "?" in value else "match"
        return {"field": field, "type": kind, "operator": _operator(included=True), "value": value}
    raise UnclearError(f'"{field}" needs a text, a list of texts, true, false, {{ not = … }} or {{ list = "…" }}')


def _operator(*, included: bool) -> str:
    return "included" if included else "excluded"


def when_of(entries: Sequence[Any]) -> dict[str, Any] | None:
    """Return entries as the `when` that gives them back, None for what `when` cannot say."""
    when: dict[str, Any] = {}
    for entry in entries:
        value = _said(entry) if isinstance(entry, Mapping) else None
        if value is None or not isinstance(entry.get("field"), str) or entry["field"] in when:
            return None
        when[entry["field"]] = value
    try:
        expanded = [_entry(name, value) for name, value in when.items()]
    except UnclearError:
        return None
    return when if same(expanded, list(entries)) else None


def _said(entry: Mapping[str, Any]) -> Any:
    included = entry.get("operator") == "included"
    if entry.get("type") == "exists":
        return included
    if entry.get("type") == "list":
        listed = entry.get("list")
        return {"list": listed.get("id"), "type": listed.get("type")} if isinstance(listed, Mapping) else None
    value = entry.get("value")
    return value if included or value is None else {"not": value}
