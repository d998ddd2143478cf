"""Exception lists and value lists on disk: every file of their folders, with Problems that name file and line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from deployer.core.exceptions.reading import Keys, ListFile, read_exceptions, repeated_names
from deployer.core.toml import locator
from deployer.core.value_lists import ValueListFile, read_value_list, typed
from deployer.errors import Problem

_TEXTS: Final = (".txt", ".csv")


@dataclass(frozen=True)
class ListTree:
    """What the folders hold, sorted by path, and everything that is wrong with it."""

    root: Path
    lists: tuple[ListFile, ...] = ()
    values: tuple[ValueListFile, ...] = ()
    problems: tuple[Problem, ...] = field(default=())
    _scanned: dict[str, Callable[[Keys], tuple[int, int]]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def list_ids(self) -> frozenset[str]:
        """The names of the exception lists."""
        return frozenset(one.list_id for one in self.lists)

    def locate(self, path: str, key: Keys) -> tuple[int, int]:
        """Return line and column of a key in one of the files, (0, 0) where it is not written there."""
        if path not in self._scanned:
            self._scanned.clear()  # problems come file by file; more than one file is not worth the memory
            self._scanned[path] = locator((self.root / path).read_bytes().decode("utf-8-sig"))
        return self._scanned[path](key)


def read_lists(root: Path, exceptions: Sequence[str], value_lists: Sequence[str]) -> ListTree:
    """Read every file of the folders, at any depth; a folder that is missing has none."""
    lists: list[ListFile] = []
    values: list[ValueListFile] = []
    problems: list[Problem] = []
    for path in list_paths(root, exceptions, (".toml",)):
        text = _text(root, path, problems)
        found, wrong = read_exceptions(path, text) if text is not None else ((), ())
        lists.extend(found)
        problems.extend(wrong)
    for path in list_paths(root, value_lists, _TEXTS):
        text = _text(root, path, problems)
        if text is not None:
            values.append(read_value_list(path, text))
    users: dict[str, set[str]] = {}
    for one in lists:
        for name, kind in one.value_lists.items():
            users.setdefault(name, set()).add(kind)
    complete, wrong_types = typed(values, users)
    problems += [*wrong_types, *repeated_names(lists), *_repeated_values(values)]
    return ListTree(root, tuple(lists), complete, tuple(sorted(problems)))


def _repeated_values(files: Sequence[ValueListFile]) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for file in files:
        if file.list_id in seen:
            message = f'a value list "{file.list_id}" is also in {seen[file.list_id]}'
            yield Problem(file.path, 0, 0, "", message, "duplicate-list-id", "rename one of the files")
        seen.setdefault(file.list_id, file.path)


def _text(root: Path, path: str, problems: list[Problem]) -> str | None:
    try:
        return (root / path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        problems.append(Problem(path, 0, 0, "", "not UTF-8", "encoding", "save the file as UTF-8"))
    except OSError as exc:
        message = f"cannot be read: {exc.strerror}"
        problems.append(Problem(path, 0, 0, "", message, "unreadable", "check its permissions"))
    return None


def list_paths(root: Path, folders: Sequence[str], endings: tuple[str, ...]) -> list[str]:
    """Return the files below the folders once each, relative to the root with `/`, sorted; hidden ones are nobody's."""
    found: set[str] = set()
    for folder in folders:
        for directory, names, files in os.walk(root / folder):
            names[:] = [name for name in names if not name.startswith(".")]
            here = Path(directory).relative_to(root).as_posix()
            found.update(f"{here}/{name}" for name in files if name.endswith(endings) and not name.startswith("."))
    return sorted(found)
