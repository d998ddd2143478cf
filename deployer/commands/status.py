"""`deployer status`: which rule is in which environment, and how it is doing there. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from deployer.adapters.environments import load_lock
from deployer.commands import several
from deployer.commands.drift import drift_of
from deployer.commands.promote import Options as Promotion
from deployer.commands.promote import judge
from deployer.commands.target import to_read
from deployer.commands.workspace import Workspace
from deployer.core.desired import selected
from deployer.core.environment import Environment
from deployer.core.holds import holds_of
from deployer.core.matrix import TargetState, matrix
from deployer.core.summary import Row, exit_code
from deployer.errors import DeployerError, ExitCode
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
    waiting = _waiting(workspace, environments)
    states: list[TargetState] = []
    failed: list[Row] = []
    for reached in several.reach(
        environments, lambda environment: _state(workspace, environment, waiting.get(environment.name, {}))
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


def _state(workspace: Workspace, environment: Environment, waiting: Mapping[str, str]) -> TargetState:
    with to_read(workspace, environment) as target:
        record = target.ledger.head().record
        wanted = _wanted(workspace, environment, target.kibana.status().version)
        ids = {*wanted, *(record.rules if record else ())}
        live = target.kibana.read_space(marker=workspace.project.marker, wanted=ids)
        drifted = drift_of(target, record, live) if record else ()
        held = {rule_id: f"{hold.label} {hold.reason}".strip() for rule_id, hold in holds_of(record).items()}
        return TargetState(environment.target, record, live, wanted, drifted, held, waiting)


def _wanted(workspace: Workspace, environment: Environment, stack: str) -> Mapping[str, str]:
    """Return what is asked for in a target: what its lock file pins, or what the work tree has and it selects."""
    prebuilt, _ = selected(workspace.prebuilt.files, environment, stack)
    tuned = {file.rule_id: file.fingerprint for file in prebuilt}
    if environment.rules.source == "promoted":
        lock, _ = load_lock(workspace.root, environment.name)
        return {rule_id: locked.fingerprint for rule_id, locked in lock.rules.items()} | tuned if lock else tuned
    chosen, _ = selected(workspace.tree.files, environment, stack)
    return {file.rule_id: file.fingerprint for file in chosen} | tuned


def _waiting(workspace: Workspace, environments: Sequence[Environment]) -> dict[str, dict[str, str]]:
    """Return for each promoted environment the rules that wait for it, with the gates that hold them back."""
    found: dict[str, dict[str, str]] = {}
    for name in {each.name for each in environments if each.rules.source == "promoted" and each.promotion}:
        try:
            decisions = judge(workspace, Promotion("", name)).decisions
        except DeployerError as error:
            workspace.console.note(f"{name}: what waits for promotion is not known: {error}")
            continue
        found[name] = {each.rule_id: each.why for each in decisions if each.verdict == "wait"}
    return found
