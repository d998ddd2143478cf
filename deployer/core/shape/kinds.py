"""
What a value may be, in the words of pydantic's core: the building blocks of the models.

pydantic makes these dictionaries ("core schemas") out of classes and hands them to its core, which does all of the
judging. Here they are written down, because importing pydantic and having it make one model would be a third of
`validate FILE` (docs/performance.md). What the core does not know is an error as soon as a rule of the type is checked.
"""

from __future__ import annotations

from typing import Any, Final

Kind = dict[str, Any]

TEXT: Final[Kind] = {"type": "str"}
FILLED: Final[Kind] = {"type": "str", "min_length": 1}
DURATION: Final[Kind] = {"type": "str", "pattern": r"^[1-9]\d*[smhd]$"}
FLAG: Final[Kind] = {"type": "bool"}
POSITIVE: Final[Kind] = {"type": "int", "ge": 1}
COUNT: Final[Kind] = {"type": "int", "ge": 0}
PERCENT: Final[Kind] = {"type": "int", "ge": 0, "le": 100}
FREE: Final[Kind] = {"type": "dict", "keys_schema": TEXT}
"""A table that Kibana leaves free."""


def one_of(*words: str) -> Kind:
    """Return the kind that is one of a few words."""
    return {"type": "literal", "expected": list(words)}


def some(kind: Kind, **limits: int) -> Kind:
    """Return a list of a kind; limits are `min_length` and `max_length`."""
    return {"type": "list", "items_schema": kind, **limits}


def table(title: str, /, **fields: Kind | tuple[Kind]) -> Kind:
    """Return a table of these keys and no others: a kind each, in a tuple where the key may be missing."""
    made = {
        name: {"type": "typed-dict-field", "schema": kind[0], "required": False}
        if isinstance(kind, tuple)
        else {"type": "typed-dict-field", "schema": kind, "required": True}
        for name, kind in fields.items()
    }
    return {"type": "typed-dict", "fields": made, "extra_behavior": "forbid", "metadata": {"title": title}}


def either(single: Kind, listed: Kind) -> Kind:
    """Return a kind that is a list or something single; the value's own kind says which is meant."""
    return _chosen(_single_or_list, {"<one>": single, "<list>": listed})


def text_or(kind: Kind) -> Kind:
    """Return a kind that is a text or a table."""
    return _chosen(_text_or_table, {"<one>": FILLED, "<table>": kind})


def branches(kind: Kind) -> list[Kind]:
    """Return what a kind may be: one thing, or several."""
    return list(kind["choices"].values()) if kind["type"] == "tagged-union" else [kind]


def _single_or_list(value: Any) -> str:
    return "<list>" if isinstance(value, list) else "<one>"


def _text_or_table(value: Any) -> str:
    return "<one>" if isinstance(value, str) else "<table>"


def _chosen(choose: Any, branches: dict[str, Kind]) -> Kind:
    return {"type": "tagged-union", "choices": branches, "discriminator": choose}
