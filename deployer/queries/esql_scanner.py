"""
Tokens of ES|QL, from the public syntax reference (elastic.co/docs/reference/query-languages/esql/esql-syntax).

The names after FROM and TS follow other rules than the rest (`logs-*`, `cluster:index`, `<logs-{now/d}>`), so the
scanner knows where it is: it reads `source` tokens after such a command until a pipe, a bracket that closes the
subquery, or METADATA. Nothing raises here; text that is no token comes out as one `bad` token, the last but `end`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_GAP = re.compile(r"(?:[ \t\r\n]++|//[^\r\n]*+)*+")
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_STRING = r'(?:"""[^\r\n]*?"""(?:"(?!""))?+(?:"(?!""))?+|"(?!"")(?:[^"\\\r\n]|\\[tnr"\\])*+"|""(?!"))'
_PART = r"(?:[A-Za-z_@][A-Za-z0-9_@]*+|`(?:[^`]|``)++`)"

_TOKEN = re.compile(
    rf"(?P<name>{_PART}(?:\.{_PART})*+)"
    rf"|(?P<string>{_STRING})"
    r"|(?P<number>[0-9]++(?:\.[0-9]*+)?+(?:[eE][+-]?+[0-9]++)?+|\.[0-9]++(?:[eE][+-]?+[0-9]++)?+)"
    r"|(?P<parameter>\?{1,2}[A-Za-z0-9_]*+)"
    r"|(?P<sign>==|!=|<=|>=|<>|=~|&&|\|\||::|[=<>:+\-*/%,()\[\]{}|.;])"
    r"|(?P<end>\Z)"
    r"|(?P<bad>.)",
    re.DOTALL,
)
_SOURCE = re.compile(
    rf"(?P<source>(?:[^ \t\r\n\"=|,()\[\]/:]|/(?![/*]))(?:[^ \t\r\n\"=|,()\[\]/]|/(?![/*]))*+(?:(?<=:){_STRING})?+"
    rf"|{_STRING}(?::(?:[^ \t\r\n\"=|,()\[\]/]|/(?![/*]))++)?+)"
)
_ENDS_SOURCES = frozenset({"|", ")", ";", "end"})


class Token(NamedTuple):
    """
    One token.

    `kind` is `name` (a dotted path or word), `source`, `string`, `number`, `parameter`, `end`, `bad`, or the sign
    itself. `word` is the upper-case text of a name that has no dots and backticks, "" for everything else.
    """

    kind: str
    start: int
    end: int
    word: str = ""


def scan(text: str) -> Iterator[Token]:
    """Yield the tokens of an ES|QL query, `end` last. Comments and white space are left out."""
    pos = 0
    before = Token("", 0, 0)
    in_sources = False
    outer: list[bool] = []  # per open bracket: whether it stands among sources
    while before.kind not in ("end", "bad"):
        pos = _skip_gap(text, pos)
        token = _next(text, pos, in_sources=in_sources)
        opens_query = before.kind in ("", ";") or (before.kind == "(" and bool(outer) and outer[-1])
        if token.kind == "(":
            outer.append(in_sources)
            in_sources = False
        elif token.kind == ")" and outer:
            in_sources = outer.pop()
        elif token.kind in _ENDS_SOURCES or token.word == "METADATA":
            in_sources = False
        elif token.word in ("FROM", "TS") and opens_query and ends_command_word(text, token.end):
            in_sources = True
        yield token
        before, pos = token, token.end
    if before.kind == "bad":
        yield Token("end", len(text), len(text))


def ends_command_word(text: str, end: int) -> bool:
    """Say whether the word of a command can end here: `WHERE(x)` and `KEEP*` are read as one unknown word."""
    return end == len(text) or text[end] in " \t\r\n/[]"


def value_of(literal: str) -> str:
    """Return what a string or name token stands for: without its quotes or backticks, escapes resolved."""
    if literal.startswith('"""'):
        return literal[3:-3]
    if literal.startswith('"'):
        named = {"t": "\t", "n": "\n", "r": "\r"}
        return re.sub(r"\\(.)", lambda escape: named.get(escape[1], escape[1]), literal[1:-1])
    return re.sub(r"`((?:[^`]|``)+)`", lambda quoted: quoted[1].replace("``", "`"), literal)


def _next(text: str, pos: int, *, in_sources: bool) -> Token:
    """Return the token at `pos`, where no white space and no comment begins."""
    match = _TOKEN.match(text, pos)
    if in_sources and not (match and match["name"] and match["name"].upper() == "METADATA" and _alone(text, match)):
        match = _SOURCE.match(text, pos) or match
    if match is None or not match.lastgroup:
        return Token("end", len(text), len(text))
    kind, start, end = match.lastgroup, match.start(), match.end()
    if text.startswith("/*", start):
        return Token("bad", start, end)
    if kind == "sign":
        return Token(match[0], start, end)
    word = match[0].upper() if kind == "name" and "." not in match[0] and "`" not in match[0] else ""
    return Token(kind, start, end, word)


def _alone(text: str, match: re.Match[str]) -> bool:
    """Say whether a word among sources ends there, and is not the beginning of an index name."""
    source = _SOURCE.match(text, match.start())
    return source is None or source.end() == match.end()


def _skip_gap(text: str, pos: int) -> int:
    """Return the place after white space and comments. A block comment that is never closed is not skipped."""
    while True:
        gap = _GAP.match(text, pos)
        pos = gap.end() if gap else pos
        if not text.startswith("/*", pos):
            return pos
        end = _end_of_comment(text, pos)
        if end < 0:
            return pos
        pos = end


def _end_of_comment(text: str, start: int) -> int:
    """
    Return the place after a block comment; -1 where it is never closed.

    Comments stand in comments; where the outer one has no end of its own, the first end closes it.
    """
    depth = 0
    first = -1
    for edge in _COMMENT_EDGE.finditer(text, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
        if first < 0 and edge[0] == "*/":
            first = edge.end()
    return first
