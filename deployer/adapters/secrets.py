"""
Where credentials may go, and what the references to them stand for.

Every host is checked before a secret is read: an environment file is part of a pull request, and a changed `url` must
not receive a key. No message, log or representation holds a secret.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from deployer.adapters.surroundings import Surroundings
from deployer.core.environment import Connection, Credentials, ResolvedCredentials, SecretRef
from deployer.core.settings.addresses import SANDBOX, is_loopback
from deployer.core.suggestion import closest
from deployer.errors import Refusal, RefusedError, SecretError

_LONGEST: Final = 65536
_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ssh": 22}


def check_host(url: str, what: str, surroundings: Surroundings) -> None:
    """
    Refuse a host that DEPLOYER_HOSTS does not name; nothing is checked while it is not set.

    `what` is the setting the address comes from ("url", "cloud_id", "proxy", "state"). An entry without a port allows
    every port of its host. The embedded sandbox is never refused, a Kibana on this machine is. Raises RefusedError.
    """
    allowed = surroundings.hosts
    if allowed is None or url in ("", SANDBOX):
        return
    host, port = _host_and_port(url)
    if host in allowed or f"{host}:{port}" in allowed:
        return
    shown = f"{host}:{port}" if urlsplit(url).port else host
    pinned = f"which names only {', '.join(allowed)}" if allowed else "which is set and names no host"
    raise RefusedError(
        f"{what} leads to {shown}, which is not in DEPLOYER_HOSTS, {pinned}",
        Refusal.HOST,
        hint=f"no secret was read; if {shown} is meant, add it to DEPLOYER_HOSTS where deployer runs",
    )


def _host_and_port(url: str) -> tuple[str, int]:
    """Return host and port of a checked address, an IPv6 host in brackets as DEPLOYER_HOSTS writes it."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower().rstrip(".")
    return (f"[{host}]" if ":" in host else host), parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)


def check_connection(connection: Connection, surroundings: Surroundings) -> None:
    """
    Refuse a connection that may not be given credentials: a host outside DEPLOYER_HOSTS, or plain http to another
    machine without `allow_http`. Call it before `resolve`. Raises RefusedError.
    """
    check_host(connection.url, connection.given_as, surroundings)
    if connection.proxy:
        check_host(connection.proxy, "proxy", surroundings)
    plain = connection.url.startswith("http://") and not connection.allow_http
    if plain and not is_loopback(urlsplit(connection.url).hostname or ""):
        raise RefusedError(
            f"{connection.given_as} would send the credential unencrypted to {urlsplit(connection.url).hostname}",
            Refusal.HOST,
            hint="use https, or say allow_http = true under [kibana] where the network itself is trusted",
        )


def resolve(credentials: Credentials, surroundings: Surroundings, root: Path, where: str) -> ResolvedCredentials:
    """
    Return the credentials with every reference read.

    `root` is the project's folder, `where` the environment file, for messages. Raises SecretError, which names the
    reference and never a value.
    """

    def read(reference: SecretRef | None) -> str | None:
        return None if reference is None else read_secret(reference, surroundings, root, where)

    name = credentials.username
    return ResolvedCredentials(
        api_key=read(credentials.api_key),
        bearer=read(credentials.bearer),
        username=read(name) if isinstance(name, SecretRef) else name,
        password=read(credentials.password),
    )


def read_secret(reference: SecretRef, surroundings: Surroundings, root: Path, where: str) -> str:
    """Return what one reference stands for. Raises SecretError, which never says it."""
    if reference.kind == "env":
        return _from_variable(reference, surroundings, where)
    return _from_file(reference, root, where)


def _from_variable(reference: SecretRef, surroundings: Surroundings, where: str) -> str:
    """Read a variable; an empty one is a missing one: CI systems make unset secrets empty."""
    value = surroundings.environ.get(reference.name, "")
    if value.strip():
        return value
    state = "is empty" if reference.name in surroundings.environ else "is not set"
    close = closest(reference.name, (name for name, text in surroundings.environ.items() if text.strip()))
    meant = f"; there is a {close}, if that is meant" if close else ""
    raise SecretError(
        f"{where} takes a secret from {reference}, and {reference.name} {state}",
        hint=f"set {reference.name} where deployer runs (in CI: pass the secret to this step){meant}",
    )


def _from_file(reference: SecretRef, root: Path, where: str) -> str:
    """Read a file outside the checkout, without its final newline."""
    named = f"{where} takes a secret from {reference}"
    path = _place(reference, root, named)
    checkout = _checkout(root.resolve())
    if path.is_relative_to(checkout):
        raise SecretError(
            f"{named}, which lies inside the checkout {checkout}",
            hint="a secret in a checkout is one commit away from being public: move it outside, and name it there",
        )
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
    except OSError as exc:
        raise SecretError(f"{named}, which cannot be read: {exc.strerror}", hint=f"the file is {path}") from exc
    if len(content) > _LONGEST:
        raise SecretError(f"{named}, which is too long for a secret", hint=f"the file is {path}")
    return _text(content, named, path)


def _place(reference: SecretRef, root: Path, named: str) -> Path:
    """Return where the file really is: from the project's folder, `~` and links followed."""
    try:
        return (root / Path(reference.name).expanduser()).resolve()
    except (RuntimeError, OSError) as exc:  # no home folder for `~`; a circle of links
        raise SecretError(f"{named}, which leads nowhere", hint="name the file from / or from deployer.toml") from exc


def _text(content: bytes, named: str, path: Path) -> str:
    try:
        value = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # `from None`: the cause holds the bytes of the secret
        raise SecretError(f"{named}, which is not text", hint=f"the file is {path}") from None
    value = value.removesuffix("\n").removesuffix("\r")
    if not value.strip():
        raise SecretError(f"{named}, which is empty", hint=f"the file is {path}")
    return value


def _checkout(root: Path) -> Path:
    """Return the folder of the repository around the project, the project itself where there is none."""
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
