"""`deployer doctor`: is everything there that plan and apply need? Each check says what it found and what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from deployer.commands.target import ReadTarget, to_read
from deployer.commands.workspace import Workspace
from deployer.core.environment import Environment
from deployer.core.stack import OLDEST, older
from deployer.errors import DeployerError, ExitCode
from deployer.render.doctor_text import doctor_text

_CLOCK_SKEW = 30.0  # seconds; leases are measured on Kibana's clock, so more is worth knowing


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: `ok` None where it could not be looked at."""

    name: str
    ok: bool | None
    found: str
    remedy: str = ""


def doctor(workspace: Workspace, env: tuple[str, ...]) -> int:
    """Check every target that `-e` names. Returns 0, or 1 if a check failed."""
    results = {environment.target: _target(workspace, environment) for environment in workspace.targets(env)}
    for name, checks in results.items():
        rows = [(check.name, check.ok, check.found, check.remedy) for check in checks]
        workspace.console.say(doctor_text(name, rows, workspace.console.style))
    body = {name: [asdict(check) for check in checks] for name, checks in results.items()}
    workspace.console.document("doctor", {"targets": body})
    failed = any(check.ok is False for checks in results.values() for check in checks)
    return int(ExitCode.ERROR) if failed else int(ExitCode.DONE)


def _target(workspace: Workspace, environment: Environment) -> list[Check]:
    try:
        with to_read(workspace, environment) as target:
            return _all(workspace, target)
    except DeployerError as error:
        return [Check("open", False, str(error), error.hint)]


def _all(workspace: Workspace, target: ReadTarget) -> list[Check]:
    looks: list[tuple[str, Callable[[], Check]]] = [
        ("reachable", lambda: _version(target)),
        ("user", lambda: _user(target)),
        ("space", lambda: _space(target)),
        ("privileges", lambda: _privileges(target)),
        ("clock", lambda: _clock(workspace, target)),
        ("store", lambda: _store(target)),
        ("rules", lambda: _rules(workspace)),
    ]
    return [_looked(name, look) for name, look in looks]


def _looked(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except DeployerError as error:
        return Check(name, False, str(error), error.hint)


def _version(target: ReadTarget) -> Check:
    status = target.kibana.status()
    if not status.version:
        return Check(
            "reachable", None, "Kibana answers, but not its version", "the credential may not read /api/status"
        )
    found = f"Kibana {status.version}, {status.flavor or 'traditional'}, {status.level}"
    return Check("reachable", not older(status.version, OLDEST), found, f"deployer needs {OLDEST} or later")


def _user(target: ReadTarget) -> Check:
    user = target.kibana.user()
    return Check("user", bool(user), user or "unknown", "the credential has no user; is it an API key of a user?")


def _space(target: ReadTarget) -> Check:
    known = sorted(str(space.get("id")) for space in target.kibana.spaces())
    here = target.environment.space
    return Check(
        "space",
        here in known,
        f"{here}, of {', '.join(known)}",
        f'correct space = "{here}" in {target.environment.path}',
    )


def _privileges(target: ReadTarget) -> Check:
    body = target.kibana.privileges()
    if body.get("has_encryption_key") is False:
        return Check(
            "privileges",
            False,
            "Kibana has no encryption key: rules cannot be enabled",
            "set xpack.encryptedSavedObjects.encryptionKey",
        )
    return Check("privileges", bool(body.get("is_authenticated", True)), "authenticated; rules can be enabled")


def _clock(workspace: Workspace, target: ReadTarget) -> Check:
    date: datetime | None = target.kibana.status().date
    if date is None:
        return Check("clock", None, "Kibana sent no Date header")
    skew = abs((workspace.clock.now() - date).total_seconds())
    return Check("clock", skew <= _CLOCK_SKEW, f"{skew:.0f} s apart", "set the clocks by NTP")


def _store(target: ReadTarget) -> Check:
    head = target.ledger.head()
    last = f"last deployment #{head.record.number}" if head.record else "no deployment yet"
    return Check("store", True, f"{target.ledger.location}: {last}")


def _rules(workspace: Workspace) -> Check:
    tree = workspace.tree
    errors = [problem for problem in tree.problems if problem.severity == "error"]
    return Check("rules", not errors, f"{len(tree.files)} rule files", "deployer validate lists the problems")
