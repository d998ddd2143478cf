"""
Text for an output that cannot take every character, such as a Windows console with an old code page.

Ours (`…`, `→`, quotation marks) get a spelling of plain letters; a user's become the escape that Python would write.
"""

from __future__ import annotations

from typing import Final

_SPELLED: Final = str.maketrans(
    {
        "…": "...",
        "→": "->",
        "←": "<-",
        "–": "-",
        "—": "-",
        "−": "-",
        "·": "-",
        "•": "*",
        "×": "x",
        "±": "+-",
        "≥": ">=",
        "≤": "<=",
        "≠": "!=",
        "“": '"',
        "”": '"',
        "„": '"',
        "‘": "'",
        "’": "'",
        "✓": "ok",
        "✗": "x",
        "─": "-",
        "│": "|",
        "\u00a0": " ",
    }
)


def plainly(text: str, encoding: str) -> str:
    """Return the text as `encoding` can hold it; unchanged where it can hold all of it."""
    if _fits(text, encoding):
        return text
    kept = "".join(sign if _fits(sign, encoding) else sign.translate(_SPELLED) for sign in text)
    return kept.encode(encoding, "backslashreplace").decode(encoding)


def plainly_json(text: str, encoding: str) -> str:
    """Return JSON as `encoding` can hold it: the same document, with escapes."""
    if _fits(text, encoding):
        return text
    return "".join(sign if _fits(sign, encoding) else _escaped(sign) for sign in text)


def _fits(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _escaped(sign: str) -> str:
    """Return one character as JSON writes it: two halves where it needs them."""
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
