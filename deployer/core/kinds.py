"""The kinds of TOML values, as messages name them."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any, Final

_NAMES: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (bool, "true or false"),  # before int, of which bool is one
    (str, "text"),
    (int, "a whole number"),
    (float, "a number with a fraction"),
    (dict, "a table"),
    ((list, tuple), "a list"),
    (datetime, "a date with a time"),  # before date, of which datetime is one
    (date, "a date"),
    (time, "a time"),
)


def kind_of(value: Any) -> str:
    """Return what a value is, in words; never the value, which may be a secret."""
    return next((name for kind, name in _NAMES if isinstance(value, kind)), type(value).__name__)
