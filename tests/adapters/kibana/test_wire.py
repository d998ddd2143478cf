"""The client against raw sockets: resets, truncation, drip, silence, redirects, pages, and what was sent."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from typing import Any

import pytest

from deployer.adapters.kibana import KibanaWriter, Secrets
from deployer.errors import NotReadyError, RemoteError, UnknownOutcomeError, UnreachableError
from tests.adapters.kibana.exchanges import (
    RawServer,
    Reply,
    hang_up,
    opened,
    opened_to_read,
    raw,
    reply,
    reset,
    rule,
    silence,
)

STORED = rule("a")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
HTML = "<html><title>Sign in</title><body>please</body></html>"
BROKEN = {
    "reset": reset,
    "hang-up": hang_up,
    "status line only": raw(b"HTTP/1.1 200 OK\r\n"),
    "garbage": raw(b"\x16\x03\x01 this is not HTTP\r\n\r\n"),
    "cut body": raw(HEAD + b"Content-Length: 500\r\n\r\n" + json.dumps(STORED).encode()),
    "cut chunk": raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n{"),
    "cut before the last chunk": raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"),
    "cut JSON without a length": raw(HEAD + b"Connection: close\r\n\r\n" + json.dumps(STORED).encode()[:-5]),
    "broken gzip": raw(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"),
    "empty body": reply(""),
    "login page with 200": reply(HTML, kind="text/html"),
    "JSON of something else": reply({"ok": True}),
    "another rule": reply(rule("b")),
    "without revision": reply({"id": "x", "rule_id": "a"}),
    "NaN": reply('{"id": "x", "rule_id": "a", "revision": NaN}'),
}


def writes(kibana: KibanaWriter) -> dict[str, Any]:
    """Return each kind of write as a function."""
    return {
        "create": lambda: kibana.create({"rule_id": "a"}),
        "replace": lambda: kibana.replace({"rule_id": "a"}),
        "delete": lambda: kibana.delete("a"),
        "flip": lambda: kibana.set_enabled(["so-a"], enabled=True),
    }


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("write", ["create", "replace", "delete", "flip"])
def test_a_write_without_a_complete_answer_is_unknown_and_sent_once(name: str, write: str) -> None:
    """Whatever breaks after the request went out: the outcome is unknown, and nothing is sent again."""
    with RawServer(BROKEN[name]) as server, opened(server.url) as kibana:
        with pytest.raises(UnknownOutcomeError):
            writes(kibana)[write]()
        assert len(server.seen) == 1
        assert kibana.requests == 1


@pytest.mark.parametrize("name", BROKEN)
def test_a_read_without_a_complete_answer_is_an_error_never_absent(name: str) -> None:
    """A rule that could not be read is not a rule that is not there."""
    with RawServer(BROKEN[name]) as server, opened_to_read(server.url) as kibana, pytest.raises(UnreachableError):
        kibana.rule("a")


@pytest.mark.parametrize("broken", [reset, hang_up, BROKEN["cut body"]])
def test_a_read_is_sent_again_after_a_broken_exchange(broken: Reply) -> None:
    """Resets and truncated bodies of reads are repaired by asking again."""
    with RawServer(broken, broken, reply(STORED)) as server, opened_to_read(server.url) as kibana:
        assert kibana.rule("a") == STORED
        assert kibana.requests == 3


def test_a_dripping_body_hits_the_deadline_of_the_exchange() -> None:
    """Each byte comes within the read timeout; the whole does not come within connect_timeout + read_timeout."""
    drip = raw(HEAD + b"Content-Length: 40\r\n\r\n", *[b" "] * 40, pause=0.1)
    with (
        RawServer(drip) as server,
        opened(server.url, connect_timeout=0.2, read_timeout=0.4) as kibana,
        pytest.raises(UnknownOutcomeError, match="deadline"),
    ):
        kibana.create({"rule_id": "a"})


def test_dripping_headers_hit_the_deadline_too() -> None:
    """A server that feeds header lines for ever is no way around the deadline."""
    drip = raw(b"HTTP/1.1 200 OK\r\n", *[b"X-A: 1\r\n"] * 40, pause=0.1)
    with (
        RawServer(drip) as server,
        opened(server.url, connect_timeout=0.2, read_timeout=0.4) as kibana,
        pytest.raises(UnknownOutcomeError, match="deadline"),
    ):
        kibana.create({"rule_id": "a"})


def test_silence_is_a_timeout_and_unknown_for_a_write() -> None:
    """No answer within the read timeout leaves the outcome of a write open."""
    with (
        RawServer(silence(0.5)) as server,
        opened(server.url, read_timeout=0.2) as kibana,
        pytest.raises(UnknownOutcomeError, match=r"no answer within 0\.2 s"),
    ):
        kibana.delete("a")


@pytest.mark.quick
def test_a_refused_connection_is_definite_for_a_write() -> None:
    """Where nothing listens nothing was sent: that is known."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with opened(f"http://127.0.0.1:{port}") as kibana, pytest.raises(UnreachableError, match="refused") as caught:
        kibana.create({"rule_id": "a"})
    assert not isinstance(caught.value, UnknownOutcomeError)
    assert kibana.requests == 1


def test_a_connection_that_is_never_made_is_definite_for_a_write() -> None:
    """A listener whose backlog is full lets connecting time out: nothing was sent."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        with (
            opened(f"http://127.0.0.1:{port}", connect_timeout=0.2) as kibana,
            pytest.raises(UnreachableError, match=r"no connection within 0\.2 s"),
        ):
            kibana.create({"rule_id": "a"})
        for filler in fillers:
            filler.close()


def test_a_handshake_that_is_cut_off_is_definite_for_a_write() -> None:
    """A load balancer without a Kibana behind it takes the connection and closes it before TLS stands."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def close_what_comes() -> None:
            listener.accept()[0].close()

        thread = threading.Thread(target=close_what_comes)
        thread.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        with opened(url) as kibana, pytest.raises(UnreachableError) as caught:
            kibana.create({"rule_id": "a"})
        thread.join()
    assert not isinstance(caught.value, UnknownOutcomeError)


def test_a_host_that_does_not_resolve_is_said_so() -> None:
    """The commonest mistake in an environment file has its own words."""
    with (
        opened("http://kibana.invalid", allow_http=True) as kibana,
        pytest.raises(UnreachableError, match="does not resolve"),
    ):
        kibana.create({"rule_id": "a"})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed_and_named_without_its_secrets(status: int) -> None:
    """The Location is shown up to its path; the credential stays with the host that it was meant for."""
    away = "http://user:hunter2secret@127.0.0.1:9/login?token=topsecret#x"
    with RawServer(reply("", status, Location=away)) as server, opened_to_read(server.url) as kibana:
        with pytest.raises(UnreachableError, match=r"http://127\.0\.0\.1:9/login") as caught:
            kibana.rule("a")
        assert len(server.seen) == 1
    assert "secret" not in str(caught.value)
    assert caught.value.status == status


def test_a_redirected_write_is_unknown_and_names_the_location() -> None:
    """A 3xx is not in the list of definite answers to a write."""
    with (
        RawServer(reply("", 302, Location="/login?next=%2Fapi")) as server,
        opened(server.url) as kibana,
        pytest.raises(UnknownOutcomeError, match=r"redirected \(302\) to /login:|redirected \(302\) to /login$"),
    ):
        kibana.create({"rule_id": "a"})


@pytest.mark.parametrize("location", ["foo://[", "http://[::1", "\\\\x", "http://x:99999/"])
def test_a_malformed_location_is_still_a_sentence(location: str) -> None:
    """A redirect that cannot be parsed must not become a traceback."""
    with (
        RawServer(reply("", 302, Location=location)) as server,
        opened_to_read(server.url) as kibana,
        pytest.raises(UnreachableError, match="redirected"),
    ):
        kibana.rule("a")


@pytest.mark.parametrize("status", [400, 403, 404, 502])
def test_a_page_from_a_proxy_says_nothing_definite_about_a_write(status: int) -> None:
    """Only Kibana's own words refuse a write."""
    with (
        RawServer(reply(HTML, status, "text/html")) as server,
        opened(server.url) as kibana,
        pytest.raises(UnknownOutcomeError, match="Sign in") as caught,
    ):
        kibana.create({"rule_id": "a"})
    assert caught.value.status == status


def test_a_404_page_is_not_the_absence_of_a_rule() -> None:
    """A proxy's 404, a router's 404 and somebody else's JSON are errors on reading."""
    for answer in (
        reply(HTML, 404, "text/html"),
        reply({"statusCode": 404, "error": "Not Found", "message": "Not Found"}, 404),
        reply({"ok": False, "message": "Unknown resource."}, 404),
    ):
        with RawServer(answer) as server, opened_to_read(server.url) as kibana, pytest.raises(RemoteError):
            kibana.rule("a")


def test_a_kibana_that_starts_is_not_ready() -> None:
    """The text body of a starting Kibana becomes one sentence after its Retry-After no longer fits."""
    starting = reply("Kibana server is not ready yet", 503, "text/plain", retry_after="30")
    with RawServer(starting) as server, opened_to_read(server.url) as kibana:
        with pytest.raises(NotReadyError, match="Kibana server is not ready yet"):
            kibana.status()
        assert kibana.requests == 1


def test_connections_are_kept_and_a_stale_one_is_replaced() -> None:
    """A connection that the server closed while it idled is not an error of the next write."""
    once = raw(HEAD + b"Content-Length: %d\r\n\r\n" % len(json.dumps(STORED)) + json.dumps(STORED).encode())
    with RawServer(reply(STORED), once, reply(STORED)) as server, opened(server.url) as kibana:
        assert kibana.create({"rule_id": "a"}) == STORED
        assert kibana.replace({"rule_id": "a"}) == STORED
        assert server.closed.acquire(timeout=10)
        assert kibana.delete("a") == STORED
        assert len(server.seen) == 3


def test_what_every_request_carries() -> None:
    """Headers, space prefix, escaping, and one compact JSON body."""
    with RawServer(reply(STORED), reply(STORED)) as server:
        secrets = Secrets(api_key="a2V5LWlkOmtleS1zZWNyZXQ=")
        with opened(server.url + "/base", space="soc team", secrets=secrets) as kibana:
            kibana.create({"rule_id": "a", "name": "Übung"})
            kibana.rule("a")
    post, get = server.seen
    assert post.line == "POST /base/s/soc%20team/api/detection_engine/rules HTTP/1.1"
    assert post.body == b'{"rule_id":"a","name":"\\u00dcbung"}'
    expected = {
        "authorization": "ApiKey a2V5LWlkOmtleS1zZWNyZXQ=",
        "kbn-xsrf": "deployer",
        "elastic-api-version": "2023-10-31",
        "content-type": "application/json",
        "accept": "application/json",
        "accept-encoding": "identity",
    }
    assert expected.items() <= post.headers.items()
    assert post.headers["user-agent"].startswith("kibana-deployer/")
    assert get.line == "GET /base/s/soc%20team/api/detection_engine/rules?rule_id=a HTTP/1.1"
    assert "content-type" not in get.headers
    assert "cookie" not in get.headers


def test_cookies_of_a_load_balancer_are_not_kept() -> None:
    """Requests do not depend on one another."""
    with RawServer(reply(STORED, set_cookie="lb=1; Path=/")) as server, opened(server.url) as kibana:
        kibana.rule("a")
        kibana.rule("a")
    assert all("cookie" not in seen.headers for seen in server.seen)


def test_a_compressed_answer_is_read_and_counted_as_it_came() -> None:
    """`received` counts bytes on the wire, headers included."""
    body = gzip.compress(json.dumps(STORED | {"note": "x" * 5000}).encode())
    whole = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with RawServer(raw(whole)) as server, opened_to_read(server.url) as kibana:
        found = kibana.rule("a")
        assert found is not None
        assert found["note"] == "x" * 5000
        assert kibana.received == len(whole)


def test_the_environment_of_the_process_is_not_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Proxy variables and netrc neither redirect a request nor give it another credential."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login eve password evil-password\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with RawServer(reply(STORED)) as server, opened_to_read(server.url) as kibana:
        assert kibana.rule("a") == STORED
    assert "authorization" not in server.seen[0].headers


def test_a_proxy_is_asked_for_the_whole_url() -> None:
    """A proxy that the connection names gets plain http requests in absolute form."""
    with (
        RawServer(reply(STORED)) as proxy,
        opened_to_read("http://kibana.invalid", allow_http=True, proxy=proxy.url) as kibana,
    ):
        assert kibana.rule("a") == STORED
    assert proxy.seen[0].line.startswith("GET http://kibana.invalid/api/detection_engine/rules?rule_id=a ")


def test_a_proxy_that_refuses_the_tunnel_means_that_nothing_was_sent() -> None:
    """An https Kibana behind a proxy that says 407 was never reached, which is definite for a write."""
    denied = raw(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    with (
        RawServer(denied) as proxy,
        opened("https://kibana.invalid", proxy=proxy.url) as kibana,
        pytest.raises(UnreachableError, match="proxy") as caught,
    ):
        kibana.create({"rule_id": "a"})
    assert not isinstance(caught.value, UnknownOutcomeError)
    assert proxy.seen[0].line.startswith("CONNECT kibana.invalid:443")


def test_a_server_that_echoes_the_credential_does_not_get_it_printed() -> None:
    """Neither the message nor anything the exception carries shows a secret."""
    secrets = Secrets(username="elastic", password="s3cret-Passw0rd!")
    echo = {"message": "bad header Authorization: Basic ZWxhc3RpYzpzM2NyZXQtUGFzc3cwcmQh, s3cret-Passw0rd!"}
    with (
        RawServer(reply(echo | {"status_code": 400}, 400)) as server,
        opened(server.url, secrets=secrets) as kibana,
        pytest.raises(RemoteError) as caught,
    ):
        kibana.create({"rule_id": "a"})
    shown = repr(caught.value) + str(caught.value) + caught.value.hint + repr(vars(caught.value))
    assert "s3cret" not in shown
    assert "ZWxhc3RpY" not in shown
    assert caught.value.__cause__ is None


def test_terminal_escapes_in_an_answer_do_not_reach_the_terminal() -> None:
    """A server cannot colour, clear or retitle the terminal of the person who reads the error."""
    nasty = {"message": "a\x1b[2J\x1b]0;owned\x07b\r\nc\u202ed", "status_code": 400}
    with RawServer(reply(nasty, 400)) as server, opened(server.url) as kibana, pytest.raises(RemoteError) as caught:
        kibana.create({"rule_id": "a"})
    assert "ab c d (400)" in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_megabyte_of_error_is_cut() -> None:
    """An error message stays a message."""
    with (
        RawServer(reply({"message": "x" * 1_000_000, "status_code": 400}, 400)) as server,
        opened(server.url) as kibana,
        pytest.raises(RemoteError) as caught,
    ):
        kibana.create({"rule_id": "a"})
    assert len(str(caught.value)) <= 1_000
