"""
The environment's proxy and CA variables, looked at once per connection instead of once per request, as requests would.

Whoever opens a connection applies them before hosts are checked, since DEPLOYER_HOSTS also pins the proxy. What the
environment file says always wins; a Kibana on this machine is never asked through a proxy of the environment.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from deployer.core.environment import Connection
from deployer.core.settings.addresses import is_loopback

_CA_FILES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


def with_variables(connection: Connection, environ: Mapping[str, str]) -> Connection:
    """
    Return the connection with `proxy` from HTTPS_PROXY, HTTP_PROXY or ALL_PROXY (unless NO_PROXY names the host) and
    `ca_file` from REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE, where the environment file leaves them open.

    Both spellings of the proxy variables count, the lower one first; HTTP_PROXY only in lower case, because a CGI
    server sets the other one from a request's header.
    """
    return replace(
        connection,
        proxy=connection.proxy or _proxy(connection.url, environ),
        ca_file=connection.ca_file or next((environ[name] for name in _CA_FILES if environ.get(name)), None),
    )


def _proxy(url: str, environ: Mapping[str, str]) -> str | None:
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if not host or is_loopback(host) or _bypassed(host, parts.port, _either(environ, "no_proxy")):
        return None
    own = environ.get("http_proxy", "") if parts.scheme == "http" else _either(environ, "https_proxy")
    proxy = (own or _either(environ, "all_proxy")).strip()
    if not proxy:
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _either(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.upper()) or ""


def _bypassed(host: str, port: int | None, no_proxy: str) -> bool:
    """Whether NO_PROXY names the host: itself, a domain above it, a network around it, each with or without a port."""
    return any(_covers(entry.strip().lower(), host, port) for entry in no_proxy.split(",") if entry.strip())


def _covers(entry: str, host: str, port: int | None) -> bool:
    if entry == "*" or _in_network(entry, host):
        return True
    name, _, wanted = entry.partition(":")
    if wanted and wanted != str(port):
        return False
    name = name.removeprefix("*").lstrip(".")
    return bool(name) and (host == name or host.endswith("." + name))


def _in_network(entry: str, host: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return False
