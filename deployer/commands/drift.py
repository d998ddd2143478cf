"""`deployer drift`: what somebody did in Kibana since the last deployment. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from deployer.commands import several
from deployer.commands.notifying import drifted, notifying
from deployer.commands.several import Reached
from deployer.commands.target import ReadTarget, to_read
from deployer.commands.workspace import Workspace
from deployer.core.drift import Drifted, Space, drift, suspects
from deployer.core.environment import Environment
from deployer.core.notification import Touched
from deployer.core.ports import SpaceRead
from deployer.core.record import Record
from deployer.core.summary import Row, exit_code
from deployer.errors import DeployerError, ExitCode
from deployer.render.drift_text import drift_text
from deployer.render.style import plural


@dataclass(frozen=True)
class Found:
    """The drift of one target, and the record it is measured against."""

    record: Record
    drifted: tuple[Drifted, ...]


def show_drift(workspace: Workspace, env: tuple[str, ...], *, detailed_exitcode: bool) -> int:
    """Show the drift of every target. Returns 0, or 3 for drift with `--detailed-exitcode`."""
    with notifying(workspace):
        return _compared(workspace, env, detailed_exitcode=detailed_exitcode)


def _compared(workspace: Workspace, env: tuple[str, ...], *, detailed_exitcode: bool) -> int:
    environments = workspace.targets(env)
    if len(environments) == 1:
        found = _of(workspace, environments[0])
        _show(workspace, environments[0].target, found)
        workspace.console.document("drift", {"targets": [_json(environments[0].target, found)]})
        return int(_code(found, detailed=detailed_exitcode))
    results = list(several.reach(environments, lambda environment: _of(workspace, environment)))
    rows = [_told(workspace, reached, detailed=detailed_exitcode) for reached in results]
    several.summarise(workspace, rows)
    workspace.console.document("drift", {"targets": [_document(reached) for reached in results]})
    return int(exit_code([row.code for row in rows], writing=False))


def _of(workspace: Workspace, environment: Environment) -> Found:
    with to_read(workspace, environment) as target:
        record = target.ledger.head().record
        if record is None:
            raise DeployerError(
                f"{environment.target} has no deployment in {target.ledger.location}: there is nothing to compare with",
                hint=f"deployer plan -e {environment.target} shows how it differs from git",
            )
        live = target.kibana.read_space(marker=workspace.project.marker, wanted=record.rules.keys())
        found = Found(record, drift_of(target, record, live))
        touched = [Touched(one.rule_id, one.name, one.field or one.kind) for one in found.drifted]
        drifted(workspace, target.identity, record.number, touched)
        return found


def drift_of(target: ReadTarget, record: Record, live: SpaceRead, now: datetime | None = None) -> tuple[Drifted, ...]:
    """Return the drift of an opened target against its last record; Kibana is asked for `now` where it is not given."""
    workspace = target.workspace
    wanted = suspects(live, record)
    documents = target.ledger.documents(wanted, record) if wanted else {}
    now = now or target.kibana.status().date or workspace.clock.now()
    return drift(Space(live, record, documents, target.environment.ownership, workspace.project.marker, now))


def _show(workspace: Workspace, name: str, found: Found) -> None:
    workspace.console.say(drift_text(name, found.record, found.drifted, workspace.console.style))


def _code(found: Found, *, detailed: bool) -> ExitCode:
    return ExitCode.CHANGES if detailed and found.drifted else ExitCode.DONE


def _told(workspace: Workspace, reached: Reached[Found], *, detailed: bool) -> Row:
    if reached.value is None:
        error = reached.error or DeployerError("not compared")
        several.tell(workspace, reached.name, error)
        return several.failed_row(reached.name, error)
    _show(workspace, reached.name, reached.value)
    return Row(reached.name, *_words(reached.value.drifted), _code(reached.value, detailed=detailed))


def _words(drifted: Sequence[Drifted]) -> tuple[str, str]:
    if not drifted:
        return "no drift", ""
    return "drift", plural(len({each.rule_id for each in drifted}), "rule")


def _document(reached: Reached[Found]) -> dict[str, Any]:
    if reached.value is None:
        return several.failed_json(reached.name, reached.error or DeployerError("not compared"))
    return _json(reached.name, reached.value)


def _json(name: str, found: Found) -> dict[str, Any]:
    return {
        "target": name,
        "deployment": found.record.number,
        "has_drift": bool(found.drifted),
        "drift": [asdict(each) for each in found.drifted],
    }
