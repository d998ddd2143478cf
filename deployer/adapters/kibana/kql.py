"""The little KQL that we send in `filter`, with every value quoted and escaped (facts.md section 5.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import quote

RULE_ID = "alert.attributes.params.ruleId"
TAGS = "alert.attributes.tags"
TYPE = "alert.attributes.params.type"
ENABLED = "alert.attributes.enabled"

BATCH = 50  # values in one filter
LONGEST = 4_000  # characters of one filter once they are in a URL; proxies cut off at 8,000


def quoted(value: str) -> str:
    """Return a KQL string literal: no wildcard and no operator inside it means anything."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def equals(field: str, value: str) -> str:
    """Return the filter `field: "value"`."""
    return f"{field}: {quoted(value)}"


def any_of(field: str, values: Iterable[str]) -> str:
    """Return the filter that holds where `field` has one of the values; there must be at least one."""
    return f"{field}: ({' or '.join(map(quoted, values))})"


def batches(values: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Split values into lots for `any_of`: at most 50 each, and short enough for a URL."""
    lot: list[str] = []
    length = 0
    for value in values:
        cost = len(quote(f"{quoted(value)} or ", safe=""))
        if lot and (len(lot) == BATCH or length + cost > LONGEST):
            yield tuple(lot)
            lot, length = [], 0
        lot.append(value)
        length += cost
    if lot:
        yield tuple(lot)


def breaks_lookups(rule_id: str) -> bool:
    """
    Whether Kibana's own lookup by `rule_id` would misread this one: it pastes the id into KQL without escaping
    (facts.md section 3.1), so it may fail or, worse, find another rule.
    """
    return '"' in rule_id or "\\" in rule_id
