"""`deployer plan`: show what apply would change."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deployer.commands.planning import Planned, planned
from deployer.commands.target import to_read
from deployer.commands.workspace import Workspace
from deployer.core.draft import Wishes
from deployer.core.plan import Plan
from deployer.core.plan_file import dumps
from deployer.errors import DeployerError, ExitCode, UsageError
from deployer.render.json_text import plan_json
from deployer.render.plan_text import plan_text


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `plan`."""

    env: tuple[str, ...]
    wishes: Wishes
    output: Path | None = None
    detailed_exitcode: bool = False
    reason: str = ""


def plan(workspace: Workspace, options: Options) -> int:
    """Show the plan of every target; save it if asked. Returns 0, or 3 for changes with `--detailed-exitcode`."""
    environments = workspace.targets(options.env)
    if options.output is not None and len(environments) > 1:
        names = ", ".join(environment.target for environment in environments)
        raise UsageError(f"-o saves the plan of one target, and -e names {len(environments)}: {names}")
    plans: list[Plan] = []
    for environment in environments:
        with to_read(workspace, environment) as target:
            plans.append(_shown(workspace, planned(target, options.wishes, options.reason)))
    if options.output is not None:
        _save(options.output, plans[0])
    workspace.console.document("plan", {"plans": [plan_json(each) for each in plans]})
    return int(ExitCode.CHANGES) if options.detailed_exitcode and any(_would_do(each) for each in plans) else 0


def _shown(workspace: Workspace, made: Planned) -> Plan:
    workspace.console.say(plan_text(made.plan, workspace.console.style, verbose=workspace.console.verbose))
    return made.plan


def _would_do(plan: Plan) -> bool:
    """Say whether apply would change something, or would refuse to; drift that is left alone is neither."""
    return bool(plan.changes or plan.notes.blocked)


def _save(path: Path, plan: Plan) -> None:
    try:
        path.write_text(dumps(plan), encoding="utf-8")
    except OSError as exc:
        raise DeployerError(f"cannot write {path}: {exc.strerror}", hint="nothing was changed") from exc
