"""A webhook on loopback that takes messages, or behaves as badly as it is told to."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET_PATH = "/services/T0/B0/very-secret-token"


@dataclass
class Webhook:
    """Its address, and what was sent to it: bodies, paths and headers in their order."""

    url: str
    bodies: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def only(self) -> dict[str, Any]:
        """The one message that was sent."""
        assert len(self.bodies) == 1, self.bodies
        return self.bodies[0]


def _ok(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b"ok")


def answering(status: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer with a status and headers."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()

    return answer


def hanging(seconds: float) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer nothing for so long."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        del handler
        time.sleep(seconds)

    return answer


def dripping(seconds: float) -> Callable[[BaseHTTPRequestHandler], None]:
    """Send a byte of a header line now and then, which no timeout of a socket notices."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        end = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            while time.monotonic() < end:
                handler.wfile.write(b"a")
                handler.wfile.flush()
                time.sleep(0.2)

    return answer


@contextlib.contextmanager
def webhook(answer: Callable[[BaseHTTPRequestHandler], None] = _ok) -> Iterator[Webhook]:
    """Serve for the length of a `with` block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.paths.append(self.path)
            made.headers.append(dict(self.headers.items()))
            made.bodies.append(json.loads(body))
            answer(self)

        def do_GET(self) -> None:
            made.paths.append(f"GET {self.path}")
            _ok(self)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the standard library's
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        made = Webhook(f"http://127.0.0.1:{server.server_address[1]}{SECRET_PATH}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield made
        server.shutdown()
        thread.join(5)
