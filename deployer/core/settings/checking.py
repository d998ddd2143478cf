"""Values that only the options of quality checks have: a band of numbers, a regular expression."""

from __future__ import annotations

import re

from deployer.core.settings.nodes import Node
from deployer.core.settings.reading import list_of, text, whole
from deployer.core.settings.sketch import accepts


@accepts({"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 100}, "minItems": 2, "maxItems": 2})
def band(node: Node) -> tuple[int, int]:
    """Read the lowest and the highest risk score: `[0, 21]`."""
    found = list_of(whole(0, 100))(node)
    if len(found) != 2 or found[0] > found[1]:
        raise node.wrong("is not a band", "wrong-value", "write the lowest and the highest score: [0, 21]")
    return found[0], found[1]


def pattern(node: Node) -> str:
    """Read a regular expression."""
    written = text(node)
    try:
        re.compile(written)
    except re.error as error:
        raise node.wrong(f"is not a regular expression: {error}", "wrong-value", "mend the pattern") from None
    return written
