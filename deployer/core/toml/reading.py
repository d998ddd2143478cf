"""
Reading TOML: quickly where it is right; where it is not, with an error that a person who never saw Python can act on.

tomli decides: everything that it accepts is accepted, what it refuses is refused, and its data is the data. toml-rs,
held to the letter of TOML 1.0, reads the same in a quarter of the time (a law in tests/core/toml) and is asked first;
what it does not take, and what is out of the ordinary, goes to tomli.
A syntax error becomes one `TomlError` with line and column; the commonest mistakes (a Windows path in "…", a key that
comes twice, a string that is never closed) are explained in our own words.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NoReturn

import toml_rs

from deployer.core.toml.place import TomlError, line_and_column

if TYPE_CHECKING:
    import tomli

_MARK: Final = "\ufeff"  # tomli refuses a byte order mark
_STRICT: Final = "1.0.0"
_BRACKETS: Final = 200  # toml-rs ends the process where values are some thousand levels deep; no rule has 150 brackets
_DEEP: Final = 50
_LARGE: Final = 2**63


def read(text: str) -> dict[str, Any]:
    """Return the data of a TOML text. Raises TomlError where tomli refuses it, and nothing else."""
    lines = text.replace("\r\n", "\n") if "\r" in text else text  # tomli does so too, and refuses a lone \r
    brackets = lines.count("[") + lines.count("{")
    if not text.startswith(_MARK) and "\r" not in lines and brackets <= _BRACKETS:
        try:
            data = toml_rs.loads(lines, toml_version=_STRICT)
        except ValueError:  # no TOML 1.0, or a lone surrogate: tomli knows
            return _read_as_tomli_does(text)
        if _ordinary(data):
            return data
    return _read_as_tomli_does(text)


def _ordinary(data: Any, depth: int = 0) -> bool:
    """Say whether data is far from where tomli ends: how deep dotted keys may go, how many digits a number has."""
    for part in data.values() if type(data) is dict else data:
        kind = type(part)
        if kind is dict or kind is list:
            if depth == _DEEP or not _ordinary(part, depth + 1):
                return False
        elif kind is int and not -_LARGE < part < _LARGE:
            return False
    return True


def _read_as_tomli_does(text: str) -> dict[str, Any]:
    import tomli

    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as exc:
        _explain(text, exc)
    except RecursionError as exc:
        raise TomlError(0, 0, "arrays, inline tables or dotted keys are nested too deeply") from exc
    except ValueError as exc:  # Python's own limit for the digits of an integer; tomli lets it through
        match = re.search(r"\d[\d_]{4000,}", text)
        raise TomlError.at(text, match.start() if match else 0, "the integer has too many digits") from exc


_TWICE = ("Cannot overwrite", "Cannot declare", "Cannot redefine", "Cannot mutate", "Duplicate inline table key")
_UNCLOSED = ("Unterminated string", 'Expected "', "Illegal character '\\n'", "Found invalid character '\\n'")

_PLAIN = {
    "Expected '=' after a key in a key/value pair": "expected `=` and a value after the key",
    "Expected newline or end of document after a statement": "expected the end of the line here",
    "Invalid initial character for a key part": "expected a key; other characters than A-Z a-z 0-9 _ - need quotes",
    "Invalid statement": "expected a key, a [table] or a # comment",
    "Unclosed array": "expected `,` or `]` in this array",
    "Unclosed inline table": "expected `,` or `}` in this inline table",
    "Expected ']' at the end of a table declaration": "expected `]` at the end of the table name",
    "Expected ']]' at the end of an array declaration": "expected `]]` at the end of the table name",
    "Invalid date or datetime": "there is no such date or time",
    "Invalid hex value": "the escape needs hexadecimal digits: \\xHH, \\uHHHH or \\UHHHHHHHH",
    "Escaped character is not a Unicode scalar value": "the escape names no character (surrogates are not allowed)",
}


def _explain(text: str, exc: tomli.TOMLDecodeError) -> NoReturn:
    """Raise the TomlError that stands for tomli's error."""
    if exc.msg.startswith(_TWICE):
        _blame_scanner(text)
        raise TomlError(exc.lineno, exc.colno, "this key or table is already defined above in another way") from exc
    if exc.msg.startswith(_UNCLOSED):
        _blame_scanner(text)
    if exc.msg.startswith("Unescaped"):
        # tomli points behind the backslash and the character after it
        line, column = line_and_column(exc.doc, max(exc.pos - 2, 0))
        raise TomlError(line, column, _bad_escape(exc.doc[max(exc.pos - 2, 0) : exc.pos])) from exc
    raise TomlError(exc.lineno, exc.colno, _plain(exc)) from exc


def _blame_scanner(text: str) -> None:
    """Let our own scanner raise, which points at the start of the string or at the key that comes twice."""
    from deployer.core.toml.syntax import scan  # only broken files need it

    scan(text.replace("\r\n", "\n"))


def _bad_escape(escape: str) -> str:
    return (
        f"`{escape.strip()}` is not an escape; write the backslash twice, "
        "or use '…' (or '''…''' over several lines), where a backslash is only a backslash"
    )


def _plain(exc: tomli.TOMLDecodeError) -> str:
    """Say in our words what tomli says in its own."""
    found = exc.doc[exc.pos : exc.pos + 1]
    if exc.pos == 0 and found == "\ufeff":
        return "the file starts with a byte order mark; save it as UTF-8 without one"
    if found == "\r":
        return "a carriage return stands alone here; a line ends with a newline, or with both"
    if exc.msg == "Invalid statement" and found.isalpha():
        return f"a key with the character `{found}` needs quotes"
    if exc.msg == "Invalid value":
        return _bad_value(exc.doc, exc.pos)
    if exc.msg.startswith(("Illegal character", "Found invalid character")):
        return f'the character U+{ord(found):04X} is not allowed here; write it as an escape in a "…" string'
    return _PLAIN.get(exc.msg, exc.msg[:1].lower() + exc.msg[1:])


def _bad_value(doc: str, pos: int) -> str:
    match = re.compile(r"[^\s,\]}#]*").match(doc, pos)
    word = match.group()[:40] if match else ""
    if not word:
        return "expected a value"
    if word.lower() in ("true", "false"):
        return f"`{word}` is not a value; write {word.lower()}"
    if word.lower() in ("null", "none", "nil"):
        return f"`{word}` is not a value: TOML has no null, leave the key out"
    return f"`{word}` is not a value; text needs quotes"
