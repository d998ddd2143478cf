"""What the tests of the Kibana client talk to: raw socket servers, a sender without a network, a clock that jumps."""

from __future__ import annotations

import json
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any

from deployer.adapters.kibana import KibanaReader, KibanaWriter, Secrets, connect
from deployer.adapters.kibana.exchange import Answer, Call, WireError
from deployer.adapters.kibana.limiter import Limiter
from deployer.adapters.kibana.redaction import Redactor
from deployer.adapters.kibana.session import Session
from deployer.adapters.kibana.words import Words
from deployer.core.environment import Connection, Credentials

NOBODY = Credentials()
URL = "http://127.0.0.1:5601"


def rule(rule_id: str, **fields: Any) -> dict[str, Any]:
    """Return a rule as Kibana answers, as far as the client looks."""
    return {"id": f"so-{rule_id}", "rule_id": rule_id, "revision": 0, "name": rule_id, "enabled": True} | fields


def siem(status: int, message: str | list[str], **more: Any) -> Answer:
    """Return an error as Kibana's detection handlers word it."""
    return answered({"message": message, "status_code": status} | more, status)


def platform(status: int, message: str, error: str = "Error") -> Answer:
    """Return an error as Kibana's router words it."""
    return answered({"statusCode": status, "error": error, "message": message}, status)


def answered(value: Any, status: int = 200, **headers: str) -> Answer:
    """Return an answer with a JSON body."""
    lower = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, {"content-type": "application/json"} | lower, json.dumps(value).encode())


def html(status: int = 200, text: str = "<!doctype html><html><title>Log in</title></html>") -> Answer:
    """Return a page, as a proxy or a login form would."""
    return Answer(status, {"content-type": "text/html; charset=utf-8"}, text.encode())


def connection(url: str = URL, **settings: Any) -> Connection:
    """Return a connection with short times."""
    return replace(Connection(url, NOBODY, NOBODY, connect_timeout=2.0, read_timeout=5.0), **settings)


class JumpingClock:
    """A clock that does not sleep but jumps, and notes each sleep."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        """Return the jumped wall clock."""
        return datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        """Return the jumped seconds."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Jump."""
        self.slept.append(seconds)
        self.seconds += seconds


class RealClock:
    """The machine's clock; waits between retries are cut short, deadlines are real."""

    def now(self) -> datetime:
        """Return the wall clock."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return real seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait a hundredth of what is asked."""
        time.sleep(seconds / 100)


class ScriptedSender:
    """Answers each call by a function and notes it; stands in for the wire where no socket matters."""

    def __init__(self, reply: Callable[[Call], Answer | WireError]) -> None:
        self.reply = reply
        self.calls: list[Call] = []
        self.paths: list[str] = []
        self.closed = False

    def send(self, call: Call, prefix: str, deadline: float) -> tuple[Answer, int]:
        """Answer, or raise what the script says."""
        self.calls.append(call)
        self.paths.append((prefix if call.scoped else "") + call.path)
        answer = self.reply(call)
        if isinstance(answer, WireError):
            raise answer
        return answer, len(answer.body)

    def close(self) -> None:
        """Note it."""
        self.closed = True


def in_turn(*answers: Answer | WireError) -> Callable[[Call], Answer | WireError]:
    """Return a script that gives these answers one after the other, the last one for ever."""
    waiting = list(answers)
    return lambda call: waiting.pop(0) if len(waiting) > 1 else waiting[0]


def session_of(
    reply: Callable[[Call], Answer | WireError],
    *,
    space: str = "default",
    clock: Any = None,
    secrets: Iterable[str] = (),
    **settings: Any,
) -> tuple[Session, ScriptedSender]:
    """Return a session on a scripted sender, and the sender."""
    sender = ScriptedSender(reply)
    words = Words(URL, space, Redactor(secrets))
    settings = connection(**settings)
    return Session(sender, settings, words, limiter=Limiter(8), clock=clock or JumpingClock()), sender


def writer_of(reply: Callable[[Call], Answer | WireError], **options: Any) -> tuple[KibanaWriter, ScriptedSender]:
    """Return a writer on a scripted sender, and the sender."""
    session, sender = session_of(reply, **options)
    return KibanaWriter(session), sender


def opened(url: str, *, space: str = "default", secrets: Secrets | None = None, **settings: Any) -> KibanaWriter:
    """Return a writer on real HTTP."""
    made = connection(url, **settings)
    return connect(made, space, secrets or Secrets(), clock=RealClock(), read_only=False)


def opened_to_read(url: str, **settings: Any) -> KibanaReader:
    """Return a reader on real HTTP."""
    return connect(connection(url, **settings), "default", Secrets(), clock=RealClock(), read_only=True)


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it arrived."""

    line: str
    headers: dict[str, str]
    body: bytes


Reply = Callable[[socket.socket], None]


class RawServer:
    """A server of raw replies on a free loopback port: the nth request gets the nth reply, the last one for ever."""

    def __init__(self, *replies: Reply, tls: ssl.SSLContext | None = None) -> None:
        self._replies = list(replies)
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.seen: list[Seen] = []
        self.closed = threading.Semaphore(0)  # released once per connection that this side closed
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._guard = threading.Lock()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> RawServer:
        """Start to accept."""
        self._spawn(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every socket and end every thread."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._guard:
            for conn in self._open:
                with suppress(OSError):
                    socket.socket.shutdown(conn, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _spawn(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                conn, _ = self._listener.accept()
            except OSError:
                return
            with self._guard:
                self._open.append(conn)
            self._spawn(self._serve, conn)

    def _serve(self, conn: socket.socket) -> None:
        with suppress(OSError), conn:
            if self._tls is not None:
                conn = self._tls.wrap_socket(conn, server_side=True)
                with self._guard:
                    self._open.append(conn)  # the one below has given its socket away, and cannot end a read any more
            with conn, conn.makefile("rb") as stream:
                while (request := _request(stream)) is not None:
                    with self._guard:
                        self.seen.append(request)
                        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
                    reply(conn)
        self.closed.release()


def _request(stream: Any) -> Seen | None:
    line = stream.readline().decode("latin-1").strip()
    if not line:
        return None
    headers = {}
    while text := stream.readline().decode("latin-1").strip():
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
    return Seen(line, headers, stream.read(int(headers.get("content-length", 0))))


def reply(value: Any, status: int = 200, kind: str = "application/json", **headers: str) -> Reply:
    """Return a complete reply; text is sent as it is, anything else as JSON."""
    body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {text}" for name, text in headers.items()]
    raw = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    return lambda conn: conn.sendall(raw)


def raw(*parts: bytes, pause: float = 0.0) -> Reply:
    """Return a reply of bytes, with a pause before each further part; the connection is closed after them."""

    def send(conn: socket.socket) -> None:
        for number, part in enumerate(parts):
            if number:
                time.sleep(pause)
            conn.sendall(part)
        conn.shutdown(socket.SHUT_RDWR)

    return send


def reset(conn: socket.socket) -> None:
    """Break the connection off with RST."""
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(conn.detach())  # close() would wait for the stream that reads from it


def hang_up(conn: socket.socket) -> None:
    """Close the connection without a word."""
    conn.shutdown(socket.SHUT_RDWR)


def silence(seconds: float) -> Reply:
    """Return a reply that says nothing for a while and hangs up."""

    def wait(conn: socket.socket) -> None:
        time.sleep(seconds)
        hang_up(conn)

    return wait
