"""
One plan carried out in one target: refuse what a guard refuses, ask, run the transaction, say what happened.

`apply`, `rollback` and whatever else deploys come through here, so that a plan is refused, confirmed and reported the
same way whoever made it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deployer.commands.carrying import Carrier
from deployer.commands.failing import report_failure
from deployer.commands.notifying import watched, watched_recovery
from deployer.commands.target import WriteTarget
from deployer.core.outcomes import Applied, ApplyIncompleteError, ApplyUndoneError
from deployer.core.plan import Plan
from deployer.core.ports import Body
from deployer.errors import AttentionError, DeployerError, Refusal, RefusedError
from deployer.executor.apply import apply as carry_out
from deployer.render.applied_text import applied_text
from deployer.render.json_text import counts
from deployer.render.style import plural


@dataclass(frozen=True, slots=True)
class Manner:
    """
    How to carry out: `agreed` without asking, `wait` so many seconds for a lock, `recover_first` what is left, and the
    `reason` that was given for it.
    """

    agreed: bool = False
    wait: float = 0.0
    recover_first: bool = False
    reason: str = ""


def recover_first(carrier: Carrier, target: WriteTarget, manner: Manner) -> None:
    """Undo what an interrupted apply left, if that was asked for."""
    if manner.recover_first and target.ledger.lock()[0].state != "free":
        from deployer.executor.recover import recover

        with watched_recovery(carrier.workspace, target.identity):
            found = recover(carrier.run(target, wait=manner.wait, reason=manner.reason), "undo")
        carrier.workspace.console.note(f"{target.environment.target}: recovered first ({found.how})")


def deploy(
    carrier: Carrier, target: WriteTarget, plan: Plan, manner: Manner, *, read: tuple[Body, ...] | None = None
) -> dict[str, Any]:
    """
    Carry out a plan; return its result for `--json`. `read` has the live rules it was made from, where they are known.

    Raises RefusedError, ApplyUndoneError, ApplyIncompleteError, AttentionError and what the engine raises.
    """
    workspace = carrier.workspace
    refuse(plan)
    if plan.writes and not (manner.agreed or _asked(carrier, plan)):
        workspace.console.say("Nothing was changed.")
        return _result(plan, None)
    with watched(workspace, plan, manner.reason) as committed:
        applied = _carried(carrier, target, plan, manner, read)
        if applied.record is not None:
            committed(applied.record.number, counts(plan))
        return _told(plan, applied)


def _carried(
    carrier: Carrier, target: WriteTarget, plan: Plan, manner: Manner, read: tuple[Body, ...] | None
) -> Applied:
    workspace = carrier.workspace
    started = workspace.clock.monotonic()
    try:
        with carrier.guarded():
            run = carrier.run(target, read=read, wait=manner.wait, reason=manner.reason)
            _refuse_without_key(target, plan)
            applied = carry_out(plan, run)
    except (ApplyUndoneError, ApplyIncompleteError) as error:
        report_failure(workspace, target, error, plan.labels)
        raise
    seconds = workspace.clock.monotonic() - started
    workspace.console.say(applied_text(plan, applied, seconds, workspace.console.style))
    return applied


def _told(plan: Plan, applied: Applied) -> dict[str, Any]:
    """Return the result; raises AttentionError where rules were left out."""
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


def _refuse_without_key(target: WriteTarget, plan: Plan) -> None:
    """Raise DeployerError where rules are to be switched on and no rule can be (facts.md section 10)."""
    if any((change.after or {}).get("enabled") for change in plan.changes) and not target.kibana.can_enable:
        raise DeployerError(
            f"{plan.target.name}: Kibana has no encryption key, so no rule can be switched on. Nothing was sent",
            hint="set xpack.encryptedSavedObjects.encryptionKey in kibana.yml",
        )


def _asked(carrier: Carrier, plan: Plan) -> bool:
    return carrier.workspace.console.ask(f"Apply {plural(plan.writes, 'change')} to {plan.target.name}?")


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
