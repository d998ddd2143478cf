"""`deployer hold` and `release`: keep a rule as it runs, or off, until somebody lets go of it or a day has passed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from deployer.commands.apply_many import Request, carry_many, document_of, row_of
from deployer.commands.carrying import Carrier
from deployer.commands.deploying import Manner, recover_first
from deployer.commands.notifying import notifying
from deployer.commands.past import narrowed, past_of, rules_named
from deployer.commands.several import Reached, reach, summarise
from deployer.commands.standing import Asked, Standing, standing
from deployer.commands.target import to_write
from deployer.commands.workspace import Workspace
from deployer.core.draft import Wishes
from deployer.core.environment import Environment
from deployer.core.held import documents_of_holds, freed
from deployer.core.holds import Hold
from deployer.core.pins import Pin, pin_of
from deployer.core.plan import Plan
from deployer.core.summary import exit_code
from deployer.errors import DeployerError, ExitCode, UsageError


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `hold` and `release`; `labels` are holds that `release` names (`H61`)."""

    env: tuple[str, ...]
    rules: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    disable: bool = False
    until: str = ""
    space: str = ""
    allow: Mapping[str, int] = field(default_factory=dict)
    manner: Manner = field(default_factory=Manner)
    reason: str = ""


def hold(workspace: Workspace, options: Options) -> int:
    """Hold rules in every target that `-e` names. Returns 0; raises what planning and applying raise."""
    if not options.rules:
        raise UsageError("name what to hold: --rule ID, name, or the beginning of an id")
    _check_until(workspace, options.until)
    _check_terminal(workspace, options.manner)
    environments = narrowed(workspace.targets(options.env), options.space)
    pasts = [past_of(workspace, environment) for environment in environments]
    ids = rules_named(options.rules, pasts)
    known = {past.ledger.target.name: [r for r in ids if r in past.head.rules] for past in pasts}
    if not any(known.values()):
        raise DeployerError("none of these targets has such a rule", hint="nothing was changed")
    return _carried(workspace, environments, options, "Hold", lambda stands: _holding(stands, options), ids_of=known)


def release(workspace: Workspace, options: Options) -> int:
    """End holds in every target that `-e` names. Returns 0; raises DeployerError for a hold that is not there."""
    if not (options.rules or options.labels):
        raise UsageError("name what to release: a hold like H61, or --rule ID")
    _check_terminal(workspace, options.manner)
    environments = narrowed(workspace.targets(options.env), options.space)
    pasts = [past_of(workspace, environment) for environment in environments]
    named = set(rules_named(options.rules, pasts)) if options.rules else set()
    labels = {label.upper() for label in options.labels}
    ids = {
        past.ledger.target.name: [r for r, one in past.holds.items() if r in named or one.label in labels]
        for past in pasts
    }
    if not any(ids.values()):
        standing_now = sorted({f"{one.label} ({one.name})" for past in pasts for one in past.holds.values()})
        there = f"standing here: {', '.join(standing_now[:10])}" if standing_now else "no hold stands here"
        raise DeployerError(f"there is no such hold: {', '.join([*options.labels, *options.rules])}", hint=there)
    return _carried(workspace, environments, options, "Release", lambda stands: _releasing(stands, ids, options), ids)


def _check_until(workspace: Workspace, until: str) -> None:
    if not until:
        return
    try:
        day = date.fromisoformat(until)
    except ValueError as exc:
        raise UsageError(f'--until "{until}" is not a date', hint="write it like 2026-12-31") from exc
    if day < workspace.clock.now().date():
        raise UsageError(f"--until {until} has passed")


def _check_terminal(workspace: Workspace, manner: Manner) -> None:
    if not (manner.agreed or (workspace.surroundings.stdin_tty and workspace.surroundings.stderr_tty)):
        raise UsageError("there is no terminal to ask on", hint="add --yes")


def _holding(stands: Standing, options: Options) -> Plan:
    """Return the plan that holds the rules of a target; what runs is pinned, and switched off if that was asked."""
    live = {str(body.get("rule_id")): body for body in stands.live.rules}
    ids = [rule_id for rule_id in stands.ids if stands.record.rules[rule_id].retired is None]
    entries = {rule_id: stands.record.rules[rule_id] for rule_id in ids}
    sources = {digest: e.bundle for e in entries.values() for digest in (e.fingerprint, e.authored)}
    documents = stands.contents(sources)
    rendering = stands.rendering(documents.values())
    why = "held" + (f" ({options.reason})" if options.reason else "")
    pins: dict[str, Pin] = {}
    holds: list[Hold] = []
    for rule_id, entry in entries.items():
        before = stands.holds.get(rule_id)
        pin = freed(before, entry, documents) if before else pin_of(rule_id, entry, documents, rendering, why)
        off = bool(before and before.off) or (options.disable and bool(live.get(rule_id, {}).get("enabled")))
        pins[rule_id] = replace(pin, off=off)
        fresh = Hold(rule_id, entry.name, pin.kind, event="hold")
        kept = before if before is not None and before.event == "rollback" else fresh
        holds.append(replace(kept, off=off, until=options.until))
    asked = Asked("hold", options.reason, Wishes(allow=options.allow))
    return replace(stands.plan(pins, rendering, asked), holds=tuple(holds))


def _releasing(stands: Standing, ids: Mapping[str, Sequence[str]], options: Options) -> Plan:
    """Return the plan that ends holds: a rule that one switched off is switched on again, the rest waits for apply."""
    wanted = ids[stands.target.environment.target]
    holds = {rule_id: one for rule_id, one in stands.holds.items() if rule_id in wanted}
    off = {rule_id: one for rule_id, one in holds.items() if one.off and rule_id in stands.record.rules}
    documents = stands.contents(documents_of_holds(off, stands.record.rules))
    rendering = stands.rendering(documents.values())
    pins = {rule_id: freed(one, stands.record.rules[rule_id], documents) for rule_id, one in off.items()}
    asked = Asked("release", options.reason, Wishes(allow=options.allow))
    return replace(stands.plan(pins, rendering, asked), released=tuple(sorted(holds)))


def _carried(
    workspace: Workspace,
    environments: Sequence[Environment],
    options: Options,
    verb: str,
    plan: Callable[[Standing], Plan],
    ids_of: Mapping[str, Sequence[str]],
) -> int:
    with notifying(workspace):
        return _done(workspace, environments, options, verb, plan, ids_of)


def _done(
    workspace: Workspace,
    environments: Sequence[Environment],
    options: Options,
    verb: str,
    plan: Callable[[Standing], Plan],
    ids_of: Mapping[str, Sequence[str]],
) -> int:
    carrier = Carrier(workspace)

    def planned(environment: Environment) -> Plan:
        with to_write(workspace, environment) as target:
            recover_first(carrier, target, options.manner)
            return plan(standing(target, ids_of[environment.target]))

    with carrier.guarded():
        made = list(reach(environments, planned))
    if len(made) == 1 and made[0].error is not None:
        raise made[0].error
    request = Request(Wishes(), options.reason, options.manner, verb=verb, alone=len(made) == 1)
    results = carry_many(carrier, made, request)
    return _told(workspace, verb, results)


def _told(workspace: Workspace, verb: str, results: Sequence[Reached[dict[str, Any]]]) -> int:
    if len(results) == 1 and results[0].error is not None:
        raise results[0].error
    if len(results) > 1:
        summarise(workspace, [row_of(done) for done in results])
    workspace.console.document(verb.lower(), {"targets": [document_of(done) for done in results]})
    return int(exit_code([row_of(done).code for done in results], writing=True)) if results else int(ExitCode.DONE)
