"""
The one module that sends HTTP. It imports requests and urllib3 at its top and is itself imported only by `connect`.

Three things that requests alone does not give (each seen on raw sockets, `tests/adapters/kibana/test_wire.py`):
- whether a failed request was sent at all: a refused connection and a broken handshake are definite, a reset is not;
- a deadline for the whole exchange: its read timeout starts anew with every byte, so a dripping body never ends;
- no work per call for what never changes: headers, base URL, proxy and TLS context are prepared once, and the adapter
  is driven directly, because a requests.Session adds cookies, netrc, redirects and hooks, all unwanted here.
"""

from __future__ import annotations

import contextlib
import io
import math
import socket
import threading
import time
from collections.abc import Callable
from http.client import HTTPResponse
from typing import Any, cast
from urllib.parse import quote, urlencode

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from deployer.adapters.kibana.exchange import Answer, Call, WireError
from deployer.adapters.kibana.explain import explained
from deployer.adapters.kibana.tls import tls_context
from deployer.core.environment import Connection
from deployer.errors import UnreachableError


class _Exchange(threading.local):
    """The exchange that this thread carries out; urllib3 hands nothing of ours down to the socket."""

    deadline: float = math.inf
    monotonic: Callable[[], float] = staticmethod(time.monotonic)
    connecting: bool = False
    received: int = 0
    uses: Callable[[Any], None] = staticmethod(lambda _: None)

    def begin(self, deadline: float, monotonic: Callable[[], float], uses: Callable[[Any], None]) -> None:
        """Start afresh: `deadline` is read on the clock `monotonic`; `uses` is told the socket."""
        self.deadline, self.monotonic, self.uses, self.connecting, self.received = deadline, monotonic, uses, False, 0


_exchange = _Exchange()


class _TimedReader(io.RawIOBase):
    """Reads from a socket; each wait is cut to what is left of the exchange's deadline."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw, self._sock, self._idle = raw, sock, sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = _exchange.deadline - _exchange.monotonic()
        if left <= 0:
            raise TimeoutError("deadline")
        self._sock.settimeout(left if self._idle is None else min(self._idle, left))
        count = self._raw.readinto(buffer)
        _exchange.received += count or 0
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    """The standard library's response, reading through a _TimedReader: status line, headers and body alike."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock), 65_536)


class _PlainConnection(HTTPConnection):
    """
    Notes while it connects, so that a failure is known to have come before anything was sent; and which socket the
    exchange uses, so that it can be cut. Head and body leave in one piece: each call of the system hands the
    interpreter to another thread and has to get it back.
    """

    response_class = _TimedResponse
    _body: bytes = b""

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **how: Any) -> None:
        self._body = body or b""  # the length is in our headers
        super().request(method, url, headers=headers, **how)

    def connect(self) -> None:
        _exchange.connecting = True
        super().connect()
        _exchange.uses(self.sock)
        _exchange.connecting = False

    def send(self, data: Any) -> None:
        if self.sock is not None:
            _exchange.uses(self.sock)  # that of an exchange before, taken up again
        body, self._body = self._body, b""
        super().send(data + body if body else data)


class _TlsConnection(_PlainConnection, HTTPSConnection):
    """As above; connecting includes the proxy's tunnel, the handshake and the check of the certificate."""


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    """requests' adapter on our connections, with one TLS context for all of them, and without retries."""

    def __init__(self, context: Any, connections: int) -> None:
        self._context = context
        self._pool: Any = None
        super().__init__(pool_connections=2, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs, ssl_context=self._context, proxy_ssl_context=self._context)
        manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
        return manager

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {}  # which CA, which client certificate: the TLS context says it, for every connection

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing: requests would load the CA bundle again for each connection (10-20 ms of CPU)."""

    def get_connection_with_tls_context(self, request: Any, verify: Any, proxies: Any = None, cert: Any = None) -> Any:
        """The one pool of the one host: requests would take the URL apart to look it up again for each request."""
        if self._pool is None:
            self._pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
        return self._pool

    def request_url(self, request: Any, proxies: Any) -> str:
        """What the request line says: the path, as the URL is ours and well formed; all of it for a plain proxy."""
        if proxies:
            return str(super().request_url(request, proxies))
        return "/" + str(request.url).partition("://")[2].partition("/")[2]

    def build_response(self, req: Any, resp: Any) -> requests.Response:
        """Only what `Wire` reads: no cookies, no encoding, no second copy of the headers."""
        response = requests.Response()
        response.request, response.raw = req, resp
        response.status_code, response.headers = resp.status, resp.headers
        return response


class _InUse:
    """The sockets of the exchanges under way, so that another thread can end them all."""

    def __init__(self) -> None:
        self._sockets: dict[int, Any] = {}
        self._mutex = threading.Lock()
        self.over = False

    def add(self, sock: Any) -> None:
        """Note the socket of this thread's exchange. Raises ConnectionAbortedError once all was ended."""
        with self._mutex:
            if self.over:
                raise ConnectionAbortedError
            self._sockets[threading.get_ident()] = sock

    def done(self) -> None:
        """Forget the socket of this thread's exchange."""
        with self._mutex:
            self._sockets.pop(threading.get_ident(), None)

    def end(self) -> None:
        """Shut every socket down; whoever reads from one finds it closed by the other side."""
        with self._mutex:
            self.over = True
            for sock in self._sockets.values():
                with contextlib.suppress(OSError):  # closed already
                    # not SSLSocket.shutdown: that takes the TLS layer away from under the thread that reads
                    socket.socket.shutdown(getattr(sock, "socket", sock), socket.SHUT_RDWR)


class Wire:
    """Sends calls to one Kibana over pooled connections. Safe to use from several threads."""

    def __init__(self, connection: Connection, headers: dict[str, str], monotonic: Callable[[], float]) -> None:
        secure = connection.url.lower().startswith("https:") or (connection.proxy or "").lower().startswith("https:")
        self._adapter = _Adapter(tls_context(connection) if secure else None, connection.connections)
        if not connection.verify:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # `verify = false` says so already
        self._base = _prepared_url(connection.url)
        self._headers = headers
        self._proxies = {"http": connection.proxy, "https": connection.proxy} if connection.proxy else None
        self._timeouts = (connection.connect_timeout, connection.read_timeout)
        self._monotonic = monotonic
        self._in_use = _InUse()

    def send(self, call: Call, prefix: str, deadline: float) -> tuple[Answer, int]:
        """
        Send once; return the answer and the number of bytes received. Raises WireError without a complete answer.

        `prefix` is the space's path prefix; `deadline`, on the clock given, ends the exchange wherever it stands.
        """
        if self._in_use.over:
            raise WireError("the run was interrupted", sent=False, lasting=True)
        request = self._request(call, prefix)
        left = max(deadline - self._monotonic(), 0.001)
        timeouts = (min(self._timeouts[0], left), min(self._timeouts[1], left))
        _exchange.begin(deadline, self._monotonic, self._in_use.add)
        try:
            response = self._adapter.send(request, stream=True, timeout=timeouts, proxies=self._proxies)
            try:
                body = response.raw.read(decode_content=True)
            finally:
                response.raw.close()  # gives a connection back that was read to its end, drops any other
        except (OSError, urllib3.exceptions.HTTPError) as exc:
            over = self._monotonic() >= deadline
            # `from None`: the library's exceptions carry the request, and with it the Authorization header
            raise explained(exc, sent=not _exchange.connecting, over=over, timeouts=self._timeouts) from None
        finally:
            self._in_use.done()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, body or b""), _exchange.received

    def cut(self) -> None:
        """End every exchange under way, as if the other side had closed its connection, and start no further one."""
        self._in_use.end()

    def close(self) -> None:
        """Close every pooled connection."""
        self._adapter.close()

    def _request(self, call: Call, prefix: str) -> requests.PreparedRequest:
        request = requests.PreparedRequest()
        request.method = call.method
        query = "?" + urlencode(call.query, quote_via=quote) if call.query else ""
        request.url = f"{self._base}{prefix if call.scoped else ''}{call.path}{query}"
        request.headers = cast("Any", {**self._headers})  # a CaseInsensitiveDict costs ten times as much, per call
        if call.body is not None:
            request.headers["Content-Type"] = call.content_type
            request.body = call.body
        if call.method != "GET":
            request.headers["Content-Length"] = str(len(call.body or b""))
        return request


def _prepared_url(url: str) -> str:
    """The base URL in the form that goes on the wire (punycode, escapes), without a trailing slash."""
    request = requests.PreparedRequest()
    try:
        request.prepare_url(url, None)
    except requests.RequestException as exc:
        raise UnreachableError(f"{url!r} is not a URL that can be called: {exc}") from None
    return (request.url or "").rstrip("/")
