"""What a rule looks for, where, and how hits are counted and joined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deployer.core.fields import FIELDS
from deployer.core.flaw import Flaw
from deployer.core.sense.reading import tables, texts
from deployer.errors import Severity

_PAIRS: Final = (("timeline_id", "timeline_title"), ("concurrent_searches", "items_per_search"))
_EVERYTHING: Final = frozenset({"", "*", "*:*", "*: *", "* : *"})
_NAMES_OF_THINGS: Final = ("index", "threat_index", "new_terms_fields")
_RUN_LIMIT: Final = 1000
"""Alerts of one run, whatever `max_signals` says (`xpack.alerting.rules.run.alerts.max`, facts.md 2.2)."""


def matching_flaws(content: Mapping[str, Any]) -> Iterator[Flaw]:
    """Yield what is wrong with how a rule matches."""
    yield from _pairs(content)
    yield from _sources(content)
    yield from _query(content)
    yield from _threshold(content)
    yield from _mappings(content)
    yield from _repeated(content)
    limit = content.get("max_signals")
    if isinstance(limit, int) and limit > _RUN_LIMIT:
        message = f"max_signals is {limit}, but Kibana stops a run at {_RUN_LIMIT} alerts unless it is set up otherwise"
        yield _warning(("max_signals",), message, "max-signals-capped", f"write {_RUN_LIMIT} or less")


def _pairs(content: Mapping[str, Any]) -> Iterator[Flaw]:
    for one, other in _PAIRS:
        for name, partner in ((one, other), (other, one)):
            if name in content and partner not in content:
                yield Flaw(
                    (name,), f"{name} needs {partner} beside it", "needs-partner", f"add {partner}, or remove {name}"
                )


def _sources(content: Mapping[str, Any]) -> Iterator[Flaw]:
    if not FIELDS["index"].exists_for(str(content.get("type"))):
        return
    if "index" in content and "data_view_id" in content:
        message = "index and data_view_id are both set; Kibana uses the data view and ignores index"
        yield Flaw(("data_view_id",), message, "index-and-data-view", "remove one")
    elif not content.get("index") and "data_view_id" not in content:
        message = "says neither index nor data_view_id: it searches what the space has as its default"
        yield _warning(("index",), message, "no-index", 'write index = ["logs-…"]')


def _query(content: Mapping[str, Any]) -> Iterator[Flaw]:
    query, filters = content.get("query", ""), tables(content, "filters")
    if content.get("type") != "query" or not isinstance(query, str) or query.strip() not in _EVERYTHING:
        return
    if not any(_is_on(entry) for entry in filters):
        message = "an empty query without filters matches everything"
        yield Flaw(("query",), message, "empty-query", "write a query, or [[rule.filters]]")


def _is_on(entry: Mapping[str, Any]) -> bool:
    meta = entry.get("meta")
    return not (isinstance(meta, Mapping) and meta.get("disabled") is True)


def _threshold(content: Mapping[str, Any]) -> Iterator[Flaw]:
    threshold = content.get("threshold")
    if not isinstance(threshold, Mapping):
        return
    named = threshold.get("field")
    fields = [named] if isinstance(named, str) else texts(threshold, "field")
    for number, entry in enumerate(tables(threshold, "cardinality")):
        if entry.get("field") in fields:
            message = f"{entry['field']} is what hits are grouped by: every group has exactly one"
            path = ("threshold", "cardinality", number, "field")
            yield Flaw(path, message, "cardinality-of-group-field", "count another field")


def _mappings(content: Mapping[str, Any]) -> Iterator[Flaw]:
    """Entries of one mapping must all hold; a negated one says only what must not match (facts.md 9.3)."""
    for number, mapping in enumerate(tables(content, "threat_mapping")):
        entries = tables(mapping, "entries")
        if entries and all(entry.get("negate") is True for entry in entries):
            message = "all entries are negated: there is nothing that must match"
            path = ("threat_mapping", number, "entries", 0)
            yield Flaw(path, message, "negate-alone", "add an entry without negate")
        matched = [(entry.get("field"), entry.get("value")) for entry in entries if entry.get("negate") is not True]
        for place, entry in enumerate(entries):
            if entry.get("negate") is True and (entry.get("field"), entry.get("value")) in matched:
                message = "must match and must not match the same: this mapping never holds"
                path = ("threat_mapping", number, "entries", place)
                yield Flaw(path, message, "negate-contradiction", "remove one of the two entries")


def _repeated(content: Mapping[str, Any]) -> Iterator[Flaw]:
    """Yield names that are said twice."""
    lists: list[tuple[tuple[str, ...], list[str]]] = [((name,), texts(content, name)) for name in _NAMES_OF_THINGS]
    for outer, inner in (("threshold", "field"), ("alert_suppression", "group_by")):
        table = content.get(outer)
        if isinstance(table, Mapping):
            lists.append(((outer, inner), texts(table, inner)))
    for path, names in lists:
        for number, name in enumerate(names):
            if name in names[:number]:
                yield _warning((*path, number), f"{name} is there twice", "duplicate-entry", "remove one")


def _warning(path: tuple[str | int, ...], message: str, code: str, remedy: str) -> Flaw:
    return Flaw(path, message, code, remedy, Severity.WARNING)
