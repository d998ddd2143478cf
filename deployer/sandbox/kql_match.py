"""
What a KQL comparison means over the rule table: SQL for the attributes that the narrow table has, and functions for the
rest, which `attach` gives to a SQLite connection (facts.md section 5.1).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import Any

from deployer.sandbox.messages import from_json, to_json

_PREFIX = "alert.attributes."
_KEYWORDS = {
    "tags": "tags",
    "createdBy": "created_by",
    "updatedBy": "updated_by",
    "schedule.interval": "interval",
    "params.ruleId": "rule_id",
    "params.type": "type",
    "name.keyword": "name",
}
_DATES = {"createdAt": "created_at", "updatedAt": "updated_at"}
_FLAGS = {"enabled": "enabled", "params.immutable": "immutable"}
_NUMBERS = {"params.riskScore": "risk_score"}


class KqlError(ValueError):
    """The filter is not KQL; the text is what Kibana's parser would say, roughly."""


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL text over the tables `rules` and `bodies`, and the values bound to it."""

    sql: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Value:
    """One literal; `quoted` ones have no wildcards."""

    text: str
    quoted: bool

    @property
    def pattern(self) -> re.Pattern[str] | None:
        """
        The wildcard expression of an unquoted value with an unescaped `*`. Its atomic groups keep a value of many
        stars from taking more than linear time.
        """
        if self.quoted or "\0" not in self.text:
            return None
        first, *middle, last = (re.escape(part) for part in self.text.split("\0"))
        return re.compile(f"{first}{''.join(f'(?>.*?{part})' for part in middle if part)}.*{last}", re.DOTALL)

    @property
    def plain(self) -> str:
        """The text with its wildcards as `*`."""
        return self.text.replace("\0", "*")


ALL = Condition("1")


def equal(field: str, value: Value) -> Condition:
    """The condition of `field: value`. Raises KqlError for a value that the field cannot have."""
    name = field.removeprefix(_PREFIX)
    if name in _FLAGS:
        return _flag(_FLAGS[name], value)
    if name in _KEYWORDS:
        return _keyword(_KEYWORDS[name], value)
    if name == "name":
        return _name(value)
    if field in ("alert.id", "_id", "id"):
        return Condition("id = ?", (value.plain.removeprefix("alert:"),))
    if name in _NUMBERS and value.plain.isdecimal():
        return Condition(f"{_NUMBERS[name]} = ?", (int(value.plain),))
    if name in _DATES:
        return ALL if value.plain == "*" else Condition(f"{_DATES[name]} = ?", (value.plain,))
    if name.startswith("params."):
        return _param(name.removeprefix("params."), value)
    return Condition("0")  # an unmapped field matches nothing


def _flag(column: str, value: Value) -> Condition:
    if value.plain in ("true", "false"):
        return Condition(f"{column} = ?", (value.plain == "true",))
    if value.plain == "*":
        return ALL
    raise KqlError(f"Can't parse boolean value [{value.plain}], expected [true] or [false]")


def _keyword(column: str, value: Value) -> Condition:
    pattern = value.pattern
    if column == "tags":
        if value.plain == "*" and not value.quoted:
            return Condition("tags <> '[]'")
        if pattern is None:
            # Looking for the tag's JSON text first spares parsing the list of most rules.
            return Condition("(instr(tags, ?) AND has_tag(tags, ?))", (to_json(value.plain), value.plain))
        return Condition("any_tag_like(tags, ?)", (pattern.pattern,))
    if pattern is None:
        return Condition(f"{column} = ?", (value.plain,))
    return Condition(f"like_pattern({column}, ?)", (pattern.pattern,))


def _name(value: Value) -> Condition:
    """
    `name` is analysed text: a quoted value is a phrase, unquoted words match any of them, wildcards match words.
    """
    if value.pattern is not None:
        return Condition("any_word_like(name, ?)", (value.pattern.pattern.lower(),))
    return Condition("has_phrase(name, ?)" if value.quoted else "has_word(name, ?)", (value.plain,))


def _param(path: str, value: Value) -> Condition:
    pattern = value.pattern
    if pattern is not None:
        return Condition("matches(body, ?, ?)", (_snake(path), pattern.pattern))
    # Looking for the value's own text first spares parsing most rules.
    text = to_json(value.plain)[1:-1]
    return Condition("(instr(body, ?) AND matches(body, ?, ?))", (text, _snake(path), re.escape(value.plain)))


def _snake(path: str) -> str:
    """
    `exceptionsList.list_id` is stored as `exceptions_list.list_id`, `ruleSource.isCustomized` as
    `rule_source.is_customized`.
    """
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: "_" + found[1].lower(), path)


_COMPARE = {"<": "<", "<=": "<=", ">": ">", ">=": ">="}


def compare(field: str, operator: str, value: str) -> Condition:
    """The condition of a range, such as `field >= value`. Raises KqlError for a number that is none."""
    name = field.removeprefix(_PREFIX)
    if name in _NUMBERS:
        if not re.fullmatch(r"-?\d+(\.\d+)?", value):
            raise KqlError(f'For input string: "{value}"')
        return Condition(f"{_NUMBERS[name]} {_COMPARE[operator]} ?", (float(value),))
    column = _DATES.get(name) or _KEYWORDS.get(name)
    if column is None or column == "tags":
        return Condition("0")
    return Condition(f"{column} {_COMPARE[operator]} ?", (value,))


# Functions that SQLite calls.


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _has_tag(tags: str, tag: str) -> bool:
    return tag in from_json(tags)


def _any_tag_like(tags: str, pattern: str) -> bool:
    return any(re.fullmatch(pattern, tag, re.DOTALL) for tag in from_json(tags))


def _like_pattern(text: str, pattern: str) -> bool:
    return re.fullmatch(pattern, text, re.DOTALL) is not None


def _any_word_like(text: str, pattern: str) -> bool:
    return any(re.fullmatch(pattern, word) for word in _words(text))


def _has_word(text: str, wanted: str) -> bool:
    return not set(_words(wanted)).isdisjoint(_words(text))


def _has_phrase(text: str, phrase: str) -> bool:
    words, wanted = _words(text), _words(phrase)
    starts = range(len(words) - len(wanted) + 1)
    return bool(wanted) and any(words[start : start + len(wanted)] == wanted for start in starts)


def _matches(body: str, path: str, pattern: str) -> bool:
    compiled = re.compile(pattern, re.DOTALL)
    return any(compiled.fullmatch(text) for text in _texts_at(from_json(body), path.split(".")))


def _words_at(body: str, path: str, wanted: str, exact: int) -> bool:
    """Whether an analysed text has one of the wanted words, or all of them in their order where `exact`."""
    check = _has_phrase if exact else _has_word
    value = from_json(body)
    return any(check(text, wanted) for text in (_texts_at(value, path.split(".")) if path else _every_text(value)))


_COMPARES: dict[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


def _compares(body: str, path: str, operator: str, limit: str) -> bool:
    """Whether a value is beyond a limit: numbers as numbers, everything else as text, as times compare well."""
    check = _COMPARES[operator]
    number = _number(limit)
    for text in _texts_at(from_json(body), path.split(".")):
        found = _number(text)
        if check(found, number) if found is not None and number is not None else check(text, limit):
            return True
    return False


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _every_text(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from _every_text(entry)
    else:
        yield from _texts_at(value, [])


def _texts_at(value: Any, path: list[str]) -> Iterator[str]:
    if isinstance(value, list):
        for entry in value:
            yield from _texts_at(entry, path)
    elif path:
        if isinstance(value, dict) and path[0] in value:
            yield from _texts_at(value[path[0]], path[1:])
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif value is not None and not isinstance(value, dict):
        yield str(value)


def attach(connection: sqlite3.Connection) -> None:
    """Give a connection the functions that compiled conditions use."""
    functions: dict[str, tuple[int, Callable[..., bool]]] = {
        "has_tag": (2, _has_tag),
        "any_tag_like": (2, _any_tag_like),
        "like_pattern": (2, _like_pattern),
        "any_word_like": (2, _any_word_like),
        "has_word": (2, _has_word),
        "has_phrase": (2, _has_phrase),
        "matches": (3, _matches),
        "words_at": (4, _words_at),
        "compares": (4, _compares),
    }
    for name, (arguments, function) in functions.items():
        connection.create_function(name, arguments, function, deterministic=True)
