"""
One text for one value: what is compared, hashed, stored and signed.

Canonical JSON is UTF-8, sorted keys, no spaces, no ASCII escapes. Values are compared as their texts would be (`same`)
and not as Python objects, because Python says `{"a": 1} == {"a": True}`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: Any) -> str:
    """Return the canonical text of a JSON value. Raises ValueError for NaN and infinities, TypeError for non-JSON."""
    return _ENCODER.encode(value)


def canonical_bytes(value: Any) -> bytes:
    """
    Return the canonical text of a JSON value in UTF-8; a long list piece by piece, because one sign beyond ASCII makes
    a text of many megabytes four times as large.
    """
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical_bytes, value)) + b"]"
    return canonical_json(value).encode("utf-8", "surrogatepass")


def canonical_object(parts: Mapping[str, bytes]) -> bytes:
    """Return the canonical text of an object, from the canonical text of each of its values."""
    return b"{" + b",".join(canonical_bytes(name) + b":" + parts[name] for name in sorted(parts)) + b"}"


def digest(value: Any) -> str:
    """Return the content address of a JSON value: `sha256:` and 64 hex digits of its canonical text."""
    return digest_of_text(canonical_json(value))


def digest_of_text(text: str) -> str:
    """Return the content address of a text."""
    return digest_of_bytes(text.encode("utf-8", "surrogatepass"))


def digest_of_bytes(data: bytes | memoryview) -> str:
    """Return the content address of a text in UTF-8."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def same(a: Any, b: Any) -> bool:
    """
    Say whether two JSON values have one canonical text. They are walked and not written out, a fifth of the time; only
    where Python's types differ (a tuple for a list) does the text decide.
    """
    if a is b:
        return True
    kind = type(a)
    if kind is not type(b):
        if isinstance(a, str) or isinstance(b, str):  # the text of a StrEnum is that of its value
            return isinstance(a, str) and isinstance(b, str) and a == b
        return canonical_json(a) == canonical_json(b)
    if kind is str or kind is int or kind is bool:
        return bool(a == b)
    if kind is dict:
        return a.keys() == b.keys() and all(map(same, a.values(), map(b.__getitem__, a)))
    if kind is list:
        return len(a) == len(b) and all(map(same, a, b))
    return canonical_json(a) == canonical_json(b)
