"""
Who may call: users, their roles, and the API key of each.

Keys are drawn once per data file and kept in it, so that they survive restarts. Users are documents; tests add more
through the admin path.
"""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass

from deployer.sandbox.documents import EVERYWHERE, Documents
from deployer.sandbox.errors import PlatformError
from deployer.sandbox.kinds import USER
from deployer.sandbox.messages import Body

PASSWORD = "changeme"  # noqa: S105 - the documented password of every sandbox user

# Privileges in the words of facts.md section 10; a `-all` includes its `-read`.
ROLES: dict[str, frozenset[str]] = {
    "superuser": frozenset(
        {"rules-all", "exceptions-all", "lists-all", "actions-all", "timeline-all", "spaces-all", "admin"}
    ),
    "analyst": frozenset({"rules-all", "exceptions-all", "lists-all", "actions-read", "timeline-all", "spaces-read"}),
    "read_only": frozenset(
        {"rules-read", "exceptions-read", "lists-read", "actions-read", "timeline-read", "spaces-read"}
    ),
    "no_exceptions": frozenset({"rules-all", "actions-read", "timeline-all", "spaces-read"}),
    "no_actions": frozenset({"rules-all", "exceptions-all", "lists-all", "timeline-all", "spaces-read"}),
    "no_rules": frozenset({"lists-read", "actions-read", "timeline-all", "spaces-read"}),  # Security without Rules, 9.3
    "anonymous": frozenset(),
}
_FIRST_USERS = {
    "elastic": "superuser",
    "soc-day": "analyst",
    "soc-night": "analyst",
    "viewer": "read_only",
    "no-exceptions": "no_exceptions",
    "no-actions": "no_actions",
}


@dataclass(frozen=True, slots=True)
class User:
    """One user; `by_key` tells a call with an API key from one with a password."""

    name: str
    role: str
    by_key: bool = False

    def may(self, privilege: str) -> bool:
        """Whether the role grants `area-read` or `area-all`."""
        granted = ROLES[self.role]
        return privilege in granted or (privilege.endswith("-read") and privilege[:-4] + "all" in granted)


ANONYMOUS = User("", "anonymous")


class Users:
    """The users of one data file, and who an `authorization` header stands for."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._known: dict[str, User] = {}
        with documents.joined():
            for name, role in _FIRST_USERS.items():
                if documents.get(USER, EVERYWHERE, name) is None:
                    self.add(name, role)

    def add(self, name: str, role: str, password: str = PASSWORD) -> Body:
        """Create or replace a user with a fresh API key; returns its record. The role is one of ROLES."""
        record = {"username": name, "role": role, "password": password, "api_key": _draw(), "token": _draw()}
        with self._documents.joined():
            self.remove(name)
            self._documents.add(USER, EVERYWHERE, name, record)
        return record

    def remove(self, name: str) -> None:
        """Remove a user; its credentials are refused from now on."""
        found = self._documents.get(USER, EVERYWHERE, name)
        if found is not None:
            self._documents.remove(found)
        self._known.clear()

    def all(self) -> list[Body]:
        """The records of all users, credentials included."""
        return [document.body for document in self._documents.all(USER, EVERYWHERE)]

    def api_key(self, name: str) -> str:
        """The API key of a user, encoded as the header wants it."""
        found = self._documents.get(USER, EVERYWHERE, name)
        return str(found.body["api_key"]) if found else ""

    def authenticate(self, header: str) -> User:
        """Who sends this `authorization` header. Raises the 401 of facts.md section 9.5."""
        known = self._known.get(header)
        if known is None:
            known = self._look_up(header)
            self._known[header] = known
        return known

    def _look_up(self, header: str) -> User:
        scheme, _, value = header.partition(" ")
        scheme, value = scheme.lower(), value.strip()
        if not header:
            raise _unauthorized("Unauthorized")
        for record in self.all():
            if scheme == "apikey" and value == record["api_key"]:
                return User(record["username"], record["role"], by_key=True)
            if scheme == "bearer" and value == record["token"]:
                return User(record["username"], record["role"])
            if scheme == "basic" and _decoded(value) == f"{record['username']}:{record['password']}":
                return User(record["username"], record["role"])
        raise _unauthorized(_refusal(scheme, value))


def _draw() -> str:
    """A key as the `ApiKey` scheme wants it: base64 of `id:secret`."""
    pair = f"{os.urandom(10).hex()}:{os.urandom(11).hex()}"
    return base64.b64encode(pair.encode("ascii")).decode("ascii")


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return ""


def _refusal(scheme: str, value: str) -> str:
    if scheme == "basic":
        name = _decoded(value).partition(":")[0]
        reason = f"unable to authenticate user [{name}] for REST request [/_security/_authenticate]"
    elif scheme == "apikey":
        reason = "unable to authenticate with provided credentials and anonymous access is not allowed for this request"
    else:
        reason = "missing authentication credentials for REST request [/_security/_authenticate]"
    return f"[security_exception\n\tRoot causes:\n\t\tsecurity_exception: {reason}]: {reason}"


def _unauthorized(message: str) -> PlatformError:
    return PlatformError(401, message, headers=(("www-authenticate", 'Basic realm="security" charset="UTF-8"'),))
