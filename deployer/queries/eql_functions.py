"""
The functions of EQL: how many arguments of which kind each takes, and what it returns.

From the public function reference (elastic.co/docs/reference/query-languages/eql/eql-function-ref). Case in a name does
not count: the corpus has `cidrmatch` and `startswith` in rules that run.
"""

from __future__ import annotations

from typing import NamedTuple

BOOLEAN, STRING, NUMBER, NULL, ANY = "boolean", "string", "number", "null", ""
"""Types that can be told from the text alone; a field has ANY, because its mapping is not known here."""


class Function(NamedTuple):
    """
    One function.

    `takes` are the types of its arguments; `required` of them must be given; with `more` the last may be repeated.
    `folds` says that `name~` exists, which ignores case.
    """

    name: str
    takes: tuple[str, ...]
    returns: str
    required: int
    more: bool = False
    folds: bool = False


def _function(
    name: str, takes: str, returns: str, required: int, *, more: bool = False, folds: bool = False
) -> Function:
    types = {"s": STRING, "n": NUMBER, "b": BOOLEAN, "*": ANY}
    return Function(name, tuple(types[letter] for letter in takes), returns, required, more, folds)


FUNCTIONS = {
    function.name.lower(): function
    for function in (
        _function("add", "nn", NUMBER, 2),
        _function("between", "sssb", STRING, 3, folds=True),
        _function("cidrMatch", "ss", BOOLEAN, 2, more=True),
        _function("concat", "*", STRING, 1, more=True),
        _function("divide", "nn", NUMBER, 2),
        _function("endsWith", "ss", BOOLEAN, 2, folds=True),
        _function("indexOf", "ssn", NUMBER, 2, folds=True),
        _function("length", "s", NUMBER, 1),
        _function("modulo", "nn", NUMBER, 2),
        _function("multiply", "nn", NUMBER, 2),
        _function("number", "sn", NUMBER, 1),
        _function("startsWith", "ss", BOOLEAN, 2, folds=True),
        _function("string", "*", STRING, 1),
        _function("stringContains", "ss", BOOLEAN, 2, folds=True),
        _function("substring", "snn", STRING, 2),
        _function("subtract", "nn", NUMBER, 2),
    )
}

ENDGAME = {
    "arraycontains": "compare the field directly: `==` and `:` match any of its values",
    "arraycount": "Elasticsearch has no array functions",
    "arraysearch": "Elasticsearch has no array functions",
    "match": "write `field regex~ (…)`",
    "matchlite": "write `field regex~ (…)`",
    "wildcard": "write `field like~ (…)`",
    "safe": "write `?field` for a field that may be missing",
}
"""Functions of Endgame's EQL that Elasticsearch does not have (eql-syntax, "Differences from Endgame EQL syntax")."""


def wanted(function: Function) -> str:
    """Return how many arguments a function takes, in words."""
    least, most = function.required, len(function.takes)
    if function.more:
        return f"{least} or more arguments"
    if least == most:
        return f"{least} argument{'s' * (least != 1)}"
    return f"{least} or {most} arguments" if most == least + 1 else f"{least} to {most} arguments"
