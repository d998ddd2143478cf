"""The bucket store where the network is bad, and what is said where the cloud refuses."""

from __future__ import annotations

import http.client
import re
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from deployer.adapters.state import buckets, cloud
from deployer.adapters.state.buckets import config_of, connect
from deployer.adapters.state.cloud import CloudStore
from deployer.adapters.state.opening import open_store
from deployer.adapters.state.place import parse_place
from deployer.errors import StateError
from tests.support.stores import s3_environ

obstore = pytest.importorskip("obstore", reason="obstore is not installed: buckets are not tested")

Fault = Callable[[str, str], str]
"""From method and path of a request to what goes wrong: "" nothing, "lost" the answer, "busy" a 503, "denied" a 403."""


class Proxy(BaseHTTPRequestHandler):
    """Passes requests on to the moto server, or does not."""

    target: str
    fault: Fault

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = type(self).fault(self.command, self.path)
        if fault in ("busy", "denied"):
            code = f"<Code>{'SlowDown' if fault == 'busy' else 'AccessDenied'}</Code><Key>hunter2</Key>".encode()
            self._answer(503 if fault == "busy" else 403, {}, b"<Error>" + code + b"</Error>")
            return
        connection = http.client.HTTPConnection(urlsplit(self.target).netloc)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if fault == "lost":
            self.close_connection = True
            return
        self._answer(answer.status, dict(answer.getheaders()), content)

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        """Read and list."""
        self._pass_on()

    def do_PUT(self) -> None:
        """Write."""
        self._pass_on()

    def do_POST(self) -> None:
        """Remove many."""
        self._pass_on()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Network:
    """A bad network in front of the moto server: `faults` go wrong one after the other at the writes."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.faults: list[str] = []
        self.writes = 0

    def fault(self, method: str, _: str) -> str:
        """Return the next fault for a write."""
        if method != "PUT":
            return ""
        self.writes += 1
        return self.faults.pop(0) if self.faults else ""


@pytest.fixture
def network(moto: str, monkeypatch) -> Iterator[Network]:
    """A network that can be told to fail; pauses between tries are short."""
    monkeypatch.setattr(cloud, "_PAUSES", (0.01, 0.01, 0.01))
    network = Network("")
    handler = type("Handler", (Proxy,), {"target": moto, "fault": staticmethod(network.fault)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    network.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield network
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def store(network: Network, tmp_path: Path) -> CloudStore:
    """A store behind the network."""
    place = parse_place(f"s3://state/network/{tmp_path.parent.name}/{tmp_path.name}")
    return CloudStore(lambda: connect(place, s3_environ(network.url)), place.text)


def test_a_swap_whose_answer_was_lost_is_won(store: CloudStore, network: Network) -> None:
    """The write arrived and its answer did not: sending it again meets our own write, which is not somebody else's."""
    network.faults = ["lost"]
    version = store.replace("lock.json", b"1", None)
    assert version is not None
    network.faults = ["lost", "lost"]
    assert store.replace("lock.json", b"2", version) is not None
    assert store.read_many(["lock.json"]) == {"lock.json": b"2"}


def test_a_swap_that_the_server_had_no_time_for_is_sent_again(store: CloudStore, network: Network) -> None:
    """503 means that nothing was written; the same write follows."""
    network.faults = ["busy", "busy"]
    assert store.replace("lock.json", b"1", None) is not None
    assert network.writes == 3


def test_a_swap_that_was_lost_to_somebody_else_after_a_fault_is_lost(store: CloudStore, network: Network) -> None:
    """After a fault another content is another writer's, and we were not first."""
    version = store.replace("lock.json", b"1", None)
    other = store.replace("lock.json", b"2", version)
    network.faults = ["busy"]
    assert store.replace("lock.json", b"3", version) is None
    assert store.replace("lock.json", b"3", other) is not None


def test_a_definite_loss_is_sent_once(store: CloudStore, network: Network) -> None:
    """412 is an answer: nothing is repeated."""
    store.replace("lock.json", b"1", None)
    assert store.replace("lock.json", b"1", None) is None
    assert network.writes == 2


def test_creating_survives_the_network(store: CloudStore, network: Network) -> None:
    """Some answers of a batch are lost, some requests find no time: every object is there, once."""
    network.faults = ["lost", "busy", "", "lost"]
    objects = {f"journal/{number}": b"%d" % number for number in range(10)}
    store.create(objects)
    assert store.read_many(store.names("journal/")) == objects


def test_a_write_that_never_gets_through_is_an_error(store: CloudStore, network: Network) -> None:
    """The error has the status and the code, and nothing of the request or the answer beside them."""
    network.faults = ["busy"] * 4
    with pytest.raises(StateError) as caught:
        store.replace("lock.json", b"1", None)
    assert str(caught.value).endswith("cannot be used: 503 SlowDown")
    assert network.writes == 4
    assert store.read("lock.json") is None


def test_a_refusal_names_no_key(store: CloudStore, network: Network) -> None:
    """Errors of a cloud quote whole requests; ours say that the credentials were refused, and where they come from."""
    network.faults = ["denied"]
    with pytest.raises(StateError) as caught:
        store.create({"a": b"1"})
    assert "refuses our credentials" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "environment" in caught.value.hint
    assert network.writes == 1


def test_a_server_that_is_not_there_is_said(monkeypatch) -> None:
    """No connection: the store's place, and that nobody answered."""
    monkeypatch.setattr(cloud, "_PAUSES", (0.01,))
    place = parse_place("s3://state/x")
    environ = s3_environ("http://127.0.0.1:9")
    store = CloudStore(lambda: connect(place, environ), place.text)
    with pytest.raises(StateError, match=r"s3://state/x cannot be used: no answer"):
        store.replace("a", b"", None)


def test_a_bucket_that_does_not_exist_is_said(moto: str, tmp_path: Path) -> None:
    """A typing mistake in the bucket's name is an error when writing, not an empty store for ever."""
    with pytest.raises(StateError, match=r"cannot be used: 404 NoSuchBucket"):
        open_store("s3://no-such-bucket/x", root=tmp_path, environ=s3_environ(moto), project="acme")


@pytest.mark.parametrize("place", ["s3://state/x", "gs://state/x", "az://state/x"])
def test_without_the_extra_the_line_to_install_it_is_said(tmp_path: Path, monkeypatch, place: str) -> None:
    """obstore is an extra: where it is missing the message has the pip line."""
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    environ = s3_environ("http://127.0.0.1:9") | {"AZURE_STORAGE_ACCOUNT_NAME": "acme"}
    with pytest.raises(StateError, match="needs the extra `cloud`") as caught:
        open_store(place, root=tmp_path, environ=environ, project="acme")
    assert caught.value.hint == "pip install 'kibana-deployer[cloud]'"


@pytest.mark.parametrize(
    ("place", "environ", "said"),
    [
        ("gs://state/x", {"GOOGLE_SERVICE_ACCOUNT": "/nowhere/key.json"}, "service account file"),
        ("gs://state/x", {"GOOGLE_SERVICE_ACCOUNT_KEY": "{"}, "cannot be used"),
        ("az://state/x", {}, "storage account of az://state/x is not known"),
        ("s3://state/x", {}, "region of s3://state/x is not known"),
    ],
)
def test_without_usable_credentials_a_sentence_says_what_to_set(tmp_path: Path, place, environ, said: str) -> None:
    """What is missing is named, with where it is to come from; nothing is sent."""
    with pytest.raises(StateError, match=said) as caught:
        open_store(place, root=tmp_path, environ=environ, project="acme")
    assert caught.value.hint


def test_an_aws_profile_is_said_to_be_unread(tmp_path: Path) -> None:
    """Where only a profile says who we are, the line that turns it into variables is shown."""
    environ = {"AWS_PROFILE": "prod", "AWS_REGION": "eu-central-1"}
    with pytest.raises(StateError, match="profiles are not read") as caught:
        open_store("s3://state/x", root=tmp_path, environ=environ, project="acme")
    assert "export-credentials" in caught.value.hint


def test_half_a_credential_is_said(tmp_path: Path) -> None:
    """A secret that CI did not hand on is named by what is missing."""
    environ = {"AWS_ACCESS_KEY_ID": "k", "AWS_REGION": "eu-central-1"}
    with pytest.raises(StateError, match=r"s3://state/x cannot be used: Missing SecretAccessKey"):
        open_store("s3://state/x", root=tmp_path, environ=environ, project="acme")


def test_s3_gets_its_bucket_in_the_host() -> None:
    """Virtual-hosted requests, so that DEPLOYER_HOSTS pins the bucket; a bucket with dots has no such certificate."""
    environ = {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "UNRELATED": "x"}
    endpoint = "https://acme.s3.eu-west-1.amazonaws.com"
    assert config_of(parse_place("s3://acme/x"), environ) == {
        "aws_access_key_id": "k",
        "aws_secret_access_key": "s",
        "endpoint": endpoint,
        "aws_endpoint_url_s3": endpoint,
        "virtual_hosted_style_request": True,
        "region": "eu-west-1",
        "conditional_put": "etag",
    }
    dotted = config_of(parse_place("s3://acme.state/x"), environ)
    assert dotted["endpoint"] == "https://s3.eu-west-1.amazonaws.com"
    assert dotted["virtual_hosted_style_request"] is False


def test_google_and_azure_get_their_own_settings() -> None:
    """By construction only: neither has an emulator here that honours conditional writes."""
    google = {"GOOGLE_BEARER_TOKEN": "t", "GOOGLE_BASE_URL": "http://127.0.0.1:9"}
    assert config_of(parse_place("gs://acme/x"), google) == {
        "google_bearer_token": "t",
        "base_url": "http://127.0.0.1:9",
    }
    azure = {"AZURE_STORAGE_ACCOUNT_NAME": "acme", "AZURE_STORAGE_ACCESS_KEY": "a2V5"}
    assert config_of(parse_place("az://state/x"), azure) == {
        "azure_storage_access_key": "a2V5",
        "endpoint": "https://acme.blob.core.windows.net",
        "account_name": "acme",
    }
    for place, environ in (("gs://acme/x", google), ("az://state/x", azure)):
        bucket = connect(parse_place(place), environ)
        assert bucket.reader.prefix == bucket.writer.prefix == "x"
        assert bucket.writer.retry_config["max_retries"] == 0


def test_every_variable_of_the_tables_is_known_to_obstore() -> None:
    """A variable that obstore does not know would be an error for the user who sets it."""
    environ = s3_environ("http://127.0.0.1:9") | {
        "AZURE_STORAGE_ACCOUNT_NAME": "acme",
        "AZURE_STORAGE_ACCOUNT_KEY": "a2V5",
    }
    values = {"AZURE_USE_AZURE_CLI": "false", "AWS_SSE_BUCKET_KEY_ENABLED": "false"}
    values |= {"AWS_SERVER_SIDE_ENCRYPTION": "AES256"}
    tried = []
    for kind, place in (("s3", "s3://acme"), ("gs", "gs://acme"), ("az", "az://acme")):
        for name in re.split(r"[ |]", buckets._CREDENTIALS[kind]):
            if name.startswith(("GOOGLE_SERVICE", "GOOGLE_APPLICATION")):  # files that are read at once
                with pytest.raises(obstore.exceptions.GenericError, match="service account file"):
                    buckets._open(parse_place(place), environ | {name: "nowhere"}, 0)
            else:
                buckets._open(parse_place(place), environ | {name: values.get(name, "a2V5")}, 0)
            tried.append(name)
    assert len(tried) > 25
