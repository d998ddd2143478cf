"""`deployer apply` over several targets: planned at once, agreed to once, applied one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, Final

from deployer.commands import several
from deployer.commands.carrying import Carrier
from deployer.commands.deploying import Manner, deploy, recover_first, refuse
from deployer.commands.planning import planned
from deployer.commands.several import Reached
from deployer.commands.target import to_write
from deployer.commands.workspace import Workspace
from deployer.core.draft import Wishes
from deployer.core.environment import Environment
from deployer.core.plan import Plan
from deployer.core.summary import Row, exit_code
from deployer.errors import DeployerError, ExitCode, InterruptedRunError
from deployer.render.plan.text import plan_text
from deployer.render.style import plural

_ANOTHER_FAILED: Final = DeployerError("not done: another target failed (--fail-fast)")


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of every target."""

    wishes: Wishes
    reason: str
    manner: Manner
    fail_fast: bool = False
    verb: str = "Apply"
    alone: bool = False  # there is one target: its error is raised, so it is not told here


def apply_many(carrier: Carrier, environments: Sequence[Environment], request: Request) -> int:
    """
    Plan all targets at the same time, ask once, then apply one after the other. One that fails does not stop the
    others (`--fail-fast` does), and a second run finds only what this one left.
    """
    workspace = carrier.workspace
    workspace.sound_tree()  # files that are wrong are wrong for every target: said once
    # recovering writes; while only planning, Ctrl-C shall end the command at once
    with carrier.guarded() if request.manner.recover_first else nullcontext():
        made = list(several.reach(environments, lambda environment: _plan_of(carrier, environment, request)))
    results = carry_many(carrier, made, request)
    rows = [row_of(done) for done in results]
    if rows:
        several.summarise(workspace, rows)
    workspace.console.document("apply", {"targets": [document_of(done) for done in results]})
    return int(exit_code([row.code for row in rows], writing=True))


def carry_many(carrier: Carrier, made: Sequence[Reached[Plan]], request: Request) -> list[Reached[dict[str, Any]]]:
    """Show the plans, ask once, carry out one after the other; return what became of each, nothing after a "no"."""
    workspace = carrier.workspace
    results = [_shown(workspace, reached) for reached in made]
    if any(reached.error for reached in results) and request.fail_fast:
        results = [_held_back(reached, _ANOTHER_FAILED) for reached in results]
    elif not _agreed_to_all(workspace, results, request):
        workspace.console.say("Nothing was changed.")
        return []
    ended: list[Reached[dict[str, Any]]] = []
    with carrier.guarded():
        for reached in results:
            stop = _why_stop(carrier, request, [row_of(done) for done in ended])
            ended.append(_applied_next(carrier, _held_back(reached, stop), request))
    return ended


def _plan_of(carrier: Carrier, environment: Environment, request: Request) -> Plan:
    with to_write(carrier.workspace, environment) as target:
        recover_first(carrier, target, request.manner)
        return planned(target, request.wishes, request.reason).plan


def _shown(workspace: Workspace, reached: Reached[Plan]) -> Reached[Plan]:
    """Show the plan of one target; one that a guard or a conflict refuses becomes that error."""
    if reached.value is None:
        if reached.error is not None:
            several.tell(workspace, reached.name, reached.error)
        return reached
    plan = reached.value
    workspace.console.say(plan_text(plan, workspace.console.style, verbose=workspace.console.verbose, applying=True))
    return several.attempt(reached.environment, lambda _: _unrefused(plan))


def _unrefused(plan: Plan) -> Plan:
    refuse(plan)
    return plan


def _why_stop(carrier: Carrier, request: Request, rows: Sequence[Row]) -> DeployerError | None:
    """Return why no further target is begun, None where the run goes on."""
    if carrier.interruption.is_set():
        return InterruptedRunError("not begun: interrupted")
    return _ANOTHER_FAILED if request.fail_fast and _failed(rows) else None


def _held_back(reached: Reached[Plan], why: DeployerError | None) -> Reached[Plan]:
    """Return the target as not done, where there is a reason; one that has its own error keeps it."""
    return reached if reached.error or why is None else Reached(reached.environment, error=why)


def _agreed_to_all(workspace: Workspace, results: Sequence[Reached[Plan]], request: Request) -> bool:
    plans = [reached.value for reached in results if reached.value is not None and reached.value.writes]
    changes = sum(plan.writes for plan in plans)
    if not changes or request.manner.agreed:
        return True
    return workspace.console.ask(f"{request.verb} {plural(changes, 'change')} to {plural(len(plans), 'target')}?")


def _applied_next(carrier: Carrier, reached: Reached[Plan], request: Request) -> Reached[dict[str, Any]]:
    if reached.value is None:
        return Reached(reached.environment, error=reached.error)
    plan, agreed = reached.value, replace(request.manner, agreed=True)

    def work(environment: Environment) -> dict[str, Any]:
        with to_write(carrier.workspace, environment) as target:
            return deploy(carrier, target, plan, agreed)

    done = several.attempt(reached.environment, work)
    if done.error is not None and not request.alone:
        several.tell(carrier.workspace, done.name, done.error)
    return done


def _failed(rows: Sequence[Row]) -> bool:
    return any(row.code not in (ExitCode.DONE, ExitCode.CHANGES) for row in rows)


def row_of(done: Reached[dict[str, Any]]) -> Row:
    """Return the row of a target that was carried out, or failed."""
    if done.value is None:
        return several.failed_row(done.name, done.error or DeployerError("not done"))
    number, counted = done.value["deployment"], done.value["counts"]
    words = ", ".join(f"{count} {action}" for action, count in counted.items())
    return Row(done.name, f"applied #{number}" if number and words else "nothing to do", words, ExitCode.DONE)


def document_of(done: Reached[dict[str, Any]]) -> dict[str, Any]:
    """Return a target that was carried out, or failed, for programs."""
    if done.error is not None:
        return several.failed_json(done.name, done.error)
    return done.value or {}
