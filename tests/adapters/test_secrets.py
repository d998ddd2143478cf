"""Secrets: where credentials may go, what references give, and that nothing says a secret aloud."""

from __future__ import annotations

import os
import subprocess
import traceback

import pytest

from deployer.adapters.secrets import check_connection, check_host, resolve
from deployer.adapters.surroundings import Surroundings
from deployer.core.environment import Connection, Credentials, ResolvedCredentials, SecretRef
from deployer.errors import ExitCode, Refusal, RefusedError, SecretError

pytestmark = pytest.mark.quick

WHERE = "environments/prod.toml"
KEY = Credentials(api_key=SecretRef("env", "PROD_KIBANA_API_KEY"))


def connection(url, **parts):
    """Make a connection to an address."""
    return Connection(url, KEY, KEY, **parts)


def resolved(credentials, root, **environ):
    """Resolve with these variables set."""
    return resolve(credentials, Surroundings(environ), root, WHERE)


def file_ref(path):
    """Return credentials whose key is in a file."""
    return Credentials(api_key=SecretRef("file", str(path)))


def test_variables_are_read(tmp_path):
    """Each way to authenticate gives its values; a user name may stand in the file or come by reference."""
    assert resolved(KEY, tmp_path, PROD_KIBANA_API_KEY="id:key").api_key == "id:key"
    basic = Credentials(username="elastic", password=SecretRef("env", "PW"))
    assert resolved(basic, tmp_path, PW="s3cret ") == ResolvedCredentials(username="elastic", password="s3cret ")
    by_reference = Credentials(username=SecretRef("env", "ME"), password=SecretRef("env", "PW"))
    assert resolved(by_reference, tmp_path, ME="me", PW="s3cret").username == "me"
    assert resolved(Credentials(bearer=SecretRef("env", "T")), tmp_path, T="tok").bearer == "tok"
    assert resolved(Credentials(), tmp_path) == ResolvedCredentials()


def test_what_was_read_is_never_printed(tmp_path):
    """Representation, text and formatting name the way, not the value."""
    found = resolved(KEY, tmp_path, PROD_KIBANA_API_KEY="hunter2")
    assert repr(found) == str(found) == f"{found}" == "ResolvedCredentials(api_key)"
    assert repr(ResolvedCredentials()) == "ResolvedCredentials(none)"


@pytest.mark.parametrize(
    ("environ", "says", "hint"),
    [
        ({}, "PROD_KIBANA_API_KEY is not set", "set PROD_KIBANA_API_KEY"),
        ({"PROD_KIBANA_API_KEY": ""}, "PROD_KIBANA_API_KEY is empty", "set PROD_KIBANA_API_KEY"),
        ({"PROD_KIBANA_API_KEY": " \n"}, "PROD_KIBANA_API_KEY is empty", "set PROD_KIBANA_API_KEY"),
        ({"PROD_KIBANA_APIKEY": "hunter2"}, "PROD_KIBANA_API_KEY is not set", "there is a PROD_KIBANA_APIKEY"),
    ],
)
def test_a_missing_variable_names_reference_and_file(tmp_path, environ, says, hint):
    """Unset and empty are the same; a variable of nearly that name is pointed out, never its value."""
    with pytest.raises(SecretError) as caught:
        resolved(KEY, tmp_path, **environ)
    assert str(caught.value) == f"{WHERE} takes a secret from env:PROD_KIBANA_API_KEY, and {says}"
    assert hint in caught.value.hint
    assert "hunter2" not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize(
    ("content", "value"),
    [(b"key", "key"), (b"key\n", "key"), (b"key\r\n", "key"), (b"\xef\xbb\xbfa:b\n", "a:b"), (b"k\n\n", "k\n")],
)
def test_a_file_gives_its_text_without_the_final_newline(tmp_path, content, value):
    """One newline at the end belongs to the editor, everything else to the secret."""
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "key").write_bytes(content)
    assert resolved(file_ref(tmp_path / "key"), root).api_key == value
    assert resolved(file_ref("../key"), root).api_key == value


def test_a_file_below_home(tmp_path, monkeypatch):
    """`~` is the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key").write_text("k")
    (tmp_path / "project").mkdir()
    assert resolved(file_ref("~/key"), tmp_path / "project").api_key == "k"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file"),
        ("folder", "cannot be read: Is a directory"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"hunter2\xff", "is not text"),
        (b"hunter2" * 20000, "too long"),
    ],
    ids=["missing", "folder", "empty", "newline", "binary", "huge"],
)
def test_a_file_that_gives_nothing_names_itself(tmp_path, content, says):
    """Missing, unreadable, empty, not text, far too long: named with the path, and without a byte of it."""
    root = tmp_path / "project"
    root.mkdir()
    if content == "folder":
        (tmp_path / "key").mkdir()
    elif content is not None:
        (tmp_path / "key").write_bytes(content)
    with pytest.raises(SecretError, match=says) as caught:
        resolved(file_ref("../key"), root)
    assert f"{WHERE} takes a secret from file:../key" in str(caught.value)
    assert str(tmp_path / "key") in caught.value.hint
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_file_inside_the_checkout_is_refused(tmp_path):
    """Inside the repository around the project, also above the project's folder and behind a link from outside."""
    root = tmp_path / "repository" / "detections"
    root.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", root.parent], check=True)
    secret = root.parent / "secret"
    secret.write_text("hunter2")
    os.symlink(secret, tmp_path / "link")
    for way in ("../secret", str(secret), "../../link", "./../../repository/secret"):
        with pytest.raises(SecretError, match="inside the checkout") as caught:
            resolved(file_ref(way), root)
        assert "hunter2" not in str(caught.value)


def test_a_link_in_the_checkout_to_a_secret_outside_is_fine(tmp_path):
    """What counts is where the secret lies."""
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "secret").write_text("k")
    os.symlink(tmp_path / "secret", root / "link")
    assert resolved(file_ref("link"), root).api_key == "k"


def test_a_circle_of_links_leads_nowhere(tmp_path):
    """Links that point at each other end in a sentence."""
    os.symlink(tmp_path / "b", tmp_path / "a")
    os.symlink(tmp_path / "a", tmp_path / "b")
    (tmp_path / "project").mkdir()
    with pytest.raises(SecretError, match=r"leads nowhere|cannot be read"):
        resolved(file_ref("../a"), tmp_path / "project")


ALLOWED = [
    (None, "https://anything.example.com"),
    ("kibana.example.com", "https://kibana.example.com"),
    ("kibana.example.com", "https://KIBANA.example.com.:9243/base"),
    ("a, Kibana.Example.com:443", "https://kibana.example.com/base"),
    ("kibana.example.com:5601", "http://kibana.example.com:5601"),
    ("[::1]", "http://[::1]:5601"),
    ("[::1]:5601", "http://[::1]:5601"),
    ("127.0.0.1", "http://127.0.0.1:49152"),
    ("", "sandbox"),
]
REFUSED = [
    ("", "https://kibana.example.com", "kibana.example.com"),
    ("kibana.example.com", "https://kibana.example.com.evil.example", "kibana.example.com.evil.example"),
    ("kibana.example.com", "https://evil-kibana.example.com", "evil-kibana.example.com"),
    ("example.com", "https://kibana.example.com", "kibana.example.com"),
    ("kibana.example.com:443", "https://kibana.example.com:8443", "kibana.example.com:8443"),
    ("kibana.example.com:443", "http://kibana.example.com", "kibana.example.com"),
    ("kibana.example.com", "http://127.0.0.1:5601", "127.0.0.1:5601"),
    ("*", "https://kibana.example.com", "kibana.example.com"),
]


@pytest.mark.parametrize(("hosts", "url"), ALLOWED)
def test_a_pinned_host_may_have_credentials(hosts, url):
    """Exactly the hosts named, with their port where one is named; everything while nothing is pinned."""
    check_host(url, "url", Surroundings({} if hosts is None else {"DEPLOYER_HOSTS": hosts}))


@pytest.mark.parametrize(("hosts", "url", "named"), REFUSED)
def test_another_host_is_refused(hosts, url, named):
    """Exit 4, refusal `host`, naming the setting and the host; no suffix, no wildcard, and this machine counts too."""
    with pytest.raises(RefusedError) as caught:
        check_host(url, "url", Surroundings({"DEPLOYER_HOSTS": hosts}))
    assert (caught.value.exit_code, caught.value.refusal) == (ExitCode.REFUSED, Refusal.HOST)
    assert str(caught.value).startswith(f"url leads to {named}, which is not in DEPLOYER_HOSTS")


def test_every_address_of_a_connection_is_checked():
    """url, cloud_id and proxy, each by its own name; a proxy that is not given is no address."""
    here = Surroundings({"DEPLOYER_HOSTS": "kibana.example.com"})
    check_connection(connection("https://kibana.example.com"), here)
    cases = [
        (connection("https://x.example.com", given_as="cloud_id"), "cloud_id leads to x.example.com"),
        (
            connection("https://kibana.example.com", proxy="http://proxy.example.com:3128"),
            "proxy leads to proxy.example.com:3128",
        ),
    ]
    for wrong, says in cases:
        with pytest.raises(RefusedError, match=says):
            check_connection(wrong, here)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:5601", "http://localhost:5601", "http://[::1]", "https://kibana.example.com", "sandbox"]
)
def test_plain_http_stays_on_this_machine(url):
    """Loopback may be unencrypted."""
    check_connection(connection(url), Surroundings())


@pytest.mark.parametrize(
    "url",
    ["http://kibana.example.com", "http://10.0.0.1:5601", "http://localhost.example.com", "http://127.0.0.1.nip.io"],
)
def test_plain_http_to_another_machine_needs_a_word(url):
    """Refused before a secret is read, unless the environment says allow_http = true."""
    with pytest.raises(RefusedError, match="unencrypted") as caught:
        check_connection(connection(url), Surroundings())
    assert caught.value.refusal is Refusal.HOST
    check_connection(connection(url, allow_http=True), Surroundings())
