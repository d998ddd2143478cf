"""
Tell the people who were not there, once at the end of a run: after apply, rollback, hold, release, drift, and after a
recovery that failed. What cannot be told is a note on stderr: no run fails, and none is undone, because a chat is down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from deployer.commands.provenance import provenance_of
from deployer.commands.workspace import Workspace
from deployer.core.environment import SecretRef
from deployer.core.notification import Happened, Touched, event_of, touched_by
from deployer.core.plan import Plan, Target
from deployer.errors import DeployerError, ExitCode

_VARIABLE: Final = SecretRef("env", "DEPLOYER_WEBHOOK")
_WORTH_TELLING: Final = (ExitCode.UNDONE, ExitCode.INCOMPLETE, ExitCode.ATTENTION, ExitCode.INTERRUPTED)
"""How a run ends that wrote something, or may have; one that was refused has changed nothing."""


@contextmanager
def notifying(workspace: Workspace) -> Iterator[None]:
    """Tell what the block collected in `workspace.happened`, however it ends."""
    try:
        yield
    finally:
        happened = [one for one in workspace.happened if one.event in workspace.project.notify.on]
        workspace.happened.clear()
        if happened:
            _tell(workspace, happened)


@contextmanager
def watched(workspace: Workspace, plan: Plan, reason: str = "") -> Iterator[Callable[[int, dict[str, int]], None]]:
    """Collect how carrying out a plan ends; call what the block is given once it is committed."""
    done = Happened(event_of(plan), plan.target.name, plan.target.url, ExitCode.DONE, reason=reason or plan.reason)
    done = replace(done, digest=plan.digest, touched=touched_by(plan))

    def committed(number: int, counts: dict[str, int]) -> None:
        workspace.happened.append(replace(done, deployment=number, counts=counts))

    try:
        yield committed
    except DeployerError as error:
        _failed(workspace, done, error)
        raise


@contextmanager
def watched_recovery(workspace: Workspace, target: Target) -> Iterator[None]:
    """Collect a recovery that fails."""
    try:
        yield
    except DeployerError as error:
        _failed(workspace, Happened("recovery", target.name, target.url, ExitCode.DONE), error)
        raise


def drifted(workspace: Workspace, target: Target, deployment: int, rules: Iterable[Touched]) -> None:
    """Collect what drifted in a target, if anything."""
    found = tuple(rules)
    if found:
        hint = f"deployer drift -e {target.name}"
        happened = Happened("drift", target.name, target.url, ExitCode.CHANGES, deployment, touched=found, next=hint)
        workspace.happened.append(happened)


def _failed(workspace: Workspace, done: Happened, error: DeployerError) -> None:
    """Note a failure; of one that a commit had come before (rules left out) both are one message."""
    if error.exit_code in _WORTH_TELLING:
        before = [one for one in workspace.happened if one.target == done.target and one.event == done.event]
        for one in before:
            workspace.happened.remove(one)
        base = before[-1] if before else done
        workspace.happened.append(replace(base, code=error.exit_code, error=str(error), next=error.hint))


def _tell(workspace: Workspace, happened: list[Happened]) -> None:
    given, surroundings = workspace.project.notify.webhook, workspace.surroundings
    reference = given or _VARIABLE
    if given is None and not surroundings.environ.get(_VARIABLE.name, "").strip():
        return
    if surroundings.pull_request:
        workspace.console.note("notification not sent: this runs for a pull request")
        return
    from deployer.adapters.secrets import read_secret
    from deployer.adapters.webhook import send
    from deployer.render.notification import notification

    try:
        url = read_secret(reference, surroundings, workspace.root, "[notify] in deployer.toml")
        stamp = workspace.clock.now().isoformat(timespec="seconds").replace("+00:00", "Z")
        body = notification(happened, workspace.project.name, provenance_of(workspace), stamp)
        body = body if workspace.project.notify.body == "full" else {"text": body["text"]}
        wrong = send(url, body, surroundings.environ, surroundings.notify_hosts)
    except DeployerError as error:
        wrong = str(error)
    except KeyboardInterrupt:  # whoever does not want to wait for a chat need not; what was done is done
        wrong = "nobody waited for it"
    if wrong:
        _warn(workspace, reference, wrong)


def _warn(workspace: Workspace, reference: SecretRef, wrong: str) -> None:
    workspace.console.note(f"warning: the webhook {reference} was not told: {wrong}")
