"""
The subset of KQL that `_find` and `_bulk_action` take, compiled to a condition over stored rows (facts.md section 5.1).

`and`, `or`, `not`, parentheses, `field: value`, `field: (a or b)`, quoted values, `*` wildcards in unquoted ones,
`field: *` and ranges. What a comparison means is the business of `Terms`: those of rules are the default (`kql_match`),
those of lists are in `kql_documents`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from deployer.sandbox.kql_match import ALL, Condition, KqlError, Value, compare, equal

_DEPTH = 100


@dataclass(frozen=True, slots=True)
class Terms:
    """
    What comparisons mean: `equal(field, value)` for `field: value`, the field being "" for a value alone, and
    `compare(field, operator, text)` for a range. Both raise KqlError.
    """

    equal: Callable[[str, Value], Condition]
    compare: Callable[[str, str, str], Condition]


RULE_TERMS = Terms(equal, compare)


_TOKEN = re.compile(
    r"""\s+|(?P<open>\()|(?P<close>\))|(?P<brace>[{}])|(?P<range><=|>=|<|>)|(?P<colon>:)
    |"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<word>(?:\\.|[^\s():<>"{}\\])+)""",
    re.VERBOSE | re.DOTALL,
)


def compile_filter(text: str, terms: Terms = RULE_TERMS) -> Condition:
    """Compile a filter; a blank one selects everything. Raises KqlError."""
    if not text.strip():
        return ALL
    return _Parser(list(_tokens(text)), text, terms).parse()


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise KqlError(_expected(text, at))
        at = found.end()
        if found.lastgroup is not None:
            yield found.lastgroup, found[found.lastgroup]
    yield "end", ""


def _expected(text: str, at: int) -> str:
    seen = f'"{text[at]}"' if at < len(text) else "end of input"
    return f'Expected "(", "{{", value, whitespace but {seen} found.\n{text}\n{"-" * at}^'


class _Parser:
    """Recursive descent over the tokens; `or` binds weaker than `and`, `and` weaker than `not`."""

    def __init__(self, tokens: list[tuple[str, str]], text: str, terms: Terms) -> None:
        self._tokens, self._text, self._terms = tokens, text, terms
        self._at = 0
        self._depth = 0

    def parse(self) -> Condition:
        """The condition of the whole text."""
        condition = self._or(self._primary)
        if self._kind() != "end":
            raise self._error()
        return condition

    def _kind(self, ahead: int = 0) -> str:
        place = self._at + ahead
        return self._tokens[place][0] if place < len(self._tokens) else "end"

    def _error(self) -> KqlError:
        return KqlError(_expected(self._text, len(self._text)))

    def _word(self, word: str) -> bool:
        kind, text = self._tokens[self._at]
        if kind == "word" and text.lower() == word:
            self._at += 1
            return True
        return False

    def _or(self, item: Callable[[], Condition]) -> Condition:
        self._depth += 1
        if self._depth > _DEPTH:
            raise KqlError("The filter is nested too deeply.")
        parts = [self._and(item)]
        while self._word("or"):
            parts.append(self._and(item))
        self._depth -= 1
        return _join(" OR ", parts)

    def _and(self, item: Callable[[], Condition]) -> Condition:
        parts = [self._not(item)]
        while self._word("and"):
            parts.append(self._not(item))
        return _join(" AND ", parts)

    def _not(self, item: Callable[[], Condition]) -> Condition:
        if self._word("not"):
            inner = self._not(item)
            return Condition(f"NOT ({inner.sql})", inner.values)
        return self._group(item)

    def _group(self, item: Callable[[], Condition]) -> Condition:
        if self._kind() != "open":
            return item()
        self._at += 1
        inner = self._or(item)
        if self._kind() != "close":
            raise self._error()
        self._at += 1
        return inner

    def _primary(self) -> Condition:
        if self._kind() in ("word", "quoted") and self._kind(1) in ("colon", "range"):
            field = _unescaped(self._tokens[self._at][1]).replace("\0", "*")
            operator = self._tokens[self._at + 1][1]
            self._at += 2
            if operator != ":":
                return self._terms.compare(field, operator, self._value().plain)
            return self._group(lambda: self._terms.equal(field, self._value()))
        return self._terms.equal("", self._value())

    def _value(self) -> Value:
        kind, text = self._tokens[self._at]
        if kind == "quoted":
            self._at += 1
            return Value(re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL), quoted=True)
        words = []
        while self._kind() == "word" and self._tokens[self._at][1].lower() not in ("and", "or"):
            words.append(_unescaped(self._tokens[self._at][1]))
            self._at += 1
        if not words:
            raise self._error()
        return Value(" ".join(words), quoted=False)


def _unescaped(word: str) -> str:
    r"""Take escapes away; an unescaped `*` becomes NUL, so that `\*` stays a star."""
    return re.sub(r"\\(.)|(\*)", lambda found: "\0" if found[2] else found[1], word, flags=re.DOTALL)


def _join(operator: str, parts: list[Condition]) -> Condition:
    if len(parts) == 1:
        return parts[0]
    values = tuple(value for part in parts for value in part.values)
    return Condition(f"({operator.join(part.sql for part in parts)})", values)
