"""One HTTP exchange as values: what is sent, what came back, and why nothing did. Knows no HTTP library."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Query = tuple[tuple[str, str], ...]

RULES = "/api/detection_engine/rules"


@dataclass(frozen=True, slots=True)
class Call:
    """
    One request. `path` has no space prefix, `purpose` completes "Kibana refused to …", `body` is serialised once.
    `kind` groups calls of like cost for the limiter, of which at most `at_most` run at once (None: no own limit).
    """

    method: Method
    path: str
    purpose: str
    query: Query = ()
    body: bytes | None = None
    content_type: str = "application/json"
    scoped: bool = True  # within the space; False for what belongs to the whole Kibana
    kind: str = ""
    at_most: int | None = None

    @property
    def family(self) -> str:
        """What the limiter measures together."""
        return self.kind or f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete response; header names are lower case, the body is decoded (gzip) but not parsed."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the body as a JSON value. Raises ShapeError."""
        try:
            with _one_at_a_time if len(self.body) > _LARGE else nullcontext():
                return _JSON.decode(self.body.decode("utf-8"))
        except (ValueError, RecursionError):
            raise ShapeError(f"is not JSON ({self.headers.get('content-type') or 'no content type'})") from None

    def text(self) -> str:
        """Return the body as text, for a message."""
        return self.body.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Traffic:
    """What was exchanged so far: requests (each retry counts), and bytes of bodies sent and of answers received."""

    requests: int = 0
    sent: int = 0
    received: int = 0


class ShapeError(ValueError):
    """An answer is not what the call needs; the message completes "the answer …". Never leaves this package."""


class WireError(Exception):
    """
    No complete answer. `sent` is False only when no connection was made, so that nothing can have happened;
    `lasting` when sending it again would fail alike. Never leaves this package.
    """

    def __init__(self, reason: str, *, sent: bool, lasting: bool = False, hint: str = "") -> None:
        super().__init__(reason)
        self.sent = sent
        self.lasting = lasting
        self.hint = hint


def json_body(value: Any) -> bytes:
    """Return the bytes of a JSON value, in ASCII: a lone surrogate from a file must not break the encoding."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_JSON = json.JSONDecoder(parse_constant=_no_constant)
_LARGE = 1_000_000
_one_at_a_time = threading.Lock()
"""Held while a large body is text, which takes up to four times its bytes."""
