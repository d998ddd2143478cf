"""Reading payloads that may be of any shape: what is not as it should be reads as nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def tables(content: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the list of tables at a key, an empty one where the key holds anything else."""
    value = content.get(name)
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        return []
    return value


def texts(content: Mapping[str, Any], name: str) -> list[str]:
    """Return the list of texts at a key, an empty one where the key holds anything else."""
    value = content.get(name)
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        return []
    return value
