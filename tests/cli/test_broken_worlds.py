"""A Kibana that refuses, is starting or is too old: one sentence with a remedy, exit 1, nothing written."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.support.project import ProjectFolder, Ran, new_project
from tests.support.sandbox import Sandbox


@pytest.fixture
def kibana(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox in a process of its own."""
    server = Sandbox.start(tmp_path / "kibana.sqlite3")
    yield server
    server.stop()


def against(tmp_path: Path, url: str, *more: str, user: str = "elastic") -> ProjectFolder:
    """A project with one rule whose environment is this Kibana."""
    lines = ["[kibana]", f'url = "{url}"', f'username = "{user}"', 'password = "env:PASSWORD"', *more]
    project = new_project(tmp_path, environment="\n".join(lines) + "\n")
    project.rule(1)
    return project


def failed(ran: Ran, *words: str) -> None:
    """The run failed with these words and without a traceback, a secret, or a record."""
    assert ran.code == 1, (ran.code, ran.err)
    for word in words:
        assert word in ran.err, ran.err
    assert "Traceback" not in ran.err
    assert "changeme" not in ran.err + ran.out
    assert "hint:" in ran.err


def test_a_wrong_password_is_denied(tmp_path: Path, kibana: Sandbox) -> None:
    """401 names the credential's place, never its value."""
    ran = against(tmp_path, kibana.url).run("apply", "-e", "s", "--yes", PASSWORD="wrong-secret")

    failed(ran, "401")
    assert "wrong-secret" not in ran.err + ran.out
    assert kibana.writes() == []


def test_a_read_only_user_cannot_apply(tmp_path: Path, kibana: Sandbox) -> None:
    """403 ends the apply undone: nothing is changed, and Kibana's missing privilege is named."""
    ran = against(tmp_path, kibana.url, user="viewer").run("apply", "-e", "s", "--yes", PASSWORD="changeme")

    assert ran.code == 5, ran.err
    assert "rules-all" in ran.err
    assert kibana.request("GET", "/api/detection_engine/rules/_find").json["total"] == 0


def test_an_unknown_space_is_named(tmp_path: Path, kibana: Sandbox) -> None:
    """A space that does not exist is said to be one, with its id."""
    ran = against(tmp_path, kibana.url, 'space = "nowhere"').run("plan", "-e", "s", PASSWORD="changeme")

    failed(ran, "no space 'nowhere'")


def test_a_server_that_is_starting_is_waited_for_and_named(tmp_path: Path, kibana: Sandbox) -> None:
    """503 while starting ends in a sentence once the patience is over."""
    kibana.fault("starting:times=100")

    timeout = 'timeout = { connect = "1s", read = "1s" }'
    ran = against(tmp_path, kibana.url, timeout).run("plan", "-e", "s", PASSWORD="changeme")

    failed(ran, "not ready")


class Old(BaseHTTPRequestHandler):
    """A Kibana of 8.18, as far as anybody asks."""

    def do_GET(self) -> None:
        """Answer every read with the status."""
        body = json.dumps({"version": {"number": "8.18.3"}, "status": {"overall": {"level": "available"}}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Stay silent."""


@contextmanager
def serving(server: HTTPServer) -> Iterator[int]:
    """Serve in a thread; give the port."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_stack_that_is_too_old_is_refused(tmp_path: Path) -> None:
    """8.18 is named with what is needed."""
    with serving(HTTPServer(("127.0.0.1", 0), Old)) as port:
        ran = against(tmp_path, f"http://127.0.0.1:{port}").run("plan", "-e", "s", PASSWORD="changeme")

    failed(ran, "8.18.3", "8.19")


def test_a_certificate_nobody_trusts_is_named_with_the_remedy(tmp_path: Path) -> None:
    """A TLS failure says ca_file."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here to make a certificate with")
    pem = tmp_path / "pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", pem, "-out", tmp_path / "crt"),
            *("-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    server = HTTPServer(("127.0.0.1", 0), Old)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "crt", pem)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] - the client hangs up, as it should
    timeout = 'timeout = { connect = "1s", read = "1s" }'
    with serving(server) as port:
        ran = against(tmp_path, f"https://127.0.0.1:{port}", timeout).run("plan", "-e", "s", PASSWORD="changeme")

    failed(ran, "ca_file")


def test_equal_names_of_desired_rules_are_a_warning(tmp_path: Path) -> None:
    """Two rules of one name are planned, with a warning: playbooks key on the name."""
    project = new_project(tmp_path)
    project.rule(1, name="Same")
    project.rule(2, name="Same")

    ran = project.run("plan", "-e", "s")

    assert ran.code == 0, ran.err
    assert "duplicate-name" in ran.out


def test_a_failed_apply_reports_rule_by_rule(tmp_path: Path, kibana: Sandbox) -> None:
    """A rule that Kibana refuses undoes the others; each is named with what became of it, and nothing is left."""
    project = against(tmp_path, kibana.url)
    project.rule(2)
    project.rule(3)
    kibana.fault("refuse:rule_id=00000000-0000-4000-8000-000000000003,status=400,times=1")

    ran = project.run("apply", "-e", "s", "--yes", PASSWORD="changeme")

    assert ran.code == 5, ran.err
    for name, word in (("Rule 1", "undone"), ("Rule 2", "undone"), ("Rule 3", "refused")):
        assert any(name in line and word in line for line in ran.err.splitlines()), ran.err
    assert kibana.request("GET", "/api/detection_engine/rules/_find").json["total"] == 0


def test_rule_narrows_only_what_it_says(tmp_path: Path) -> None:
    """`recover --rule` without --accept-live or --force-undo is wrong usage: it must never be ignored."""
    project = new_project(tmp_path)
    project.rule(1)

    assert project.run("recover", "-e", "s", "--rule", "x").code == 2
    assert project.run("recover", "-e", "s").code == 0
