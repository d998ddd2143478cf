"""
ES|QL: the own check, and esql-py on top of it where the extra is installed.

The own check (esql_scanner, esql_commands and what they import) knows the syntax as documented, the commands and, as a
warning, the functions; it knows no types. With the extra `esql` (Python 3.13 and later) esql-py reads the query too.
It is shown the shape of the query only (esql_shape), because it refuses names and commands that are documented.
"""

from __future__ import annotations

from collections.abc import Callable

from deployer.queries.esql_commands import Commands
from deployer.queries.esql_cursor import SYNTAX
from deployer.queries.esql_scanner import scan
from deployer.queries.esql_shape import shape
from deployer.queries.findings import Checked, Notes, Rejected


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
            _read_with(parse, shape(text, tokens))
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
