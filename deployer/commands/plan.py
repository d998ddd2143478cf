"""`deployer plan`: show what apply would change."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.commands import several
from deployer.commands.plan_outputs import on_stdout, write_outputs
from deployer.commands.planning import planned
from deployer.commands.reporting import Output
from deployer.commands.several import Reached
from deployer.commands.target import to_read
from deployer.commands.workspace import Workspace
from deployer.core.draft import Wishes
from deployer.core.environment import Environment
from deployer.core.plan import Plan
from deployer.core.plan_file import dumps
from deployer.core.summary import Row, exit_code
from deployer.errors import DeployerError, ExitCode, UsageError
from deployer.render.plan.text import plan_text
from deployer.render.summary_text import state_of

if TYPE_CHECKING:
    from deployer.commands.branching import Base


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `plan`."""

    env: tuple[str, ...]
    wishes: Wishes
    output: Path | None = None
    detailed_exitcode: bool = False
    reason: str = ""
    base: str = ""  # the revision that this branch goes to
    outputs: tuple[Output, ...] = (Output("text"),)


def plan(workspace: Workspace, options: Options) -> int:
    """Show the plan of every target; save it if asked. Returns 0, or 3 for changes with `--detailed-exitcode`."""
    environments = workspace.targets(options.env)
    workspace.load_ahead()
    try:
        with _base(workspace, options) as base:
            if len(environments) > 1:
                return _several(workspace, environments, options, base)
            made = _plan(workspace, environments[0], options, base)
    except DeployerError as error:
        outcomes = dict.fromkeys((environment.target for environment in environments), error)
        write_outputs(workspace, outcomes, options.outputs, failed=True)
        raise
    _show(workspace, made, options)
    if options.output is not None:
        _save(options.output, made)
    write_outputs(workspace, {environments[0].target: made}, options.outputs)
    return int(_code(made, options))


def _several(workspace: Workspace, environments: Sequence[Environment], options: Options, base: Base | None) -> int:
    """Plan them at the same time; a target that fails is told, and the others are planned all the same."""
    if options.output is not None:
        names = ", ".join(environment.target for environment in environments)
        raise UsageError(f"-o saves the plan of one target, and -e names {len(environments)}: {names}")
    workspace.sound_tree()  # files that are wrong are wrong for every target: said once
    rows: list[Row] = []
    outcomes: dict[str, Plan | DeployerError] = {}
    for reached in several.reach(environments, lambda environment: _plan(workspace, environment, options, base)):
        rows.append(_told(workspace, reached, options))
        outcomes[reached.name] = _outcome(reached)
    if on_stdout(options.outputs, "text"):
        several.summarise(workspace, rows)
    write_outputs(workspace, outcomes, options.outputs)
    return int(exit_code([row.code for row in rows], writing=False))


def _base(workspace: Workspace, options: Options) -> AbstractContextManager[Base | None]:
    """Open what `--base` names, once for all targets."""
    if not options.base:
        return nullcontext()
    from deployer.commands.branching import opened_base

    workspace.sound_tree()
    return opened_base(workspace, options.base)


def _plan(workspace: Workspace, environment: Environment, options: Options, base: Base | None) -> Plan:
    with to_read(workspace, environment) as target:
        if base is None:
            return planned(target, options.wishes, options.reason).plan
        from deployer.commands.branching import remembering, with_branch

        target = remembering(target)
        made = planned(target, options.wishes, options.reason).plan
        return with_branch(target, made, options.wishes, base)


def _outcome(reached: Reached[Plan]) -> Plan | DeployerError:
    return reached.value or reached.error or DeployerError("no plan was made")


def _told(workspace: Workspace, reached: Reached[Plan], options: Options) -> Row:
    if reached.value is None:
        error = reached.error or DeployerError("no plan was made")
        several.tell(workspace, reached.name, error)
        return several.failed_row(reached.name, error)
    _show(workspace, reached.value, options)
    return Row(reached.name, *state_of(reached.value), _code(reached.value, options))


def _show(workspace: Workspace, made: Plan, options: Options) -> None:
    if on_stdout(options.outputs, "text"):
        workspace.console.say(plan_text(made, workspace.console.style, verbose=workspace.console.verbose))


def _code(made: Plan, options: Options) -> ExitCode:
    """Return 3 where apply would change something or would refuse to; drift that is left alone is neither."""
    would_do = bool(made.writes or made.notes.blocked)
    return ExitCode.CHANGES if options.detailed_exitcode and would_do else ExitCode.DONE


def _save(path: Path, plan: Plan) -> None:
    try:
        path.write_bytes(dumps(plan))
    except OSError as exc:
        raise DeployerError(f"cannot write {path}: {exc.strerror}", hint="nothing was changed") from exc
