"""
The only module that starts git.

`GitProgram` runs one git command in one folder, always in the same surroundings: no locale, pager, prompt, hook,
signature or terminal, and none of the environment variables that would point it at another repository. `Git` answers
questions about the repository that the project lives in; `adapters/state/branch.py` uses `GitProgram` for its own.

Every git runs in a session of its own: a Ctrl-C in the terminal reaches deployer, which decides what still has to be
finished, and does not kill a push half-way.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from deployer.adapters.git_url import is_path, redacted
from deployer.errors import DeployerError

TIMEOUT: Final = 120.0
"""Seconds that one git command may take; a fetch or push that hangs longer will not come back."""

_COMMIT: Final = re.compile(r"[0-9a-f]{40}\Z")

_KEPT: Final = re.compile(
    r"GIT_(ASKPASS|CEILING_DIRECTORIES|EXEC_PATH|HTTP_\w+|PROXY_\w+|SSH\w*|SSL_\w+)"
    r"|GIT_CONFIG_(COUNT|GLOBAL|SYSTEM|NOSYSTEM|(KEY|VALUE)_\d+)"
)
"""The git variables that say how to reach a host. All others go: git sets GIT_DIR and GIT_INDEX_FILE for its hooks, and
such a variable would point a command at another repository, or change what it prints."""

_FIXED: Final = {
    "LC_ALL": "C",  # messages are matched in two places
    "GIT_OPTIONAL_LOCKS": "0",  # `git status` must not touch the user's index
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",  # never `ext::`, which runs a command named in a URL
}

_SETTINGS: Final = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("core.quotePath", "false"),
    ("commit.gpgSign", "false"),
    ("push.gpgSign", "false"),
    ("push.followTags", "false"),
    ("push.recurseSubmodules", "no"),
    ("submodule.recurse", "false"),
    ("gc.auto", "0"),
    ("gc.autoDetach", "false"),
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "30"),
)

_TRANSPORT: Final = r"^(http|credential|url|ssh)\.|^core\.(sshcommand|gitproxy|askpass)$"
"""The settings of a repository that a push from another folder needs as well: CI checkouts keep their token there."""

_BRANCH_VARIABLES: Final = (
    "GITHUB_REF",
    "CI_COMMIT_BRANCH",
    "BUILD_SOURCEBRANCH",
    "BITBUCKET_BRANCH",
    "BUILDKITE_BRANCH",
    "GIT_BRANCH",
)


@dataclass(frozen=True, slots=True)
class Finished:
    """What one git command left: exit code, standard output, and what it complained about (redacted)."""

    code: int
    out: bytes
    complaint: str

    @property
    def text(self) -> str:
        """Standard output as text, without the last newline."""
        return self.out.decode("utf-8", "surrogateescape").removesuffix("\n")

    @property
    def hint(self) -> str:
        """What to do about it, where that is known."""
        return _hint(self.complaint)


@dataclass(frozen=True, slots=True)
class GitProgram:
    """
    Runs git in `folder`. `environ` is the process environment, `settings` are further config values (may be secret).

    `bare`: the folder is itself a bare repository. It is named to git then, which may be told to trust no bare
    repository that it merely finds (`safe.bareRepository`).
    """

    folder: Path
    environ: Mapping[str, str] = field(repr=False)
    settings: Sequence[tuple[str, str]] = field(default=(), repr=False)
    error: type[DeployerError] = DeployerError
    bare: bool = False

    def run(self, *arguments: str, send: bytes = b"", accept: Sequence[int] = (0,)) -> Finished:
        """Run `git ARGUMENTS` with `send` as its input. Raises `error` where the exit code is not one of `accept`."""
        out, err, code = self._finish(self._start(arguments), arguments[0], send)
        finished = Finished(code, out, _complaint(err))
        if code not in accept:
            raise self.error(f"git {arguments[0]} failed: {finished.complaint}", hint=finished.hint)
        return finished

    def _start(self, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        if not self.folder.is_dir():
            raise self.error(f"there is no folder {self.folder}")
        pipe = subprocess.PIPE
        surroundings = _surroundings(self.environ, self.settings)
        try:
            return subprocess.Popen(
                ["git", *(["--git-dir=."] if self.bare else []), *arguments],
                cwd=self.folder,
                env=surroundings,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                start_new_session=True,
            )
        except FileNotFoundError as exc:
            raise self.error("git was not found on PATH", hint="install git, version 2.31 or newer") from exc

    def _finish(self, process: subprocess.Popen[bytes], verb: str, send: bytes) -> tuple[bytes, bytes, int]:
        with process:
            try:
                out, err = process.communicate(send, timeout=TIMEOUT)
            except subprocess.TimeoutExpired as exc:
                _kill(process)
                raise self.error(f"git {verb} did not finish within {TIMEOUT:.0f} s and was stopped") from exc
            except BaseException:  # also a KeyboardInterrupt: git, in a session of its own, would go on without us
                _kill(process)
                raise
        return out, err, process.returncode


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End git and the transports it started; a transport left alive would keep our pipes open."""
    if sys.platform == "win32":
        process.kill()
    else:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _surroundings(environ: Mapping[str, str], settings: Sequence[tuple[str, str]]) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if not name.startswith("GIT_") or _KEPT.fullmatch(name)}
    kept.pop("LANGUAGE", None)  # it would win over LC_ALL
    count = int(kept["GIT_CONFIG_COUNT"]) if kept.get("GIT_CONFIG_COUNT", "").isdigit() else 0
    # Values travel in the environment and not as `-c`, because a process list shows arguments to everybody.
    for number, (name, value) in enumerate((*_SETTINGS, *settings), start=count):
        kept[f"GIT_CONFIG_KEY_{number}"], kept[f"GIT_CONFIG_VALUE_{number}"] = name, value
        count = number + 1
    return kept | _FIXED | {"GIT_CONFIG_COUNT": str(count)}


def _complaint(err: bytes) -> str:
    """Return what git said that helps: its first three lines, without the advice it gives to people at a keyboard."""
    advice = ("hint:", "Please make sure you have", "and the repository exists", "warning: --depth")
    lines = [line.strip() for line in redacted(err.decode("utf-8", "replace")).splitlines()]
    return "; ".join([line for line in lines if line and not line.startswith(advice)][:3])


def _hint(complaint: str) -> str:
    """Return what to do about the complaints that CI runners meet most."""
    if "dubious ownership" in complaint:
        return "the checkout belongs to another user: git config --global --add safe.directory FOLDER"
    if any(
        sign in complaint
        for sign in ("could not read Username", "Authentication failed", "Permission denied", "error: 403")
    ):
        return "give the job a credential that may write here (GitHub Actions: permissions: contents: write)"
    if "unknown switch" in complaint or "is not a git command" in complaint:
        return "this git is too old: version 2.31 or newer is needed"
    return ""


class Git:
    """
    The git repository that the project folder `root` is in. Paths go in and come out relative to `root`, with `/`.

    Outside a repository there is no revision, branch or remote, and nothing is dirty. Errors: DeployerError.
    """

    def __init__(self, root: Path, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._program = GitProgram(root, environ)

    @cached_property
    def _prefix(self) -> str | None:
        """The way from the top of the repository to `root` (`""` or `detections/`); None outside a repository."""
        found = self._program.run("rev-parse", "--show-prefix", accept=(0, 128))
        if found.code == 0:
            return found.text
        if "not a git repository" in found.complaint:
            return None
        raise DeployerError(f"git cannot read this repository: {found.complaint}", hint=found.hint)

    def is_repository(self) -> bool:
        """Say whether the project is inside a git repository."""
        return self._prefix is not None

    def revision(self) -> str | None:
        """Return the commit of HEAD as 40 hex digits, None before the first commit."""
        if not self.is_repository():
            return None
        return self._program.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}", accept=(0, 1, 128)).text or None

    def branch(self) -> str | None:
        """
        Return the branch: the one HEAD is on, else (a CI checkout is detached) the one that the CI system names.

        A pull request's own branch name is not taken: a fork chooses it, and `branch` in `[deploy]` is a guard.
        """
        if not self.is_repository():
            return None
        attached = self._program.run("symbolic-ref", "--quiet", "--short", "HEAD", accept=(0, 1))
        return attached.text or _branch_of_ci(self._environ)

    def dirty(self, paths: Iterable[str] = (".",)) -> tuple[str, ...]:
        """Return the files under `paths` that differ from HEAD, sorted: new ones count, ignored ones do not."""
        if not self.is_repository():
            return ()
        status = ("status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=all")
        lines = _fields(self._program.run(*status, "--", *_literal(paths)).out)
        return tuple(sorted(self._from_root(line[3:]) for line in lines))

    def remotes(self) -> tuple[str, ...]:
        """Return the names of the remotes, `origin` first."""
        if not self.is_repository():
            return ()
        names = self._program.run("remote").text.splitlines()
        return tuple(sorted(names, key=lambda name: (name != "origin", name)))

    def remote_url(self, name: str) -> str:
        """
        Return where `git push NAME` goes, rewritten by `insteadOf`; a path comes back absolute. May hold a credential.

        The push URL serves reading too: a mirror behind the fetch URL would show an old lock.
        """
        if name not in self.remotes():
            known = ", ".join(self.remotes()) or "none"
            raise DeployerError(
                f"this repository has no remote {name!r} (it has: {known})", hint=f"git remote add {name} URL"
            )
        url = self._program.run("remote", "get-url", "--push", "--", name).text.splitlines()[0]
        if is_path(url):
            return str((Path(self._program.run("rev-parse", "--show-toplevel").text) / url).resolve())
        return url

    def transport_settings(self) -> tuple[tuple[str, str], ...]:
        """Return the settings with which this repository reaches its remotes, for a push from elsewhere. Secret."""
        if not self.is_repository():
            return ()
        listed = self._program.run("config", "--local", "--includes", "-z", "--get-regexp", _TRANSPORT, accept=(0, 1))
        pairs = (entry.partition("\n") for entry in _fields(listed.out))
        return tuple((name, value) for name, _, value in pairs)

    def chooses_ssh(self) -> bool:
        """Say whether a setting or variable chooses the ssh program; where none does we may choose its options."""
        if "GIT_SSH_COMMAND" in self._environ or "GIT_SSH" in self._environ:
            return True
        return bool(self._program.run("config", "--get", "core.sshCommand", accept=(0, 1)).out)

    def resolve(self, ref: str) -> str:
        """Return the commit that `ref` names, 40 hex digits. Raises DeployerError where this clone does not have it."""
        found = self._program.run(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", accept=(0, 1, 128)
        )
        if found.code == 0:
            return found.text
        raise DeployerError(f"this clone has no commit {ref!r}", hint=self._fetch_hint(ref))

    def merge_base(self, ref: str) -> str:
        """Return the commit where HEAD left `ref`. Raises DeployerError where this clone ends before it."""
        commit = self.resolve(ref)
        found = self._program.run("merge-base", commit, "HEAD", accept=(0, 1, 128))
        if found.code == 0:
            return found.text
        raise DeployerError(f"this clone has no commit that HEAD and {ref!r} share", hint=self._fetch_hint(ref))

    def changed_since(self, ref: str, folders: Iterable[str] = (".",)) -> tuple[str, ...]:
        """Return the files under `folders` that HEAD or the work tree changed since HEAD left `ref`, sorted."""
        paths = _literal(folders)
        diff = ("diff", "--name-only", "--relative", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules=all")
        changed = _fields(self._program.run(*diff, self.merge_base(ref), "--", *paths).out)
        new = _fields(self._program.run("ls-files", "--others", "--exclude-standard", "-z", "--", *paths).out)
        return tuple(sorted({*changed, *new}))

    def files_at(self, ref: str, folders: Iterable[str] = (".",)) -> dict[str, bytes]:
        """
        Return path → content of every file under `folders` as of `ref`, links and submodules left out.

        Two processes whatever the number: 2,192 files take about 0.1 s (libraries.md section 8).
        """
        listed = _fields(self._program.run("ls-tree", "-r", "-z", self.resolve(ref), "--", *_plain(folders)).out)
        entries = (entry.partition("\t") for entry in listed if entry.startswith("100"))
        blobs = {path: facts.split(" ")[2] for facts, _, path in entries}
        contents = read_objects(self._program, blobs.values())
        return {path: contents[blob] for path, blob in blobs.items()}

    def files_at_commits(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
        """Return the content of the (commit, path) pairs that this clone has, in one process. Commits: 40 hex."""
        if not self.is_repository():
            return {}
        pairs = {f"{_checked_commit(commit)}:{self._prefix}{path}": (commit, path) for commit, path in wanted}
        contents = read_objects(self._program, (spec for spec in pairs if "\n" not in spec))
        return {pairs[spec]: content for spec, content in contents.items()}

    def _from_root(self, path: str) -> str:
        return path.removeprefix(self._prefix or "")

    def _fetch_hint(self, ref: str) -> str:
        if self._program.run("rev-parse", "--is-shallow-repository", accept=(0, 128)).text == "true":
            return "the clone is shallow: git fetch --unshallow (GitHub Actions: fetch-depth: 0; GitLab: GIT_DEPTH: 0)"
        return f"git fetch origin {ref.removeprefix('origin/')}"


def read_objects(program: GitProgram, names: Iterable[str]) -> dict[str, bytes]:
    """Return the content of every blob among these object names (`<id>` or `<commit>:<path>`), in one process."""
    asked = list(dict.fromkeys(names))
    if not asked:
        return {}
    answer = program.run(
        "cat-file",
        "--batch",
        "--buffer",
        send="".join(f"{name}\n" for name in asked).encode("utf-8", "surrogateescape"),
    ).out
    return dict(_blobs(asked, answer))


def _blobs(asked: Sequence[str], answer: bytes) -> Iterator[tuple[str, bytes]]:
    """Walk the answer of `cat-file --batch`: `<id> <type> <size>`, the content, a newline; or `<name> missing`."""
    at = 0
    for name in asked:
        end = answer.index(b"\n", at)
        header = answer[at:end].split(b" ")
        at = end + 1
        if header[-1] in (b"missing", b"ambiguous"):
            continue
        size = int(header[-1])
        if header[-2] == b"blob":
            yield name, answer[at : at + size]
        at += size + 1


def _branch_of_ci(environ: Mapping[str, str]) -> str | None:
    """Return the branch that the CI system says it builds; None for a tag, a pull request's name for a pull request."""
    value = next((environ[name] for name in _BRANCH_VARIABLES if environ.get(name)), "")
    if value.startswith("refs/"):
        return value.removeprefix("refs/heads/").removeprefix("refs/") if not value.startswith("refs/tags/") else None
    return value.removeprefix("origin/") or None


def _checked_commit(commit: str) -> str:
    if not _COMMIT.match(commit):
        raise DeployerError(f"{commit!r} is not a commit: 40 hex digits are needed")
    return commit


def _fields(out: bytes) -> list[str]:
    """Split NUL-terminated output."""
    return [entry for entry in out.decode("utf-8", "surrogateescape").split("\0") if entry]


def _plain(paths: Iterable[str]) -> list[str]:
    """Return folders as `ls-tree` wants them: no trailing slash, and no path at all for the whole project."""
    plain = [path.removeprefix("./").rstrip("/") for path in paths]
    return [] if "." in plain or "" in plain else plain


def _literal(paths: Iterable[str]) -> list[str]:
    """Return pathspecs that mean exactly these paths: `[`, `*` and `:` in a folder's name are no patterns."""
    return [f":(literal){path}" for path in paths]
