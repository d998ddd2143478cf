"""
One branch of a remote repository, read and written without a work tree (transactions.md section 5.7, row "Git").

A write is one commit, built by `git fast-import` (no index, no hook, no signature, no configured identity) and pushed
with `--force-with-lease=REF:COMMIT`, naming the commit it was built on: the server compares and swaps the whole branch.
A lease without a commit would compare with whatever was fetched last, by anybody, and protect nothing.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from pathlib import Path
from typing import Final

from deployer.adapters.git import Finished, GitProgram, read_objects
from deployer.adapters.git_url import redacted
from deployer.adapters.state.slot import take_slot
from deployer.errors import StateError

_TIP: Final = "refs/deployer/tip"
_WRITTEN: Final = "refs/deployer/written"
_IDENTITY: Final = "deployer <deployer@localhost>"
_PAUSES: Final = (0.05, 0.2, 0.5, 1.0)
"""Seconds before asking again after an answer that may be a passing fault."""

_FINAL: Final = (
    "declined",
    "denied",
    "protected",
    "Authentication failed",
    "could not read",
    "Permission",
    "403",
    "401",
)
"""What a server says when asking again does not help."""


_DAMAGE: Final = ("corrupt", "bad object", "is empty", "unable to read")
"""What git says of a broken work repository."""


class Pushed(Enum):
    """What became of a commit: the branch has it, or somebody else moved the branch first."""

    DONE = auto()
    LOST = auto()


@dataclass(frozen=True, slots=True)
class Edit:
    """What a commit changes: whole files, by path."""

    writes: Mapping[str, bytes] = field(default_factory=dict)
    removes: Collection[str] = ()


class Branch:
    """
    Branch `name` of the repository at `url`. `tip` is its commit as last seen, None while the branch does not exist.

    `program` runs git (its folder is not used), `cache` is where work repositories may lie. Errors: StateError.
    """

    def __init__(self, url: str, name: str, program: GitProgram, cache: tuple[Path, str]) -> None:
        self._url = url
        self._ref = f"refs/heads/{name}"
        self._slot = take_slot(*cache)
        self._git = replace(program, folder=self._slot.folder, bare=True, error=StateError)
        self._slot.prepare(self._git)
        self._listed: tuple[str | None, dict[str, str]] = (None, {})
        self.tip: str | None = None

    def fetch(self) -> None:
        """Look where the branch is now, and bring what is new. The first time its history is left out."""
        done = self._fetch()
        if self.tip is None and any(sign in done.complaint for sign in _DAMAGE):
            self._slot.clear(self._git)  # a cache: what a power failure broke is fetched again
            done = self._fetch()
        self.tip = self._tip_of(done)

    def files(self) -> dict[str, str]:
        """Return path → blob id of every file at the tip."""
        if self.tip and self._listed[0] != self.tip:
            lines = self._git.run("ls-tree", "-r", "-z", "--full-tree", self.tip).out.decode().split("\0")
            entries = (line.partition("\t") for line in lines if line)
            self._listed = (self.tip, {path: facts.split(" ")[2] for facts, _, path in entries})
        return self._listed[1] if self.tip else {}

    def contents(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Return the content of the files at the tip that exist among these paths, in one process."""
        files = self.files()
        wanted = {path: files[path] for path in paths if path in files}
        found = read_objects(self._git, wanted.values())
        return {path: found[blob] for path, blob in wanted.items()}

    def push(self, edit: Edit, subject: str) -> Pushed:
        """Put a commit with this edit on top of `tip`. Raises StateError where the server does not let us."""
        base, commit = self.tip, self._commit(edit, subject)
        for pause in (*_PAUSES, None):
            done = self._push(commit, base)
            if done.code == 0:
                self.tip = commit
                return Pushed.DONE
            # Somebody was first, or we were and the answer got lost, or we may not write: the branch itself says which.
            self.fetch()
            if self._holds(commit):
                return Pushed.DONE
            if self.tip != base:
                return Pushed.LOST
            if pause is None or _is_final(done):
                break
            time.sleep(pause)
        raise StateError(f"{redacted(self._url)} did not take a push to {self._ref}: {_reason(done)}", hint=done.hint)

    def _fetch(self) -> Finished:
        depth = () if self.tip or self._newest_known() else ("--depth=1",)
        quiet = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc", "--no-recurse-submodules")
        for pause in (*_PAUSES[1:], None):
            done = self._git.run("fetch", *quiet, *depth, "--", self._url, f"+{self._ref}:{_TIP}", accept=(0, 1, 128))
            if done.code == 0 or pause is None or not _is_passing(done):
                break
            time.sleep(pause)
        return done

    def _newest_known(self) -> str | None:
        """Return the newest commit that this work repository has fetched, now or in an earlier run."""
        return self._git.run("rev-parse", "--verify", "--quiet", f"{_TIP}^{{commit}}", accept=(0, 1, 128)).text or None

    def _tip_of(self, done: Finished) -> str | None:
        if done.code == 0:
            return self._newest_known()
        if "couldn't find remote ref" not in done.complaint.lower():
            raise StateError(f"{redacted(self._url)} cannot be read: {done.complaint}", hint=done.hint)
        if self.tip:
            raise StateError(f"{self._ref} was deleted from {redacted(self._url)} while it was in use")
        return None

    def _push(self, commit: str, base: str | None) -> Finished:
        lease = f"--force-with-lease={self._ref}:{base or ''}"
        quiet = ("--porcelain", "--no-verify", "--no-signed", "--no-follow-tags")
        return self._git.run("push", *quiet, lease, "--", self._url, f"{commit}:{self._ref}", accept=(0, 1, 128))

    def _commit(self, edit: Edit, subject: str) -> str:
        """Write a commit on top of `tip`; return its id."""
        stream = [f"commit {_WRITTEN}\nmark :1\ncommitter {_IDENTITY} now\n".encode(), _data(subject.encode())]
        stream += [f"from {self.tip}\n".encode()] if self.tip else []
        stream += [f"D {path}\n".encode() for path in edit.removes]
        for path, content in edit.writes.items():
            stream += [f"M 100644 inline {path}\n".encode(), _data(content)]
        stream += [b"\nget-mark :1\ndone\n"]
        return self._git.run(
            "fast-import", "--quiet", "--done", "--force", "--date-format=now", send=b"".join(stream)
        ).text

    def _holds(self, commit: str) -> bool:
        if self.tip is None or self.tip == commit:
            return self.tip == commit
        return self._git.run("merge-base", "--is-ancestor", commit, self.tip, accept=(0, 1)).code == 0


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _reason(done: Finished) -> str:
    """Return why a push was refused: the server's own words in the status line, and what came with them."""
    status = [line.rpartition("[")[2] for line in done.text.splitlines() if line.startswith("!")]
    return "; ".join(filter(None, [*(f"[{text}" for text in status), done.complaint]))


def _is_final(done: Finished) -> bool:
    return any(sign in _reason(done) for sign in _FINAL)


def _is_passing(done: Finished) -> bool:
    """Say whether a fetch failed in a way that often passes: the network, or a server at its limit."""
    signs = ("timed out", "reset by peer", "early EOF", "RPC failed", "unexpected disconnect", "error: 5", "error: 429")
    return any(sign in done.complaint for sign in signs)
