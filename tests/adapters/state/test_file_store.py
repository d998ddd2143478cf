"""The file store: what it leaves on the disk, and what it says when the disk does not do."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deployer.adapters.state import disk
from deployer.adapters.state.file import FileStore
from deployer.errors import StateError

pytestmark = pytest.mark.quick


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the store is."""
    return tmp_path / "deep" / ".deployer"


@pytest.fixture
def store(folder: Path) -> FileStore:
    """A store that does not exist yet."""
    return FileStore(folder, "file:.deployer")


def mode(path: Path) -> int:
    """Return the permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_can_look_into_it(store: FileStore, folder: Path) -> None:
    """Folders 0700 and files 0600, whatever the umask allows: rules and before-images are nobody else's business."""
    before = os.umask(0)
    try:
        store.create({"a/b/c": b"1"})
        store.replace("lock.json", b"1", None)
    finally:
        os.umask(before)
    for path in (folder, *folder.rglob("*")):
        assert mode(path) == (0o700 if path.is_dir() else 0o600), path


def test_objects_are_plain_files(store: FileStore, folder: Path) -> None:
    """A person can read the store with `cat`."""
    store.replace("targets/prod/lock.json", b'{"state":"free"}\n', None)
    assert (folder / "targets/prod/lock.json").read_text() == '{"state":"free"}\n'


def test_reading_makes_nothing(store: FileStore, folder: Path) -> None:
    """A plan in a fresh clone leaves no folder behind."""
    assert store.read("a") is None
    assert store.names("a/") == ()
    store.remove(["a"])
    assert not folder.parent.exists()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no /proc: descriptors cannot be named")
def test_everything_is_flushed_before_a_call_returns(store: FileStore, folder: Path, monkeypatch) -> None:
    """First the file, then its name, then its folder and the parents of new folders, each once in a batch."""
    log: list[str] = []
    flush, replace = disk.flush, Path.replace

    def flushed(descriptor: int) -> None:
        log.append("flush " + os.path.relpath(os.readlink(f"/proc/self/fd/{descriptor}"), folder))
        flush(descriptor)

    def renamed(self: Path, target: Path) -> Path:
        log.append(f"rename {target.relative_to(folder)}")
        return replace(self, target)

    monkeypatch.setattr(disk, "flush", flushed)
    monkeypatch.setattr(Path, "replace", renamed)
    store.create({"j/1": b"1", "j/2": b"2"})
    assert log[:4] == ["flush .writing/0", "flush .writing/1", "rename j/1", "rename j/2"]
    assert sorted(log[4:]) == ["flush .", "flush j"]
    log.clear()
    store.replace("j/1", b"3", store.read("j/1").version)
    assert log[:2] == ["flush .writing/0", "flush .writing/1"]
    assert log[2:4] == ["rename j/1", "rename .versions/j/1"]
    assert {"flush j", "flush .versions/j"} <= set(log[4:])


def test_a_failure_before_the_rename_changes_nothing(store: FileStore, monkeypatch) -> None:
    """The disk is full while a new version is written aside: the old one stays, whole, with its version."""
    version = store.replace("lock.json", b"old", None)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(disk, "flush", full)
        with pytest.raises(StateError, match=r"file:\.deployer cannot be used: No space left on device"):
            store.replace("lock.json", b"new", version)
        with pytest.raises(StateError, match="No space left"):
            store.create({"event": b"{}"})
    assert store.names("") == ("lock.json",)
    assert store.replace("lock.json", b"new", version) is not None


def test_a_writer_that_was_suspended_is_named_after_a_while(store: FileStore, folder: Path) -> None:
    """Nobody waits for ever: the message names the lock file and what to look for."""
    store.create({"a": b"1"})
    lock, pipe = folder / ".lock", subprocess.PIPE
    script = (
        "import sys, pathlib; from deployer.adapters.state.disk import exclusive\n"
        "with exclusive(pathlib.Path(sys.argv[1])):\n    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(lock)], stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(StateError, match=r"another process has been holding .*\.lock"),
            disk.exclusive(lock, patience=0.05),
        ):
            pass
        holder.stdin.close()
    store.create({"b": b"1"})
    assert store.names("") == ("a", "b")


def test_a_path_that_is_a_file_is_said(tmp_path: Path) -> None:
    """`file:README.md` is a mistake, not a crash."""
    (tmp_path / "README.md").write_text("hello")
    store = FileStore(tmp_path / "README.md", "file:README.md")
    assert store.read("a") is None
    with pytest.raises(StateError, match=r"file:README\.md cannot be used: .*"):
        store.create({"a": b"1"})


def test_other_things_in_the_folder_are_left_alone(store: FileStore, folder: Path) -> None:
    """`.deployer` also holds the git cache, the sandbox and the schemas; they are not objects and survive."""
    for name in ("git-store/x/config", "sandbox/a.json", "schema/environment.json", "NOTES.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("theirs")
    store.create({"a": b"1"})
    assert store.names("") == ("a",)
    store.remove(store.names(""))
    assert len([path for path in folder.rglob("*") if path.is_file() and path.read_text() == "theirs"]) == 4


def test_empty_folders_go_with_their_last_object(store: FileStore, folder: Path) -> None:
    """A finished journal leaves no folder behind."""
    store.create({"targets/prod/journal/1": b"1", "targets/dev/lock.json": b"1"})
    store.remove(["targets/prod/journal/1"])
    assert not (folder / "targets" / "prod").exists()
    assert (folder / "targets" / "dev").exists()
