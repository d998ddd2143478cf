"""Sockets and threads: one thread per connection, answers sent in one piece, faults in sending carried out."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time

from deployer.sandbox.app import App
from deployer.sandbox.errors import SandboxError
from deployer.sandbox.messages import Request, Response
from deployer.sandbox.wire import BadRequestError, ClosedError, Wire

_BACKLOG = 1024
_MOST_CONNECTIONS = 512  # at a time; more wait in the backlog
_IDLE_SECONDS = 120.0  # Kibana's `server.socketTimeout`
_DRIP_PIECES = 50
# SO_LINGER with a zero timeout: `close` sends a reset instead of a graceful end.
_RESET = struct.pack("ii", 1, 0)


class Server:
    """A listening socket in front of an App."""

    def __init__(self, app: App, host: str, port: int) -> None:
        self._app = app
        self._socket = _listen(host, port)
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        self._places = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        self._stopping = threading.Event()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def run(self) -> None:
        """Accept connections until `stop`."""
        while not self._stopping.is_set():
            if not self._places.acquire(timeout=0.2):
                continue
            peer = self._accept()
            if peer is None:
                self._places.release()
            else:
                threading.Thread(target=self._serve, args=(peer,), daemon=True).start()
        self._socket.close()

    def _accept(self) -> socket.socket | None:
        """The next connection; None where there is none to be had now, as when the process is out of descriptors."""
        try:
            peer, _ = self._socket.accept()
        except OSError:
            time.sleep(0.02)
            return None
        if self._stopping.is_set():
            peer.close()
            return None
        return peer

    def stop(self) -> None:
        """Stop accepting; `run` returns. Safe to call from any thread and from a signal handler."""
        self._stopping.set()
        # A connection of our own wakes `accept` on every platform; closing the socket does so on some only.
        own = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        with contextlib.suppress(OSError), socket.create_connection((own, self.port), timeout=1.0):
            pass

    def _serve(self, peer: socket.socket) -> None:
        try:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer.settimeout(_IDLE_SECONDS)
            self._converse(Wire(peer, self._app.kibana.clock))
        except OSError:
            pass  # the client went away or fell silent: nothing is owed to it
        finally:
            peer.close()
            self._app.kibana.database.release()
            self._places.release()

    def _converse(self, wire: Wire) -> None:
        while True:
            try:
                request = wire.read()
            except ClosedError:
                return
            except BadRequestError as exc:
                _refuse(wire, exc.status)
                return
            response = self._app.answer(request)
            if response is None:
                wire.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                return
            if not _deliver(wire, request, response) or not wire.keep_alive:
                return


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as exc:
        listening.close()
        raise SandboxError(
            f"Cannot listen on {host}:{port}: {exc.strerror}; choose another --port (0 takes a free one)."
        ) from exc
    return listening


def _refuse(wire: Wire, status: int) -> None:
    """Answer what is no request, then read what is still under way, so that the answer is not lost in a reset."""
    wire.refuse(status)
    wire.peer.shutdown(socket.SHUT_WR)
    wire.peer.settimeout(1.0)
    until = time.monotonic() + 5.0
    while wire.peer.recv(65_536) and time.monotonic() < until:
        pass


def _deliver(wire: Wire, request: Request, response: Response) -> bool:
    """Send the answer; false where a fault has spoiled the connection."""
    if response.delivery == "truncate":
        wire.peer.sendall(wire.head(response, length=len(response.body)) + response.body[: len(response.body) // 2])
        return False
    if response.delivery == "drip":
        _drip(wire, wire.head(response, length=len(response.body)) + response.body, response.seconds)
    else:
        wire.write(response, bodiless=request.method == "HEAD")
    return True


def _drip(wire: Wire, data: bytes, seconds: float) -> None:
    size = max(1, -(-len(data) // _DRIP_PIECES))
    pieces = range(0, len(data), size)
    for start in pieces:
        wire.peer.sendall(data[start : start + size])
        time.sleep(seconds / len(pieces))
