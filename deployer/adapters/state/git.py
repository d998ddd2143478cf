"""
The store on a branch of a git repository, for teams without a bucket: objects are files, a write is a pushed commit.

A push swaps the whole branch, so a write that loses to a write of another object is decided again on the new tip and
pushed again; a swap of the same object is lost. A write costs a round trip of about a second, hence large batches.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from deployer.adapters.state.branch import Branch, Edit, Pushed
from deployer.adapters.state.names import VERSIONS, checked, checked_prefix, in_the_way, new_token, token_name
from deployer.core.ports import Stored
from deployer.errors import StateError

_ATTEMPTS: Final = 100
_LONGEST_PAUSE: Final = 1.0

Decide = Callable[[Mapping[str, str]], Edit | None]
"""From path → blob id at the tip: what to change, or None where somebody else was first."""


class GitStore:
    """
    A Store on `branch`. What was fetched within `fresh_for` seconds counts as current for reading, so that the several
    reads of one command are one fetch; a write always compares with the remote, and after one reads are current.
    """

    batch = 500

    def __init__(self, branch: Callable[[], Branch], location: str, *, fresh_for: float = 1.0) -> None:
        self._make_branch = branch
        self._opened: Branch | None = None
        self._looked = float("-inf")
        self._fresh_for = fresh_for
        self._one_at_a_time = threading.RLock()
        self.location = location

    def read(self, name: str) -> Stored | None:
        """Return one object, None where there is none."""
        checked(name)
        with self._one_at_a_time:
            branch = self._current()
            data = branch.contents([name]).get(name)
            return None if data is None else Stored(data, _version(branch.files(), name) or "")

    def read_many(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the objects that exist among these names: one fetch at most, and one process."""
        wanted = [checked(name) for name in names]
        with self._one_at_a_time:
            return self._current().contents(wanted) if wanted else {}

    def names(self, prefix: str) -> tuple[str, ...]:
        """Return the sorted names that start with `prefix`."""
        checked_prefix(prefix)
        with self._one_at_a_time:
            return tuple(sorted(name for name in _objects(self._current().files()) if name.startswith(prefix)))

    def create(self, objects: Mapping[str, bytes]) -> None:
        """Write objects that must not exist yet, in one commit; an equal one is fine, a different one refuses all."""
        wanted = {checked(name): data for name, data in objects.items()}
        clashes: list[str] = []

        def decide(files: Mapping[str, str]) -> Edit | None:
            there = self._branch().contents(wanted)
            clashes[:] = [name for name, data in there.items() if data != wanted[name]]
            return None if clashes else Edit({name: data for name, data in wanted.items() if name not in files})

        if wanted and not self._commit(decide, _subject("create", wanted)):
            raise StateError(f"{clashes[0]} exists in the state store {self.location}, with another content")

    def replace(self, name: str, data: bytes, version: str | None) -> str | None:
        """Write `data` if the object still has `version` (None: if it is absent); return the new version, or None."""
        # The token also makes the commit unlike any other: two writers who say the same in the same second would else
        # make one and the same commit, and the second push would be "up to date", as if both had been first.
        writes = {checked(name): data, token_name(name): new_token()}

        def decide(files: Mapping[str, str]) -> Edit | None:
            return Edit(writes) if _version(files, name) == version else None

        won = self._commit(decide, _subject("replace", [name]))
        return _version({path: _blob_id(content) for path, content in writes.items()}, name) if won else None

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects, in one commit."""
        wanted = [checked(name) for name in names]

        def decide(files: Mapping[str, str]) -> Edit:
            return Edit(removes=[path for name in wanted for path in (name, token_name(name)) if path in files])

        if wanted:
            self._commit(decide, _subject("remove", wanted))

    def _branch(self) -> Branch:
        if self._opened is None:
            self._opened = self._make_branch()
        return self._opened

    def _current(self) -> Branch:
        """Return the branch for reading, fetched where the last look is too long ago."""
        if time.monotonic() - self._looked > self._fresh_for:
            self._look()
        return self._branch()

    def _look(self) -> None:
        started = time.monotonic()
        self._branch().fetch()
        self._looked = started

    def _commit(self, decide: Decide, subject: str) -> bool:
        """Push what `decide` makes of the newest tip, again while others are first; False where it gives up."""
        with self._one_at_a_time:
            looked = self._looked == float("-inf")
            if looked:
                self._look()
            for attempt in range(_ATTEMPTS):
                edit = decide(self._branch().files())
                if edit is None and looked:
                    return False
                if edit is not None and self._pushed(edit, subject):
                    return True
                if edit is None:
                    self._look()
                looked = True
                _pause(attempt)
        raise StateError(f"the state store {self.location} is too busy: {_ATTEMPTS} pushes of others came first")

    def _pushed(self, edit: Edit, subject: str) -> bool:
        if not edit.writes and not edit.removes:
            return True
        self._refuse_folders(edit)
        started = time.monotonic()
        pushed = self._branch().push(edit, subject)
        self._looked = started  # a push that was lost has fetched
        return pushed is Pushed.DONE

    def _refuse_folders(self, edit: Edit) -> None:
        """Raise StateError where a name would be both object and folder: git would silently drop one of them."""
        clash = in_the_way([name for name in edit.writes if not _is_token(name)], _objects(self._branch().files()))
        if clash:
            raise StateError(f"{clash[0]} cannot be written to {self.location}, because {clash[1]} is there")


def _objects(files: Iterable[str]) -> set[str]:
    return {path for path in files if not path.startswith(".")}


def _is_token(path: str) -> bool:
    return path.startswith(f"{VERSIONS}/")


def _version(files: Mapping[str, str], name: str) -> str | None:
    return f"{files.get(token_name(name), '')}-{files[name]}" if name in files else None


def _blob_id(content: bytes) -> str:
    """Return the id that git gives a file with this content."""
    return hashlib.sha1(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest()


def _subject(verb: str, names: Iterable[str]) -> str:
    first, *others = sorted(names)
    return f"{verb} {first}" + (f" and {len(others)} more" if others else "")


def _pause(attempt: int) -> None:
    """Wait a random while that grows with the attempts, so that writers who collided do not collide again."""
    longest = min(0.02 * 2 ** min(attempt, 10), _LONGEST_PAUSE)
    time.sleep(longest * secrets.randbelow(1000) / 1000)
