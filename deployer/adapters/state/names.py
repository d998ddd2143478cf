"""Names of objects in the store, and the parts of a store that are no objects."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterable
from typing import Final

from deployer.errors import StateError

VERSIONS: Final = ".versions"
"""
Beside an object that was written by `replace` lies `.versions/NAME` with a token that is new with every swap.

Object and token together are the version. Content alone would not do: an object that went from A to B and back to A
would look untouched to somebody who read the first A. A clock would not do either: two writes may share its tick.
"""

_NAME: Final = re.compile(r"(?!\.)[a-z0-9._-]{1,200}(/(?!\.)[a-z0-9._-]{1,200})*")
_PREFIX: Final = re.compile(r"|(?!\.)[a-z0-9._-]+(/(?!\.)[a-z0-9._-]+)*/?")


def checked(name: str) -> str:
    """
    Return the name of an object, or raise StateError: segments of `[a-z0-9._-]`, joined by `/`.

    A segment does not begin with a dot: `.` and `..` would leave the store, and what is hidden is the store's own.
    """
    if not _NAME.fullmatch(name):
        raise StateError(f"{name!r} cannot name an object of the state store: only a-z, 0-9, '.', '_', '-' and '/'")
    return name


def checked_prefix(prefix: str) -> str:
    """Return the beginning of a name, or raise StateError. The empty prefix is all objects."""
    if not _PREFIX.fullmatch(prefix):
        raise StateError(f"{prefix!r} cannot begin the name of an object of the state store")
    return prefix


def is_name(name: str) -> bool:
    """Say whether this could name an object."""
    return _NAME.fullmatch(name) is not None


def folder_of(prefix: str) -> str:
    """Return the folder in which every name with this prefix lies: `""` or a path that ends with a slash."""
    return prefix[: prefix.rfind("/") + 1]


def token_name(name: str) -> str:
    """Return where the token of an object lies."""
    return f"{VERSIONS}/{name}"


def new_token() -> bytes:
    """Return a token that no other write has."""
    return secrets.token_hex(16).encode() + b"\n"


def in_the_way(names: Iterable[str], existing: Collection[str]) -> tuple[str, str] | None:
    """Return a name and an existing one of which one would be a folder of the other; None when all can be written."""
    folders = {existing_name[:at]: existing_name for existing_name in existing for at in _slashes(existing_name)}
    for name in names:
        if name in folders:
            return name, folders[name]
        for at in _slashes(name):
            if name[:at] in existing:
                return name, name[:at]
    return None


def _slashes(name: str) -> list[int]:
    return [at for at, letter in enumerate(name) if letter == "/"]
