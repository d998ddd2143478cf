"""
Work repositories of the git store: a bare repository of our own, for one process at a time.

They are caches below `.deployer/git-store`, numbered, each with a lock. A process takes the first free one and keeps it
until it ends, however it ends; two deployers on one machine use two and meet only at the remote, as on two machines.
A git that outlives its killed deployer may still write into a slot that has a new owner. What it can spoil is what is
known of the remote, never the remote: a push names the commit it replaces.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deployer.adapters.git import GitProgram
from deployer.adapters.state import disk

_MOST: Final = 64
"""How many are tried; with more deployers at once on one machine the next ones work in temporary folders."""

_LOOSE: Final = 5000
"""How many loose objects a slot may have before they are packed; a deployment leaves some hundred."""


@dataclass(eq=False)
class Slot:
    """A bare repository at `folder`, ours until this object goes."""

    folder: Path

    def clear(self, program: GitProgram) -> None:
        """Throw away what is in it and begin anew."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.prepare(program)

    def prepare(self, program: GitProgram) -> None:
        """Make the repository or finish making it, remove the locks that a killed git left, pack what piled up."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in self.folder.rglob("*.lock"):
            leftover.unlink(missing_ok=True)
        program.run("init", "--quiet", "--bare", "--template=")
        if sum(1 for _ in self.folder.glob("objects/17/*")) > _LOOSE // 256:  # git's own way to estimate
            program.run("gc", "--quiet")


def take_slot(cache: Path, key: str) -> Slot:
    """Take the first free slot `KEY-0`, `KEY-1` … of `cache`, or a temporary one where that cannot be written."""
    try:
        return _free_slot(cache, key) or _temporary_slot()
    except OSError:
        return _temporary_slot()


def _free_slot(cache: Path, key: str) -> Slot | None:
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    ignore = cache / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")  # a cache is never committed, whatever the project ignores
    for number in range(_MOST):
        descriptor = os.open(cache / f"{key}-{number}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        if disk.try_lock(descriptor):
            slot = Slot(cache / f"{key}-{number}")
            weakref.finalize(slot, os.close, descriptor)
            return slot
        os.close(descriptor)
    return None


def _temporary_slot() -> Slot:
    folder = Path(tempfile.mkdtemp(prefix="deployer-git-store-"))
    slot = Slot(folder)
    weakref.finalize(slot, shutil.rmtree, folder, ignore_errors=True)
    return slot
