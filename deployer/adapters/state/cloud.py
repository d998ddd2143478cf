"""
The store in a bucket (S3, Google Cloud Storage, Azure), on conditional writes (transactions.md section 5.7).

`create` is `If-None-Match: *`, `replace` is `If-Match` with what the last write or read returned: the e-tag on S3 and
Azure, the generation on Google, so both are kept. Each conditional write is sent once; where its answer was lost, the
object itself says what became of it.

On S3 the e-tag of a small object is a hash of its content, so a swap cannot tell an object that was changed and changed
back from an untouched one. What is swapped must therefore never repeat: locks carry a token that only grows.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar

from deployer.adapters.state.buckets import Bucket
from deployer.adapters.state.names import checked, checked_prefix, folder_of, is_name
from deployer.core.ports import Stored
from deployer.errors import StateError

_AT_ONCE: Final = 16
_PAUSES: Final = (0.1, 0.5, 2.0)
"""Seconds before a write is sent again whose answer did not come."""

Result = TypeVar("Result")

_WHENCE: Final = "credentials come from the environment variables of the cloud's own tools, or from the machine's role"


class CloudStore:
    """A Store in a bucket, which `connect` opens at the first use."""

    batch = 100

    def __init__(self, connect: Callable[[], Bucket], location: str) -> None:
        self._connect = connect
        self._connected: Bucket | None = None
        self.location = location

    def read(self, name: str) -> Stored | None:
        """Return one object, None where there is none."""
        checked(name)
        reader = self._bucket().reader
        with self._translated():
            import obstore

            try:
                got = obstore.get(reader, name)
                return Stored(bytes(got.bytes()), _version(got.meta))
            except FileNotFoundError:
                return None

    def read_many(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the objects that exist among these names, several requests at once."""
        wanted = list(dict.fromkeys(checked(name) for name in names))
        found = zip(wanted, _at_once(self.read, wanted), strict=True)
        return {name: stored.data for name, stored in found if stored is not None}

    def names(self, prefix: str) -> tuple[str, ...]:
        """Return the sorted names that start with `prefix`."""
        folder = folder_of(checked_prefix(prefix))
        reader = self._bucket().reader
        with self._translated():
            import obstore

            found = [entry["path"] for page in obstore.list(reader, folder or None, chunk_size=1000) for entry in page]
        return tuple(sorted(name for name in found if name.startswith(prefix) and is_name(name)))

    def create(self, objects: Mapping[str, bytes]) -> None:
        """Write objects that must not exist yet, several at once; an equal one that is there is fine."""
        wanted = {checked(name): data for name, data in objects.items()}
        versions = _at_once(lambda name: self._put(name, wanted[name], None), list(wanted))
        lost = [name for name, version in zip(wanted, versions, strict=True) if version is None]
        there = self.read_many(lost)
        for name in lost:
            if there.get(name) != wanted[name]:
                raise StateError(f"{name} exists in the state store {self.location}, with another content")

    def replace(self, name: str, data: bytes, version: str | None) -> str | None:
        """Write `data` if the object still has `version` (None: if it is absent); return the new version, or None."""
        return self._put(checked(name), data, version)

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects, in few requests where the cloud has one for many."""
        wanted = [checked(name) for name in names]
        if not wanted:
            return
        reader = self._bucket().reader
        with self._translated():
            import obstore

            try:
                obstore.delete(reader, wanted)
            except FileNotFoundError:  # S3 does not mind a missing one; the others stop at it
                for name in wanted:
                    with suppress(FileNotFoundError):
                        obstore.delete(reader, name)

    def _put(self, name: str, data: bytes, version: str | None) -> str | None:
        """Send one conditional write until its fate is known; return the new version, None where it lost."""
        writer, mode = self._bucket().writer, _mode(version)
        repeated = False
        with self._translated():
            import obstore
            from obstore import exceptions

            for pause in (*_PAUSES, None):
                try:
                    return _version(obstore.put(writer, name, data, mode=mode, use_multipart=False))
                except (exceptions.AlreadyExistsError, exceptions.PreconditionError, FileNotFoundError):
                    # Only after an answer was lost can it have been we who changed the object.
                    return self._ours(name, data) if repeated else None
                except exceptions.GenericError:
                    if pause is None:
                        raise
                repeated = True
                time.sleep(pause)
        return None

    def _ours(self, name: str, data: bytes) -> str | None:
        """Return the version of the object if it has exactly this content: an earlier try of ours was carried out."""
        there = self.read(name)
        return there.version if there is not None and there.data == data else None

    def _bucket(self) -> Bucket:
        if self._connected is None:
            with self._translated():
                self._connected = self._connect()
        return self._connected

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn errors of obstore into ours. Their text is left out: it quotes whole requests, signatures included."""
        try:
            from obstore import exceptions
        except ImportError:
            yield  # `connect` says what is missing
            return
        try:
            yield
        except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as exc:
            raise StateError(
                f"the state store {self.location} refuses our credentials{_codes(exc)}", hint=_WHENCE
            ) from exc
        except (exceptions.BaseError, ValueError) as exc:
            raise StateError(f"the state store {self.location} cannot be used{_codes(exc)}", hint=_WHENCE) from exc


def _at_once(call: Callable[[str], Result], names: Sequence[str]) -> list[Result]:
    """Call for every name, some at the same time; return the results in the order of the names."""
    if len(names) < 2:
        return [call(name) for name in names]
    with ThreadPoolExecutor(min(_AT_ONCE, len(names))) as pool:
        return list(pool.map(call, names))


def _mode(version: str | None) -> Any:
    """Return obstore's name for the condition of a write."""
    return "create" if version is None else json.loads(version)


def _version(meta: Mapping[str, Any]) -> str:
    """Return what `replace` sends back: obstore's own pair, of which each cloud uses its part."""
    return json.dumps({key: meta[key] for key in ("e_tag", "version") if meta.get(key) is not None})


def _codes(exc: Exception) -> str:
    """Return the part of an error that is safe and helps: `: 404 NoSuchBucket`, what is missing, or its kind."""
    text = str(exc)
    patterns = (r"status(?: code)?:? (\d{3})", r"<Code>(\w+)</Code>", r"(Missing \w+|Unable to \w+ [\w ]+file)")
    codes = [found[1] for pattern in patterns if (found := re.search(pattern, text))]
    if not codes and re.search(r"error sending request|timed out", text):
        codes = ["no answer"]
    return f": {' '.join(codes)}" if codes else f" ({type(exc).__name__})"
