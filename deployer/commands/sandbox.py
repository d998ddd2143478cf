"""`deployer sandbox`: serve the embedded Kibana stand-in, empty it, fill it, or play the analyst in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deployer import sandbox as stand_in
from deployer.adapters.environments import find_root
from deployer.commands.console import Console
from deployer.commands.workspace import Workspace
from deployer.core.environment import Environment
from deployer.errors import DeployerError, UsageError
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
    settings = stand_in.Options(
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
        return stand_in.serve(settings)
    except SandboxError as exc:
        raise UsageError(str(exc)) from exc


def reset(workspace: Workspace, name: str, *, yes: bool) -> int:
    """Empty the sandbox of one environment, and what the state store says of it."""
    environment = _sandbox(workspace, name, whole=True)
    if (
        not yes
        and workspace.surroundings.stdin_tty
        and not workspace.console.ask(f"Empty the sandbox {environment.name}?")
    ):
        workspace.console.note("nothing was changed")
        return 0
    _empty(workspace.console, _data(workspace, environment))
    if workspace.project.state == "file:.deployer":
        for part in ("targets", "environments"):
            shutil.rmtree(workspace.root / ".deployer" / part / environment.name, ignore_errors=True)
    workspace.console.say(f"The sandbox {environment.name} is empty.")
    workspace.console.document("sandbox reset", {"environment": environment.name, "emptied": True})
    return 0


def _empty(console: Console, data: Path) -> None:
    """Empty the data file in place, so that a server on it goes on; remove one that is no data file of this release."""
    try:
        stand_in.reset(str(data))
    except SandboxError as exc:
        console.note(f"{exc} It was removed.")
        for path in data.parent.glob(f"{data.name}*"):
            path.unlink()


def seed(workspace: Workspace, name: str, source: Path) -> int:
    """Load exports into the sandbox of one environment: rules, prebuilt ones included, exception lists, connectors."""
    environment = _sandbox(workspace, name)
    data = _data(workspace, environment)
    with _said():
        count = stand_in.seed(str(data), str(source), space=environment.space, stack=environment.connection.stack)
    workspace.console.say(f"Loaded {count:,} objects into {environment.target}.")
    document = {"environment": environment.name, "space": environment.space, "objects": count}
    workspace.console.document("sandbox seed", document)
    return 0


def edit(workspace: Workspace, name: str, rule: str, assignments: tuple[str, ...], user: str) -> int:
    """Change a rule in the sandbox of one environment, as an analyst would in Kibana."""
    environment = _sandbox(workspace, name)
    data = _data(workspace, environment)
    if not data.exists():
        raise DeployerError(
            f"the sandbox {environment.name} has no rules yet",
            hint=f"deployer apply -e {environment.name} puts rules there; deployer sandbox seed loads an export",
        )
    with _said():
        edited = stand_in.edit(str(data), environment.space, rule, assignments, user)
    fields = ("rule_id", "name", "revision", "enabled", "updated_at", "updated_by")
    workspace.console.say(f"{edited['name']}: revision {edited['revision']}, by {edited['updated_by']}")
    workspace.console.note(f"deployer drift -e {environment.target} shows what changed")
    document = {
        "environment": environment.name,
        "space": environment.space,
        "rule": {key: edited[key] for key in fields},
    }
    workspace.console.document("sandbox edit", document)
    return 0


@contextmanager
def _said() -> Iterator[None]:
    """Tell what the sandbox could not do as our own error."""
    try:
        yield
    except SandboxError as exc:
        raise DeployerError(str(exc), hint="nothing was changed") from exc


def _sandbox(workspace: Workspace, name: str, *, whole: bool = False) -> Environment:
    """The one target of this name, which must be a sandbox; with `whole` any one of one environment."""
    targets = workspace.targets((name,))
    if len(targets) > 1 and not (whole and len({target.name for target in targets}) == 1):
        listed = ", ".join(target.target for target in targets)
        raise UsageError(f"-e {name} names several targets: {listed}", hint="name one of them")
    environment = targets[0]
    if not environment.sandbox:
        raise DeployerError(f"{environment.target} is not a sandbox: its url is {environment.connection.url}")
    return environment


def _data(workspace: Workspace, environment: Environment) -> Path:
    return workspace.root / ".deployer" / "sandbox" / f"{environment.name}.sqlite3"


def _root_or_here() -> Path:
    try:
        return find_root(Path.cwd())
    except DeployerError:
        return Path.cwd()
