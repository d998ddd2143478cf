"""What `status` and `report` look at beside Kibana: what is asked for in a target, what waits for promotion to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deployer.adapters.environments import load_lock
from deployer.commands.promote import Options as Promotion
from deployer.commands.promote import judge
from deployer.commands.workspace import Workspace
from deployer.core.desired import selected
from deployer.core.environment import Environment
from deployer.core.holds import holds_of
from deployer.core.ports import SpaceRead
from deployer.core.promotion import Decision
from deployer.core.record import Record
from deployer.errors import DeployerError


def wanted(workspace: Workspace, environment: Environment, stack: str) -> Mapping[str, str]:
    """Return what is asked for in a target: what its lock file pins, or what the work tree has and it selects."""
    prebuilt, _ = selected(workspace.prebuilt.files, environment, stack)
    tuned = {file.rule_id: file.fingerprint for file in prebuilt}
    if environment.rules.source == "promoted":
        lock, _ = load_lock(workspace.root, environment.name)
        return {rule_id: locked.fingerprint for rule_id, locked in lock.rules.items()} | tuned if lock else tuned
    chosen, _ = selected(workspace.tree.files, environment, stack)
    return {file.rule_id: file.fingerprint for file in chosen} | tuned


def installed(workspace: Workspace, asked: Mapping[str, str], live: SpaceRead) -> Mapping[str, str]:
    """Return what is asked for without the rules of Elastic's that the space does not have: nobody creates them."""
    entries = {file.rule_id for file in workspace.prebuilt.files}
    there = {str(body.get("rule_id")) for body in live.rules} if entries else set()
    return {rule_id: content for rule_id, content in asked.items() if rule_id not in entries - there}


def decided(workspace: Workspace, environments: Sequence[Environment]) -> dict[str, tuple[Decision, ...]]:
    """
    Return for each promoted environment what a promotion would do now, rule by rule. One whose source cannot be read
    is told, and is not among them.
    """
    found: dict[str, tuple[Decision, ...]] = {}
    for name in sorted({each.name for each in environments if each.rules.source == "promoted" and each.promotion}):
        try:
            found[name] = judge(workspace, Promotion("", name)).decisions
        except DeployerError as error:
            workspace.console.note(f"{name}: what waits for promotion is not known: {error}")
    return found


def waiting(decisions: Sequence[Decision]) -> dict[str, str]:
    """Return the rules that wait, with the gates that hold them back."""
    return {each.rule_id: each.why for each in decisions if each.verdict == "wait"}


def told_holds(record: Record | None) -> dict[str, str]:
    """Return the rules with a hold, each with its name and reason."""
    return {rule_id: f"{hold.label} {hold.reason}".strip() for rule_id, hold in holds_of(record).items()}
