"""Questions to the repository that the project lives in, asked of real repositories."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from deployer.adapters import git as module
from deployer.adapters.git import Git, GitProgram
from deployer.adapters.git_url import is_path, redacted
from deployer.errors import DeployerError
from tests.support.stores import git, plain_environ

pytestmark = pytest.mark.quick


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """The environment of a bare runner."""
    home = tmp_path / "home"
    home.mkdir()
    return plain_environ(home)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A repository on the branch `main` with two commits; the project is its folder `det`."""
    top = tmp_path / "repo"
    git(tmp_path, "init", "-q", str(top))
    write(top, "README.md", "hello")
    write(top, "det/rules/a.toml", "a = 1")
    write(top, "det/rules/deep/ü [x].toml", "b = 1")
    write(top, "det/rules/bin.dat", "\0\n\n")
    write(top, "det/deployer.toml", "project = 1")
    write(top, "det/.gitignore", "*.tmp\n")
    commit(top)
    write(top, "det/rules/a.toml", "a = 2")
    commit(top)
    return top


@pytest.fixture
def asked(top: Path, environ: dict[str, str]) -> Git:
    """The repository, asked from the project's folder."""
    return Git(top / "det", environ)


def write(top: Path, path: str, text: str) -> None:
    """Write one file."""
    (top / path).parent.mkdir(parents=True, exist_ok=True)
    (top / path).write_text(text)


def commit(top: Path) -> str:
    """Commit everything; return the commit."""
    git(top, "add", "-A")
    git(top, "commit", "-qm", "change")
    return git(top, "rev-parse", "HEAD")


def test_outside_a_repository_there_is_nothing_to_know(tmp_path: Path, environ) -> None:
    """A project need not be in git: no revision, no branch, no remotes, nothing dirty, and no error."""
    asked = Git(tmp_path, environ)
    assert not asked.is_repository()
    assert (asked.revision(), asked.branch()) == (None, None)
    assert (asked.remotes(), asked.dirty(), asked.transport_settings()) == ((), (), ())
    assert asked.files_at_commits([("0" * 40, "a")]) == {}


def test_before_the_first_commit_there_is_no_revision(tmp_path: Path, environ) -> None:
    """A new repository has a branch and files, and no commit."""
    git(tmp_path, "init", "-q", "new")
    write(tmp_path / "new", "a", "1")
    asked = Git(tmp_path / "new", environ)
    assert asked.is_repository()
    assert (asked.revision(), asked.branch(), asked.dirty()) == (None, "main", ("a",))


def test_revision_and_branch_are_those_of_head(asked: Git, top: Path) -> None:
    """40 hex digits, and the branch's short name, slashes included."""
    assert asked.revision() == git(top, "rev-parse", "HEAD")
    assert asked.branch() == "main"
    git(top, "checkout", "-q", "-b", "fix/one")
    assert asked.branch() == "fix/one"


@pytest.mark.parametrize(
    ("variables", "branch"),
    [
        ({}, None),
        ({"GITHUB_REF": "refs/heads/main", "GITHUB_REF_NAME": "main"}, "main"),
        (
            {"GITHUB_REF": "refs/pull/12/merge", "GITHUB_HEAD_REF": "main", "GITHUB_REF_NAME": "12/merge"},
            "pull/12/merge",
        ),
        ({"GITHUB_REF": "refs/tags/main", "GITHUB_REF_NAME": "main"}, None),
        ({"CI_COMMIT_BRANCH": "release/1"}, "release/1"),
        ({"CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "main", "CI_COMMIT_REF_NAME": "main"}, None),
        ({"BUILD_SOURCEBRANCH": "refs/heads/main"}, "main"),
        ({"GIT_BRANCH": "origin/main"}, "main"),
        ({"BUILDKITE_BRANCH": "main"}, "main"),
    ],
)
def test_a_detached_checkout_has_the_branch_that_ci_names(top: Path, environ, variables, branch) -> None:
    """CI checks a commit out; a pull request or a tag is not the branch of the same name, whoever chose that name."""
    git(top, "checkout", "-q", "--detach")
    assert Git(top, environ | variables).branch() == branch


def test_ci_does_not_overrule_a_branch_that_is_checked_out(top: Path, environ) -> None:
    """On a branch, git knows."""
    assert Git(top, environ | {"GITHUB_REF": "refs/heads/other"}).branch() == "main"


def test_dirty_names_the_files_of_the_project_that_differ(asked: Git, top: Path) -> None:
    """Changed, staged, new and deleted ones under the paths; not ignored ones, not those elsewhere."""
    assert asked.dirty() == ()
    write(top, "README.md", "changed")
    write(top, "det/rules/a.toml", "a = 3")
    write(top, "det/rules/new/b.toml", "")
    write(top, "det/rules/new/c.tmp", "")
    write(top, "det/environments/dev.toml", "")
    git(top, "add", "det/environments/dev.toml")
    (top / "det/rules/deep/ü [x].toml").unlink()
    assert asked.dirty(["rules"]) == ("rules/a.toml", "rules/deep/ü [x].toml", "rules/new/b.toml")
    assert asked.dirty(["environments", "rules/a.toml"]) == ("environments/dev.toml", "rules/a.toml")
    assert asked.dirty(["rules/deep/ü [x].toml"]) == ("rules/deep/ü [x].toml",)
    assert asked.dirty(["nowhere", ":(top)", "*.md"]) == ()


def test_asking_does_not_touch_the_index(asked: Git, top: Path) -> None:
    """`git status` likes to refresh the index; a plan must not fight with the user's own git for its lock."""
    os.utime(top / "det/rules/a.toml", (1, 1))
    before = (top / ".git/index").stat().st_mtime_ns
    assert asked.dirty() == ()
    (top / ".git/index.lock").touch()
    assert asked.dirty() == ()
    assert (top / ".git/index").stat().st_mtime_ns == before


def test_files_come_as_they_were_at_a_ref(asked: Git) -> None:
    """Bytes by path, from any kind of ref, for folders, one file, or the whole project."""
    assert asked.files_at("HEAD~1", ["rules"]) == {
        "rules/a.toml": b"a = 1",
        "rules/bin.dat": b"\0\n\n",
        "rules/deep/ü [x].toml": b"b = 1",
    }
    assert asked.files_at("main", ["./rules/deep/"]) == {"rules/deep/ü [x].toml": b"b = 1"}
    assert asked.files_at("HEAD", ["deployer.toml", "nowhere"]) == {"deployer.toml": b"project = 1"}
    assert set(asked.files_at("HEAD")) >= {"deployer.toml", "rules/a.toml"}
    assert "README.md" not in asked.files_at("HEAD")


def test_links_and_submodules_are_not_files(asked: Git, top: Path) -> None:
    """A link's content is a path, and a submodule is a commit: neither is a rule."""
    (top / "det/rules/link.toml").symlink_to("a.toml")
    git(top, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},det/rules/module")
    git(top, "add", "det/rules/link.toml")
    git(top, "commit", "-qm", "links")
    assert set(asked.files_at("HEAD", ["rules"])) == {"rules/a.toml", "rules/bin.dat", "rules/deep/ü [x].toml"}


def test_many_files_take_two_processes(top: Path, environ, monkeypatch) -> None:
    """One `ls-tree` and one `cat-file` for any number of files (and one to resolve the ref)."""
    for number in range(300):
        write(top, f"det/rules/many/{number}.toml", f"n = {number}")
    commit(top)
    verbs: list[str] = []
    start = GitProgram._start

    def counted(self: GitProgram, arguments):
        verbs.append(arguments[0])
        return start(self, arguments)

    monkeypatch.setattr(GitProgram, "_start", counted)
    files = Git(top / "det", environ).files_at("HEAD", ["rules/many"])
    assert files == {f"rules/many/{number}.toml": b"n = %d" % number for number in range(300)}
    assert verbs == ["rev-parse", "ls-tree", "cat-file"]


def test_files_at_pinned_commits(asked: Git, top: Path) -> None:
    """What the lock file pins is found by commit and path; a file or commit that is not here is left out."""
    first = git(top, "rev-parse", "HEAD~1")
    head = asked.revision()
    there = {
        (first, "rules/a.toml"): b"a = 1",
        (head, "rules/a.toml"): b"a = 2",
        (first, "rules/deep/ü [x].toml"): b"b = 1",
    }
    missing = [(first, "rules"), (first, "rules/none.toml"), (first, "rules/a.toml\nHEAD"), ("0" * 40, "rules/a.toml")]
    assert asked.files_at_commits([*there, *missing]) == there


@pytest.mark.parametrize("commit", ["HEAD", "", "--all", "0" * 39, "G" * 40, "0" * 40 + "\n", "A" * 40])
def test_what_is_no_commit_never_reaches_git(asked: Git, commit: str) -> None:
    """A commit stands in files that anybody may edit: only 40 hex digits are one."""
    with pytest.raises(DeployerError, match="is not a commit"):
        asked.files_at_commits([(commit, "rules/a.toml")])


@pytest.mark.parametrize("ref", ["nope", "--all", "--output=x", "-n1", "HEAD:det", "origin/main"])
def test_a_ref_that_is_not_here_is_said(asked: Git, ref: str) -> None:
    """Also one that looks like an option; the hint is the fetch that brings it."""
    with pytest.raises(DeployerError, match="this clone has no commit") as caught:
        asked.files_at(ref, ["rules"])
    assert caught.value.hint.startswith("git fetch origin")


def test_a_branch_changed_what_differs_from_where_it_left(asked: Git, top: Path) -> None:
    """`--base main`: commits of this branch, the work tree and new files count; what main did since does not."""
    git(top, "checkout", "-q", "-b", "topic")
    write(top, "det/rules/a.toml", "a = 9")
    left = git(top, "rev-parse", "main")
    commit(top)
    git(top, "checkout", "-q", "main")
    write(top, "det/rules/main.toml", "")
    commit(top)
    git(top, "checkout", "-q", "topic")
    write(top, "det/rules/new.toml", "")
    (top / "det/rules/bin.dat").unlink()
    write(top, "README.md", "elsewhere")
    assert asked.merge_base("main") == left
    assert asked.changed_since("main") == ("rules/a.toml", "rules/bin.dat", "rules/new.toml")
    assert asked.changed_since("main", ["rules/new.toml"]) == ("rules/new.toml",)


def test_a_shallow_clone_says_how_to_get_what_it_lacks(top: Path, tmp_path: Path, environ) -> None:
    """CI clones one commit: a file of an older one is not here, and a base is an error with the setting to fetch it."""
    first = git(top, "rev-parse", "HEAD~1")
    git(top, "branch", "base", "HEAD~1")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{top}", "clone")
    asked = Git(tmp_path / "clone" / "det", environ)
    pinned = [(first, "rules/a.toml")]
    assert asked.files_at_commits(pinned) == {}
    git(tmp_path / "clone", "fetch", "-q", "--depth=1", "origin", "base:refs/remotes/origin/base")
    assert asked.files_at_commits(pinned) == {pinned[0]: b"a = 1"}
    for ref, said in (("origin/base", "no commit that HEAD and 'origin/base' share"), ("v1.0", "no commit 'v1.0'")):
        with pytest.raises(DeployerError, match=said) as caught:
            asked.merge_base(ref)
        assert "fetch-depth: 0" in caught.value.hint


def test_remotes_and_where_they_push(top: Path, tmp_path: Path, environ) -> None:
    """`origin` first; the push URL, rewritten as the user's settings say; a path becomes absolute."""
    asked = Git(top / "det", environ)
    git(top, "remote", "add", "backup", "../backup.git")
    git(top, "remote", "add", "origin", "work:acme/rules.git")
    assert asked.remotes() == ("origin", "backup")
    assert asked.remote_url("backup") == str(tmp_path / "backup.git")
    git(top, "config", "url.https://git.example/.insteadOf", "work:")
    assert asked.remote_url("origin") == "https://git.example/acme/rules.git"
    git(top, "remote", "set-url", "--push", "origin", "ssh://git@push.example/x.git")
    assert asked.remote_url("origin") == "ssh://git@push.example/x.git"
    with pytest.raises(DeployerError, match=r"no remote '--upload-pack' \(it has: origin, backup\)"):
        asked.remote_url("--upload-pack")


def test_transport_settings_are_the_repositorys_own(top: Path, environ) -> None:
    """Tokens, proxies and rewrites of the checkout, also from a file it includes; nothing of the user's."""
    Path(environ["HOME"], ".gitconfig").write_text("[http]\n proxy = http://users.own\n")
    (top / "included").write_text('[http "https://git.example/"]\n extraheader = AUTHORIZATION: basic abc\n')
    git(top, "config", "include.path", str(top / "included"))
    git(top, "config", "credential.helper", "store")
    git(top, "config", "user.name", "somebody")
    settings = dict(Git(top, environ).transport_settings())
    assert settings == {
        "http.https://git.example/.extraheader": "AUTHORIZATION: basic abc",
        "credential.helper": "store",
    }


def test_a_chosen_ssh_is_respected(top: Path, environ) -> None:
    """By variable or by setting; else it is ours to give options."""
    assert not Git(top, environ).chooses_ssh()
    assert Git(top, environ | {"GIT_SSH_COMMAND": "ssh -v"}).chooses_ssh()
    git(top, "config", "core.sshCommand", "ssh -i key")
    assert Git(top, environ).chooses_ssh()


def test_variables_that_redirect_git_are_removed(top: Path, tmp_path: Path, environ) -> None:
    """A pre-commit hook runs with GIT_DIR and GIT_INDEX_FILE set, perhaps of another repository."""
    git(tmp_path, "init", "-q", "other")
    other = str(tmp_path / "other" / ".git")
    redirected = {"GIT_DIR": other, "GIT_WORK_TREE": str(tmp_path), "GIT_INDEX_FILE": f"{other}/index"}
    redirected |= {"GIT_OBJECT_DIRECTORY": f"{other}/objects", "GIT_CEILING_DIRECTORIES": "", "GIT_TRACE": "2"}
    asked = Git(top / "det", environ | redirected | {"GIT_CONFIG_PARAMETERS": "'core.bare=true'"})
    assert asked.revision() == git(top, "rev-parse", "HEAD")
    assert asked.dirty() == ()


def test_settings_given_by_the_environment_stay(top: Path, environ) -> None:
    """CI systems pass credentials as GIT_CONFIG_COUNT; ours come after them, and win where they meet."""
    given = {"GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "acme.token", "GIT_CONFIG_VALUE_0": "x"}
    given |= {"GIT_CONFIG_KEY_1": "core.hooksPath", "GIT_CONFIG_VALUE_1": "/hooks"}
    program = GitProgram(top, environ | given, (("acme.more", "y"),))
    assert program.run("config", "--get", "acme.token").text == "x"
    assert program.run("config", "--get", "acme.more").text == "y"
    assert program.run("config", "--get", "core.hooksPath").text == os.devnull


def test_nothing_secret_is_in_the_representation(top: Path, environ) -> None:
    """Environment and settings hold tokens."""
    program = GitProgram(top, environ | {"TOKEN": "hunter2"}, (("http.extraheader", "hunter3"),))
    assert "hunter" not in repr(program)


def test_without_git_the_message_says_so(top: Path, tmp_path: Path) -> None:
    """No traceback where git is not installed."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(DeployerError, match="git was not found on PATH") as caught:
        Git(top, {"PATH": str(tmp_path / "empty")}).revision()
    assert "install git" in caught.value.hint
    with pytest.raises(DeployerError, match="there is no folder"):
        Git(top / "nowhere", {"PATH": os.environ["PATH"]}).revision()


def test_a_checkout_of_another_user_is_said(top: Path, tmp_path: Path, environ) -> None:
    """Containers check out as one user and run as another: git refuses, and we say what to configure."""
    script = tmp_path / "git"
    script.write_text("#!/bin/sh\necho \"fatal: detected dubious ownership in repository at '/x'\" >&2\nexit 128\n")
    script.chmod(0o755)
    asked = Git(top, environ | {"PATH": f"{tmp_path}:{environ['PATH']}"})
    with pytest.raises(DeployerError, match="cannot read this repository: fatal: detected dubious ownership") as caught:
        asked.revision()
    assert "safe.directory" in caught.value.hint


def test_a_git_that_hangs_is_ended_with_what_it_started(top: Path, tmp_path: Path, environ, monkeypatch) -> None:
    """A transport that never answers is stopped after a while, its children too, and the message says so."""
    script = tmp_path / "git"
    sleep = f"{sys.executable} -c 'import time; time.sleep(60)'"
    script.write_text(f"#!/bin/sh\n{sleep} &\necho $! > {tmp_path}/pid\nwait\n")
    script.chmod(0o755)
    monkeypatch.setattr(module, "TIMEOUT", 0.5)
    with pytest.raises(DeployerError, match="did not finish within"):
        Git(top, environ | {"PATH": f"{tmp_path}:{environ['PATH']}"}).revision()
    child = int((tmp_path / "pid").read_text())
    for _ in range(100):
        if not _alive(child):
            return
        time.sleep(0.05)
    raise AssertionError("the child of git is still running")


def _alive(pid: int) -> bool:
    """Say whether a process runs; one that ended and that nobody asked after is listed as Z."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    listed = Path(f"/proc/{pid}/stat")
    return not listed.exists() or listed.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_ctrl_c_does_not_reach_git(top: Path, environ) -> None:
    """Git runs in a session of its own, so that a push is finished or not, but not cut off."""
    alias = f"!{sys.executable} -c 'import os; print(os.getsid(0))'"
    program = GitProgram(top, environ, (("alias.session", alias),))
    assert program.run("session").text not in ("", str(os.getsid(0)))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:pass@host/x.git", "https://host/x.git"),
        ("fatal: 'https://tok@en@host:1/x' failed", "fatal: 'https://host:1/x' failed"),
        ("ssh://git@host/x", "ssh://host/x"),
        ("git@host:a/b.git", "git@host:a/b.git"),
        ("https://host/x?sig=abc&y=1 and more", "https://host/x and more"),
        ("two http://a:b@c/ http://d:e@f/", "two http://c/ http://f/"),
        ("mail a@b, see https://host/", "mail a@b, see https://host/"),
    ],
)
def test_urls_are_shown_without_secrets(text: str, shown: str) -> None:
    """User, password and query go; host and path stay."""
    assert redacted(text) == shown


@pytest.mark.parametrize(
    ("url", "path"),
    [("/x", True), ("../x.git", True), ("x", True), ("./a:b", True), ("host:x", False), ("https://h/x", False)],
)
def test_paths_are_told_from_urls_as_git_does(url: str, path: bool) -> None:
    """A colon before the first slash makes it a host."""
    assert is_path(url) is path
