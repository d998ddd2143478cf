"""Opening a space: what is checked before a credential leaves, what is imported, what a reader cannot do."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import responses
from requests import PreparedRequest

from deployer.adapters.kibana import KibanaReader, KibanaWriter, Secrets, connect, is_loopback, with_variables
from deployer.core.ports import RuleReader, RuleWriter
from deployer.errors import Refusal, RefusedError, SecretError, UnreachableError
from tests.adapters.kibana.exchanges import RealClock, connection, opened, rule

SECRET = Secrets(api_key="a2V5LWlkOmtleS1zZWNyZXQ=")


@pytest.mark.quick
def test_importing_the_package_imports_no_http_library() -> None:
    """`deployer --help` pays for neither requests nor TLS."""
    heavy = ("requests", "urllib3", "ssl", "http.client", "concurrent.futures")
    script = f"import sys, deployer.adapters.kibana; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("url", ["http://kibana.example:5601", "http://10.0.0.1", "HTTP://kibana.example"])
def test_credentials_do_not_leave_over_plain_http(url: str) -> None:
    """Off loopback they need https, or a word that says otherwise."""
    with pytest.raises(RefusedError, match="plain http") as caught:
        opened(url, secrets=SECRET)
    assert caught.value.refusal is Refusal.HOST
    assert "allow_http" in caught.value.hint
    opened(url, secrets=SECRET, allow_http=True).close()
    opened(url).close()  # without credentials there is nothing to lose


@pytest.mark.parametrize("url", ["http://127.0.0.1:5601", "http://localhost", "http://[::1]:5601", "https://k.example"])
def test_loopback_and_https_may_have_credentials(url: str) -> None:
    """The sandbox speaks plain http."""
    opened(url, secrets=SECRET).close()


def test_a_proxy_takes_plain_http_off_loopback() -> None:
    """A loopback URL through somebody else's proxy is not loopback."""
    with pytest.raises(RefusedError):
        opened("http://127.0.0.1:5601", secrets=SECRET, proxy="http://proxy.example:3128")
    opened("http://127.0.0.1:5601", secrets=SECRET, proxy="http://localhost:3128").close()


@pytest.mark.parametrize(
    "url", ["kibana.example", "ftp://kibana.example", "https://", "https://[::1", "https://h:0", "https://h:x", ""]
)
def test_what_is_no_url_is_said_so(url: str) -> None:
    """A sentence, not the library's exception."""
    with pytest.raises(UnreachableError, match="URL"):
        opened(url)


def test_a_url_with_credentials_is_refused_without_showing_them() -> None:
    """They would end up in messages and records."""
    with pytest.raises(UnreachableError) as caught:
        opened("https://elastic:hunter2@kibana.example")
    assert "hunter2" not in str(caught.value) + caught.value.hint


def test_a_credential_that_cannot_be_sent_is_refused() -> None:
    """Before anything is sent."""
    with pytest.raises(SecretError):
        opened("https://kibana.example", secrets=Secrets(api_key="a\nb"))


def test_a_reader_has_no_write_methods() -> None:
    """`plan` cannot write, whatever it calls."""
    reader = connect(connection(), "default", Secrets(), clock=RealClock(), read_only=True)
    assert type(reader) is KibanaReader
    for name in ("create", "replace", "delete", "set_enabled"):
        assert not hasattr(reader, name)
        assert hasattr(KibanaWriter, name)
    assert not hasattr(reader.lists, "create_exception_list")
    reader.close()


def test_the_ports_are_implemented() -> None:
    """Held by mypy; here as the assignment that mypy checks."""
    with opened("http://127.0.0.1:1") as kibana:
        reader: RuleReader = kibana
        writer: RuleWriter = kibana
        assert reader is writer


@responses.activate
def test_gzip_is_asked_for_only_off_loopback() -> None:
    """Inflating costs more than loopback saves."""
    seen: list[Any] = []

    def answer(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        seen.append(request.headers["Accept-Encoding"])
        return 200, {"Content-Type": "application/json"}, "[]"

    for host in ("http://127.0.0.1:5601", "https://kibana.example"):
        responses.add_callback("GET", f"{host}/api/actions/connectors", answer)
        with opened(host) as kibana:
            assert kibana.connectors() == ()
    assert seen == ["identity", "gzip"]


@responses.activate
def test_a_base_path_and_an_international_host_are_kept() -> None:
    """The host goes out in punycode, the path in front of the space."""
    responses.add("GET", "https://xn--bcher-kva.example/kb/s/x/api/detection_engine/rules", json=rule("a"))
    with opened("https://bücher.example/kb", space="x") as kibana:
        assert kibana.rule("a") == rule("a")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("a.localhost", True),
     ("127.0.0.1.example", False), ("10.0.0.1", False), ("localhost.example", False), ("", False)],
)  # fmt: skip
def test_what_is_loopback(host: str, loopback: bool) -> None:
    """By name and by number, without asking a resolver."""
    assert is_loopback(host) is loopback


@pytest.mark.quick
@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        ("https://k.example", {"https_proxy": "http://p:1"}, "http://p:1"),
        ("https://k.example", {"HTTPS_PROXY": "p:1"}, "http://p:1"),
        ("https://k.example", {"http_proxy": "http://p:1"}, None),
        ("http://k.example", {"http_proxy": "http://p:1"}, "http://p:1"),
        ("http://k.example", {"HTTP_PROXY": "http://p:1"}, None),
        ("https://k.example", {"ALL_PROXY": "http://p:1"}, "http://p:1"),
        ("https://k.example", {"https_proxy": "http://p:1", "HTTPS_PROXY": "http://q:1"}, "http://p:1"),
        ("https://k.example", {"https_proxy": ""}, None),
        ("https://k.example", {}, None),
        ("http://127.0.0.1:5601", {"http_proxy": "http://p:1"}, None),
        ("https://k.example", {"https_proxy": "http://p:1", "no_proxy": "k.example"}, None),
        ("https://k.example", {"https_proxy": "http://p:1", "NO_PROXY": "x, .example"}, None),
        ("https://k.example", {"https_proxy": "http://p:1", "no_proxy": "*.example"}, None),
        ("https://k.example", {"https_proxy": "http://p:1", "no_proxy": "*"}, None),
        ("https://k.example", {"https_proxy": "http://p:1", "no_proxy": "ample"}, "http://p:1"),
        ("https://k.example", {"https_proxy": "http://p:1", "no_proxy": "k.example:9"}, "http://p:1"),
        ("https://k.example:9", {"https_proxy": "http://p:1", "no_proxy": "k.example:9"}, None),
        ("https://10.1.2.3", {"https_proxy": "http://p:1", "no_proxy": "10.1.0.0/16"}, None),
        ("https://10.2.2.3", {"https_proxy": "http://p:1", "no_proxy": "10.1.0.0/16,"}, "http://p:1"),
    ],
)
def test_proxy_variables(url: str, environ: dict[str, str], proxy: str | None) -> None:
    """As other tools read them."""
    assert with_variables(connection(url), environ).proxy == proxy


@pytest.mark.quick
def test_what_the_environment_file_says_wins_over_variables() -> None:
    """A reviewed file before the machine."""
    ours = connection("https://k.example", proxy="http://ours:1", ca_file="/ours.pem")
    environ = {"https_proxy": "http://p:1", "REQUESTS_CA_BUNDLE": "/theirs.pem"}
    assert with_variables(ours, environ) == ours
    assert with_variables(connection("https://k.example"), environ).ca_file == "/theirs.pem"
    assert with_variables(connection("https://k.example"), {"SSL_CERT_FILE": "/s.pem"}).ca_file == "/s.pem"
