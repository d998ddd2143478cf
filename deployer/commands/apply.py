"""`deployer apply`: confirm, refuse what a guard refuses, carry out, say what happened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployer.commands.carrying import Carrier
from deployer.commands.failing import report_failure
from deployer.commands.planning import planned
from deployer.commands.target import WriteTarget, identity, to_write
from deployer.commands.workspace import Workspace
from deployer.core.draft import Wishes
from deployer.core.environment import Environment
from deployer.core.outcomes import Applied, ApplyIncompleteError, ApplyUndoneError
from deployer.core.plan import Plan
from deployer.core.plan_file import loads
from deployer.core.ports import Body
from deployer.errors import AttentionError, DeployerError, ExitCode, Refusal, RefusedError, UsageError
from deployer.executor.apply import apply as carry_out
from deployer.executor.recover import recover
from deployer.render.applied_text import applied_text
from deployer.render.json_text import counts
from deployer.render.plan_text import plan_text
from deployer.render.style import plural

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


def apply(workspace: Workspace, options: Options) -> int:
    """Apply to every target that `-e` names, or the plan of a file. Returns 0; everything else is an error."""
    _check(workspace, options)
    carrier = Carrier(workspace)
    if options.plan_file is not None:
        plan = loads(_read(options.plan_file), where=str(options.plan_file))
        results = [_from_file(carrier, plan, options)]
    else:
        results = [_planned(carrier, environment, options) for environment in workspace.targets(options.env)]
    workspace.console.document("apply", {"targets": results})
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


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
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
        _recover_first(carrier, target, options)
        return _carried_out(carrier, target, plan, options, read=None)


def _planned(carrier: Carrier, environment: Environment, options: Options) -> dict[str, Any]:
    workspace = carrier.workspace
    with to_write(workspace, environment) as target:
        _recover_first(carrier, target, options)
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
        return _carried_out(carrier, target, made.plan, options, read=made.live.rules)


def _recover_first(carrier: Carrier, target: WriteTarget, options: Options) -> None:
    if options.recover_first and target.ledger.lock()[0].state != "free":
        found = recover(carrier.run(target, wait=options.wait), "undo")
        carrier.workspace.console.note(f"{target.environment.target}: recovered first ({found.how})")


def _carried_out(
    carrier: Carrier, target: WriteTarget, plan: Plan, options: Options, *, read: tuple[Body, ...] | None
) -> dict[str, Any]:
    workspace = carrier.workspace
    refuse(plan)
    if plan.changes and not _agreed(workspace, plan, options):
        workspace.console.say("Nothing was changed.")
        return _result(plan, None)
    started = workspace.clock.monotonic()
    try:
        with carrier.guarded():
            applied = carry_out(plan, carrier.run(target, read=read, wait=options.wait))
    except (ApplyUndoneError, ApplyIncompleteError) as error:
        report_failure(workspace, target, error, plan.labels)
        raise
    seconds = workspace.clock.monotonic() - started
    workspace.console.say(applied_text(plan, applied, seconds, workspace.console.style))
    if plan.notes.left_out:
        names = ", ".join(plan.label(rule_id).name for rule_id in plan.notes.left_out[:5])
        raise AttentionError(
            f"{plural(len(plan.notes.left_out), 'rule')} left out, changed by git and in Kibana: {names}"
        )
    return _result(plan, applied)


def refuse(plan: Plan) -> None:
    """Raise RefusedError if the plan is blocked or a guard says no; the first reason gives the `refusal`."""
    if plan.notes.blocked:
        first = plan.notes.blocked[0]
        more = f" (and {len(plan.notes.blocked) - 1} more)" if len(plan.notes.blocked) > 1 else ""
        message = f'"{plan.label(first.rule_id).name}" {first.reason}{more}'
        raise RefusedError(f"{plan.target.name}: {message}. Nothing was changed", Refusal.CONFLICT, hint=first.remedy)
    if plan.refusals:
        words = "; ".join(verdict.message for verdict in plan.refusals)
        allow = ",".join(verdict.allow for verdict in plan.refusals if verdict.allow)
        raise RefusedError(
            f"{plan.target.name}: {words}. Nothing was changed",
            Refusal(plan.refusals[0].refusal),
            hint=f'--allow {allow} --reason "..."' if allow else "",
        )


def _agreed(workspace: Workspace, plan: Plan, options: Options) -> bool:
    if options.yes or (options.plan_file is not None and not workspace.surroundings.stdin_tty):
        return True
    return workspace.console.ask(f"Apply {plural(len(plan.changes), 'change')} to {plan.target.name}?")


def _result(plan: Plan, applied: Applied | None) -> dict[str, Any]:
    record = applied.record if applied else None
    return {
        "target": plan.target.name,
        "digest": plan.digest,
        "applied": applied is not None,
        "counts": counts(plan),
        "deployment": record.number if record else None,
        "outcomes": [
            {"rule_id": o.rule_id, "op": o.op, "status": o.status.value, "detail": o.detail}
            for o in (applied.outcomes if applied else ())
        ],
    }
