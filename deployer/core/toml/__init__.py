"""
TOML as text: reading with clear errors, places of keys and values, edits that touch only their span, new files.

    reading    read, with errors for people              positions  where each key and value stands
    lint       what only TOML 1.1 allows                 patch      edits that keep everything else
    emit       new files                                 layout     `deployer format`
"""

from __future__ import annotations

from collections.abc import Callable

from deployer.core.toml.place import TomlError
from deployer.core.toml.reading import read

__all__ = ["TomlError", "locator", "read"]


def locator(text: str) -> Callable[[tuple[str | int, ...]], tuple[int, int]]:
    """
    Return a function from a key path to line and column, (0, 0) for a path that the text does not have.

    The text is scanned here, once; it must be TOML that `read` accepts.
    """
    from deployer.core.toml.positions import positions

    places = positions(text)

    def locate(path: tuple[str | int, ...]) -> tuple[int, int]:
        found = places.find(path)
        return (found.key.line, found.key.column) if found else (0, 0)

    return locate
