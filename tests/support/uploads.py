"""Uploads of one file as `multipart/form-data`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

_BOUNDARY = "----tests-boundary-7MA4YWxkTrZu0gW"


def ndjson(lines: Iterable[Any]) -> bytes:
    """One JSON text per line; a line that is text already is taken as it is."""
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    return "".join(f"{text}\n" for text in texts).encode()


def form(content: bytes, *, name: str = "file", file_name: str = "rules.ndjson") -> tuple[bytes, dict[str, str]]:
    """The body and headers of an upload."""
    disposition = f'Content-Disposition: form-data; name="{name}"; filename="{file_name}"'
    head = f"--{_BOUNDARY}\r\n{disposition}\r\nContent-Type: application/ndjson\r\n\r\n"
    body = head.encode() + content + f"\r\n--{_BOUNDARY}--\r\n".encode()
    return body, {"content-type": f"multipart/form-data; boundary={_BOUNDARY}"}
