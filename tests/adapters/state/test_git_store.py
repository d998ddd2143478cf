"""The git store in the circumstances it is for: bare runners, shallow clones, strict servers, answers that get lost."""

from __future__ import annotations

import base64
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from deployer.adapters.state import slot
from deployer.adapters.state.opening import open_store
from deployer.errors import StateError
from tests.support.stores import git, git_store


class Wrapped:
    """A `git` in front of the real one, which logs its arguments and runs a shell line before, or instead."""

    def __init__(self, folder: Path, environ: dict[str, str], line: str = "") -> None:
        self.log = folder / "git.log"
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        real = shutil.which("git")
        script = bin_folder / "git"
        script.write_text(f'#!/bin/sh\necho "$@" >> {self.log}\nreal={real}\n{line}\nexec $real "$@"\n')
        script.chmod(0o755)
        self.environ = environ | {"PATH": f"{bin_folder}:{environ['PATH']}"}

    def count(self, verb: str) -> int:
        """Return how often git was started with this verb."""
        return sum(f" {verb} " in f" {line} " for line in self.log.read_text().splitlines())


def commits(remote: Path) -> list[str]:
    """Return the subjects of the branch, newest first."""
    return git(remote, "log", "--format=%s", "state").splitlines()


def test_the_branch_has_no_parent_in_the_project_and_plain_files(remote: Path, tmp_path: Path, environ) -> None:
    """The first write makes an orphan branch; whoever looks at it sees the objects as files, written by `deployer`."""
    store = git_store(remote, tmp_path, environ)
    store.replace("targets/prod/lock.json", b"{}", None)
    store.create({"events/1.json": b"{}", "events/2.json": b"{}"})
    assert commits(remote) == ["create events/1.json and 1 more", "replace targets/prod/lock.json"]
    assert git(remote, "log", "-1", "--format=%an <%ae> %cn", "state") == "deployer <deployer@localhost> deployer"
    assert git(remote, "show", "state:targets/prod/lock.json") == "{}"


def test_many_objects_are_one_commit_and_one_push(remote: Path, tmp_path: Path, environ) -> None:
    """A batch costs one round trip, however many objects it has."""
    wrapped = Wrapped(tmp_path, environ)
    store = git_store(remote, tmp_path, wrapped.environ)
    store.create({f"journal/{number}": b"x" * 5000 for number in range(400)})
    assert wrapped.count("push") == 1
    assert wrapped.count("fetch") == 1
    assert len(store.names("journal/")) == 400


def test_a_push_names_the_commit_that_it_replaces(remote: Path, tmp_path: Path, environ) -> None:
    """The lease is explicit: a bare one compares with whatever was fetched last."""
    wrapped = Wrapped(tmp_path, environ)
    store = git_store(remote, tmp_path, wrapped.environ)
    store.create({"a": b"1"})
    before = git(remote, "rev-parse", "state")
    store.create({"b": b"1"})
    pushes = [line for line in wrapped.log.read_text().splitlines() if " push " in line]
    assert "--force-with-lease=refs/heads/state: " in pushes[0]
    assert f"--force-with-lease=refs/heads/state:{before} " in pushes[1]


def test_the_reads_of_one_command_are_one_fetch(remote: Path, tmp_path: Path, environ) -> None:
    """What was fetched within the window is current for reading; a swap that loses looks again at once."""
    wrapped = Wrapped(tmp_path, environ)
    store = git_store(remote, tmp_path, wrapped.environ, fresh_for=60.0)
    other = git_store(remote, tmp_path, environ)
    version = other.replace("lock.json", b"1", None)
    for _ in range(3):
        assert store.read_many(store.names("")) == {"lock.json": b"1"}
    assert wrapped.count("fetch") == 1
    other.replace("lock.json", b"2", version)
    assert store.replace("lock.json", b"3", version) is None
    assert store.read_many(["lock.json"]) == {"lock.json": b"2"}
    assert wrapped.count("fetch") == 2


def test_a_write_that_loses_to_another_object_is_pushed_again(remote: Path, tmp_path: Path, environ) -> None:
    """Somebody deploys another target at the same time: ours is put on top of theirs."""
    one, other = git_store(remote, tmp_path, environ), git_store(remote, tmp_path, environ)
    one.create({"a": b"1"})
    other.create({"b": b"1"})
    one.create({"c": b"1"})
    assert other.replace("d", b"1", None) is not None
    assert one.names("") == ("a", "b", "c", "d")
    assert len(commits(remote)) == 4


def test_a_push_whose_answer_was_lost_counts(remote: Path, tmp_path: Path, environ) -> None:
    """The server took the commit and the connection broke: the branch says so, and nothing is written twice."""
    lost = f'case "$*" in *" push "*) if [ ! -e {tmp_path}/once ]; then touch {tmp_path}/once; $real "$@" >/dev/null; '
    lost += 'echo "fatal: the remote end hung up unexpectedly" >&2; exit 128; fi;; esac'
    store = git_store(remote, tmp_path, Wrapped(tmp_path, environ, lost).environ)
    version = store.replace("lock.json", b"1", None)
    assert version is not None
    assert commits(remote) == ["replace lock.json"]
    assert store.replace("lock.json", b"2", version) is not None


def test_a_push_whose_answer_was_lost_counts_below_the_commits_of_others(remote: Path, tmp_path: Path, environ) -> None:
    """The same, and somebody has already written on top of ours."""
    other = git_store(remote, tmp_path, environ)
    other.create({"theirs": b"0"})
    git(tmp_path, "clone", "-q", "--branch", "state", str(remote), "clone")
    theirs = f"cd {tmp_path}/clone && $real pull -q && echo > more && $real add more && $real -c user.name=x "
    theirs += "-c user.email=x@localhost commit -qm more && $real push -q"
    lost = f'case "$*" in *" push "*) if [ ! -e {tmp_path}/once ]; then touch {tmp_path}/once; $real "$@" >/dev/null; '
    lost += f"({theirs}) >/dev/null 2>&1; exit 128; fi;; esac"
    store = git_store(remote, tmp_path, Wrapped(tmp_path, environ, lost).environ)
    assert store.replace("lock.json", b"1", None) is not None
    assert commits(remote) == ["more", "replace lock.json", "create theirs"]


def test_a_server_that_refuses_is_quoted_once(remote: Path, tmp_path: Path, environ) -> None:
    """A protected branch does not become writable by asking again: one push, and the server's reason."""
    hook = remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'GH006: Protected branch update failed' >&2\nexit 1\n")
    hook.chmod(0o755)
    wrapped = Wrapped(tmp_path, environ)
    store = git_store(remote, tmp_path, wrapped.environ)
    with pytest.raises(StateError, match=r"pre-receive hook declined.*Protected branch update failed"):
        store.create({"a": b"1"})
    assert wrapped.count("push") == 1


def test_the_users_own_configuration_changes_nothing(remote: Path, tmp_path: Path, environ) -> None:
    """No hook of the user runs, nothing is signed, and no identity is needed."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("pre-push", "post-checkout", "pre-auto-gc"):
        (hooks / name).write_text("#!/bin/sh\nexit 1\n")
        (hooks / name).chmod(0o755)
    Path(environ["HOME"], ".gitconfig").write_text(
        f"[core]\n hooksPath = {hooks}\n[commit]\n gpgSign = true\n[push]\n gpgSign = true\n followTags = true\n"
        "[user]\n useConfigOnly = true\n[gpg]\n program = /bin/false\n[safe]\n bareRepository = explicit\n"
        "[fetch]\n prune = true\n writeCommitGraph = true\n[push]\n default = nothing\n[color]\n ui = always\n"
    )
    store = git_store(remote, tmp_path, environ)
    store.create({"a": b"1"})
    assert store.replace("b", b"1", None) is not None
    assert git_store(remote, tmp_path, environ).names("") == ("a", "b")


def test_variables_of_a_git_hook_do_not_lead_elsewhere(remote: Path, tmp_path: Path, environ) -> None:
    """Started from a hook, git's own variables point at the user's repository; the store is not written there."""
    git(tmp_path, "init", "-q", "project")
    project = tmp_path / "project"
    hook = {"GIT_DIR": str(project / ".git"), "GIT_INDEX_FILE": str(project / "index"), "GIT_WORK_TREE": str(project)}
    git_store(remote, tmp_path, environ | hook).create({"a": b"1"})
    assert git(remote, "show", "state:a") == "1"
    assert git(project, "for-each-ref") == ""
    assert not (project / "index").exists()


def test_it_works_from_a_shallow_clone_by_the_remotes_name(remote: Path, tmp_path: Path, environ) -> None:
    """A CI checkout has one commit and `origin`; a second clone of the repository sees the first one's records."""
    git(tmp_path, "clone", "-q", str(remote), "work")
    for number in range(3):
        git(tmp_path / "work", "commit", "-q", "--allow-empty", "-m", str(number))
    git(tmp_path / "work", "push", "-q", "origin", "HEAD:main")
    for clone in ("one", "two"):
        git(tmp_path, "clone", "-q", "--depth=1", "--branch=main", f"file://{remote}", clone)
    place = "git:origin#deployer/state"
    one = open_store(place, root=tmp_path / "one", environ=environ, project="acme")
    for number in range(5):
        one.create({f"records/{number}": b"{}"})
    two = open_store(place, root=tmp_path / "two", environ=environ, project="acme")
    assert two.names("records/") == tuple(f"records/{number}" for number in range(5))
    assert two.location == place
    assert git(tmp_path / "one", "status", "--porcelain") == ""
    folder = next((tmp_path / "two" / ".deployer" / "git-store").glob("*-0"))
    assert git(folder, "rev-list", "--count", "refs/deployer/tip") == "1"  # fetched without its history


def test_a_cache_from_an_earlier_run_is_taken_up(remote: Path, tmp_path: Path, environ) -> None:
    """The next run on the same machine fetches only what is new, even if a killed git left its locks there."""
    git_store(remote, tmp_path, environ).create({"a": b"1"})
    cache = tmp_path / ".deployer" / "git-store"
    for leftover in ("shallow.lock", "refs/deployer/tip.lock", "packed-refs.lock", "HEAD.lock"):
        path = cache / "test-0" / leftover
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    store = git_store(remote, tmp_path, environ)
    store.create({"b": b"1"})
    assert store.names("") == ("a", "b")
    assert [path.name for path in sorted(cache.iterdir())] == [".gitignore", "test-0", "test-0.lock"]


def test_a_broken_cache_is_made_again(remote: Path, tmp_path: Path, environ) -> None:
    """A power failure may leave empty object files; the cache is thrown away and the store is as it was."""
    store = git_store(remote, tmp_path, environ)
    store.create({"a": b"1"})
    store.read("a")
    del store
    broken = list((tmp_path / ".deployer/git-store/test-0/objects").glob("??/*"))
    assert broken
    for path in broken:
        path.chmod(0o600)
        path.write_bytes(b"")
    git_store(remote, tmp_path, environ).create({"b": b"1"})
    assert git_store(remote, tmp_path, environ).names("") == ("a", "b")


def test_what_piles_up_in_a_cache_is_packed(remote: Path, tmp_path: Path, environ, monkeypatch) -> None:
    """A slot is packed when it is taken up with too many loose objects."""
    monkeypatch.setattr(slot, "_LOOSE", -1)
    store = git_store(remote, tmp_path, environ)
    for number in range(10):
        store.create({f"x/{number}/{part}": f"{number} {part}".encode() for part in range(60)})
    del store
    folder = tmp_path / ".deployer" / "git-store" / "test-0"
    assert len(list(folder.glob("objects/??/*"))) > 600
    store = git_store(remote, tmp_path, environ)
    assert len(store.names("x/")) == 600
    assert len(list(folder.glob("objects/??/*"))) < 60


def test_deployers_at_once_have_a_work_repository_each(remote: Path, tmp_path: Path, environ) -> None:
    """Each takes the first free one, and gives it back when it goes."""
    one, two = git_store(remote, tmp_path, environ), git_store(remote, tmp_path, environ)
    one.create({"a": b"1"})
    two.create({"b": b"1"})
    cache = tmp_path / ".deployer" / "git-store"
    assert sorted(path.name for path in cache.iterdir() if path.is_dir()) == ["test-0", "test-1"]
    del one
    git_store(remote, tmp_path, environ).names("")
    assert sorted(path.name for path in cache.iterdir() if path.is_dir()) == ["test-0", "test-1"]


def test_it_works_where_the_project_cannot_be_written(remote: Path, tmp_path: Path, environ) -> None:
    """A read-only checkout: the work repository is then a temporary folder."""
    (tmp_path / ".deployer").write_text("in the way")
    store = git_store(remote, tmp_path, environ)
    store.create({"a": b"1"})
    assert store.names("") == ("a",)


def test_a_branch_that_is_deleted_under_us_is_an_error(remote: Path, tmp_path: Path, environ) -> None:
    """A lock that vanished must not look like a lock that is free."""
    store = git_store(remote, tmp_path, environ)
    store.create({"a": b"1"})
    git(remote, "update-ref", "-d", "refs/heads/state")
    with pytest.raises(StateError, match="refs/heads/state was deleted"):
        store.read("a")
    with pytest.raises(StateError, match="refs/heads/state was deleted"):
        store.create({"b": b"1"})


def test_a_remote_that_is_not_there_is_said_without_its_password(tmp_path: Path, environ) -> None:
    """User names and passwords in URLs appear in no message and not in the location."""
    url = "http://robot:hunter2@127.0.0.1:9/store.git"
    with pytest.raises(StateError) as caught:
        open_store(f"git:{url}#state", root=tmp_path, environ=environ, project="acme")
    assert "http://127.0.0.1:9/store.git cannot be read" in str(caught.value)
    for secret in ("hunter2", "robot"):
        assert secret not in str(caught.value)
        assert secret not in caught.value.hint


def test_a_folder_that_is_no_repository_is_said(tmp_path: Path, environ) -> None:
    """A path that leads nowhere is an error at once, not an empty store."""
    with pytest.raises(StateError, match="does not appear to be a git repository"):
        open_store("git:./nowhere#state", root=tmp_path, environ=environ, project="acme")


class Recorder(BaseHTTPRequestHandler):
    """A git server that lets nobody in and remembers what it was shown."""

    shown: list[str | None]

    def do_GET(self) -> None:
        """Refuse."""
        self.shown.append(self.headers.get("Authorization"))
        self.send_error(403)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def recording() -> Iterator[tuple[str, list[str | None]]]:
    """Serve on this machine; yield the URL and the list of what is shown."""
    shown: list[str | None] = []
    server = HTTPServer(("127.0.0.1", 0), type("Handler", (Recorder,), {"shown": shown}))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", shown
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_token_of_the_checkout_is_used_and_not_shown(tmp_path: Path, environ) -> None:
    """CI checkouts keep their token in the repository's own settings; a work repository elsewhere needs it too."""
    git(tmp_path, "init", "-q", "project")
    token = "AUTHORIZATION: basic " + base64.b64encode(b"x-access-token:hunter2").decode()
    with recording() as (url, shown):
        git(tmp_path / "project", "remote", "add", "origin", f"{url}/acme/rules.git")
        git(tmp_path / "project", "config", f"http.{url}/.extraheader", token)
        with pytest.raises(StateError) as caught:
            open_store("git:origin#state", root=tmp_path / "project", environ=environ, project="acme")
    assert shown == [token.partition(": ")[2]]
    assert token[-12:] not in str(caught.value) + caught.value.hint
    assert "contents: write" in caught.value.hint


def test_a_url_that_would_run_a_program_is_refused(tmp_path: Path, environ) -> None:
    """`state` stands in a file that a pull request may change: git's `ext::` addresses never run."""
    git(tmp_path, "init", "-q", "project")
    mark = tmp_path / "ran"
    with pytest.raises(StateError, match="run a program"):
        open_store(f"git:ext::touch%20{mark}#state", root=tmp_path / "project", environ=environ, project="acme")
    git(tmp_path / "project", "remote", "add", "origin", f"ext::touch {mark}")
    with pytest.raises(StateError, match="'ext' not allowed"):
        open_store("git:origin#state", root=tmp_path / "project", environ=environ, project="acme")
    assert not mark.exists()
