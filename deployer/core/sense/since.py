"""
What a stack version does not know yet. Kibana drops such a field without a word, and the rule means something else.

A version is known offline where an environment says `[kibana] stack = "9.3"`. What deployer's oldest stack (8.19)
already knows can never be newer and needs no row. Sources: facts.md section 12 and the `since` of the field table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from deployer.core.fields import FIELDS
from deployer.core.flaw import Flaw, Path
from deployer.core.sense.reading import tables, texts
from deployer.core.stack import older


def newer_flaws(content: Mapping[str, Any], stack: str, target: str) -> Iterator[Flaw]:
    """Yield what the stack of a target does not know. `target` is named in the messages."""
    for name, row in FIELDS.items():
        if row.since and name in content and older(stack, row.since):
            yield _flaw((name,), name, row.since, stack, target)
    for what, since, find in _PARTS:
        if older(stack, since):
            for path in find(content):
                yield _flaw(path, what, since, stack, target)


def _flaw(path: Path, what: str, since: str, stack: str, target: str) -> Flaw:
    message = f"{what} needs Kibana {since}; {target} runs {stack}, which would drop it"
    remedy = f'remove it, or say min_stack_version = "{since}.0" and leave the rule out there'
    return Flaw(path, message, "newer-than-stack", remedy)


def _negated(content: Mapping[str, Any]) -> Iterator[Path]:
    for number, mapping in enumerate(tables(content, "threat_mapping")):
        for place, entry in enumerate(tables(mapping, "entries")):
            if "negate" in entry:
                yield ("threat_mapping", number, "entries", place, "negate")


def _many_fields(content: Mapping[str, Any]) -> Iterator[Path]:
    threshold = content.get("threshold")
    if isinstance(threshold, Mapping) and len(texts(threshold, "field")) > 3:
        yield ("threshold", "field", 3)


_PARTS: Final[tuple[tuple[str, str, Callable[[Mapping[str, Any]], Iterator[Path]]], ...]] = (
    ("negate", "9.2", _negated),
    ("a fourth threshold field", "9.2", _many_fields),  # detection-rules.md 3.2
)
