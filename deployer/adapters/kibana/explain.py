"""Why an exchange failed, found under the layers of requests, urllib3, ssl and the socket, said as a sentence's end."""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
from dataclasses import dataclass

import requests
import urllib3.exceptions

from deployer.adapters.kibana.exchange import WireError

_OS_REASONS = {
    errno.ECONNREFUSED: "the connection was refused",
    errno.EHOSTUNREACH: "there is no route to the host",
    errno.ENETUNREACH: "the network cannot be reached",
}


@dataclass(frozen=True, slots=True)
class _Breakdown:
    """A failure laid open: everything the exception wraps, whether a connection stood, whether time was up."""

    causes: tuple[BaseException, ...]
    sent: bool
    over: bool
    timeouts: tuple[float, float]

    def first(self, *kinds: type[BaseException]) -> BaseException | None:
        """Return the outermost cause of one of these kinds."""
        return next((cause for cause in self.causes if isinstance(cause, kinds)), None)

    def error(self, reason: str, *, lasting: bool = False, hint: str = "") -> WireError:
        """Return the failure in our words."""
        return WireError(reason, sent=self.sent, lasting=lasting, hint=hint)


def explained(exc: Exception, *, sent: bool, over: bool, timeouts: tuple[float, float]) -> WireError:
    """
    Return the failure as our own. `sent`: a connection stood; `over`: the exchange's deadline has passed;
    `timeouts`: those of connecting and of reading, in seconds.
    """
    failure = _Breakdown(_causes(exc), sent, over, timeouts)
    for describe in (_proxy, _certificate, _tls, _name, _os, _timed_out, _broken):
        error = describe(failure)
        if error is not None:
            return error
    innermost = failure.causes[-1]
    return failure.error(f"the exchange failed: {type(innermost).__name__}: {innermost}")


def _causes(exc: BaseException) -> tuple[BaseException, ...]:
    """The exception and everything it wraps, outermost first. The libraries wrap by argument, `reason` and chaining."""
    chain: list[BaseException] = []
    waiting: list[BaseException] = [exc]
    while waiting:
        current = waiting.pop(0)
        if any(current is seen for seen in chain):
            continue
        chain.append(current)
        inner = [getattr(current, "reason", None), *current.args, current.__cause__, current.__context__]
        waiting += [item for item in inner if isinstance(item, BaseException)]
    return tuple(chain)


def _proxy(failure: _Breakdown) -> WireError | None:
    if failure.first(requests.exceptions.ProxyError, urllib3.exceptions.ProxyError) is None:
        return None
    return failure.error(f"the proxy did not let it through: {failure.causes[-1]}", hint="check proxy in [kibana]")


def _certificate(failure: _Breakdown) -> WireError | None:
    cause = failure.first(ssl.SSLCertVerificationError)
    if not isinstance(cause, ssl.SSLCertVerificationError):
        return None
    return failure.error(
        f"its TLS certificate is not trusted: {cause.verify_message or cause.reason or cause}",
        lasting=True,
        hint="set ca_file in [kibana] to the PEM file of the CA that signed it, and check the host in url",
    )


def _tls(failure: _Breakdown) -> WireError | None:
    cause = failure.first(ssl.SSLError)
    if not isinstance(cause, ssl.SSLError) or isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return None
    why = (cause.reason or str(cause)).replace("_", " ").lower()
    return failure.error(f"TLS failed: {why}", lasting=not failure.sent, hint=_tls_hint(why))


def _tls_hint(why: str) -> str:
    if "wrong version number" in why or "record layer" in why:
        return "the port seems to speak plain http, not https"
    if "certificate required" in why or "handshake failure" in why:
        return "the server may ask for a client certificate: client_cert and client_key in [kibana]"
    return ""


def _name(failure: _Breakdown) -> WireError | None:
    if failure.first(socket.gaierror, urllib3.exceptions.NameResolutionError) is None:
        return None
    return failure.error("the host name does not resolve", hint="check the host in url")


def _os(failure: _Breakdown) -> WireError | None:
    for cause in failure.causes:
        reason = _OS_REASONS.get(cause.errno or 0) if isinstance(cause, OSError) else None
        if reason:
            return failure.error(reason, hint="check url in the environment file, and that Kibana runs there")
    return None


def _timed_out(failure: _Breakdown) -> WireError | None:
    # after _os: urllib3 counts a refused connection among its timeouts
    if failure.first(TimeoutError, urllib3.exceptions.TimeoutError, requests.Timeout) is None:
        return None
    if not failure.sent:
        return failure.error(f"no connection within {failure.timeouts[0]:g} s", hint="check url, proxy and firewall")
    if failure.over:
        return failure.error("the answer was not complete at its deadline")
    return failure.error(f"no answer within {failure.timeouts[1]:g} s")


def _broken(failure: _Breakdown) -> WireError | None:
    if failure.first(http.client.IncompleteRead, urllib3.exceptions.IncompleteRead):
        return failure.error("the answer broke off in the middle")
    if failure.first(ConnectionError, http.client.RemoteDisconnected, ssl.SSLEOFError, ssl.SSLZeroReturnError):
        reason = "the connection was closed before a complete answer" if failure.sent else "the handshake was cut off"
        return failure.error(reason)
    if failure.first(urllib3.exceptions.DecodeError):
        return failure.error("the answer could not be decompressed")
    return None
