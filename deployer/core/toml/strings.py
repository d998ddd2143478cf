"""
The four ways to write a string in TOML: "…", '…', \"\"\"…\"\"\" and '''…''' — read, written, and measured.

`raw` always means the text with its quotes. All functions take CRLF for one newline, as the TOML readers do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b", '"': '"', "\\": "\\"}
_NAMED = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}

# What a basic string is made of. A backslash at the end of a line takes the newline and all blanks after it away.
_TOKEN = re.compile(
    r"(?P<plain>[^\\\r\n]+)|(?P<newline>\r?\n)|(?P<joined>\\[ \t]*\r?\n[ \t\r\n]*)"
    r"|\\(?:x(?P<x>..)|u(?P<u>.{4})|U(?P<U>.{8})|(?P<named>.))"
)
_LINE_CONTROL = re.compile(r'[\x00-\x1f\x7f"\\]')
_BLOCK_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\\]")
_NOT_LITERAL_LINE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f']")
_NOT_LITERAL_BLOCK = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]|'''")


def quote_of(raw: str) -> str:
    """Return the opening quotes of a raw string: one or three of " or '."""
    return raw[:3] if raw.startswith(('"""', "'''")) else raw[:1]


def body_span(raw: str) -> tuple[int, int]:
    """Return where the content starts and ends in a raw string; the first newline of a block is not content."""
    quote = quote_of(raw)
    start = len(quote)
    if start == 3:
        start += 2 if raw.startswith("\r\n", 3) else raw.startswith("\n", 3)
    return start, len(raw) - len(quote)


def opens_with_newline(raw: str) -> bool:
    """Say whether a block starts on the line after its quotes."""
    return raw[3:5].startswith(("\n", "\r\n")) and len(quote_of(raw)) == 3


def tokens(raw: str) -> Iterator[tuple[int, int, str]]:
    """Yield the pieces of a raw string: offset in `raw`, end, and the characters that they stand for."""
    start, end = body_span(raw)
    if raw[0] == "'":
        for match in re.compile(r"\r?\n|[^\r\n]+").finditer(raw, start, end):
            yield match.start(), match.end(), "\n" if match.group().endswith("\n") else match.group()
        return
    for match in _TOKEN.finditer(raw, start, end):
        yield match.start(), match.end(), _meaning(match)


def _meaning(match: re.Match[str]) -> str:
    """Return the characters that one token of a basic string stands for."""
    kind = match.lastgroup
    if kind == "plain":
        return match.group()
    if kind == "newline":
        return "\n"
    if kind == "joined":
        return ""
    if kind == "named":
        return _ESCAPES[match["named"]]
    return chr(int(match[kind or "u"], 16))


def decode(raw: str) -> str:
    """Return the value of a raw string that the reader accepted."""
    return "".join(meaning for _, _, meaning in tokens(raw))


def offset_in_raw(raw: str, line: int, column: int) -> int:
    """
    Return the offset in `raw` of a place in the value, given by line and column from 1.

    A column behind the end of its line gives the end of that line, a line behind the last one the end of the value.
    """
    row, left = 1, column - 1
    for start, end, meaning in tokens(raw):
        if row == line and (meaning == "\n" or left < len(meaning)):
            # an escape is one character of the value and several of the file: its start is the place
            return start + left if end - start == len(meaning) > left else start
        if meaning == "\n":
            row += 1
        elif row == line:
            left -= len(meaning)
    return body_span(raw)[1]


def line_text(value: str) -> str:
    """Write a string as "…" on one line, whatever is in it. Raises ValueError for a lone surrogate."""
    return f'"{_LINE_CONTROL.sub(_escaped, checked(value))}"'


def block_text(value: str, *, newline_first: bool = True) -> str:
    '''Write a string as a """ block: newlines and tabs as they are, everything else as needed.'''
    lines = (block_line(line) for line in checked(value).split("\n"))
    return as_block('"""', end_escaped("\n".join(lines)), newline_first=newline_first)


def block_line(line: str) -> str:
    '''Write one line of a """ block.'''
    return _BLOCK_CONTROL.sub(_escaped, line).replace('"""', '""\\"')


def end_escaped(body: str) -> str:
    '''Return the written body of a """ block with a quote at its end escaped: TOML 0.4 readers know no fourth quote.'''
    return re.sub(r'(?<!\\)((?:\\\\)*)"\Z', r'\1\\"', body)


def literal_line(value: str) -> str | None:
    """Write a string as '…', None where it cannot be."""
    return None if _NOT_LITERAL_LINE.search(checked(value)) else f"'{value}'"


def literal_block(value: str, *, newline_first: bool = True) -> str | None:
    """Write a string as a ''' block, None where it cannot be (''' or a control character in it, ' at its end)."""
    if _NOT_LITERAL_BLOCK.search(checked(value)) or value.endswith("'"):
        return None
    return as_block("'''", value, newline_first=newline_first)


def as_block(quote: str, body: str, *, newline_first: bool) -> str:
    """Put quotes around a written body; a body that starts with a newline needs one more, which is not content."""
    opening = "\n" if newline_first or body.startswith(("\n", "\r\n")) else ""
    return f"{quote}{opening}{body}{quote}"


def _escaped(match: re.Match[str]) -> str:
    character = match.group()
    return _NAMED.get(character) or f"\\u{ord(character):04X}"


def checked(value: str) -> str:
    """Return the string itself. Raises ValueError for a lone surrogate, which no TOML text can hold."""
    if not value.isascii() and (match := re.search(r"[\ud800-\udfff]", value)):
        raise ValueError(f"the lone surrogate U+{ord(match.group()):04X} cannot be written in TOML")
    return value
