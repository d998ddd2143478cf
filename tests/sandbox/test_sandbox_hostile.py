"""Hostile input: never a crash, a traceback, a broken state or an answer that is not HTTP."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.sandbox import DEFAULT_HEADERS, RULES, Answer, Sandbox, basic, query_rule

SENT = (
    "".join(f"{name}: {value}\r\n" for name, value in DEFAULT_HEADERS.items())
    + f"authorization: {basic('elastic')}\r\n"
)


@pytest.fixture(scope="module")
def sandbox(shared_sandboxes: Callable[[str], Sandbox]) -> Iterator[Sandbox]:
    """A sandbox that must still be well when all of this is over, with a rule that nobody touched as it was."""
    found = shared_sandboxes("9.0")
    witness = found.create(query_rule("witness", tags=["untouched"], enabled=False))
    yield found
    assert found.process.poll() is None
    assert found.request("GET", "/api/status").status == 200
    assert found.rule("witness") == witness
    assert found.request("POST", f"{RULES}/_export").lines[-1]["missing_rules_count"] == 0
    with contextlib.closing(sqlite3.connect(found.data)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def raw(sandbox: Sandbox, data: bytes, timeout: float = 5.0) -> bytes:
    """What the server answers to these bytes, until it closes or falls silent."""
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=timeout) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        try:
            while part := connection.recv(65_536):
                received += part
        except (TimeoutError, ConnectionError):
            pass
        assert b"Traceback" not in received
        return received


def status_of(answer: bytes) -> int:
    """The status of the first response in raw bytes."""
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET /api/status HTTP/9.9\r\n\r\n", 400),
        (b"BREW /pot HTTP/1.1\r\n\r\n", 400),
        (b"GET api HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n folded: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nname : x\r\n\r\n", 400),
        (b"GET /%ff HTTP/1.1\r\n\r\n", 400),
        (b"GET /\xc3\xa9 HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 300 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 20_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: 1e3\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: 9999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nfffffff\r\n", 413),
    ],
)
def test_bytes_that_are_no_request(sandbox: Sandbox, data: bytes, status: int) -> None:
    """A bare answer of Node's and an end of the connection."""
    assert status_of(raw(sandbox, data)) == status


def test_requests_in_one_packet_and_in_pieces(sandbox: Sandbox) -> None:
    """Pipelined requests are answered in order; chunked bodies and slow heads are read."""
    head = f"GET /api/status HTTP/1.1\r\n{SENT}\r\n".encode()
    assert raw(sandbox, head + head.replace(b"/api/status", b"/api/none")).count(b"HTTP/1.1 ") == 2
    body = json.dumps(query_rule("chunked")).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i : i + 50]), body[i : i + 50]) for i in range(0, len(body), 50))
    head = f"POST {RULES} HTTP/1.1\r\n{SENT}transfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\n".encode()
    answer = raw(sandbox, head + chunks + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "//",
        "/s/",
        "/s//api/status",
        "/s/../api/status",
        "/api/../../etc/passwd",
        "/api/%2e%2e/%2e%2e/etc/passwd",
        "/s/default/s/default/api/status",
        f"{RULES}%2F_find",
        f"{RULES}/..%2f..%2fspaces",
        f"{RULES}/_find/",
        "/api/spaces/space/..%2F..",
        f"{RULES}/%00/exceptions",
        "/_sandbox",
        "/_sandbox/../api/status",
    ],
)
def test_path_tricks_lead_nowhere(sandbox: Sandbox, path: str) -> None:
    """What is no path of Kibana is a 404 with its body, whatever it tries."""
    answer = sandbox.request("GET", path)
    assert (answer.status, answer.json["error"]) == (404, "Not Found")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"filters":' + b"[" * 501 + b"]" * 501 + b"}",
        b"NaN",
        b'{"risk_score": Infinity}',
        b'{"risk_score": 1e999}',
        b'{"__proto__": {}}',
        b"9" * 5_000,
        b"\x00",
    ],
)
def test_bodies_that_are_no_json(sandbox: Sandbox, body: bytes) -> None:
    """One and the same platform 400."""
    answer = sandbox.request("POST", RULES, body)
    assert (answer.status, answer.json["message"]) == (400, "Invalid request payload JSON format")


@pytest.mark.parametrize("body", [b"null", b"[]", b'"x"', b"1", b"{}", b"", b'{"type": {}}', b'{"type": ["query"]}'])
def test_json_that_is_no_rule(sandbox: Sandbox, body: bytes) -> None:
    """The router's 400, for every method that takes a rule."""
    for method in ("POST", "PUT", "PATCH"):
        answer = sandbox.request(method, RULES, body)
        assert answer.status == 400


def test_content_types_and_sizes(sandbox: Sandbox) -> None:
    """Only JSON is taken, and no more than a mebibyte of it."""
    for content_type in ("text/plain", "application/xml", "multipart/form-data; boundary=x"):
        answer = sandbox.request("POST", RULES, b"{}", headers={"content-type": content_type})
        assert answer.json["error"] == "Unsupported Media Type"
    answer = sandbox.request("POST", RULES, query_rule(note="x" * 1_048_576))
    assert answer.json == {
        "statusCode": 413,
        "error": "Request Entity Too Large",
        "message": "Payload content length greater than maximum allowed: 1048576",
    }


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nno name\r\n--x--"),
        ("multipart/form-data; boundary=x", b'--x\r\ncontent-disposition: form-data; name="file"\r\n--x--'),
        ("multipart/form-data; boundary=" + "y" * 100, b"--y--"),
    ],
)
def test_forms_that_are_broken(sandbox: Sandbox, content_type: str, body: bytes) -> None:
    """A 400, or the 500 of a missing part, as Kibana has it."""
    answer = sandbox.request("POST", f"{RULES}/_import", body, headers={"content-type": content_type})
    assert answer.status in (400, 500)
    assert answer.status == 400 or "hapi" in answer.json["message"]


def test_strange_texts_survive(sandbox: Sandbox) -> None:
    """Every text that JSON can carry is stored and read back; lone surrogates become a question mark."""
    texts = ["\x00\x1f", "日本語 🦊", "\u2028", '"\\', "</script>", "' OR 1=1 --", "%s%n", "\ufeff"]
    for number, text in enumerate(texts):
        rule = sandbox.create(query_rule(f"text-{number}", name=text, tags=[text], note=text))
        assert sandbox.rule(f"text-{number}") == rule
        assert (rule["name"], rule["tags"], rule["note"]) == (text, [text], text)
    body = json.dumps(query_rule("lone", name="A\ud800B")).encode()
    assert sandbox.request("POST", RULES, body).json["name"] == "A?B"


def test_deep_and_wide_filters_are_kept(sandbox: Sandbox) -> None:
    """Nesting that can be walked is stored, read and changed; width is no depth."""
    deep: Any = []
    for _ in range(400):
        deep = [deep]
    for rule_id, filters in (("deep", deep), ("wide", [{"a": ["]", '"', {}]}] * 600)):
        sandbox.create(query_rule(rule_id, filters=filters))
        assert sandbox.request("PUT", RULES, query_rule(rule_id, filters=filters, name="x")).json["filters"] == filters


def test_many_idle_connections_leave_room(sandbox: Sandbox) -> None:
    """Clients that connect and say nothing do not keep others out."""
    idle = [socket.create_connection(("127.0.0.1", sandbox.port)) for _ in range(200)]
    assert sandbox.request("GET", f"{RULES}/_find").status == 200
    for connection in idle:
        connection.close()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    [
        "type",
        "rule_id",
        "name",
        "tags",
        "actions",
        "threat",
        "threshold",
        "exceptions_list",
        "from",
        "interval",
        "meta",
        "filters",
        "id",
        "enabled",
        "query",
        "ids",
        "action",
        "edit",
        "response_actions",
        "required_fields",
        "investigation_fields",
        "alert_suppression",
        "version",
        "language",
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["POST", "PUT", "PATCH"]),
    path=st.sampled_from([RULES, f"{RULES}/_bulk_action", f"{RULES}/preview", f"{RULES}/_export", "/api/spaces/space"]),
    body=st.dictionaries(FIELDS, JSON, max_size=6) | JSON,
    base=st.booleans(),
)
def test_any_json_is_answered_in_shape(sandbox: Sandbox, method: str, path: str, body: Any, base: bool) -> None:
    """Whatever JSON comes, the answer is a success or a 4xx in one of Kibana's two shapes."""
    if base and isinstance(body, dict):
        body = query_rule("fuzz") | {"action": "edit"} | body
    answer: Answer = sandbox.request(method, path, body)
    assert answer.status < 500 or b'"attributes"' in answer.body, answer.body


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(condition=st.text(alphabet='ab:"()* \\<>{}andornt.', max_size=40))
def test_any_filter_is_answered(sandbox: Sandbox, condition: str) -> None:
    """A filter selects or is refused, it never breaks the search."""
    from urllib.parse import quote

    assert sandbox.request("GET", f"{RULES}/_find?filter={quote(condition)}").status in (200, 400)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=400), seed=st.integers())
def test_any_bytes_are_answered_or_closed(sandbox: Sandbox, data: bytes, seed: int) -> None:
    """Mangled requests get a status line or an end of the connection."""
    request = bytearray(f"POST {RULES} HTTP/1.1\r\n{SENT}content-length: 400\r\n\r\n".encode() + data)
    generator = random.Random(seed)
    for _ in range(3):
        request[generator.randrange(len(request))] = generator.randrange(256)
    answer = raw(sandbox, bytes(request))
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
