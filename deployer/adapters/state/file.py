"""
The store in a folder: one file per object, for one machine.

Everything that writes holds one lock between processes, so a swap is a comparison and a rename, and whatever lies in
`.writing` when the lock is taken was left by a process that died. Objects are complete or absent at every instant: they
are written aside, flushed, renamed, and their folders flushed, in this order, before a call returns.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final

from deployer.adapters.state import disk
from deployer.adapters.state.names import checked, checked_prefix, folder_of, is_name, new_token, token_name
from deployer.core.ports import Stored
from deployer.errors import StateError

_LOCK: Final = ".lock"
_WRITING: Final = ".writing"
_NEIGHBOURS: Final = frozenset({"git-store", "sandbox", "schema"})
"""Folders that other parts of deployer keep in `.deployer`, which is also the default place of this store."""


class FileStore:
    """A Store in the folder `root`, which is made by the first write. `location` is how the user wrote it."""

    batch = 100

    def __init__(self, root: Path, location: str) -> None:
        self._root = root
        self.location = location

    def read(self, name: str) -> Stored | None:
        """Return one object, None where there is none."""
        with self._reading():
            data = self._bytes(checked(name))
            return None if data is None else Stored(data, self._version(name, data))

    def read_many(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the objects that exist among these names."""
        with self._reading():
            found = ((name, self._bytes(checked(name))) for name in names)
            return {name: data for name, data in found if data is not None}

    def names(self, prefix: str) -> tuple[str, ...]:
        """Return the sorted names that start with `prefix`."""
        with self._reading():
            top = folder_of(checked_prefix(prefix))
            return tuple(sorted(name for name in self._walk(top) if name.startswith(prefix)))

    def create(self, objects: Mapping[str, bytes]) -> None:
        """Write objects that must not exist yet; an equal one is fine, a different one refuses them all."""
        wanted = {checked(name): data for name, data in objects.items()}
        if not wanted:
            return
        with self._writing():
            there = {name: data for name in wanted if (data := self._bytes(name)) is not None}
            for name, data in there.items():
                if data != wanted[name]:
                    raise StateError(f"{name} exists in the state store {self.location}, with another content")
            self._put({name: data for name, data in wanted.items() if name not in there})

    def replace(self, name: str, data: bytes, version: str | None) -> str | None:
        """Write `data` if the object still has `version` (None: if it is absent); return the new version, or None."""
        with self._writing():
            before = self._bytes(checked(name))
            if version != (None if before is None else self._version(name, before)):
                return None
            self._put({name: data, token_name(name): new_token()})
            return self._version(name, data)

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects, and the folders that are empty then."""
        wanted = [checked(name) for name in names]
        if not wanted or not self._root.is_dir():
            return
        with self._writing():
            folders = {self._remove(every) for name in wanted for every in (name, token_name(name))}
            for folder in folders:
                disk.flush_folder(self._tidied(folder))

    def _bytes(self, name: str) -> bytes | None:
        try:
            return (self._root / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def _version(self, name: str, data: bytes) -> str:
        token = self._bytes(token_name(name)) or b""
        return f"{token.decode('ascii', 'replace').strip()}-{hashlib.sha256(data).hexdigest()}"

    def _walk(self, folder: str) -> Iterator[str]:
        """Yield the names of all objects in a folder (`""` or a path that ends with a slash)."""
        try:
            entries = list(os.scandir(self._root / folder))
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            name = folder + entry.name
            if not is_name(name) or (not folder and entry.name in _NEIGHBOURS):
                continue
            if entry.is_dir():
                yield from self._walk(f"{name}/")
            else:
                yield name

    def _put(self, objects: Mapping[str, bytes]) -> None:
        """Bring complete objects into place: written and flushed aside, then renamed, then each folder flushed once."""
        touched = {folder for name in objects for folder in self._make_room(name)}
        aside = {name: self._write_aside(number, data) for number, (name, data) in enumerate(objects.items())}
        for name, path in aside.items():
            path.replace(self._root / name)
        for folder in touched:
            disk.flush_folder(folder)

    def _write_aside(self, number: int, data: bytes) -> Path:
        path = self._root / _WRITING / str(number)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            disk.flush(file.fileno())
        return path

    def _make_room(self, name: str) -> set[Path]:
        """Make the folders of an object; return those that get a new entry: its own, and the parents of new ones."""
        path = self._root / name
        if path.is_dir():
            raise StateError(f"{name} cannot be written to {self.location}: other objects have it as their folder")
        touched = {path.parent}
        for folder in [above for above in path.parents if above.is_relative_to(self._root)][::-1]:
            try:
                folder.mkdir(mode=0o700)
            except FileExistsError as exc:
                if not folder.is_dir():
                    raise StateError(
                        f"{name} cannot be written to {self.location}: {folder.name} is an object"
                    ) from exc
            else:
                touched.add(folder.parent)
        return touched

    def _remove(self, name: str) -> Path:
        """Remove one file if it is there; return the folder it was in."""
        path = self._root / name
        if path.is_file():
            path.unlink()
        return path.parent

    def _tidied(self, folder: Path) -> Path:
        """Remove a folder and those above it while they are empty; return the first that is left."""
        while folder != self._root:
            try:
                folder.rmdir()
            except FileNotFoundError:
                pass
            except OSError:  # not empty
                break
            folder = folder.parent
        return folder

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the lock of the store, with `.writing` there and empty."""
        with self._translated():
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            with disk.exclusive(self._root / _LOCK):
                aside = self._root / _WRITING
                aside.mkdir(mode=0o700, exist_ok=True)
                for leftover in aside.iterdir():
                    leftover.unlink()
                yield

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Hold the lock, so that an object is read together with its token; where there is none nobody ever wrote."""
        lock = self._root / _LOCK
        with self._translated(), disk.exclusive(lock) if lock.exists() else nullcontext():
            yield

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            what = exc.strerror or type(exc).__name__
            where = f" ({exc.filename})" if exc.filename else ""
            raise StateError(f"the state store {self.location} cannot be used: {what}{where}") from exc
