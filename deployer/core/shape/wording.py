"""
What pydantic's core found, in the words of people who write rules: the fact, a stable code, and what to do.

Only a rule with a problem gets here. Values of the user are repeated only where they are short texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from deployer.core.flaw import Flaw, Path
from deployer.core.kinds import kind_of
from deployer.core.shape.kinds import Kind, branches
from deployer.core.suggestion import did_you_mean

if TYPE_CHECKING:
    from pydantic_core import ValidationError

_WANTED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
}
Said = tuple[str, str, str]
"""Message, code and remedy."""


def flaws(error: ValidationError, model: Kind) -> Iterator[Flaw]:
    """Yield a flaw for each error of a model, in the order of the model's fields."""
    for entry in error.errors(include_url=False):
        path = tuple(part for part in entry["loc"] if isinstance(part, int) or not part.startswith("<"))
        kind, name = entry["type"], str(path[-1]) if path else ""
        if kind == "missing":
            said = f"{name} is missing", "missing-key", f"add {name}"
        elif kind == "extra_forbidden":
            said = f"there is no key {name} here", "unknown-key", did_you_mean(name, _keys_at(model, path[:-1]))
        else:
            said = _said(kind, entry["input"], entry.get("ctx", {}))
        yield Flaw(path, *said)


def _keys_at(model: Kind, path: Path) -> set[str]:
    """Return the keys that a table of the model may have."""
    here = [model]
    for part in path:
        steps = [_step(branch, part) for kind in here for branch in branches(kind)]
        here = [step for step in steps if step is not None]
    return {name for kind in here for branch in branches(kind) for name in branch.get("fields", {})}


def _step(kind: Kind, part: str | int) -> Kind | None:
    """Return the kind of an entry of a list, or of a key of a table."""
    if isinstance(part, int):
        entry: Kind | None = kind.get("items_schema")
        return entry
    field = kind.get("fields", {}).get(part)
    return field["schema"] if field else None


def _said(kind: str, value: Any, context: Mapping[str, Any]) -> Said:
    if kind in _WANTED:
        return f"must be {_WANTED[kind]}, not {kind_of(value)}", "wrong-type", _rewrite(kind, value)
    return _WORDS[kind](value, context) if kind in _WORDS else (kind.replace("_", " "), "wrong-value", "")


def _rewrite(kind: str, value: Any) -> str:
    """Return how to write the value that was meant, "" where that is not plain."""
    if kind == "string_type" and isinstance(value, bool | int | float):
        return f'write it in quotes: "{str(value).lower()}"'
    if kind == "int_type" and isinstance(value, str) and value.strip().isdigit():
        return f"write it without quotes: {value.strip()}"
    if kind == "bool_type" and isinstance(value, str) and value.lower() in ("true", "false"):
        return f"write it without quotes: {value.lower()}"
    return "put it into [ ]" if kind == "list_type" and isinstance(value, str) else ""


def _not_a_word(value: Any, context: Mapping[str, Any]) -> Said:
    words = re.findall(r"'([^']*)'", str(context.get("expected", "")))
    if not isinstance(value, str):
        return f"must be text, not {kind_of(value)}", "wrong-type", did_you_mean("", words)
    return f'"{value[:40]}" is not known here', "wrong-value", did_you_mean(value, words)


def _no_duration(value: Any, context: Mapping[str, Any]) -> Said:
    del context
    remedy = "write a whole number and s, m, h or d: 90s, 5m, 24h, 7d"
    return f'"{str(value)[:40]}" is not a duration that Kibana takes', "bad-duration", remedy


def _too_short(value: Any, context: Mapping[str, Any]) -> Said:
    del value, context
    return "an empty list", "wrong-value", "name at least one, or remove the key"


def _empty(value: Any, context: Mapping[str, Any]) -> Said:
    del value, context
    return "an empty text", "wrong-value", "write one, or remove the key"


def _too_long(value: Any, context: Mapping[str, Any]) -> Said:
    limit = context.get("max_length")
    return f"{len(value)} entries; Kibana takes at most {limit}", "too-many", f"keep {limit}"


def _too_low(value: Any, context: Mapping[str, Any]) -> Said:
    return f"must be {context.get('ge')} or more, not {value}", "wrong-value", ""


def _too_high(value: Any, context: Mapping[str, Any]) -> Said:
    return f"must be {context.get('le')} or less, not {value}", "wrong-value", ""


_WORDS: Final[Mapping[str, Callable[[Any, Mapping[str, Any]], Said]]] = {
    "literal_error": _not_a_word,
    "string_pattern_mismatch": _no_duration,
    "string_too_short": _empty,
    "too_short": _too_short,
    "too_long": _too_long,
    "greater_than_equal": _too_low,
    "less_than_equal": _too_high,
}
