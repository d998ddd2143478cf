"""Rule files on disk: every `*.toml` below the rule folders becomes a RuleFile, or Problems with file and line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.core.rule_file import RuleFile, duplicates, read_rule
from deployer.errors import Problem

if TYPE_CHECKING:
    from deployer.core.toml.positions import Positions


@dataclass(frozen=True)
class RuleTree:
    """What the rule folders hold: the rules, sorted by path, and everything that is wrong with them."""

    root: Path
    files: tuple[RuleFile, ...]
    problems: tuple[Problem, ...]
    _scanned: dict[str, Positions] = field(default_factory=dict, repr=False, compare=False)

    def positions(self, path: str) -> Positions:
        """Return the places of one of the files. A file with many problems is read and scanned once."""
        from deployer.core.toml.positions import positions

        if path not in self._scanned:
            self._scanned.clear()  # problems come file by file; more than one file is not worth the memory
            try:
                text = _text(self.root / path)
            except (OSError, UnicodeDecodeError):  # a rule out of history, whose file is gone: no place, no error
                text = ""
            self._scanned[path] = positions(text)
        return self._scanned[path]

    def locate(self, path: str, key: tuple[str | int, ...]) -> tuple[int, int]:
        """Return line and column of a key in one of the files, (0, 0) where it is not written there."""
        found = self.positions(path).find(key)
        return (found.key.line, found.key.column) if found else (0, 0)

    def locate_in_text(self, path: str, key: tuple[str | int, ...], line: int, column: int) -> tuple[int, int]:
        """Return the place in the file of a place (from 1) inside one of its texts, such as a query."""
        return self.positions(path).position_in_string(key, line, column)


def read_rules(root: Path, folders: Sequence[str]) -> RuleTree:
    """
    Read every rule file below the folders, at any depth.

    A folder that is missing and a tree without a single rule are Problems: an empty answer would retire every rule.
    """
    files: list[RuleFile] = []
    problems: list[Problem] = []
    for folder in folders:
        if not (root / folder).is_dir():
            remedy = f'create it, or correct rules = ["…"] in deployer.toml; looked in {folder}/'
            problems.append(Problem(folder, 0, 0, "", "the rule folder is missing", "no-rule-folder", remedy))
    for path in _rule_paths(root, folders):
        file, found = _read(root, path)
        problems.extend(found)
        if file is not None:
            files.append(file)
    tree = RuleTree(root, tuple(files), ())
    problems.extend(duplicates(files, tree.locate))
    if not files and not problems:
        remedy = "a rule is a *.toml file with [metadata] and [rule]"
        problems.append(Problem(", ".join(folders), 0, 0, "", "there is no rule in it", "no-rules", remedy))
    return RuleTree(root, tuple(files), tuple(sorted(problems)))


def read_some(root: Path, paths: Sequence[str]) -> RuleTree:
    """Read the named rule files only."""
    read = [_read(root, path) for path in sorted(set(paths))]
    files = tuple(file for file, _ in read if file is not None)
    return RuleTree(root, files, tuple(sorted(problem for _, found in read for problem in found)))


def _read(root: Path, path: str) -> tuple[RuleFile | None, tuple[Problem, ...]]:
    try:
        return read_rule(path, _text(root / path))
    except UnicodeDecodeError as exc:
        message = f"not UTF-8: byte {exc.object[exc.start]:#04x} at offset {exc.start}"
        line = exc.object.count(b"\n", 0, exc.start) + 1
        return None, (Problem(path, line, 1, "", message, "encoding", "save the file as UTF-8"),)
    except OSError as exc:
        return None, (
            Problem(path, 0, 0, "", f"cannot be read: {exc.strerror}", "unreadable", "check its permissions"),
        )


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8-sig")


def _rule_paths(root: Path, folders: Sequence[str]) -> Iterator[str]:
    """Yield the rule files below the folders once each, relative to the root with `/`, sorted."""
    found: set[str] = set()
    for folder in folders:
        for directory, names, files in os.walk(root / folder):
            names[:] = [name for name in names if not name.startswith(".")]
            here = Path(directory).relative_to(root).as_posix()
            found.update(f"{here}/{name}" for name in files if name.endswith(".toml") and not name.startswith("."))
    yield from sorted(found)
