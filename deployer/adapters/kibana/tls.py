"""The TLS settings of a connection: which CA is trusted, whether it is checked, and who we are."""

from __future__ import annotations

import ssl
from pathlib import Path

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from deployer.core.environment import Connection
from deployer.errors import UnreachableError


def tls_context(connection: Connection) -> ssl.SSLContext:
    """
    Return the context for every connection to this Kibana: `ca_file` instead of the public CAs when it is given,
    the client certificate when there is one, verification on unless `verify` is False. Raises UnreachableError.
    """
    context = _trusting(connection)
    if connection.client_cert:
        _identify(context, connection.client_cert, connection.client_key)
    return context


def _trusting(connection: Connection) -> ssl.SSLContext:
    trusted = connection.ca_file or DEFAULT_CA_BUNDLE_PATH
    folder = Path(trusted).is_dir()
    try:
        context = ssl.create_default_context(cafile=None if folder else trusted, capath=trusted if folder else None)
    except (OSError, ssl.SSLError) as exc:
        raise UnreachableError(
            f"the CA file {trusted} cannot be used: {_reason(exc)}",
            hint="ca_file must name a PEM file that holds the CA's certificate",
        ) from exc
    if connection.ca_file:
        # Python 3.13 turned strict checking on, and the CA that Elasticsearch makes at its first start, like many a
        # private one, has no key usage extension (elasticsearch#117769). A CA that the user names needs no such form.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not connection.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _identify(context: ssl.SSLContext, certificate: str, key: str | None) -> None:
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")  # or OpenSSL asks on the terminal
    except (OSError, ssl.SSLError) as exc:
        raise UnreachableError(
            f"the client certificate {certificate} cannot be used: {_reason(exc)}",
            hint="client_cert and client_key must name PEM files that belong together; the key must not be encrypted",
        ) from exc


def _reason(exc: OSError) -> str:
    """What is wrong, without the number and the library's line numbers."""
    if isinstance(exc, ssl.SSLError):
        return (exc.reason or str(exc)).replace("_", " ").lower()
    return (exc.strerror or str(exc)).lower()
