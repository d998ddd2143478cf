"""`deployer apply`: confirm, refuse what a guard refuses, carry out, say what happened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deployer.commands.carrying import Carrier
from deployer.commands.deploying import Manner, deploy, recover_first
from deployer.commands.notifying import notifying
from deployer.commands.target import identity, to_write
from deployer.commands.workspace import Workspace
from deployer.core.draft import Wishes
from deployer.core.environment import Environment
from deployer.core.guards import Run, judged_again
from deployer.core.plan import Plan
from deployer.core.plan_file import loads
from deployer.errors import DeployerError, ExitCode, Refusal, RefusedError, UsageError

_SHORTEST_DIGEST = 12


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `apply`."""

    plan_file: Path | None
    env: tuple[str, ...]
    wishes: Wishes
    yes: bool = False
    expect: str = ""
    reason: str = ""
    wait: float = 0.0
    recover_first: bool = False
    fail_fast: bool = False


def apply(workspace: Workspace, options: Options) -> int:
    """
    Apply to every target that `-e` names, or the plan of a file. For one target everything but 0 is an error that is
    raised; of several, each is told, and the exit code is that of the run (`core.summary.exit_code`).
    """
    _check(workspace, options)
    with notifying(workspace):
        return _applied(workspace, options)


def _applied(workspace: Workspace, options: Options) -> int:
    carrier = Carrier(workspace)
    environments = workspace.targets(options.env) if options.plan_file is None else ()
    if len(environments) > 1:
        from deployer.commands.apply_many import Request, apply_many  # a plan file needs none of it

        if options.expect:
            raise UsageError("--expect names the plan of one target")
        request = Request(options.wishes, options.reason, _manner(workspace, options), options.fail_fast)
        return apply_many(carrier, environments, request)
    if options.plan_file is not None:
        plan = loads(_read(options.plan_file), where=str(options.plan_file))
        result = _from_file(carrier, plan, options)
    else:
        result = _planned(carrier, environments[0], options)
    workspace.console.document("apply", {"targets": [result]})
    return int(ExitCode.DONE)


def _check(workspace: Workspace, options: Options) -> None:
    if bool(options.plan_file) == bool(options.env):
        raise UsageError("name either a plan file or a target with -e")
    if options.plan_file and (options.wishes != Wishes() or options.expect):
        raise UsageError(
            "a plan file is carried out as it is; --only, --allow, --adopt, --take and --expect go to plan"
        )
    if options.expect and len(options.expect.removeprefix("sha256:")) < _SHORTEST_DIGEST:
        raise UsageError(f"--expect takes at least {_SHORTEST_DIGEST} digits of the plan's digest")
    asked = workspace.surroundings.stdin_tty and workspace.surroundings.stderr_tty
    if not (options.plan_file or options.yes or asked):
        raise UsageError("there is no terminal to ask on", hint="add --yes, or apply a plan file: plan -o plan.json")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise DeployerError(f"cannot read the plan file {path}: {exc}", hint="make one: plan -e ENV -o FILE") from exc


def _from_file(carrier: Carrier, plan: Plan, options: Options) -> dict[str, Any]:
    workspace = carrier.workspace
    environment = workspace.targets((plan.target.name,))[0]
    if identity(environment) != plan.target or workspace.project.name != plan.project:
        raise RefusedError(
            f"the plan was made for {plan.target.name} at {plan.target.url}, project {plan.project}; "
            "the settings here say otherwise",
            Refusal.STALE,
            hint="plan again with these settings",
        )
    with to_write(workspace, environment) as target:
        with carrier.guarded():
            recover_first(carrier, target, _manner(workspace, options))
        return deploy(carrier, target, _judged_here(workspace, environment, plan, options), _manner(workspace, options))


def _judged_here(workspace: Workspace, environment: Environment, plan: Plan, options: Options) -> Plan:
    """
    Return the plan of a file with the verdicts of `[deploy]` as they are here and now: a freeze may have begun since,
    and a plan that CI made may not be carried out on a laptop. The branch is the one that the plan was made from.
    """
    run = Run(
        branch=plan.provenance.branch,
        clean=plan.provenance.clean,
        in_ci=workspace.surroundings.is_ci,
        today=workspace.clock.now().date(),
        reason=options.reason or plan.reason,
        exempt=plan.event != "deploy",
        words=frozenset({plan.event, *(("allow",) if plan.allow else ())}),
    )
    verdicts = judged_again(plan.notes.verdicts, environment.deploy, run)
    if verdicts == plan.notes.verdicts:
        return plan  # and its text, which a journal can keep as it is
    return replace(plan, notes=replace(plan.notes, verdicts=verdicts))


def _planned(carrier: Carrier, environment: Environment, options: Options) -> dict[str, Any]:
    from deployer.commands.planning import planned  # a plan file needs none of it
    from deployer.render.plan.text import plan_text

    workspace = carrier.workspace
    workspace.load_ahead()
    with to_write(workspace, environment) as target:
        with carrier.guarded():
            recover_first(carrier, target, _manner(workspace, options))
        made = planned(target, options.wishes, options.reason)
        workspace.console.say(
            plan_text(made.plan, workspace.console.style, verbose=workspace.console.verbose, applying=True)
        )
        if options.expect and not made.plan.digest.removeprefix("sha256:").startswith(
            options.expect.removeprefix("sha256:")
        ):
            raise RefusedError(
                f"the plan is {made.plan.short} now, not {options.expect.removeprefix('sha256:')[:12]}",
                Refusal.STALE,
                hint=f"look at it again: deployer plan -e {environment.target}",
            )
        return deploy(carrier, target, made.plan, _manner(workspace, options), read=made.live.rules)


def _manner(workspace: Workspace, options: Options) -> Manner:
    """A plan file that CI applies was agreed to where it was made; at a terminal the person is asked."""
    agreed = options.yes or (options.plan_file is not None and not workspace.surroundings.stdin_tty)
    return Manner(agreed, options.wait, options.recover_first, options.reason)
