"""Settings on disk: finds the project, reads `deployer.toml` and `environments/*.toml`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

from deployer.core.environment import Environment, Settings
from deployer.core.lock_file import SUFFIX, LockFile, lock_path, lock_text
from deployer.core.settings import PROJECT_FILE, Given, Keys, Locate, SettingsFile, read_settings
from deployer.core.settings.lock import read_lock
from deployer.core.toml import TomlError, locator, read
from deployer.errors import DeployerError, Problem

ENVIRONMENTS: Final = "environments"

_MARKS: Final = ("rules", ENVIRONMENTS)
_FILES_OF_A_CONNECTION: Final = ("ca_file", "client_cert", "client_key")


def find_root(start: Path) -> Path:
    """
    Return the project's folder: `start` or the nearest folder above it that has `deployer.toml`; without one anywhere,
    the nearest that has a folder `rules` or `environments`. Raises DeployerError where there is neither.
    """
    start = start.resolve()
    above = (start, *start.parents)
    for folder in above:
        if (folder / PROJECT_FILE).is_file():
            return folder
    for folder in above:
        if any((folder / mark).is_dir() for mark in _MARKS):
            return folder
    raise DeployerError(
        f"there is no project in {start} or above it: no {PROJECT_FILE}, no folder rules or environments",
        hint="make one with: deployer init   (or point to one with --project DIR)",
    )


def load_settings(root: Path, *, today: date, fields: Collection[str]) -> Settings:
    """
    Return the project and its targets, with every Problem of every file; nothing is raised for a user's mistake.

    `fields` are the names that `[ownership.fields]` and `[[override]] set` may use (core.fields). Paths of certificates
    come back absolute, counted from `root`.
    """
    problems: list[Problem] = []
    project = _read(root, PROJECT_FILE, problems) if (root / PROJECT_FILE).exists() else None
    files = [_read(root, f"{ENVIRONMENTS}/{path.name}", problems) for path in _environment_files(root)]
    readable = [file for file in files if file is not None]
    given = Given(today, fields, unreadable=frozenset(problem.path for problem in problems))
    settings = read_settings(project, readable, given)
    return replace(
        settings,
        environments=tuple(_with_absolute_files(environment, root) for environment in settings.environments),
        problems=tuple(sorted({*settings.problems, *problems})),
    )


def load_lock(root: Path, environment: str) -> tuple[LockFile | None, tuple[Problem, ...]]:
    """Return the lock file of an environment (None without Problems: there is none), and what is wrong with it."""
    path = lock_path(environment)
    if not (root / path).exists():
        return None, ()
    problems: list[Problem] = []
    file = _read(root, path, problems)
    return read_lock(file, environment) if file is not None else (None, tuple(problems))


def save_lock(root: Path, lock: LockFile) -> None:
    """Write a lock file in one step: a run that is killed leaves the old one. Raises DeployerError."""
    path = root / lock.path
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_text(lock_text(lock), encoding="utf-8", newline="\n")
        beside.replace(path)
    except OSError as exc:
        raise DeployerError(f"cannot write {lock.path}: {exc.strerror}", hint="nothing was changed") from exc


def locate_in_lock(root: Path, lock: LockFile, rule_id: str) -> tuple[int, int]:
    """Return line and column of the fingerprint of a rule in its lock file, (0, 0) where it is not there any more."""
    problems: list[Problem] = []
    file = _read(root, lock.path, problems)
    blocks = file.data.get("rule", []) if file is not None else []
    number = next((index for index, block in enumerate(blocks) if block.get("id") == rule_id), None)
    return file.locate(("rule", number, "fingerprint")) if file is not None and number is not None else (0, 0)


def read_settings_files(root: Path, paths: Iterable[str]) -> tuple[list[SettingsFile], list[Problem]]:
    """Return the parsed files among `paths` (relative to the project), and a Problem for each that cannot be read."""
    problems: list[Problem] = []
    files = [_read(root, path, problems) for path in paths]
    return [file for file in files if file is not None], problems


def toml_files(root: Path, folders: Iterable[str]) -> list[str]:
    """Return every `*.toml` below the folders, relative to the project, sorted; a folder that is missing has none."""
    found = {path for folder in folders for path in (root / folder).rglob("*.toml") if path.is_file()}
    return sorted(path.relative_to(root).as_posix() for path in found if not path.name.startswith("."))


def _environment_files(root: Path) -> list[Path]:
    """Return the files of the folder `environments`, without lock files and what an editor left there."""
    found = sorted((root / ENVIRONMENTS).glob("*.toml"))
    return [path for path in found if not path.name.endswith(SUFFIX) and not path.name.startswith(".")]


def _read(root: Path, path: str, problems: list[Problem]) -> SettingsFile | None:
    """Return one parsed file; None, and a Problem, where it cannot be read or is not TOML."""
    try:
        text = (root / path).read_bytes().decode("utf-8").removeprefix("\ufeff")
        return SettingsFile(path, read(text), _lazily(text))
    except TomlError as error:
        remedy = "mend the syntax; nothing else in this file was looked at"
        problems.append(
            Problem(path, error.line, error.column, "", f"not TOML: {error.message}", "toml-syntax", remedy)
        )
    except UnicodeDecodeError as error:
        message = f"byte {error.start + 1} is not UTF-8"
        problems.append(Problem(path, 0, 0, "", message, "encoding", "save the file as UTF-8"))
    except OSError as error:
        problems.append(
            Problem(path, 0, 0, "", f"cannot be read: {error.strerror}", "unreadable", "look at its rights")
        )
    return None


def _lazily(text: str) -> Locate:
    """
    Return the Locate of a text, which is scanned when the first place is asked for.

    What is missing, and so has no place, is looked for where it would belong: in the table around it.
    """

    @cache
    def scanned() -> Locate:
        return locator(text)

    def locate(keys: Keys) -> tuple[int, int]:
        while (place := scanned()(keys)) == (0, 0) and keys:
            keys = keys[:-1]
        return place

    return locate


def _with_absolute_files(environment: Environment, root: Path) -> Environment:
    """Count the paths of certificates from the project, wherever the command was started."""
    connection = environment.connection
    given = {name: getattr(connection, name) for name in _FILES_OF_A_CONNECTION}
    absolute: dict[str, Any] = {name: str(root / Path(path).expanduser()) for name, path in given.items() if path}
    return replace(environment, connection=replace(connection, **absolute)) if absolute else environment
