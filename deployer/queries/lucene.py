"""
Lucene's classic query syntax, as `query_string` of Elasticsearch reads it.

Written from the public descriptions (lucene.apache.org, package `queryparser.classic`; elastic.co, "Query string
syntax"). The own check runs always. With the extra `lucene` luqum reads the query as well; it alone is not enough,
because it accepts `a:b^`, `a:b:c`, `a/b`, `&& a` and a second `NOT`.

Every clause is one operand; brackets live on a list, so nothing recurses.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import nullcontext, redirect_stderr
from io import StringIO
from threading import Lock
from typing import NamedTuple

from deployer.queries.findings import MAX_DEPTH, Checked, Notes, Rejected, too_deep

_SPACE = r"[ \t\n\r\u3000]"
_PLAIN = r'[^ \t\n\r\u3000+\-!():^\[\]"{}~*?\\/]'

_SPACES = re.compile(rf"{_SPACE}*+")
_TERM = re.compile(rf"(?:{_PLAIN}|[*?]|\\.)(?:{_PLAIN}|[*?+\-]|\\.)*+", re.DOTALL)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_REGEX = re.compile(r"/(?:[^/\\]|\\.)*+/", re.DOTALL)
_RANGE_END = r'("(?:[^"\\]|\\.)*+"|[^ \t\n\r\u3000\]}]++)'
_RANGE = re.compile(
    rf"[\[{{]{_SPACE}*+(?!TO{_SPACE}){_RANGE_END}{_SPACE}++TO{_SPACE}++{_RANGE_END}{_SPACE}*+[\]}}]", re.DOTALL
)
_WORD_END = rf"(?={_SPACE}|[()\[\]{{}}\"!:^~/]|\Z)"  # `AND-b` is one term

_CONNECTOR = re.compile(rf"(?:AND|OR|&&|\|\|){_WORD_END}")
_MODIFIER = re.compile(rf"[+\-!]|NOT{_WORD_END}")
_COLON = re.compile(rf"{_SPACE}*+:")
_FUZZY = re.compile(r"~(?:[0-9]++(?:\.[0-9]++)?+)?+")
_BOOST = re.compile(rf"{_SPACE}*+\^(?P<factor>[0-9]++(?:\.[0-9]++)?+)?+")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_BROKEN_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*+(?P<escape>\\u)(?![0-9a-fA-F]{4})")
_NEEDLESS_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*+(?P<escape>\\[A-Za-tv-z])")
_WILDCARD = re.compile(r"(?<!\\)(?:\\\\)*[*?]")

_SYNTAX = "lucene-syntax"
_IMPORTING = Lock()


class _Bracket(NamedTuple):
    """An open bracket, and the field that its values belong to ("" without one)."""

    start: int
    field: str


def check_lucene(text: str, *, full: bool = True) -> Checked:
    """
    Return the findings and fields of a Lucene query; an empty query is valid. Never raises.

    With `full`, luqum reads the query too where it is installed; the engine says whether it did.
    """
    notes = Notes(text)
    parse = _luqum() if full else None
    try:
        _Reader(text, notes).read()
        if parse and text.strip():
            _read_with(parse, text)
    except Rejected as why:
        notes.rejected(why)
    return notes.checked("luqum" if parse else "lucene-light")


def _luqum() -> Callable[[str], object] | None:
    """
    Return luqum's parser, None where the extra is not installed. The parser of luqum.thread may run in threads.

    On its first import luqum may generate parser tables and say so on stderr, which nobody wants to read who checks a
    query. The lock keeps two threads from exchanging stderr at the same time.
    """
    try:
        with _IMPORTING, nullcontext() if "luqum.parser" in sys.modules else redirect_stderr(StringIO()):
            from luqum.thread import parse
    except ImportError:
        return None
    return parse  # type: ignore[no-any-return]


def _read_with(parse: Callable[[str], object], text: str) -> None:
    """Let luqum read the query. Raises Rejected with the position that its message names."""
    from luqum.exceptions import ParseError

    try:
        parse(text)
    except ParseError as error:
        message = str(error)
        place = re.search(r"position (\d+)", message)
        start = int(place[1]) if place else len(text.rstrip()) - 1
        raise Rejected(start, start + 1, f"luqum cannot read this: {message}", _SYNTAX) from error
    except ArithmeticError:
        return  # luqum takes the dot of `a~.` for a number and fails on it; that is no opinion about the query
    except RecursionError as error:
        raise Rejected(0, 1, "the query nests too deep for luqum; split it", _SYNTAX) from error


class _Reader:
    """Reads one query from left to right."""

    __slots__ = ("_last", "_notes", "_open", "_pos", "_text")

    def __init__(self, text: str, notes: Notes) -> None:
        self._text = text
        self._notes = notes
        self._open = [_Bracket(-1, "")]
        self._last = (0, 0)  # the operator, modifier or colon that waits for its operand
        self._pos = 0

    def read(self) -> None:
        """Read the whole text. Raises Rejected at the first character that does not fit."""
        self._skip_spaces()
        if self._pos == len(self._text):
            return
        self._operand()
        while self._another():
            self._operand()
        if len(self._open) > 1:
            start = self._open[-1].start
            raise Rejected(start, start + 1, "this `(` is never closed", "lucene-unbalanced")

    def _another(self) -> bool:
        """Step over closing brackets and one operator. Return whether an operand is due."""
        while True:
            self._skip_spaces()
            if not self._text.startswith(")", self._pos):
                break
            if len(self._open) == 1:
                raise Rejected(self._pos, self._pos + 1, "`)` closes nothing", "lucene-unbalanced")
            self._open.pop()
            self._pos += 1
            self._boost()
        connector = _CONNECTOR.match(self._text, self._pos)
        if connector is None:
            return self._pos < len(self._text)
        self._last = connector.span()
        self._pos = connector.end()
        return True

    # operands

    def _operand(self) -> None:
        """Read modifiers and opening brackets, and one value with its suffixes."""
        while True:
            self._skip_spaces()
            modifier = _MODIFIER.match(self._text, self._pos)
            if modifier:
                self._last = modifier.span()
                self._pos = modifier.end()
                self._skip_spaces()
            field = self._field() or self._open[-1].field
            if not self._text.startswith("(", self._pos):
                break
            self._push(field)
        self._value(field)

    def _field(self) -> str:
        """Read `field:`. Return its name, "" where the operand has none."""
        term = _TERM.match(self._text, self._pos)
        colon = _COLON.match(self._text, term.end()) if term else None
        if not term or not colon or _CONNECTOR.fullmatch(term[0]):
            return ""
        if self._open[-1].field:
            message = f"this field takes the place of `{self._open[-1].field}`, in whose values it stands"
            self._notes.warning(*term.span(), message, "lucene-field-in-field")
        if term[0] != "*" and _WILDCARD.search(term[0]):
            raise Rejected(*term.span(), "a wildcard in a field name is written `\\*`", _SYNTAX)
        self._check_escapes(*term.span())
        name = _unescaped(term[0])
        if name != "_exists_":
            self._notes.fields.add(name)
        self._last = (colon.end() - 1, colon.end())
        self._pos = colon.end()
        self._skip_spaces()
        return name

    def _value(self, field: str) -> None:
        """Read a term, phrase, regular expression or range, with `~` and `^` after it."""
        sign = self._text[self._pos : self._pos + 1]
        if sign in ("[", "{"):
            self._match(_RANGE, "a range is written `[from TO to]` or `{from TO to}`")
        elif sign == '"':
            self._match(_QUOTED, 'this `"` is never closed')
            self._fuzzy()
        elif sign == "/":
            self._match(_REGEX, "this `/` begins a regular expression that is never closed; a slash is written `\\/`")
        else:
            self._term(field)
            self._fuzzy()
        self._boost()
        colon = _COLON.match(self._text, self._pos)
        if colon:
            start = colon.end() - 1
            raise Rejected(start, start + 1, "`:` after a value; a colon inside a value is written `\\:`", _SYNTAX)

    def _term(self, field: str) -> None:
        term = _TERM.match(self._text, self._pos)
        if term is None or _CONNECTOR.match(self._text, self._pos) or _MODIFIER.match(self._text, self._pos):
            raise self._unexpected()
        self._check_escapes(*term.span())
        self._pos = term.end()
        if field == "_exists_":
            self._notes.fields.add(_unescaped(term[0]))
        self._suspect(term)

    def _suspect(self, term: re.Match[str]) -> None:
        """Warn of a term that is accepted and hardly meant."""
        if term[0] in ("and", "or", "not"):
            message = f"`{term[0]}` is searched for as a word; operators are upper case"
            self._notes.warning(*term.span(), message, "lucene-operator-as-text")
        if term[0] in ("<", "<=", ">", ">="):
            message = f"`{term[0]}` is searched for as a word; the bound follows it without a space"
            self._notes.warning(*term.span(), message, "lucene-operator-as-text")
        needless = _NEEDLESS_ESCAPE.search(term[0])
        if needless:
            start, end = (term.start() + place for place in needless.span("escape"))
            message = f"`{needless['escape']}` means just `{needless['escape'][1]}`; a backslash is written `\\\\`"
            self._notes.warning(start, end, message, "lucene-escape")

    def _check_escapes(self, start: int, end: int) -> None:
        """Raise Rejected for a `\\u` in a term or phrase that four hex digits do not follow."""
        broken = _BROKEN_ESCAPE.search(self._text, start, end)
        if broken:
            raise Rejected(*broken.span("escape"), "`\\u` needs four hex digits", _SYNTAX)

    def _match(self, pattern: re.Pattern[str], otherwise: str) -> None:
        match = pattern.match(self._text, self._pos)
        if match is None:
            raise Rejected(self._pos, self._pos + 1, otherwise, _SYNTAX)
        if pattern is _QUOTED:
            self._check_escapes(*match.span())
        self._pos = match.end()

    def _fuzzy(self) -> None:
        fuzzy = _FUZZY.match(self._text, self._pos)
        if fuzzy:
            self._pos = fuzzy.end()

    def _boost(self) -> None:
        boost = _BOOST.match(self._text, self._pos)
        if boost is None:
            return
        start = self._text.index("^", self._pos)
        if not boost["factor"]:
            raise Rejected(start, start + 1, "`^` needs a number directly after it", _SYNTAX)
        self._pos = boost.end()

    def _push(self, field: str) -> None:
        if len(self._open) > MAX_DEPTH:
            raise too_deep(self._pos, _SYNTAX)
        self._open.append(_Bracket(self._pos, field))
        self._pos += 1

    def _skip_spaces(self) -> None:
        spaces = _SPACES.match(self._text, self._pos)
        self._pos = spaces.end() if spaces else self._pos

    # what to say

    def _unexpected(self) -> Rejected:
        """Say why no operand can begin at this place."""
        pos = self._pos
        sign = self._text[pos : pos + 1]
        start, end = self._last
        if sign in ("", ")") and start > self._open[-1].start:
            return Rejected(start, end, f"nothing follows `{self._text[start:end]}`", _SYNTAX)
        if sign == "":
            start = self._open[-1].start
            return Rejected(start, start + 1, "this `(` is never closed", "lucene-unbalanced")
        if sign == ")":
            return Rejected(pos, pos + 1, "nothing stands inside these brackets", _SYNTAX)
        word = _CONNECTOR.match(self._text, pos) or _MODIFIER.match(self._text, pos)
        if word:
            return Rejected(*word.span(), f"`{word[0]}` has no operand before it, or is doubled", _SYNTAX)
        if sign == "\\":
            return Rejected(pos, pos + 1, "a backslash at the end escapes nothing", _SYNTAX)
        return Rejected(pos, pos + 1, f"`{sign}` cannot begin a value; write `\\{sign}` or quote it", _SYNTAX)


def _unescaped(term: str) -> str:
    """Return the name that an escaped term stands for."""
    return _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)) if escape[1] else escape[2], term)
