"""The part of GitHub's expression language that our workflows use: paths, literals, `==`, `!=`, `&&`, two functions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|(&&|==|!=|\(|\))|([A-Za-z_][\w.-]*))")
_HOLE = re.compile(r"\$\{\{(.*?)\}\}", re.S)


def filled(value: Any, context: Mapping[str, Any]) -> Any:
    """Return a value of a YAML file with its `${{ … }}`; one that is nothing else keeps what the expression gives."""
    if isinstance(value, dict):
        return {name: filled(entry, context) for name, entry in value.items()}
    if isinstance(value, list):
        return [filled(entry, context) for entry in value]
    if not isinstance(value, str):
        return value
    whole = re.fullmatch(r"\s*\$\{\{((?:(?!\}\}).)*)\}\}\s*", value, re.S)
    if whole:
        return evaluate(whole[1], context)
    return _HOLE.sub(lambda hole: text(evaluate(hole[1], context)), value)


def text(value: Any) -> str:
    """Return a value as GitHub writes it into a string."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def evaluate(expression: str, context: Mapping[str, Any]) -> Any:
    """Return what an expression gives; an unknown path gives None, as at GitHub. Raises ValueError for what we lack."""
    tokens = _tokens(expression)
    value = _conjunction(tokens, context)
    if tokens:
        raise ValueError(f"{expression!r}: {tokens[0]!r} is more than this reads")
    return value


def _tokens(expression: str) -> list[str]:
    found: list[str] = []
    rest = expression.strip()
    while rest:
        match = _TOKEN.match(rest)
        if not match:
            raise ValueError(f"{expression!r}: cannot read {rest!r}")
        found.append(match[0].strip())
        rest = rest[match.end() :].strip()
    return found


def _conjunction(tokens: list[str], context: Mapping[str, Any]) -> Any:
    value = _comparison(tokens, context)
    while tokens and tokens[0] == "&&":
        tokens.pop(0)
        other = _comparison(tokens, context)
        value = other if value else value
    return value


def _comparison(tokens: list[str], context: Mapping[str, Any]) -> Any:
    value = _term(tokens, context)
    if tokens and tokens[0] in ("==", "!="):
        same = tokens.pop(0) == "=="
        return (text(value) == text(_term(tokens, context))) is same
    return value


def _term(tokens: list[str], context: Mapping[str, Any]) -> Any:
    token = tokens.pop(0)
    if token.startswith("'"):
        return token[1:-1].replace("''", "'")
    if tokens and tokens[0] == "(":
        tokens.pop(0)
        given = [] if tokens[0] == ")" else [_conjunction(tokens, context)]
        tokens.pop(0)
        return {"always": lambda: True, "fromJSON": json.loads}[token](*given)
    value: Any = context
    for name in token.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
