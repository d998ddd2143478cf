"""TLS: what is trusted, what is refused before anything is sent, and who we say we are."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from deployer.errors import UnknownOutcomeError, UnreachableError
from tests.adapters.kibana.exchanges import RawServer, opened, opened_to_read, reply, rule

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="the openssl command is missing: no certificate can be made")

Maker = Callable[..., tuple[Path, Path]]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """Make self-signed certificates: file name and subjectAltName to (certificate, key)."""
    folder = tmp_path_factory.mktemp("tls")

    def make(name: str = "server", alternative: str = "IP:127.0.0.1") -> tuple[Path, Path]:
        pem, key = folder / f"{name}.pem", folder / f"{name}.key"
        if not pem.exists():
            line = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name}"
            extra = [
                "-addext",
                f"subjectAltName={alternative}",
                "-addext",
                "keyUsage=critical,digitalSignature,keyCertSign",
            ]
            subprocess.run(
                [str(OPENSSL), *line.split(), *extra, "-keyout", str(key), "-out", str(pem)],
                check=True,
                capture_output=True,
            )
        return pem, key

    return make


def context_of(pem: Path, key: Path) -> ssl.SSLContext:
    """Return a server's context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    return context


def test_an_untrusted_certificate_is_definite_and_the_remedy_is_named(certificate: Maker) -> None:
    """Nothing is sent to a server whose certificate does not verify, not even once more."""
    with RawServer(reply(rule("a")), tls=context_of(*certificate())) as server, opened(server.url) as kibana:
        with pytest.raises(UnreachableError, match="not trusted: self-signed certificate") as caught:
            kibana.create({"rule_id": "a"})
        with pytest.raises(UnreachableError, match="not trusted"):
            kibana.rule("a")
        assert server.seen == []
        assert kibana.requests == 2
    assert "ca_file" in caught.value.hint
    assert not isinstance(caught.value, UnknownOutcomeError)


def test_a_ca_file_is_trusted_as_a_file_and_as_a_folder(certificate: Maker, tmp_path: Path) -> None:
    """`ca_file` is what the server's certificate is checked against."""
    pem, key = certificate()
    line = [str(OPENSSL), "x509", "-hash", "-noout", "-in", str(pem)]
    name = subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip()
    shutil.copy(pem, tmp_path / f"{name}.0")
    for trusted in (pem, tmp_path):
        with (
            RawServer(reply(rule("a")), tls=context_of(pem, key)) as server,
            opened_to_read(server.url, ca_file=str(trusted)) as kibana,
        ):
            assert kibana.rule("a") == rule("a")


@pytest.mark.quick
def test_the_ca_that_elasticsearch_makes_is_trusted(tmp_path: Path) -> None:
    """It has no key usage extension, which Python 3.13 refuses unless told (elasticsearch#117769)."""
    config = tmp_path / "openssl.cnf"
    config.write_text(
        "[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=ca\n"
        "[ca]\nbasicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n"
        "[leaf]\nsubjectAltName=IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n"
    )
    curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -config openssl.cnf"
    for line in (
        f"req -x509 {curve} -days 2 -extensions ca -keyout ca.key -out ca.pem",
        f"req {curve} -subj /CN=leaf -keyout leaf.key -out leaf.csr",
        "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -set_serial 2 -days 2 "
        "-extfile openssl.cnf -extensions leaf -out leaf.pem",
    ):
        subprocess.run([str(OPENSSL), *line.split()], check=True, capture_output=True, cwd=tmp_path)
    with (
        RawServer(reply(rule("a")), tls=context_of(tmp_path / "leaf.pem", tmp_path / "leaf.key")) as server,
        opened_to_read(server.url, ca_file=str(tmp_path / "ca.pem")) as kibana,
    ):
        assert kibana.rule("a") == rule("a")


def test_a_certificate_of_another_host_is_refused(certificate: Maker) -> None:
    """Trusting a CA is not trusting every host."""
    pem, key = certificate("elsewhere", "DNS:elsewhere.example")
    with (
        RawServer(reply(rule("a")), tls=context_of(pem, key)) as server,
        opened(server.url, ca_file=str(pem)) as kibana,
        pytest.raises(UnreachableError, match="not trusted: IP address mismatch"),
    ):
        kibana.create({"rule_id": "a"})


def test_verification_can_be_turned_off_by_name(certificate: Maker) -> None:
    """`verify = false` talks to any certificate, without a warning per request (warnings are errors here)."""
    with (
        RawServer(reply(rule("a")), tls=context_of(*certificate())) as server,
        opened_to_read(server.url, verify=False) as kibana,
    ):
        assert kibana.rule("a") == rule("a")


def test_plain_http_on_a_tls_port_and_the_reverse(certificate: Maker) -> None:
    """Each way of mixing http and https up ends in a sentence; https to a plain port is definite."""
    with RawServer(reply(rule("a"))) as server:
        https = server.url.replace("http:", "https:")
        with opened(https, connect_timeout=0.3) as kibana, pytest.raises(UnreachableError) as caught:
            kibana.create({"rule_id": "a"})
        assert not isinstance(caught.value, UnknownOutcomeError)
    with (
        RawServer(reply(rule("a")), tls=context_of(*certificate())) as server,
        opened(server.url.replace("https:", "http:")) as kibana,
        pytest.raises(UnknownOutcomeError),
    ):
        kibana.create({"rule_id": "a"})


def test_a_client_certificate_is_shown(certificate: Maker) -> None:
    """A server that demands one gets it."""
    pem, key = certificate()
    client, client_key = certificate("client")
    demanding = context_of(pem, key)
    demanding.verify_mode = ssl.CERT_REQUIRED
    demanding.load_verify_locations(client)
    ours = {"ca_file": str(pem), "client_cert": str(client), "client_key": str(client_key)}
    with RawServer(reply(rule("a")), tls=demanding) as server:
        with opened_to_read(server.url, **ours) as kibana:
            assert kibana.rule("a") == rule("a")
        with opened_to_read(server.url, ca_file=str(pem)) as kibana, pytest.raises(UnreachableError):
            kibana.rule("a")


@pytest.mark.parametrize("setting", ["ca_file", "client_cert", "client_key"])
def test_a_file_that_cannot_be_used_is_named(certificate: Maker, tmp_path: Path, setting: str) -> None:
    """A missing file and one without PEM are errors before anything is sent."""
    pem, key = certificate()
    junk = tmp_path / "junk.pem"
    junk.write_text("this is no certificate\n")
    good = {"ca_file": str(pem), "client_cert": str(pem), "client_key": str(key)}
    for bad in (str(junk), str(tmp_path / "missing.pem")):
        with pytest.raises(UnreachableError, match="cannot be used"):
            opened("https://127.0.0.1:1", **(good | {setting: bad}))


def test_an_encrypted_client_key_does_not_ask_for_its_password(certificate: Maker, tmp_path: Path) -> None:
    """OpenSSL would stop the run with a question on the terminal."""
    pem, key = certificate()
    locked = tmp_path / "locked.key"
    line = [str(OPENSSL), "ec", "-in", str(key), "-aes256", "-passout", "pass:secret", "-out", str(locked)]
    subprocess.run(line, check=True, capture_output=True)
    with pytest.raises(UnreachableError, match="client certificate"):
        opened("https://127.0.0.1:1", client_cert=str(pem), client_key=str(locked))
