"""The resolved credentials of one Kibana: how they are sent, and every form in which they must never be shown."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from deployer.errors import SecretError


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """
    What the references of an environment resolved to; at most one way to authenticate is used, in the order of the
    fields. `api_key` is the base64 form that Kibana shows, or `id:key`. All None: send nothing (an open sandbox).
    """

    api_key: str | None = None
    bearer: str | None = None
    username: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        """Which kinds are set, never a value."""
        kinds = [name for name in ("api_key", "bearer", "password") if getattr(self, name)]
        return f"Secrets({', '.join(kinds) or 'none'})"

    def authorization(self) -> str | None:
        """Return the value of the Authorization header, None without credentials. Raises SecretError if unsendable."""
        if self.api_key:
            key = _sendable("API key", self.api_key)
            return "ApiKey " + (_base64(key) if ":" in key else key)
        if self.bearer:
            return "Bearer " + _sendable("bearer token", self.bearer)
        if self.username and self.password:
            return "Basic " + _base64(f"{self.username}:{self.password}")
        if self.username or self.password:
            raise SecretError("a user name needs a password, and a password a user name")
        return None

    def forms(self) -> tuple[str, ...]:
        """Return every text that gives a credential away: as configured, as sent, and decoded."""
        found = [text.strip() for text in (self.api_key, self.bearer, self.password) if text and text.strip()]
        if self.api_key:
            found += _key_forms(self.api_key.strip())
        if self.username and self.password:
            found.append(_base64(f"{self.username}:{self.password}"))
        return tuple(dict.fromkeys(found))


def _key_forms(api_key: str) -> list[str]:
    """The other forms of an API key: `id:key`, its base64, and the key alone. The id alone is no secret."""
    if ":" in api_key:
        return [_base64(api_key), api_key.partition(":")[2]]
    try:
        plain = base64.b64decode(api_key, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return []
    return [plain, plain.partition(":")[2]] if ":" in plain else []


def _sendable(what: str, text: str) -> str:
    """The text without surrounding white space; a header can carry neither line breaks nor non-ASCII."""
    text = text.strip()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise SecretError(f"the {what} holds characters that cannot be sent (line breaks, spaces or non-ASCII)")
    return text


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
