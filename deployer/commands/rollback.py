"""
`deployer rollback`: a rule, or a whole target, back to what ran before; an ordinary plan, and holds that keep it there.

Reads deployer.toml, the environment and the state store, never the rule files: it works from a bare runner, and while
the rules in git are broken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from deployer.commands.apply_many import Request, carry_many, document_of, row_of
from deployer.commands.carrying import Carrier
from deployer.commands.deploying import Manner, recover_first
from deployer.commands.notifying import notifying
from deployer.commands.past import Past, narrowed, past_of, rules_named
from deployer.commands.relocking import Relocked, relock
from deployer.commands.several import Reached, reach, summarise
from deployer.commands.standing import Asked, Standing, standing
from deployer.commands.target import to_write
from deployer.commands.workspace import Workspace
from deployer.core.compare import Take
from deployer.core.draft import Wishes
from deployer.core.environment import Environment
from deployer.core.holds import succeeding
from deployer.core.plan import Plan
from deployer.core.record import Record
from deployer.core.rollback import (
    Goal,
    Way,
    as_rollback,
    record_back,
    record_goal,
    rule_goal,
    wanted_documents,
    way_back,
)
from deployer.core.summary import exit_code
from deployer.errors import DeployerError, ExitCode, UsageError
from deployer.render.rollback_text import Ran, Version, already_text, done_text, lock_text, versions_text


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `rollback`."""

    env: tuple[str, ...]
    rules: tuple[str, ...] = ()
    to: int | None = None
    steps: int = 1
    space: str = ""
    allow: Mapping[str, int] = field(default_factory=dict)
    take: Take | None = None
    manner: Manner = field(default_factory=Manner)
    reason: str = ""


def rollback(workspace: Workspace, options: Options) -> int:
    """
    Roll back every target that `-e` names. Returns 0, also where everything is back already; of several targets the
    exit code of the run. Raises what planning and applying raise.
    """
    _check(workspace, options)
    with notifying(workspace):
        return _rolled_back(workspace, options)


def _rolled_back(workspace: Workspace, options: Options) -> int:
    environments = narrowed(workspace.targets(options.env), options.space)
    pasts = {environment.target: past_of(workspace, environment) for environment in environments}
    goals = {name: _goal(past, options, pasts.values()) for name, past in pasts.items()}
    _refuse_nothing(goals, options)
    if all(goal.reached for goal in goals.values()):
        return _back_already(workspace, goals)
    _say(workspace, _versions(pasts, goals, options))
    carrier = Carrier(workspace)
    with carrier.guarded():
        made = list(reach(environments, lambda one: _plan(carrier, one, goals[one.target], options)))
    if len(made) == 1 and made[0].error is not None:
        raise made[0].error
    request = Request(Wishes(), options.reason, options.manner, verb="Roll back", alone=len(made) == 1)
    results = carry_many(carrier, made, request)
    if len(results) == 1 and results[0].error is not None:
        raise results[0].error
    relocked = _relocked(workspace, pasts, goals, results, options)
    return _told(workspace, pasts, goals, made, results, relocked)


def _back_already(workspace: Workspace, goals: Mapping[str, Goal]) -> int:
    """Say that everything is back already, and by which deployment: no Kibana is asked for that."""
    whole = {name: goal.done_in for name, goal in goals.items() if goal.done_in}
    rules = {name: goal.already for name, goal in goals.items() if goal.already}
    workspace.console.say(already_text(rules, whole))
    held = {name: {rule_id: hold.label for rule_id, hold in found.items()} for name, found in rules.items()}
    workspace.console.document("rollback", {"targets": [], "already": {"rules": held, "targets": whole}})
    return int(ExitCode.DONE)


def _check(workspace: Workspace, options: Options) -> None:
    if options.to is not None and options.steps != 1:
        raise UsageError("--to and --steps exclude each other")
    if options.steps < 1:
        raise UsageError("--steps counts from 1")
    if options.take is not None and not options.rules:
        raise UsageError("--take decides for named rules only", hint="add --rule ID")
    asked = workspace.surroundings.stdin_tty and workspace.surroundings.stderr_tty
    if not (options.manner.agreed or asked):
        raise UsageError("there is no terminal to ask on", hint="add --yes")


def _goal(past: Past, options: Options, pasts: Iterable[Past]) -> Goal:
    if options.rules and options.to is None:
        ids = rules_named(options.rules, pasts)
        gone = past.gone if any(rule_id not in past.head.rules for rule_id in ids) else {}
        return rule_goal(ids, past.head, past.holds, past.read, steps=options.steps, gone=gone)
    if options.to is not None:
        return _whole(past, past.read(options.to), options, pasts)
    record, back = record_back(past.head, past.read, options.steps)
    return Goal(done_in=past.head.number) if back else _whole(past, record, options, pasts)


def _whole(past: Past, record: Record, options: Options, pasts: Iterable[Past]) -> Goal:
    """Return the goal of an earlier deployment; which rules were deleted in Kibana is seen when it is planned."""
    goal = record_goal(past.head, past.holds, record, (), past.adopted_after(record.number))
    if not options.rules:
        return goal
    ids = rules_named(options.rules, pasts)
    ways = tuple(Way(rule_id, past.head.rules.get(rule_id), record.rules.get(rule_id)) for rule_id in ids)
    return Goal(ways, already={rule_id: hold for rule_id, hold in goal.already.items() if rule_id in ids})


def _refuse_nothing(goals: Mapping[str, Goal], options: Options) -> None:
    if options.rules and not any(goal.ways or goal.already for goal in goals.values()):
        raise DeployerError("none of these targets has such a rule", hint="nothing was changed")


def _plan(carrier: Carrier, environment: Environment, goal: Goal, options: Options) -> Plan:
    with to_write(carrier.workspace, environment) as target:
        recover_first(carrier, target, options.manner)
        ids = [way.rule_id for way in goal.ways] if goal.record is None else None
        return _planned_back(standing(target, ids), goal, options)


def _planned_back(stands: Standing, goal: Goal, options: Options) -> Plan:
    if goal.record is not None:
        there = {str(body.get("rule_id")) for body in stands.live.rules}
        missing = (stands.record.rules.keys() | goal.record.rules.keys()) - there
        goal = record_goal(stands.record, stands.holds, goal.record, missing, goal.adopted)
    documents = stands.contents(wanted_documents(goal.ways))
    rendering = stands.rendering(documents.values())
    why = "rolled back" + (f" ({options.reason})" if options.reason else "")
    held_off = {rule_id for rule_id, hold in stands.holds.items() if hold.off}
    backs = [way_back(way, documents, rendering, why, off=way.rule_id in held_off) for way in goal.ways]
    asked = Asked("rollback", options.reason, Wishes(allow=options.allow, take=options.take))
    plan = stands.plan({pin.rule_id: pin for pin, _ in backs}, rendering, asked)
    holds = [succeeding(hold, stands.holds.get(hold.rule_id)) for _, hold in backs if hold is not None]
    return as_rollback(plan, goal, holds)


def _versions(pasts: Mapping[str, Past], goals: Mapping[str, Goal], options: Options) -> str:
    """Say which content ran since when, and which one comes back."""
    versions = []
    for name, goal in goals.items():
        for way in goal.ways if goal.record is None else ():
            versions.append(Version(way.rule_id, way.name, name, *_runs(pasts[name], way)))
    targets = {name: goal.record for name, goal in goals.items() if goal.record is not None}
    return versions_text(versions, targets, options.reason)


def _runs(past: Past, way: Way) -> tuple[Ran | None, Ran | None]:
    """Return what runs now and what ran before, each with the deployment that brought it."""
    found: list[Ran | None] = []
    for entry in (way.now, way.back):
        made = past.read(entry.as_of or entry.since) if entry is not None else None
        content = "" if entry is None or entry.retired else entry.fingerprint
        found.append(Ran(content, made.time, made.number, made.provenance.actor) if made is not None else None)
    return found[0], found[1]


def _relocked(
    workspace: Workspace,
    pasts: Mapping[str, Past],
    goals: Mapping[str, Goal],
    results: Sequence[Reached[dict[str, Any]]],
    options: Options,
) -> tuple[Relocked, ...]:
    """Write lock files for what was rolled back; `--space` acts in Kibana only."""
    done = {each.name for each in results if each.value and each.value["deployment"]}
    gone_back = {name: ([way for way in goals[name].ways if not way.prebuilt], pasts[name].read) for name in done}
    return () if options.space else relock(workspace, gone_back, options.reason)


def _written(record: Record, rule_id: str) -> str:
    """Return the minute in which a deployment wrote a rule: the commit is later than its writes."""
    entry = record.rules.get(rule_id)
    first = min(record.time, entry.updated_at) if entry is not None and entry.updated_at else record.time
    return f"{first[:16]}:00Z"


def _say(workspace: Workspace, text: str) -> None:
    if text:
        workspace.console.say(text)


def _locks(relocked: Sequence[Relocked]) -> dict[str, Any]:
    return {"lock_files": [{"path": one.path, "rewritten": one.rewritten, "patch": one.patch} for one in relocked]}


def _told(
    workspace: Workspace,
    pasts: Mapping[str, Past],
    goals: Mapping[str, Goal],
    made: Sequence[Reached[Plan]],
    results: Sequence[Reached[dict[str, Any]]],
    relocked: Sequence[Relocked],
) -> int:
    """Say how it ended, why it stays so, and how to find the alerts of what was bad."""
    if len(results) > 1:
        summarise(workspace, [row_of(done) for done in results])
    plans = [reached.value for reached in made if reached.value is not None]
    numbers = [done.value["deployment"] for done in results if done.value and done.value["deployment"]]
    until = (workspace.clock.now() + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:00Z")
    bad = {
        way.rule_id: _written(pasts[name].read(way.changed_in), way.rule_id)
        for name, goal in goals.items()
        for way in goal.ways
        if goal.record is None and way.now is not None and not way.now.retired
    }
    already = {name: goal.already for name, goal in goals.items() if goal.already}
    if already:
        workspace.console.say(already_text(already, {}))
    if numbers:
        workspace.console.say(done_text(plans, max(numbers), bad, until))
    _say(workspace, lock_text(relocked, max(numbers, default=0)))
    documents = [document_of(done) for done in results]
    workspace.console.document("rollback", {"targets": documents, "bad_since": bad, "until": until, **_locks(relocked)})
    return int(exit_code([row_of(done).code for done in results], writing=True)) if results else int(ExitCode.DONE)
