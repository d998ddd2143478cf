"""One target, opened: its Kibana space to read or to write, and its part of the state store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from deployer.adapters import embedded
from deployer.adapters.kibana import KibanaReader, KibanaWriter, Secrets, connect, get_ready
from deployer.adapters.kibana.variables import with_variables
from deployer.adapters.secrets import check_connection, resolve
from deployer.adapters.state.opening import open_store, unsafe_in_ci
from deployer.commands.workspace import Workspace
from deployer.core.environment import Connection, Environment
from deployer.core.plan import Target
from deployer.core.ports import Store
from deployer.errors import DeployerError, Refusal, RefusedError
from deployer.executor.ledger import Ledger


@dataclass
class ReadTarget:
    """A target that can be planned for."""

    workspace: Workspace
    environment: Environment
    kibana: KibanaReader
    ledger: Ledger

    @property
    def identity(self) -> Target:
        """What plans and records say of the target."""
        return identity(self.environment)


@dataclass
class WriteTarget(ReadTarget):
    """A target that can be written to."""

    kibana: KibanaWriter


def identity(environment: Environment) -> Target:
    """Return what plans and records say of a target; the sandbox's port is no part of it."""
    return Target(environment.name, environment.space, environment.target, environment.connection.url)


@contextmanager
def to_read(workspace: Workspace, environment: Environment) -> Iterator[ReadTarget]:
    """
    Open one target for the time of a `with` block, to plan for it.

    Hosts are checked before a secret is read, the store before Kibana is asked. Raises RefusedError (host),
    SecretError,
    StateError.
    """
    environment = _surrounded(workspace, environment)
    with ExitStack() as stack:
        ledger = _ledger(workspace, environment, write=False)
        connection, secrets = _reachable(workspace, environment, stack, write=False)
        kibana = connect(connection, environment.space, secrets, clock=workspace.clock, read_only=True)
        yield ReadTarget(workspace, environment, stack.enter_context(kibana), ledger)


@contextmanager
def to_write(workspace: Workspace, environment: Environment) -> Iterator[WriteTarget]:
    """Open one target for the time of a `with` block, to change it; raises what `to_read` raises, and DeployerError."""
    if workspace.surroundings.readonly:
        raise DeployerError("DEPLOYER_READONLY is set: nothing may be written", hint="unset it to apply")
    environment = _surrounded(workspace, environment)
    _refuse_pull_request(workspace, environment)
    with ExitStack() as stack:
        ledger = _ledger(workspace, environment, write=True)
        connection, secrets = _reachable(workspace, environment, stack, write=True)
        kibana = connect(connection, environment.space, secrets, clock=workspace.clock, read_only=False)
        yield WriteTarget(workspace, environment, stack.enter_context(kibana), ledger)


def _surrounded(workspace: Workspace, environment: Environment) -> Environment:
    """Take proxy and CA from the environment's variables where the file names none, before hosts are checked."""
    connection = with_variables(environment.connection, workspace.surroundings.environ)
    return replace(environment, connection=connection)


def ledger_of(workspace: Workspace, environment: Environment) -> Ledger:
    """Return what the store knows of a target, to read, without asking its Kibana. Raises StateError."""
    return _ledger(workspace, _surrounded(workspace, environment), write=False)


def ledger_to_write(workspace: Workspace, environment: Environment) -> Ledger:
    """Return what the store knows of a target, to write events and nothing in Kibana. Raises what `to_write` raises."""
    if workspace.surroundings.readonly:
        raise DeployerError("DEPLOYER_READONLY is set: nothing may be written", hint="unset it")
    _refuse_pull_request(workspace, environment)
    return _ledger(workspace, _surrounded(workspace, environment), write=True)


def _refuse_pull_request(workspace: Workspace, environment: Environment) -> None:
    """
    Refuse to write for a pull request: nobody has agreed to what it contains, its environment files included.

    Its key is the protection; this keeps a workflow that hands it one by mistake from deploying. A Kibana on this
    machine is somebody's test and is let through. Raises RefusedError (branch).
    """
    surroundings = workspace.surroundings
    named = surroundings.pull_request
    if named and not (environment.sandbox or _local(environment) or surroundings.says("DEPLOYER_DEPLOY_PULL_REQUESTS")):
        raise RefusedError(
            f"{environment.target}: this runs for a pull request ({named}), and nobody has merged it",
            Refusal.BRANCH,
            hint="nothing was sent; deploy from the branch that it is merged into (docs/security.md)",
        )


def _ledger(workspace: Workspace, environment: Environment, *, write: bool) -> Ledger:
    check_connection(environment.connection, workspace.surroundings)
    return Ledger(_store(workspace, environment, write=write), identity(environment), marker_name(workspace))


def marker_name(workspace: Workspace) -> str:
    """Return the name of the project as records and stores carry it."""
    return workspace.project.marker.partition(":")[2]


def _reachable(
    workspace: Workspace, environment: Environment, stack: ExitStack, *, write: bool
) -> tuple[Connection, Secrets]:
    if environment.sandbox:
        data = workspace.root / ".deployer" / "sandbox" / f"{environment.name}.sqlite3"
        server = embedded.start(data, environment.connection.stack)
        stack.callback(server.close)
        get_ready()
        connection = replace(environment.connection, url=server.url())
        return connection, Secrets(username=embedded.USER, password=embedded.PASSWORD)
    credentials = environment.connection.credentials if write else environment.connection.read_credentials
    found = resolve(credentials, workspace.surroundings, workspace.root, environment.path)
    return environment.connection, Secrets(found.api_key, found.bearer, found.username, found.password)


def _store(workspace: Workspace, environment: Environment, *, write: bool) -> Store:
    location, environ = workspace.project.state, workspace.surroundings.environ
    if write and (
        message := unsafe_in_ci(location, environ, environment.sandbox or _local(environment), workspace.root)
    ):
        raise DeployerError(message, hint="nothing was sent")
    return open_store(location, root=workspace.root, environ=environ, project=marker_name(workspace), writing=write)


def _local(environment: Environment) -> bool:
    from deployer.adapters.kibana import is_loopback

    host = environment.connection.url.partition("//")[2].partition("/")[0].rpartition("@")[2]
    return is_loopback(host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host)
