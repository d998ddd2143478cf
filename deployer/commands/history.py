"""`deployer history` and `show`: the events of an environment, one deployment, one rule's life, what ran when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deployer.commands.target import ledger_of
from deployer.commands.workspace import Workspace
from deployer.core import history as log
from deployer.core.environment import Environment
from deployer.core.holds import holds_of
from deployer.core.record import Record
from deployer.core.rollback import chosen
from deployer.errors import DeployerError, ExitCode, UsageError
from deployer.executor.ledger import Ledger
from deployer.render.history_text import at_text, deployment_text, events_csv, events_text, life_text, verified_text


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `history`."""

    env: tuple[str, ...]
    since: str = ""
    until: str = ""
    rule: str = ""
    csv: bool = False
    verify: bool = False


def history(workspace: Workspace, options: Options) -> int:
    """Show the events of the environments that `-e` names. Returns 0, or 1 where --verify finds damage."""
    if options.csv and (workspace.console.json or options.verify):
        raise UsageError("--csv goes without --json and --verify")
    since = log.moment(options.since, "--since") if options.since else None
    until = log.moment(options.until, "--until", end=True) if options.until else None
    targets = _targets(workspace, options.env)
    if options.verify:
        return _verify(workspace, targets)
    found: dict[str, tuple[log.Event, ...]] = {}
    for name, ledgers in _by_environment(targets).items():
        rule_id = _rule(options.rule, ledgers) if options.rule else ""
        spaces = {ledger.target.space for ledger in ledgers}
        events = [one for one in _events(ledgers[0]) if not one.space or one.space in spaces]
        found[name] = log.chosen(events, since=since, until=until, rule_id=rule_id)
    workspace.console.say(events_csv(found) if options.csv else events_text(found, workspace.console.style))
    documents = {name: [{**one.facts, "sha256": one.sha256} for one in events] for name, events in found.items()}
    workspace.console.document("history", {"environments": documents})
    return int(ExitCode.DONE)


def show(workspace: Workspace, env: tuple[str, ...], words: Sequence[str], at: str) -> int:
    """Show deployment `N`, `rule ID`, or with `at` what ran then. Raises UsageError for anything else."""
    if at and not words:
        return _show_at(workspace, env, at)
    if not at and len(words) == 2 and words[0] == "rule":
        return _show_rule(workspace, env, words[1])
    if not at and len(words) == 1 and words[0].lstrip("#").isdigit():
        return _show_deployment(workspace, env, int(words[0].lstrip("#")))
    raise UsageError("show takes a deployment, a rule or a moment", hint="show 61 | show rule ID | show --at TIME")


def _targets(workspace: Workspace, env: tuple[str, ...]) -> list[Ledger]:
    environments = workspace.targets(env) if env else _all(workspace)
    return [ledger_of(workspace, environment) for environment in environments]


def _all(workspace: Workspace) -> tuple[Environment, ...]:
    return workspace.targets(("*",))


def _by_environment(ledgers: Sequence[Ledger]) -> dict[str, list[Ledger]]:
    found: dict[str, list[Ledger]] = {}
    for ledger in ledgers:
        found.setdefault(ledger.target.environment, []).append(ledger)
    return found


def _events(ledger: Ledger) -> list[log.Event]:
    return [log.event(facts, data) for facts, data in ledger.stored_events()]


def _rule(text: str, ledgers: Sequence[Ledger]) -> str:
    """Return the id of a rule that the heads know, or the text itself: history also has rules that are gone."""
    known: dict[str, str] = {}
    for ledger in ledgers:
        record = ledger.head().record
        known.update({rule_id: entry.name for rule_id, entry in (record.rules if record else {}).items()})
    try:
        return chosen([text], known)[0]
    except UsageError:
        raise
    except DeployerError:
        return text


def _verify(workspace: Workspace, ledgers: Sequence[Ledger]) -> int:
    """Follow the chain of events, check every record against its event, and every document that a record names."""
    wrong: list[str] = []
    checked = {"events": 0, "deployments": 0, "bundles": 0}
    for name, mine in _by_environment(ledgers).items():
        events = _events(mine[0])
        checked["events"] += len(events)
        wrong += [f"{name}: {sentence}" for sentence in log.broken_links(events)]
        for ledger in mine:
            wrong += [f"{ledger.target.name}: {sentence}" for sentence in _damage(ledger, events, checked)]
    workspace.console.document("history", {"verified": not wrong, "checked": checked, "wrong": wrong})
    workspace.console.say(verified_text(wrong, checked, workspace.console.style))
    return int(ExitCode.ERROR if wrong else ExitCode.DONE)


def _damage(ledger: Ledger, events: Sequence[log.Event], checked: dict[str, int]) -> Iterator[str]:
    mine = {e.deployment for e in events if e.deployment and e.space == ledger.target.space}
    bundles: dict[str, set[str]] = {}
    numbers: set[int] = set()
    for record in ledger.committed():
        numbers.add(record.number)
        found = ledger.record_sha256(record.number)
        expected = {str(e.facts["record"]) for e in events if _is_of(e, record) and "record" in e.facts}
        if expected and found not in expected:
            yield f"deployment #{record.number} is not what its event says: it was changed"
        for entry in record.rules.values():
            bundles.setdefault(entry.bundle, set()).update({entry.fingerprint, entry.authored, entry.written})
    checked["deployments"] += len(numbers)
    checked["bundles"] += len(bundles)
    yield from (f"deployment #{number} is in history and has no record" for number in sorted(mine - numbers))
    yield from ledger.damaged({name: wanted for name, wanted in bundles.items() if name})


def _is_of(event: log.Event, record: Record) -> bool:
    return event.deployment == record.number and event.space == record.space


def _show_deployment(workspace: Workspace, env: tuple[str, ...], number: int) -> int:
    found: list[tuple[str, Record, Record | None]] = []
    for ledger in _targets(workspace, env):
        if number in ledger.numbers():
            record = ledger.record(number)
            before = ledger.record(record.previous) if record.previous is not None else None
            found.append((ledger.target.name, record, before))
    environments = {record.environment for _, record, _ in found}
    if len(environments) > 1:
        raise UsageError(f"#{number} is in {', '.join(sorted(environments))}", hint="name one environment with -e")
    if not found:
        raise DeployerError(f"there is no deployment #{number}", hint="deployer history -e ENV lists them")
    workspace.console.say(deployment_text(found, workspace.console.style))
    documents = [_record_json(name, record, before) for name, record, before in found]
    workspace.console.document("show", {"deployment": number, "targets": documents})
    return int(ExitCode.DONE)


def _record_json(target: str, record: Record, before: Record | None) -> dict[str, Any]:
    rules: dict[str, Any] = {}
    for rule_id in sorted({*record.changed, *_moved(record, before)}):
        entry = record.rules.get(rule_id)
        old = before.rules.get(rule_id) if before else None
        rules[rule_id] = {
            "action": record.changed.get(rule_id, ""),
            "before": asdict(old) if old else None,
            "after": asdict(entry) if entry else None,
        }
    facts = {key: value for key, value in asdict(record).items() if key not in ("rules", "changed")}
    holds = {rule_id: asdict(hold) for rule_id, hold in holds_of(record).items()}
    return {"target": target, **facts, "rules": rules, "holds": holds}


def _moved(record: Record, before: Record | None) -> set[str]:
    """Return the rules whose entry this deployment changed."""
    old = before.rules if before else {}
    ids = record.rules.keys() | old.keys()
    return {rule_id for rule_id in ids if record.rules.get(rule_id) != old.get(rule_id)}


def _show_rule(workspace: Workspace, env: tuple[str, ...], text: str) -> int:
    ledgers = _targets(workspace, env)
    rule_id = _rule(text, ledgers)
    lives: dict[str, tuple[log.Step, ...]] = {}
    for ledger in ledgers:
        steps = [log.seen(ledger.target.name, record, rule_id) for record in ledger.committed()]
        found = log.life(reversed(steps))
        if found:
            lives[ledger.target.name] = found
    if not lives:
        raise DeployerError(f'no deployment knows a rule "{text}"', hint="name it by its id, or name an environment")
    workspace.console.say(life_text(rule_id, lives, workspace.console.style))
    documents = {name: [asdict(step) for step in steps] for name, steps in lives.items()}
    workspace.console.document("show", {"rule_id": rule_id, "targets": documents})
    return int(ExitCode.DONE)


def _show_at(workspace: Workspace, env: tuple[str, ...], at: str) -> int:
    moment = log.moment(at, "--at", end=True)
    found: dict[str, Record | None] = {}
    for ledger in _targets(workspace, env):
        number = log.running_at(_events(ledger), moment).get(ledger.target.space)
        found[ledger.target.name] = ledger.record(number) if number else None
    workspace.console.say(at_text(found, at, workspace.console.style))
    documents = {
        name: {
            "deployment": record.number if record else None,
            "rules": {rule_id: asdict(entry) for rule_id, entry in record.rules.items()} if record else {},
        }
        for name, record in found.items()
    }
    workspace.console.document("show", {"at": moment.isoformat(), "targets": documents})
    return int(ExitCode.DONE)
