"""One call to the store at a time: lease and journal are written from the threads that send."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from deployer.core.ports import Store, Stored


class SerialStore:
    """A Store that passes every call on, one after the other."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._mutex = threading.RLock()

    @property
    def location(self) -> str:
        """Where the store is."""
        return self._store.location

    @property
    def batch(self) -> int:
        """How many intents go into one journal object."""
        return self._store.batch

    def read(self, name: str) -> Stored | None:
        """Return one object, None where there is none."""
        with self._mutex:
            return self._store.read(name)

    def read_many(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the objects that exist among these names."""
        with self._mutex:
            return self._store.read_many(names)

    def names(self, prefix: str) -> tuple[str, ...]:
        """Return the sorted names that start with `prefix`."""
        with self._mutex:
            return self._store.names(prefix)

    def create(self, objects: Mapping[str, bytes]) -> None:
        """Write objects that must not exist yet."""
        with self._mutex:
            self._store.create(objects)

    def replace(self, name: str, data: bytes, version: str | None) -> str | None:
        """Compare and swap."""
        with self._mutex:
            return self._store.replace(name, data, version)

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects that are no longer needed."""
        with self._mutex:
            self._store.remove(names)
