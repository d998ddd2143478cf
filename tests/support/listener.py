"""A listener that says nothing: who connected to it, and what they sent."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Listener:
    """A port on loopback; `received` are the first bytes of each connection, which may be none."""

    port: int
    received: list[bytes] = field(default_factory=list)

    @property
    def connections(self) -> int:
        """How many have connected."""
        return len(self.received)


@contextlib.contextmanager
def listening() -> Iterator[Listener]:
    """Listen for the length of a `with` block."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        listener = Listener(server.getsockname()[1])

        def listen() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(0.2)
                    listener.received.append(b"")
                    with contextlib.suppress(OSError):
                        listener.received[-1] = connection.recv(4096)

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield listener
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)
