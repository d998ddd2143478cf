"""One request and one response as values, and JSON the way JavaScript reads and writes it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

Body = dict[str, Any]

JSON_TYPE = "application/json; charset=utf-8"
NDJSON_TYPE = "application/ndjson"

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


@dataclass(slots=True)
class Request:
    """
    One HTTP request, read completely.

    `path` is percent-decoded and has no query, header names are lower-case; a header sent twice is joined with ", ".
    """

    method: str
    path: str
    query_text: str
    headers: dict[str, str]
    body: bytes

    @property
    def query(self) -> dict[str, list[str]]:
        """The query parameters, each with all its values, blank ones included; `name[]` counts as `name`."""
        found: dict[str, list[str]] = {}
        if self.query_text:
            for name, value in parse_qsl(self.query_text, keep_blank_values=True, max_num_fields=1000):
                found.setdefault(name.removesuffix("[]"), []).append(value)
        return found


@dataclass(slots=True)
class Response:
    """One HTTP response. `delivery` is set by a fault that spoils how it is sent (see `faults`)."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()
    delivery: str = ""
    seconds: float = field(default=0.0)


class NotJsonError(ValueError):
    """The text is not JSON that Kibana would take."""


def to_json(value: Any) -> str:
    """Compact JSON text, non-ASCII characters as they are, like `JSON.stringify`."""
    return _encode(value)


def json_response(value: Any, *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """A JSON response."""
    return Response(status, to_json(value).encode("utf-8", "replace"), JSON_TYPE, headers)


def text_response(text: str) -> Response:
    """A JSON response whose text is ready."""
    return Response(200, text.encode("utf-8", "replace"))


def ndjson_response(rows: Iterable[Any], file_name: str) -> Response:
    """A download of one JSON text a line."""
    return download((to_json(row) for row in rows), file_name)


def download(lines: Iterable[str], file_name: str) -> Response:
    """A download of lines under the type of NDJSON; what a header cannot hold is left out of the file's name."""
    body = "".join(f"{line}\n" for line in lines)
    name = "".join(letter for letter in file_name if letter.isprintable() and letter not in '"\\')
    headers = (("content-disposition", f'attachment; filename="{name}"'),)
    return Response(200, body.encode("utf-8", "replace"), NDJSON_TYPE, headers)


def _number(text: str) -> int | float:
    """JavaScript has one number type: `5.0` is 5. Infinity cannot be written back and is refused."""
    number = float(text)
    if not math.isfinite(number):
        raise NotJsonError(text)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _no_constant(text: str) -> Any:
    raise NotJsonError(text)


_DEPTH = 500
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def _too_deep(text: str) -> bool:
    """
    Whether the nesting goes beyond what every later step, deeper in the stack, can still walk. Only a text with that
    many brackets is looked at closely.
    """
    if text.count("[") + text.count("{") <= _DEPTH:
        return False
    depth = 0
    for found in _BRACKETS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0)
        if depth > _DEPTH:
            return True
    return False


_decode = json.JSONDecoder(parse_float=_number, parse_constant=_no_constant).decode


def from_json(raw: bytes | str) -> Any:
    """
    Parse JSON as Kibana's payload parser does. Raises NotJsonError, also for NaN, infinities, `__proto__` keys, text
    that is not UTF-8 and nesting beyond what can be written back. Lone surrogates become "?", as no store keeps them.
    """
    try:
        text = raw.decode("utf-8") if isinstance(raw, bytes) else raw
        if '"__proto__"' in text:
            raise NotJsonError("__proto__")
        if _too_deep(text):
            raise NotJsonError("nested too deeply")
        value = _decode(text.removeprefix("\ufeff"))
        if "\\ud" in text or "\\uD" in text:
            value = _decode(_encode(value).encode("utf-8", "replace").decode("utf-8"))
    except (ValueError, RecursionError) as exc:
        raise NotJsonError(str(exc)) from exc
    return value
