"""Lists of a rule: entries that say the same keep the form that their author gave them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from deployer.core.canonical import canonical_json
from deployer.core.fields import ABSENT
from deployer.core.normalise import canonical_field, without_nulls

Authored = tuple[Any, Any]
"""An entry as the file has it (None: an override or the file of a list adds it), and as Kibana would get it."""


def kept_entries(
    name: str, live: Sequence[Any], authored: Iterable[Authored], rule_type: str, new: Callable[[Any], Any]
) -> list[Any]:
    """Return the entries of a list for the file, in Kibana's order; `new` writes one that no author wrote yet."""
    left = [(entry, _key(name, plain, rule_type)) for entry, plain in authored]
    result: list[Any] = []
    for value in live:
        key = _key(name, value, rule_type)
        number = next((i for i, (_, known) in enumerate(left) if known == key), None)
        if number is None:
            result.append(new(value))
        elif (entry := left.pop(number)[0]) is not None:
            result.append(entry)
    return result


def kept_values(
    live: Sequence[Any], authored: Sequence[Authored], desired: Sequence[Any], image: Callable[[Any], Any]
) -> list[Any]:
    """
    Return the values of a set for the file, in the file's order, new ones behind them.

    `desired` is what the overrides make of it, `image` what they make of one value. A value that they take away stays
    in the file, one that they add is not written there.
    """
    kept = [(entry, image(plain)) for entry, plain in authored]
    kept = [(entry, value) for entry, value in kept if value in live or value not in desired]
    known = [value for _, value in kept] + [v for v in desired if v not in [image(plain) for _, plain in authored]]
    return [entry for entry, _ in kept] + [value for value in live if value not in known]


def _key(name: str, value: Any, rule_type: str) -> str:
    settled = canonical_field(name, [without_nulls(value)], rule_type)
    return "" if settled is ABSENT else canonical_json(settled)
