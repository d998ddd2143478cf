"""
Tokens of EQL, from the public syntax reference (elastic.co/docs/reference/query-languages/eql/eql-syntax).

One regular expression takes white space, comments and one token at a time. Two kinds of token are larger than they
need be, because most of what is written in rules consists of them: a dotted field path, and a bracket that holds
nothing but strings. Where such a bracket has anything else inside, the scanner falls back to single tokens, so that a
mistake in a list is still found where it is.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from deployer.queries.findings import Rejected

RESERVED = frozenset(
    {
        *("sequence", "sample", "join", "any", "where", "by", "with", "until", "of"),
        *("and", "or", "not", "in", "like", "regex", "true", "false", "null"),
    }
)
"""Words that are no field names unless they are written in backticks (parts of a path may be such words)."""

_GAP = r"(?:[ \t\r\n]++|//[^\r\n]*+|/\*(?:[^*]|\*(?!/))*+\*/)*+"
_STRING = (
    r'(?:"""[^\r\n]*?"""(?:"(?!""))?+(?:"(?!""))?+'
    r'|"(?!"")(?:[^"\\\r\n]|\\(?:[btnfr"\'\\]|u\{[0-9a-fA-F]{2,8}\}))*+")'
)
_PART = r"(?:[A-Za-z_@][A-Za-z0-9_@]*+|`(?:[^`]|``)++`)"

_TOKEN = re.compile(
    rf"{_GAP}(?:"
    rf"(?P<field>\??+{_PART}(?:\.{_PART})*+(?:(?<=[A-Za-z0-9_])~(?!=))?+)"
    rf"|(?P<strings>\({_GAP}{_STRING}(?:{_GAP},{_GAP}{_STRING})*+{_GAP}\))"
    rf"|(?P<string>{_STRING})"
    r"|(?P<open>/\*)"
    r"|(?P<number>[0-9]++(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]++)?+|\.[0-9]++(?:[eE][+-]?+[0-9]++)?+)"
    r"|(?P<sign>==|!=|<=|>=|<>|!\[|&&|\|\||[=<>:+\-*/%,()\[\]|?!.;])"
    r"|(?P<end>\Z)"
    r"|(?P<none>.)"
    r")",
    re.DOTALL,
)
STRING_TEXT = re.compile(_STRING)
"""One string of a `strings` token."""

_TILDE_OPERATORS = frozenset({"in~", "like~", "regex~"})


class Tokens(NamedTuple):
    """
    The tokens of one query, as columns; the last one is `end`.

    A kind is `field`, `call~` (a name with `~`), `strings`, `string`, `number`, `end`, or the text of the sign or
    reserved word itself.
    """

    kinds: list[str]
    starts: list[int]
    ends: list[int]


def scan(text: str) -> Tokens:
    """Return the tokens of an EQL query. Raises Rejected for text that is no token."""
    tokens = Tokens([], [], [])
    kinds, starts, ends = tokens
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        start, end = match.span(kind)
        if kind == "field":
            kind = _kind_of_word(text[start:end])
        elif kind == "sign":
            kind = text[start:end]
        elif kind in ("open", "none"):
            raise _no_token(text, start)
        kinds.append(kind)
        starts.append(start)
        ends.append(end)
        if kind == "end":
            break
    return tokens


def field_name(token: str) -> str:
    """Return the field that a `field` token names: without the `?` of optional fields, without backticks."""
    name = token.removeprefix("?")
    if "`" not in name:
        return name
    return re.sub(r"`((?:[^`]|``)+)`", lambda quoted: quoted[1].replace("``", "`"), name)


def _kind_of_word(word: str) -> str:
    if word in RESERVED or word in _TILDE_OPERATORS:
        return word
    return "call~" if word.endswith("~") else "field"


def _no_token(text: str, start: int) -> Rejected:
    """Say what is wrong with the character at `start`."""
    sign = text[start]
    if sign == "/":
        return Rejected(start, start + 2, "this comment is never closed", "eql-syntax")
    if sign == '"':
        return _bad_string(text, start)
    if sign == "'":
        message = "EQL has no strings in single quotes; write double quotes"
        return Rejected(start, _end_of_quoted(text, start), message, "eql-string")
    if sign == "`":
        return Rejected(start, start + 1, "this backtick is never closed, or encloses nothing", "eql-syntax")
    if sign == "\xa0":
        return Rejected(start, start + 1, "this is a non-breaking space, not a space", "eql-syntax")
    message = f"`{sign}` means nothing in EQL; a field name with such characters is written in backticks"
    return Rejected(start, start + 1, message, "eql-syntax")


def _bad_string(text: str, start: int) -> Rejected:
    """Say whether a string is never closed or has an escape that EQL does not know."""
    if text.startswith('"""', start):
        return Rejected(start, start + 3, 'this `"""` is not closed in its line', "eql-string")
    good = re.compile(r'"(?:[^"\\\r\n]|\\(?:[btnfr"\'\\]|u\{[0-9a-fA-F]{2,8}\}))*+').match(text, start)
    stop = good.end() if good else start
    if not text.startswith("\\", stop) or stop + 1 >= len(text):
        return Rejected(start, start + 1, 'this `"` is not closed in its line', "eql-string")
    shown = text[stop : stop + 2]
    message = f"`{shown.rstrip()}` is no escape of EQL; write `\\\\`, or a raw string in three double quotes"
    if shown == "\\u":
        message = "a character is written `\\u{` 2 to 8 hex digits `}`"
    return Rejected(stop, stop + 2, message, "eql-string")


def _end_of_quoted(text: str, start: int) -> int:
    closing = text.find(text[start], start + 1)
    return closing + 1 if closing > 0 else start + 1
