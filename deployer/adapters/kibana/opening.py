"""Opening one Kibana space: the checks that come before a credential leaves the machine, and the parts put together."""

from __future__ import annotations

from typing import Literal, overload
from urllib.parse import SplitResult, urlsplit

from deployer import __version__
from deployer.adapters.kibana.credentials import Secrets
from deployer.adapters.kibana.limiter import limiter_of
from deployer.adapters.kibana.reading import KibanaReader
from deployer.adapters.kibana.redaction import Redactor, bare_url, userinfo
from deployer.adapters.kibana.session import Session
from deployer.adapters.kibana.words import Words
from deployer.adapters.kibana.writing import KibanaWriter
from deployer.core.environment import Connection
from deployer.core.ports import Clock
from deployer.core.settings.addresses import is_loopback
from deployer.errors import Refusal, RefusedError, UnreachableError

API_VERSION = "2023-10-31"


def get_ready() -> None:
    """Import requests, for who has to wait anyway before there is something to connect to: a tenth of a second."""
    from deployer.adapters.kibana import wire  # noqa: F401


@overload
def connect(
    connection: Connection, space: str, secrets: Secrets, *, clock: Clock, read_only: Literal[True]
) -> KibanaReader: ...
@overload
def connect(
    connection: Connection, space: str, secrets: Secrets, *, clock: Clock, read_only: Literal[False]
) -> KibanaWriter: ...
def connect(
    connection: Connection, space: str, secrets: Secrets, *, clock: Clock, read_only: bool
) -> KibanaReader | KibanaWriter:
    """
    Return one space of a Kibana, to be used in a `with` block. Nothing is sent yet.

    `secrets` are the resolved credentials for this purpose (reading has its own, design section 3). The environment's
    proxy and CA variables are not looked at here: see `with_variables`. Raises RefusedError
    (host) for credentials over plain http, SecretError for one that cannot be sent, UnreachableError for a URL, CA
    file or client certificate that cannot be used.
    """
    from deployer.adapters.kibana.wire import Wire  # imports requests: 60 ms that --help must not pay

    url = _checked_url(connection, secrets)
    words = Words(bare_url(connection.url), space, Redactor((*secrets.forms(), *userinfo(connection.proxy))))
    wire = Wire(connection, _headers(url, secrets), clock.monotonic)
    limiter = limiter_of(f"{url.scheme}://{url.netloc}".lower(), connection.connections)
    session = Session(wire, connection, words, limiter=limiter, clock=clock)
    return KibanaReader(session) if read_only else KibanaWriter(session)


def _headers(url: SplitResult, secrets: Secrets) -> dict[str, str]:
    """What every request carries; `kbn-xsrf` and the version also where Kibana could do without."""
    headers = {
        "Accept": "application/json",
        # inflating costs more than loopback: 357 ms against 205 for 15 MB (libraries.md, floors and targets)
        "Accept-Encoding": "identity" if is_loopback(url.hostname or "") else "gzip",
        "User-Agent": f"kibana-deployer/{__version__}",
        "elastic-api-version": API_VERSION,
        "kbn-xsrf": "deployer",
    }
    authorization = secrets.authorization()
    return headers | ({"Authorization": authorization} if authorization else {})


def _checked_url(connection: Connection, secrets: Secrets) -> SplitResult:
    """The URL, if it may be called with these credentials."""
    shown = bare_url(connection.url)
    try:
        url = urlsplit(connection.url)
        port = url.port
    except ValueError:
        raise UnreachableError(f"{shown!r} is not a URL") from None
    if url.scheme.lower() not in ("http", "https") or not url.hostname or port == 0:
        raise UnreachableError(f"{shown!r} is not an http or https URL", hint="url in [kibana] names scheme and host")
    if url.username or url.password:
        raise UnreachableError(
            f"the url of {shown} carries credentials",
            hint="put them into [kibana] as references: env:NAME or file:PATH",
        )
    if (
        secrets.forms()
        and url.scheme.lower() == "http"
        and not connection.allow_http
        and _leaves(url, connection.proxy)
    ):
        raise RefusedError(
            f"credentials would be sent over plain http to {shown}",
            Refusal.HOST,
            hint="use https in url, or set allow_http = true in [kibana] if the network is trusted",
        )
    return url


def _leaves(url: SplitResult, proxy: str | None) -> bool:
    """Whether a plain request leaves this machine, by itself or through the proxy."""
    return not is_loopback(url.hostname or "") or (
        proxy is not None and not is_loopback(urlsplit(proxy).hostname or "")
    )
