(
    """
What esql-py is shown of an ES|QL query: its shape, every character in its place.

esql-py 0.2.4 refuses syntax that Elasticsearch documents. Whole commands: `LOOKUP JOIN index`, `KEEP a.*, b`,
`FROM -index`, `FROM <date-{now/d}>`, ENRICH modes, APPEND_SEPARATOR, `LIMIT n BY`; they are replaced by a command
without arguments. Names: the functions LEFT and RIGHT, columns called `row`, `drop`, `join`; every name becomes one of
the same length that means nothing. Strings: `"""
    "quoted"
    """`; every string becomes one of the same length. Nested
comments; every comment becomes white space. A cast before `:`; it becomes white space. The own check has read all of
them in full.
"""
)

from __future__ import annotations

from itertools import pairwise

from deployer.queries.esql_names import RESERVED, TIME_UNITS
from deployer.queries.esql_scanner import Token

_NEUTRAL = "FUSE"  # the shortest command that may stand without arguments
_READ_IN_SHAPE = frozenset(
    {"ROW", "SHOW", "WHERE", "EVAL", "STATS", "INLINE", "INLINESTATS", "SORT", "GROK", "RENAME", "MV_EXPAND"}
)
_KEPT_WORDS = RESERVED | {"AS"}
_OPENING = frozenset("([{")
_CLOSING = frozenset(")]}")


def shape(text: str, tokens: list[Token]) -> str:
    """Return the query as esql-py is to see it, of the same length and with the same line breaks."""
    signs = [sign if sign in "\r\n" else " " for sign in text]
    pipes = _pipes(tokens)
    for pipe in pipes:
        signs[pipe.start] = "|"
    for command in _commands(tokens, {pipe.start for pipe in pipes}):
        replacement = _replacement(command)
        start = command[0].start
        signs[start : start + len(replacement)] = replacement
        if not replacement:
            for token, shown in zip(command, _shown(text, command), strict=True):
                signs[token.start : token.end] = shown
    return "".join(signs)


def _pipes(tokens: list[Token]) -> list[Token]:
    """Return the pipes outside brackets."""
    pipes: list[Token] = []
    depth = 0
    for token in tokens:
        depth += (token.kind in _OPENING) - (token.kind in _CLOSING)
        if token.kind == "|" and depth == 0:
            pipes.append(token)
    return pipes


def _commands(tokens: list[Token], pipes: set[int]) -> list[list[Token]]:
    """Return the tokens of each command, split at the pipes; settings are left out."""
    commands: list[list[Token]] = [[]]
    for token in tokens:
        if token.kind == ";":
            commands[-1].clear()
        elif token.kind == "|" and token.start in pipes:
            commands.append([])
        elif token.kind != "end":
            commands[-1].append(token)
    return commands


def _replacement(command: list[Token]) -> str:
    """Return what stands for a whole command, "" where it is shown in its shape."""
    word = command[0].word
    if word in ("FROM", "TS"):
        return f"{word} a"
    if word == "PROMQL":
        return "SHOW INFO"[: command[-1].end - command[0].start]
    return "" if word in _READ_IN_SHAPE else _NEUTRAL


def _shown(text: str, command: list[Token]) -> list[str]:
    """Return what is shown of each token of a command."""
    following = [*command[1:], command[-1]]
    shown = [text[command[0].start : command[0].end]]
    for (before, token), after in zip(pairwise(command), following[1:], strict=True):
        written = text[token.start : token.end]
        if token.kind == "string":
            written = f'"{"x" * (len(written) - 2)}"'
        elif token.kind == "name" and not _is_kept(token, before, after):
            written = "a" * len(written)
        shown.append(written)
    for place, token in enumerate(command[:-2]):
        if token.kind == "::" and command[place + 2].kind == ":":
            shown[place : place + 2] = " " * 2, " " * len(shown[place + 1])
    return shown


def _is_kept(token: Token, before: Token, after: Token) -> bool:
    """Say whether a name is a word of the language at its place, and no function, column or type."""
    if before.kind == "number" and token.word.lower() in TIME_UNITS:
        return True
    if before.word in ("INLINE", "SHOW"):
        return True
    if after.kind == "(" and token.word in ("FIRST", "LAST"):
        return False
    return token.word in _KEPT_WORDS and before.kind not in ("::", ".")
