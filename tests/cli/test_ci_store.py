"""A store that would vanish with the CI runner is refused before anything is sent (design section 8)."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomli

from tests.support.project import ProjectFolder, new_project
from tests.support.stores import git

KIBANA = """[kibana]
url = "https://kibana.example.com"
proxy = "http://127.0.0.1:{port}"
api_key = "env:KEY"
timeout = {{ connect = "1s", read = "1s" }}
"""
COMMANDS = [("apply", "--yes"), ("recover",), ("unlock",)]


@pytest.fixture
def proxy() -> Iterator[tuple[int, list[str]]]:
    """A proxy that lets nothing through: its port, and who connected to it."""
    seen: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    connection, address = server.accept()
                except OSError:
                    return
                seen.append(str(address))
                connection.close()

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield server.getsockname()[1], seen
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def project_at(root: Path, port: int, *, remote: bool) -> ProjectFolder:
    """A project whose store is `file:.deployer`, in a checkout with or without a remote."""
    project = new_project(root, environment=KIBANA.format(port=port))
    project.write("deployer.toml", 'project = "tests"\nstate = "file:.deployer"\n')
    project.rule(1)
    git(root, "init", "-q")
    if remote:
        git(root, "remote", "add", "origin", str(root / "remote.git"))
        subprocess.run(["git", "init", "-q", "--bare", str(root / "remote.git")], check=True)
    return project


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_a_file_store_in_ci_is_refused_and_nothing_is_sent(
    tmp_path: Path, proxy: tuple[int, list[str]], command: tuple[str, ...]
) -> None:
    """`CI=true`, a Kibana that is not on loopback, `file:.deployer`: exit 1, no connection, no store."""
    port, seen = proxy
    project = project_at(tmp_path, port, remote=True)

    ran = project.run(command[0], "-e", "s", *command[1:], CI="true", KEY="a:b")

    assert ran.code == 1, ran.err
    assert "Nothing was sent" in ran.err
    assert (seen, (tmp_path / ".deployer" / "format.json").exists()) == ([], False)


@pytest.mark.parametrize("remote", [True, False])
def test_the_message_has_the_line_that_fixes_it(tmp_path: Path, proxy: tuple[int, list[str]], remote: bool) -> None:
    """The line is TOML; with a remote it is complete, and with it the same command gets as far as Kibana."""
    port, seen = proxy
    project = project_at(tmp_path, port, remote=remote)
    ran = project.run("apply", "-e", "s", "--yes", CI="true", KEY="a:b")

    line = re.search(r'state = "[^"]+"', ran.err)
    assert line is not None
    assert tomli.loads(line[0])["state"] == ("git:origin#deployer-state" if remote else "s3://BUCKET/deployer")
    if remote:
        project.write("deployer.toml", f'project = "tests"\n{line[0]}\n')
        again = project.run("apply", "-e", "s", "--yes", CI="true", KEY="a:b")
        assert "would vanish" not in again.err
        assert seen
