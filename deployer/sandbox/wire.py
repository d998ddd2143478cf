"""
HTTP/1.1 on the wire: bytes to Request and Response to bytes.

Written out instead of `http.server`, whose header parser takes longer than everything else a read does here.
Whatever is not a clean request gets Node's bare answer (400, 408, 413, 431) and the connection closes.
"""

from __future__ import annotations

import socket
from urllib.parse import unquote

from deployer.sandbox.clock import Clock
from deployer.sandbox.errors import reason
from deployer.sandbox.messages import Request, Response

_MOST_HEADER_BYTES = 16_384  # Node's --max-http-header-size
_MOST_HEADERS = 200
_READ = 65_536
# What nothing is read beyond, whatever the route allows; the routes' own limits are below it and answer politely.
MOST_BODY = 64 * 1_048_576
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_FIXED = (
    b"x-content-type-options: nosniff\r\n"
    b"referrer-policy: strict-origin-when-cross-origin\r\n"
    b"kbn-name: sandbox\r\n"
    b"cache-control: private, no-cache, no-store, must-revalidate\r\n"
)


class BadRequestError(Exception):
    """The bytes are not a request that can be read; `status` is what Node would answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class ClosedError(Exception):
    """The peer closed the connection."""


class Wire:
    """One connection: reads requests one after the other, and writes answers."""

    def __init__(self, peer: socket.socket, clock: Clock) -> None:
        self.peer = peer
        self._clock = clock
        self._buffer = b""
        self.keep_alive = True

    def read(self) -> Request:
        """The next request. Raises ClosedError, BadRequestError, or TimeoutError of the socket."""
        head = self._read_head()
        lines = head.split("\r\n")
        method, path, query = self._request_line(lines[0])
        headers = _headers(lines[1:])
        self.keep_alive = self._wants_more(lines[0], headers)
        if headers.get("expect", "").lower() == "100-continue":
            self.peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return Request(method, path, query, headers, self._read_body(headers))

    def _fill(self) -> None:
        received = self.peer.recv(_READ)
        if not received:
            raise ClosedError
        self._buffer += received

    def _read_head(self) -> str:
        self._buffer = self._buffer.lstrip(b"\r\n")
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > _MOST_HEADER_BYTES:
                raise BadRequestError(431)
            self._fill()
            if self._buffer[:1] in b"\r\n":
                self._buffer = self._buffer.lstrip(b"\r\n")
        if end > _MOST_HEADER_BYTES:
            raise BadRequestError(431)
        head = self._buffer[:end].decode("latin-1")
        self._buffer = self._buffer[end + 4 :]
        return head

    @staticmethod
    def _request_line(line: str) -> tuple[str, str, str]:
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] not in _METHODS or parts[2] not in ("HTTP/1.1", "HTTP/1.0"):
            raise BadRequestError(400)
        target = parts[1]
        if target[:1] != "/":
            if not target.startswith(("http://", "https://")):
                raise BadRequestError(400)
            target = "/" + target.split("/", 3)[3] if target.count("/") >= 3 else "/"
        path, _, query = target.partition("?")
        return parts[0], _decoded(path), query.partition("#")[0]

    @staticmethod
    def _wants_more(line: str, headers: dict[str, str]) -> bool:
        connection = headers.get("connection", "").lower()
        return "keep-alive" in connection if line.endswith("1.0") else "close" not in connection

    def _read_body(self, headers: dict[str, str]) -> bytes:
        length = headers.get("content-length")
        if "transfer-encoding" in headers:
            if length is not None or headers["transfer-encoding"].lower() != "chunked":
                raise BadRequestError(400)
            return self._read_chunks()
        if length is None:
            return b""
        if not (length.isascii() and length.isdigit()) or len(length) > 12:
            raise BadRequestError(400)
        if int(length) > MOST_BODY:
            raise BadRequestError(413)
        return self._take(int(length))

    def _take(self, size: int) -> bytes:
        if len(self._buffer) < size:
            parts, have = [self._buffer], len(self._buffer)
            self._buffer = b""
            while have < size:
                part = self.peer.recv(min(_READ, size - have))
                if not part:
                    raise ClosedError
                parts.append(part)
                have += len(part)
            return b"".join(parts)
        body, self._buffer = self._buffer[:size], self._buffer[size:]
        return body

    def _take_line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > _MOST_HEADER_BYTES:
                raise BadRequestError(431)
            self._fill()
        line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
        return line

    def _read_chunks(self) -> bytes:
        parts: list[bytes] = []
        have = 0
        while True:
            digits = self._take_line().partition(b";")[0].strip()
            if not digits or len(digits) > 8 or digits.strip(b"0123456789abcdefABCDEF"):
                raise BadRequestError(400)
            size = int(digits, 16)
            if not size:
                break
            have += size
            if have > MOST_BODY:
                raise BadRequestError(413)
            parts.append(self._take(size))
            if self._take(2) != b"\r\n":
                raise BadRequestError(400)
        for _ in range(_MOST_HEADERS):
            if not self._take_line():
                return b"".join(parts)
        raise BadRequestError(431)

    def head(self, response: Response, *, length: int) -> bytes:
        """Status line and headers."""
        lines = [f"HTTP/1.1 {response.status} {reason(response.status)}\r\n"]
        if response.content_type and (length or response.status != 204):
            lines.append(f"content-type: {response.content_type}\r\n")
        lines += [f"{name}: {value}\r\n" for name, value in response.headers]
        if response.status != 204:
            lines.append(f"content-length: {length}\r\n")
        lines.append("connection: keep-alive\r\n" if self.keep_alive else "connection: close\r\n")
        return "".join(lines).encode("latin-1", "replace") + _FIXED + b"date: " + self._clock.http_date() + b"\r\n\r\n"

    def write(self, response: Response, *, bodiless: bool = False) -> None:
        """Send a whole answer; a HEAD request gets its headers only."""
        head = self.head(response, length=len(response.body))
        self.peer.sendall(head if bodiless or response.status == 204 else head + response.body)

    def refuse(self, status: int) -> None:
        """Node's bare answer to what is not a request; the connection closes after it."""
        line = f"HTTP/1.1 {status} {reason(status)}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        self.peer.sendall(line.encode("ascii"))


def _decoded(path: str) -> str:
    """Percent-decode segment by segment; an encoded slash stays encoded, so that it cannot make a new segment."""
    if not path.isascii():
        raise BadRequestError(400)
    if "%" not in path:
        return path
    try:
        return "/".join(unquote(segment, errors="strict").replace("/", "%2F") for segment in path.split("/"))
    except UnicodeDecodeError as exc:
        raise BadRequestError(400) from exc


def _headers(lines: list[str]) -> dict[str, str]:
    if len(lines) > _MOST_HEADERS:
        raise BadRequestError(431)
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if (
            not colon
            or not name
            or name[0] in " \t"
            or name[-1] in " \t"
            or "\n" in line
            or "\0" in line
            or "\r" in line
        ):
            raise BadRequestError(400)
        name, value = name.lower(), value.strip(" \t")
        if name in headers:
            if name in ("content-length", "transfer-encoding"):
                raise BadRequestError(400)
            value = f"{headers[name]}, {value}"
        headers[name] = value
    return headers
