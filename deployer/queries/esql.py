"""
ES|QL: the own check, and esql-py on top of it where the extra is installed.

The own check (esql_scanner, esql_commands and what they import) knows the syntax as documented, the commands and, as a
warning, the functions; it knows no types. With the extra `esql` (Python 3.13 and later) esql-py reads the query too.
esql-py 0.2.4 refuses syntax that Elasticsearch documents: `LOOKUP JOIN index`, `KEEP a.*, b`, `FROM -index`,
`FROM <date-{now/d}>`, ENRICH modes, APPEND_SEPARATOR, `LIMIT n BY`, nested comments. Commands with such syntax are
blanked out before it reads the query; the own check has read them in full.
"""

from __future__ import annotations

from collections.abc import Callable

from deployer.queries.esql_commands import Commands
from deployer.queries.esql_cursor import SYNTAX
from deployer.queries.esql_scanner import Token, scan
from deployer.queries.findings import Checked, Notes, Rejected

_NEUTRAL = "FUSE"  # the shortest command that may stand without arguments
_READ_BY_LIBRARY = frozenset(
    {"ROW", "SHOW", "WHERE", "EVAL", "STATS", "INLINE", "INLINESTATS", "SORT", "GROK", "RENAME", "MV_EXPAND"}
)


def check_esql(text: str, *, full: bool = True) -> Checked:
    """
    Return the findings and fields of an ES|QL query. Never raises.

    `fields` are the columns that the query uses and does not make itself; columns that ENRICH or LOOKUP JOIN bring are
    among them. With `full`, esql-py reads the query too where it is installed; the engine says whether it did.
    """
    notes = Notes(text)
    tokens = list(scan(text))
    Commands(text, tokens, notes).read()
    parse = _esql_py() if full else None
    if parse and not notes.has_errors():
        try:
            _read_with(parse, _blanked(text, tokens))
        except Rejected as why:
            notes.rejected(why)
    return notes.checked("esql-py" if parse else "esql-light")


def _esql_py() -> Callable[[str], object] | None:
    """Return the parser of esql-py, None where the extra is not installed or Python is older than it needs."""
    try:
        from pyesql import parse
    except (ImportError, SyntaxError):
        return None
    return parse  # type: ignore[no-any-return]


def _read_with(parse: Callable[[str], object], text: str) -> None:
    """Let esql-py read the query. Raises Rejected with the position that it names."""
    from pyesql import EsqlError, EsqlSyntaxError

    try:
        parse(text)
    except EsqlSyntaxError as error:
        start = _offset(text, error.line, error.col)
        message = f"esql-py cannot read this: {str(error).partition(' at line ')[0]}"
        raise Rejected(start, start + max(1, len(error.text)), message, SYNTAX) from error
    except (EsqlError, ValueError) as error:
        raise Rejected(0, 1, f"esql-py cannot read this query: {error}", SYNTAX) from error
    except RecursionError as error:
        raise Rejected(0, 1, "the query nests too deep for esql-py; split it", SYNTAX) from error


def _offset(text: str, line: int, column: int) -> int:
    """Return the offset of a line and column that count from 1."""
    start = 0
    for _ in range(line - 1):
        start = text.find("\n", start) + 1
    return start + max(0, column - 1)


def _blanked(text: str, tokens: list[Token]) -> str:
    """
    Return the query as esql-py is to see it: no comments, and commands that it misreads replaced.

    Every character that stays keeps its place, so that positions are those of the query.
    """
    signs = [sign if sign in "\r\n" else " " for sign in text]
    for command in _commands(tokens):
        replacement = _replacement(command)
        start = command[0].start
        signs[start : start + len(replacement)] = replacement
        for token in command if not replacement else ():
            signs[token.start : token.end] = text[token.start : token.end]
    for pipe in _pipes(tokens):
        signs[pipe.start] = "|"
    return "".join(signs)


def _pipes(tokens: list[Token]) -> list[Token]:
    """Return the pipes outside brackets."""
    pipes: list[Token] = []
    depth = 0
    for token in tokens:
        depth += (token.kind in ("(", "[", "{")) - (token.kind in (")", "]", "}"))
        if token.kind == "|" and depth == 0:
            pipes.append(token)
    return pipes


def _commands(tokens: list[Token]) -> list[list[Token]]:
    """Return the tokens of each command, split at the pipes outside brackets; settings are left out."""
    ends = {pipe.start for pipe in _pipes(tokens)}
    commands: list[list[Token]] = [[]]
    for token in tokens:
        if token.kind == ";":
            commands[-1].clear()
        elif token.start in ends and token.kind == "|":
            commands.append([])
        elif token.kind != "end":
            commands[-1].append(token)
    return commands


def _replacement(command: list[Token]) -> str:
    """Return what esql-py sees in place of a command, "" where it sees the command itself."""
    word = command[0].word
    if word in ("FROM", "TS"):
        return f"{word} a"
    if word == "PROMQL":
        return "SHOW INFO"
    return "" if word in _READ_BY_LIBRARY else _NEUTRAL
