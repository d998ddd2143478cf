"""`deployer sandbox`: serve the embedded Kibana stand-in, or empty it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from deployer import sandbox as stand_in
from deployer.adapters.environments import find_root
from deployer.commands.console import Console
from deployer.commands.workspace import Workspace
from deployer.errors import DeployerError


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
    words = ["serve", "--data", str(data), "--host", options.host, "--port", str(options.port)]
    words += ["--stack-version", options.stack_version, "--latency-ms", str(options.latency_ms)]
    words += ["--rule-cost-ms", str(options.rule_cost_ms), "--refresh-ms", str(options.refresh_ms)]
    for fault in options.faults:
        words += ["--fault", fault]
    console.note(f"its state is in {data}; user elastic, password changeme; stop it with Ctrl-C")
    return stand_in.main(words)


def reset(workspace: Workspace, name: str, *, yes: bool) -> int:
    """Empty the sandbox of one environment, and what the state store says of it."""
    environment = workspace.targets((name,))[0]
    if not environment.sandbox:
        raise DeployerError(f"{environment.target} is not a sandbox: its url is {environment.connection.url}")
    if not yes and workspace.surroundings.stdin_tty and not workspace.console.ask(f"Empty the sandbox {environment.name}?"):
        workspace.console.note("nothing was changed")
        return 0
    folder = workspace.root / ".deployer"
    for path in (folder / "sandbox").glob(f"{environment.name}.sqlite3*"):
        path.unlink()
    if workspace.project.state == "file:.deployer":
        for part in ("targets", "environments"):
            shutil.rmtree(folder / part / environment.name, ignore_errors=True)
    workspace.console.say(f"The sandbox {environment.name} is empty.")
    return 0


def _root_or_here() -> Path:
    try:
        return find_root(Path.cwd())
    except DeployerError:
        return Path.cwd()
