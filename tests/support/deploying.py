"""A project against a sandbox of its own, for tests that start real deployers: signals, kills, two at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.project import ProjectFolder, Ran, new_project
from tests.support.sandbox import PASSWORD, Sandbox

SECRET = {"PASSWORD": PASSWORD}
"""The one secret that the environment file refers to, for `ProjectFolder.run`."""


def against(root: Path, url: str, *, state: str = "", more: str = "", space: str = "") -> ProjectFolder:
    """Return a project whose environment `s` is this Kibana, in its default space unless another is named."""
    root.mkdir(parents=True, exist_ok=True)
    lines = ["[kibana]", f'url = "{url}"', 'username = "elastic"', 'password = "env:PASSWORD"']
    lines += [f'space = "{space}"'] if space else []
    project = new_project(root, environment="\n".join([*lines, more]) + "\n")
    if state:
        project.write("deployer.toml", f'project = "tests"\nstate = "{state}"\n')
    return project


def until(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Wait for something that another process does; fail with `what` if it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.005)


def wrote(sandbox: Sandbox) -> int:
    """Return how many requests have changed something so far."""
    return int(sandbox.admin("GET", "counters")["wrote"])


def live(sandbox: Sandbox, space: str = "") -> list[dict[str, Any]]:
    """Return every rule of a space, read past our client."""
    prefix = f"/s/{space}" if space else ""
    answer = sandbox.request("GET", f"{prefix}/api/detection_engine/rules/_find?per_page=10000")
    assert answer.status == 200, answer.body
    return list(answer.json["data"])


def hint(ran: Ran) -> str:
    """Return the command that the last hint of a run names."""
    return [line for line in ran.err.splitlines() if line.startswith("hint: ")][-1].removeprefix("hint: ").strip()
