"""`deployer sandbox`: serve the embedded Kibana stand-in, or empty it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from deployer.adapters.environments import find_root
from deployer.commands.console import Console
from deployer.commands.workspace import Workspace
from deployer.errors import DeployerError, UsageError
from deployer.sandbox import Options as ServerOptions
from deployer.sandbox import serve as serve_sandbox
from deployer.sandbox.errors import SandboxError


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `sandbox serve`."""

    data: Path | None
    host: str
    port: int
    stack_version: str
    latency_ms: float
    rule_cost_ms: float
    refresh_ms: float
    faults: tuple[str, ...]


def serve(console: Console, project: Path | None, options: Options) -> int:
    """Serve in the foreground until interrupted."""
    data = options.data or (project or _root_or_here()) / ".deployer" / "sandbox" / "serve.sqlite3"
    data.parent.mkdir(parents=True, exist_ok=True)
    console.note(f"its state is in {data}; user elastic, password changeme; stop it with Ctrl-C")
    settings = ServerOptions(
        str(data),
        host=options.host,
        port=options.port,
        stack_version=options.stack_version,
        latency_ms=options.latency_ms,
        rule_cost_ms=options.rule_cost_ms,
        refresh_ms=options.refresh_ms,
        faults=options.faults,
    )
    try:
        return serve_sandbox(settings)
    except SandboxError as exc:
        raise UsageError(str(exc)) from exc


def reset(workspace: Workspace, name: str, *, yes: bool) -> int:
    """Empty the sandbox of one environment, and what the state store says of it."""
    environment = workspace.targets((name,))[0]
    if not environment.sandbox:
        raise DeployerError(f"{environment.target} is not a sandbox: its url is {environment.connection.url}")
    if (
        not yes
        and workspace.surroundings.stdin_tty
        and not workspace.console.ask(f"Empty the sandbox {environment.name}?")
    ):
        workspace.console.note("nothing was changed")
        return 0
    folder = workspace.root / ".deployer"
    for path in (folder / "sandbox").glob(f"{environment.name}.sqlite3*"):
        path.unlink()
    if workspace.project.state == "file:.deployer":
        for part in ("targets", "environments"):
            shutil.rmtree(folder / part / environment.name, ignore_errors=True)
    workspace.console.say(f"The sandbox {environment.name} is empty.")
    workspace.console.document("sandbox reset", {"environment": environment.name, "emptied": True})
    return 0


def _root_or_here() -> Path:
    try:
        return find_root(Path.cwd())
    except DeployerError:
        return Path.cwd()
