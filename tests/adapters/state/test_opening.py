"""From the `state` setting to an open store: what is refused, what is begun, and what is only read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deployer.adapters.state.opening import open_store, rename_project, unsafe_in_ci
from deployer.adapters.state.place import parse_place, server_of_place
from deployer.errors import DeployerError, ExitCode, Refusal, RefusedError, StateError
from tests.support.stores import Backend, git

pytestmark = pytest.mark.quick


def opened(backend: Backend, project: str = "acme", **options):
    """Open a backend by its setting."""
    return open_store(backend.place, root=backend.root, environ=backend.environ, project=project, **options)


def test_the_first_writer_begins_the_store(backend: Backend) -> None:
    """`format.json` says what this is and whose it is, as plain JSON; a second opening finds it."""
    store = opened(backend)
    assert json.loads(store.read("format.json").data) == {"format": 1, "project": "acme"}
    assert opened(backend).names("") == ("format.json",)


def test_opening_to_read_makes_nothing(backend: Backend) -> None:
    """A plan against a store that does not exist reads an empty one and leaves none behind."""
    store = opened(backend, writing=False)
    assert store.names("") == ()
    assert store.read("targets/prod/lock.json") is None
    assert backend.open().names("") == ()
    assert not (backend.root / "store").exists()


def test_a_store_of_another_project_is_refused(backend: Backend) -> None:
    """Two projects in one store would take each other's records for their own."""
    opened(backend)
    for writing in (True, False):
        with pytest.raises(StateError, match="belongs to project 'acme', and this is project 'globex'") as caught:
            opened(backend, "globex", writing=writing)
        assert "--rename-from acme" in caught.value.hint


def test_a_project_may_be_renamed(backend: Backend) -> None:
    """With its old name given the store opens, and once it is renamed the old name is the foreign one."""
    opened(backend)
    store = opened(backend, "globex", renamed_from="acme")
    rename_project(store, "globex")
    assert opened(backend, "globex").names("") == ("format.json",)
    with pytest.raises(StateError, match="belongs to project 'globex'"):
        opened(backend, "acme")


def test_a_store_that_the_sandbox_began_takes_the_projects_name(backend: Backend) -> None:
    """The sandbox needs no project name; the first writer that has one signs the store, a reader does not."""
    opened(backend, "")
    opened(backend, "acme", writing=False)
    assert json.loads(backend.open().read("format.json").data)["project"] == ""
    opened(backend, "acme")
    assert json.loads(backend.open().read("format.json").data)["project"] == "acme"
    with pytest.raises(StateError, match="this is project ''"):
        opened(backend, "")


def test_a_store_of_a_newer_deployer_is_refused(backend: Backend) -> None:
    """Its objects may mean something else; the way out is the newer deployer."""
    backend.open().create({"format.json": b'{"format":2,"project":"acme"}'})
    with pytest.raises(StateError, match="newer deployer: its format is 2, and this one knows 1") as caught:
        opened(backend)
    assert caught.value.hint == "pip install --upgrade kibana-deployer"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"format":1}',
        b'{"format":"1","project":"acme"}',
        b'{"format":true,"project":"acme"}',
        b'{"format":0,"project":"acme"}',
        b'{"format":1,"project":7}',
    ],
)
def test_a_damaged_store_is_refused(tmp_path: Path, content: bytes) -> None:
    """Whatever stands in `format.json` that is not ours is said in a sentence, and not overwritten."""
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "format.json").write_bytes(content)
    with pytest.raises(StateError, match=r"format\.json in the state store file:s is damaged"):
        open_store("file:s", root=tmp_path, environ={}, project="acme")
    assert (tmp_path / "s" / "format.json").read_bytes() == content


def test_a_store_that_lost_its_format_is_refused(backend: Backend) -> None:
    """Bundles without `format.json` were a store once; beginning it anew would hide that."""
    backend.open().create({"bundles/1.ndjson": b""})
    for writing in (True, False):
        with pytest.raises(StateError, match=r"holds bundles/1\.ndjson and no format\.json"):
            opened(backend, writing=writing)


def test_a_branch_of_the_users_own_is_not_taken_for_a_store(tmp_path: Path, remote: Path, environ) -> None:
    """`git:origin#main` is a typing mistake: nothing is pushed on top of somebody's work."""
    git(tmp_path, "clone", "-q", str(remote), "work")
    (tmp_path / "work" / "README.md").write_text("hello")
    git(tmp_path / "work", "add", ".")
    git(tmp_path / "work", "commit", "-qm", "first")
    git(tmp_path / "work", "push", "-q", "origin", "HEAD:main")
    with pytest.raises(StateError, match=r"git:origin#main is not a state store: it holds README\.md"):
        open_store("git:origin#main", root=tmp_path / "work", environ=environ, project="acme")
    assert git(remote, "rev-list", "--count", "main") == "1"


def test_a_remote_that_does_not_exist_is_said_with_those_that_do(tmp_path: Path, remote: Path, environ) -> None:
    """The message lists the remotes, or says that there are none."""
    git(tmp_path, "clone", "-q", str(remote), "work")
    with pytest.raises(DeployerError, match=r"no remote 'orign' \(it has: origin\)"):
        open_store("git:orign#state", root=tmp_path / "work", environ=environ, project="acme")
    with pytest.raises(DeployerError, match=r"no remote 'origin' \(it has: none\)"):
        open_store("git:origin#state", root=tmp_path / "home", environ=environ, project="acme")


@pytest.mark.parametrize(
    "location",
    [
        *("", ".deployer", "file", "file:", "file:../x", "file:a/../../x", "file:~/x", "file://host/x"),
        *("s3:bucket/x", "s3://", "s3://B/x", "s3://bucket/a/../b", "s3://bucket/a b", "gs:/b", "ftp://host/x"),
        *("git:", "git:origin", "git:origin#", "git:#state", "git:--upload-pack=x#b", "git:ext::sh#b", "git:a b#c"),
        *("git:origin#-b", "git:origin#a..b", "git:origin#b.lock", "git:origin#a//b", "git:origin#/b", "git:origin#b/"),
    ],
)
def test_a_setting_that_means_nothing_is_refused_with_what_to_write(location: str) -> None:
    """Unknown schemes, paths that climb, branches that cannot be: each in one sentence."""
    with pytest.raises(StateError):
        parse_place(location)


def test_an_unknown_scheme_lists_the_known_ones() -> None:
    """The hint has all five forms."""
    with pytest.raises(StateError, match=r"'redis://x' is not a state store") as caught:
        parse_place("redis://x")
    for scheme in ("file:", "git:", "s3://", "gs://", "az://"):
        assert scheme in caught.value.hint


def test_settings_are_taken_apart() -> None:
    """Where, and inside what, for every form."""
    expected = {
        "file:.deployer": (".deployer", ""),
        "file:///var/lib/deployer": ("/var/lib/deployer", ""),
        "git:origin#deployer-state": ("origin", "deployer-state"),
        "git:git@host.example:a/b.git#state/prod": ("git@host.example:a/b.git", "state/prod"),
        "s3://acme-state": ("acme-state", ""),
        "gs://acme-state/a/b/": ("acme-state", "a/b"),
        "az://state/a": ("state", "a"),
    }
    assert {text: (parse_place(text).where, parse_place(text).inside) for text in expected} == expected


@pytest.mark.parametrize(
    ("location", "remote_url", "environ", "hosts"),
    [
        ("file:.deployer", "", {}, ()),
        ("git:../store.git#b", "", {}, ()),
        ("git:file:///x/store.git#b", "", {}, ()),
        ("git:origin#b", "https://u:p@Git.Example:8443/a.git", {}, ("git.example:8443",)),
        ("git:origin#b", "git@git.example:a/b.git", {}, ("git.example",)),
        ("git:ssh://git@git.example:22/a.git#b", "", {}, ("git.example:22",)),
        ("git:https://[::1]:8443/a.git#b", "", {}, ("[::1]:8443",)),
        ("s3://acme/x", "", {"AWS_REGION": "eu-west-1"}, ("acme.s3.eu-west-1.amazonaws.com",)),
        ("s3://a.b/x", "", {"AWS_DEFAULT_REGION": "eu-west-1"}, ("s3.eu-west-1.amazonaws.com",)),
        ("s3://acme/x", "", {"AWS_ENDPOINT_URL": "https://minio.example:9000"}, ("minio.example:9000",)),
        ("s3://acme", "", {"AWS_ENDPOINT_URL": "https://a", "AWS_ENDPOINT_URL_S3": "https://b"}, ("b",)),
        ("gs://acme/x", "", {}, ("storage.googleapis.com",)),
        ("az://state/x", "", {"AZURE_STORAGE_ACCOUNT_NAME": "acme"}, ("acme.blob.core.windows.net",)),
    ],
)
def test_the_hosts_of_a_store_are_known_before_it_is_opened(location, remote_url, environ, hosts) -> None:
    """None on this disk, one for everything else, with its port where one is written."""
    server = server_of_place(parse_place(location), remote_url, environ)
    assert ((server.partition("://")[2],) if server else ()) == hosts


@pytest.mark.parametrize(
    ("location", "environ", "said"),
    [
        ("s3://acme/x", {}, "region of s3://acme/x is not known"),
        ("az://state/x", {}, "storage account of az://state/x is not known"),
        ("s3://acme/x", {"AWS_ENDPOINT_URL": "http://minio.example:9000"}, "is not encrypted"),
        ("s3://acme/x", {"AWS_ENDPOINT_URL": "http://127.0.0.1.example/"}, "is not encrypted"),
        ("s3://acme/x", {"AWS_ENDPOINT_URL": "minio.example"}, "is not a URL"),
        ("git:https://host:port/x#b", {}, "is not a URL"),
    ],
)
def test_a_store_whose_server_is_not_clear_is_refused(tmp_path: Path, location, environ, said) -> None:
    """Before anything is sent, with the variable that is missing or wrong."""
    with pytest.raises(StateError, match=said):
        open_store(location, root=tmp_path, environ=environ, project="acme")


@pytest.mark.parametrize("pins", ["kibana.example", "kibana.example, 127.0.0.1:1", ""])
def test_a_state_host_that_is_not_pinned_is_refused(tmp_path: Path, environ, pins: str) -> None:
    """A pull request changed `state`: exit 4, refusal host, and the server was never asked."""
    with pytest.raises(RefusedError, match=r"127\.0\.0\.1:9") as caught:
        open_store(
            "git:http://u:hunter2@127.0.0.1:9/x.git#state",
            root=tmp_path,
            environ=environ | {"DEPLOYER_HOSTS": pins},
            project="acme",
        )
    assert caught.value.refusal is Refusal.HOST
    assert caught.value.exit_code is ExitCode.REFUSED
    assert "hunter2" not in str(caught.value) + caught.value.hint


def test_the_host_behind_a_remotes_name_is_pinned_too(tmp_path: Path, environ) -> None:
    """`git:origin#state` goes where the remote's push URL goes, and that host must be listed."""
    git(tmp_path, "init", "-q", "work")
    git(tmp_path / "work", "remote", "add", "origin", "https://good.example/a.git")
    git(tmp_path / "work", "remote", "set-url", "--push", "origin", "https://evil.example/a.git")
    with pytest.raises(RefusedError, match=r"evil\.example"):
        open_store(
            "git:origin#state",
            root=tmp_path / "work",
            environ=environ | {"DEPLOYER_HOSTS": "good.example"},
            project="acme",
        )


def test_a_pinned_host_is_let_through(moto: str, tmp_path: Path) -> None:
    """With the port or without it."""
    environ = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "x", "AWS_ENDPOINT_URL": moto}
    for pin in ("127.0.0.1", moto.removeprefix("http://")):
        pinned = environ | {"DEPLOYER_HOSTS": f"kibana.example,{pin}"}
        place = f"s3://state/pin/{tmp_path.name}"
        assert open_store(place, root=tmp_path, environ=pinned, project="acme").names("") == ("format.json",)


@pytest.mark.parametrize(
    ("location", "ci", "loopback", "safe"),
    [
        ("file:.deployer", "true", False, False),
        ("file:deep/er", "1", False, False),
        ("file:.deployer", "true", True, True),
        ("file:.deployer", "false", False, True),
        ("file:.deployer", None, False, True),
        ("file:{outside}", "true", False, True),
        ("file:{inside}", "true", False, False),
        ("git:origin#deployer-state", "true", False, True),
        ("s3://acme/x", "true", False, True),
    ],
)
def test_a_store_inside_a_ci_checkout_is_unsafe(tmp_path: Path, environ, location, ci, loopback, safe) -> None:
    """In CI, against a Kibana that is not on this machine, a folder that vanishes with the runner is refused."""
    git(tmp_path, "init", "-q", "checkout")
    project = tmp_path / "checkout" / "detections"
    project.mkdir()
    place = location.format(outside=tmp_path / "elsewhere", inside=tmp_path / "checkout" / "state")
    said = unsafe_in_ci(place, environ | ({} if ci is None else {"CI": ci}), loopback, project)
    assert (said is None) is safe


def test_the_refusal_in_ci_has_the_line_that_mends_it(tmp_path: Path, environ) -> None:
    """Copied into deployer.toml it works: a branch of the remote that there is, else a bucket."""
    git(tmp_path, "init", "-q", "checkout")
    root, environ = tmp_path / "checkout", environ | {"CI": "true"}
    assert 'state = "s3://BUCKET/deployer"' in unsafe_in_ci("file:.deployer", environ, False, root)
    git(root, "remote", "add", "upstream", "https://git.example/a.git")
    said = unsafe_in_ci("file:.deployer", environ, False, root)
    assert 'state = "git:upstream#deployer-state"' in said
    assert "Nothing was sent" in said
    git(root, "remote", "add", "origin", "https://git.example/b.git")
    assert 'state = "git:origin#deployer-state"' in unsafe_in_ci("file:.deployer", environ, False, root)
