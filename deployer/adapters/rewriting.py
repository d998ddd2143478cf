"""Text files of the project read as they are and written back in one step, so that a killed run leaves the old file."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deployer.errors import DeployerError

_BOM = codecs.BOM_UTF8


@dataclass(frozen=True, slots=True)
class TextFile:
    """One file: its text without a byte order mark, and whether it has one."""

    path: Path
    text: str
    marked: bool = False


def read_text(path: Path) -> TextFile:
    """Return a file with its newlines as they are. Raises UnicodeDecodeError and OSError."""
    raw = path.read_bytes()
    return TextFile(path, raw.removeprefix(_BOM).decode("utf-8"), raw.startswith(_BOM))


def write_text(file: TextFile, text: str) -> None:
    """
    Write a text in place of the one that was read; mode, byte order mark and a symbolic link are kept.

    Raises DeployerError.
    """
    target = file.path.resolve()
    beside = target.with_name(f".{target.name}.new")
    try:
        beside.write_bytes((_BOM if file.marked else b"") + text.encode("utf-8"))
        beside.chmod(target.stat().st_mode & 0o7777)
        beside.replace(target)
    except OSError as exc:
        with suppress(OSError):
            beside.unlink()
        raise DeployerError(f"cannot write {file.path}: {exc.strerror}", hint="the file is as it was") from exc


def check_new(root: Path, paths: Iterable[str]) -> None:
    """
    Look whether files can be new: not there yet, and inside `root` whatever links lead there.

    Raises DeployerError.
    """
    for path in paths:
        target = root / path
        if not target.parent.resolve().is_relative_to(root.resolve()):
            raise DeployerError(
                f"{path} leads out of the project", hint="a folder on the way is a link; nothing was written"
            )
        if target.exists():
            raise DeployerError(f"{path} is there already", hint="no file was overwritten; run it again")


def new_text(root: Path, path: str, text: str) -> None:
    """
    Write a file that must not be there yet, with the folders above it, inside `root` whatever links lead there.

    Raises DeployerError.
    """
    check_new(root, [path])
    target = root / path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.new")
        beside.write_bytes(text.encode("utf-8"))
        beside.replace(target)
    except OSError as exc:
        raise DeployerError(f"cannot write {path}: {exc.strerror}", hint="no file was overwritten") from exc
