"""Addresses of Kibana, proxies and stores, brought to one form. No error repeats one: it may hold a password."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

SANDBOX: Final = "sandbox"

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?|[0-9A-Fa-f:.]+")
_PATH: Final = re.compile(r"(/[A-Za-z0-9._~-]+)*")
_A_PAGE: Final = re.compile(r"/(app|api|internal|login|spaces|status)(/|$)")


class AddressError(ValueError):
    """An address that cannot be used; the message does not repeat it."""

    def __init__(self, message: str, remedy: str, code: str = "url") -> None:
        super().__init__(message)
        self.remedy = remedy
        self.code = code


def parse_kibana_url(written: str) -> str:
    """
    Return the address of a Kibana in its one form: lower case, no default port, no slash at the end; a base path stays.

    "sandbox" stands for the embedded one. Raises AddressError.
    """
    if written == SANDBOX:
        return SANDBOX
    parts = _split(written, "https://kibana.example.com")
    path = parts.path.rstrip("/")
    if re.search(r"/s/[^/]+$", path):
        raise AddressError("the address names a space", 'leave /s/… away and write space = "…"')
    if _A_PAGE.search(path):
        raise AddressError(
            "this is the address of a page, not of Kibana", "cut it after the host, or after the base path"
        )
    if not _PATH.fullmatch(path) or ".." in path:
        raise AddressError("the path of the address has unexpected characters", "a base path looks like /kibana")
    return _origin(parts) + path


def parse_proxy_url(written: str) -> str:
    """Return the address of an http or https proxy in its one form. Raises AddressError."""
    parts = _split(written, "http://proxy.example.com:3128")
    if parts.path.strip("/"):
        raise AddressError("a proxy has no path", "cut the address after the port")
    return _origin(parts)


def _split(written: str, example: str) -> SplitResult:
    """Take an address apart; only http and https, a host, nothing that carries a secret."""
    if re.search(r"[\s\x00-\x1f\\]", written):
        raise AddressError("the address has a space or a control character in it", f"write it like {example}")
    try:
        parts = urlsplit(written)
        _ = parts.port
    except ValueError:
        raise AddressError("this is not an address", f"write it like {example}") from None
    if parts.scheme not in _DEFAULT_PORTS or not written.lower().startswith(f"{parts.scheme}://"):
        raise AddressError("the address must begin with https:// or http://", f"write it like {example}")
    if parts.username is not None or parts.password is not None:
        remedy = "take it out, and give username and password by reference; revoke it if it was committed"
        raise AddressError("the address carries a user name or a password", remedy, "literal-secret")
    if "?" in written or "#" in written:
        raise AddressError("the address goes on after the path", "cut it before the ? or #")
    if not parts.hostname or not _HOST.fullmatch(parts.hostname):
        raise AddressError("the address has no host that can be looked up", f"write it like {example}")
    return parts


def _origin(parts: SplitResult) -> str:
    host = (parts.hostname or "").lower().rstrip(".")
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def decode_cloud_id(written: str) -> str:
    """
    Return the address of the Kibana that a Cloud ID names: `NAME:base64("HOST[:PORT]$ELASTICSEARCH$KIBANA[:PORT]")`.

    Raises AddressError.
    """
    copied = "copy the Cloud ID of the deployment once more"
    encoded = written.rpartition(":")[2]
    try:
        text = b64decode(encoded + "=" * (-len(encoded) % 4), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        raise AddressError("this is not a Cloud ID", copied, "cloud-id") from None
    domain, *services = text.rstrip("\0").split("$")
    kibana = services[1] if len(services) > 1 else ""
    if not domain or not kibana:
        raise AddressError("this Cloud ID names no Kibana", f"{copied}, or give url", "cloud-id")
    host, _, port = domain.partition(":")
    name, _, own_port = kibana.partition(":")
    try:
        return _origin(_split(f"https://{name}.{host}:{own_port or port or 443}", "NAME:…"))
    except AddressError:
        raise AddressError("this Cloud ID names no host that can be looked up", copied, "cloud-id") from None


def host_of(url: str) -> str:
    """Return the host of an address that was checked, without brackets; "" for the embedded sandbox."""
    return "" if url == SANDBOX else (urlsplit(url).hostname or "")


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine by its name or number, without asking a resolver."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
