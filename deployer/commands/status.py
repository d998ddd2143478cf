"""`deployer status`: which rule is in which environment, and how it is doing there. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from deployer.commands import several
from deployer.commands.drift import drift_of
from deployer.commands.looking import decided, installed, told_holds, waiting, wanted
from deployer.commands.target import to_read
from deployer.commands.workspace import Workspace
from deployer.core.environment import Environment
from deployer.core.matrix import TargetState, matrix
from deployer.core.summary import Row, exit_code
from deployer.errors import ExitCode
from deployer.render.matrix_text import matrix_markdown, matrix_text


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `status`."""

    env: tuple[str, ...]
    everything: bool = False
    markdown: bool = False


def status(workspace: Workspace, options: Options) -> int:
    """Show the matrix of every target that `-e` names. Returns 0, or 1 if a target could not be read."""
    environments = workspace.targets(options.env)
    tree = workspace.sound_tree()
    decisions = decided(workspace, environments)
    states: list[TargetState] = []
    failed: list[Row] = []
    for reached in several.reach(
        environments, lambda environment: _state(workspace, environment, waiting(decisions.get(environment.name, ())))
    ):
        if reached.error is not None and len(environments) == 1:
            raise reached.error
        if reached.error is not None:
            several.tell(workspace, reached.name, reached.error)
            failed.append(several.failed_row(reached.name, reached.error))
        elif reached.value is not None:
            states.append(reached.value)
    found = matrix(states, {file.rule_id: file.name for file in (*tree.files, *workspace.prebuilt.files)})
    text = (
        matrix_markdown(found, everything=options.everything)
        if options.markdown
        else matrix_text(found, workspace.console.style, everything=options.everything)
    )
    workspace.console.say(text)
    workspace.console.document("status", {**asdict(found), "failed": [row.target for row in failed]})
    return int(exit_code([ExitCode.DONE, *(row.code for row in failed)], writing=False))


def _state(workspace: Workspace, environment: Environment, waits: Mapping[str, str]) -> TargetState:
    with to_read(workspace, environment) as target:
        record = target.ledger.head().record
        asked = wanted(workspace, environment, target.kibana.status().version)
        ids = {*asked, *(record.rules if record else ())}
        live = target.kibana.read_space(marker=workspace.project.marker, wanted=ids)
        asked = installed(workspace, asked, live)
        drifted = drift_of(target, record, live) if record else ()
        return TargetState(environment.target, record, live, asked, drifted, told_holds(record), waits)
