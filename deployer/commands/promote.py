"""`deployer promote`: judge the gates, write the lock file. It never writes to Kibana."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deployer.adapters.environments import load_lock, save_lock
from deployer.commands import several
from deployer.commands.contents import found_files
from deployer.commands.provenance import provenance_of
from deployer.commands.proving import Evidence, evidence
from deployer.commands.target import ledger_of, ledger_to_write, to_read
from deployer.commands.workspace import Workspace, raise_errors
from deployer.core.behaviour import behaviour_digest
from deployer.core.desired import selected
from deployer.core.draft import Recorded
from deployer.core.environment import Environment, PromotionPolicy
from deployer.core.holds import Hold, holds_of, keeps_out
from deployer.core.lock_file import LockFile, lock_path
from deployer.core.promotion import Candidate, Decision, Gatekeeper, Waiver, decide_all, locked_after
from deployer.core.record import RuleRecord
from deployer.core.rule_file import RuleFile
from deployer.core.selector import Selector
from deployer.errors import DeployerError, ExitCode, Refusal, RefusedError, UsageError
from deployer.executor.events import Happening, append
from deployer.executor.ledger import Ledger
from deployer.render.promotion_text import promotion_text


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `promote`. `only` are selectors; `waive` gates by name."""

    source: str
    to: str
    only: tuple[Selector, ...] = ()
    waive: tuple[str, ...] = ()
    reason: str = ""
    dry_run: bool = False


@dataclass(frozen=True)
class Judged:
    """What a promotion would do: the lock file as it is, and a decision for each rule."""

    targets: tuple[Environment, ...]
    policy: PromotionPolicy
    lock: LockFile
    decisions: tuple[Decision, ...]


def promote(workspace: Workspace, options: Options) -> int:
    """
    Write the lock file of `to` with what passed the gates. Returns 0, also when gates leave rules behind.

    Raises RefusedError (gate) when a rule that `--only` names fails one: then nothing is written.
    """
    judged = judge(workspace, options)
    after = locked_after(judged.lock, judged.decisions)
    failed = [decision for decision in judged.decisions if decision.verdict == "wait"]
    writes = after != judged.lock and not options.dry_run and not (options.only and failed)
    if writes:
        save_lock(workspace.root, after)
        _log(workspace, judged.targets[0], judged.decisions, options)
    _say(workspace, judged, written=after.path if writes else "")
    if options.only and failed:
        first = failed[0]
        raise RefusedError(
            f'"{first.name}" is not promoted: {first.why}. Nothing was written',
            Refusal.GATE,
            hint=f'in an emergency: --waive {",".join(first.failed)} --reason "..."',
        )
    return int(ExitCode.DONE)


def judge(workspace: Workspace, options: Options) -> Judged:
    """Read what the source shows and judge every rule. Writes nothing."""
    targets, policy = _targets(workspace, options)
    lock = _lock(workspace, targets[0])
    found = _evidence(workspace, policy.source, lock)
    keeper = Gatekeeper(
        policy,
        tuple(each.target for each in found),
        max(each.now for each in found),
        Waiver(frozenset(options.waive), options.reason),
    )
    candidates = _candidates(workspace, targets, lock, found)
    chosen = _chosen(workspace, targets, lock, found, options)
    return Judged(targets, policy, lock, decide_all(keeper, candidates, lock, chosen))


def _targets(workspace: Workspace, options: Options) -> tuple[tuple[Environment, ...], PromotionPolicy]:
    """Return the targets of the environment that is promoted to, and its policy."""
    if options.waive and not options.reason:
        raise UsageError("--waive needs a reason that stands in the lock file", hint='add --reason "..."')
    if options.waive and not options.only:
        raise UsageError("--waive is for named rules", hint="add --only id:…")
    targets = workspace.targets((options.to,))
    if {target.name for target in targets} != {options.to}:
        raise UsageError(f'--to names one environment, not "{options.to}"')
    policy = targets[0].promotion
    if targets[0].rules.source != "promoted" or policy is None:
        raise DeployerError(
            f'{targets[0].path} does not run promoted rules: it lacks source = "promoted" in [rules], or [promotion]',
            hint="see docs/promotion.md",
        )
    if options.source and options.source != policy.source:
        raise DeployerError(
            f'{options.to} promotes from "{policy.source}", not from "{options.source}"',
            hint=f"deployer promote --from {policy.source} --to {options.to}",
        )
    return targets, policy


def _lock(workspace: Workspace, environment: Environment) -> LockFile:
    lock, problems = load_lock(workspace.root, environment.name)
    raise_errors(problems)
    return lock or LockFile(environment.name, lock_path(environment.name))


def _evidence(workspace: Workspace, source: str, lock: LockFile) -> tuple[Evidence, ...]:
    """Return what every target of the source shows; one that cannot be read leaves nothing to judge by."""

    def look(environment: Environment) -> Evidence:
        with to_read(workspace, environment) as target:
            return evidence(target, lock)

    reached = list(several.reach(workspace.targets((source,)), look))
    for each in reached:
        if each.error is not None:
            raise each.error
    return tuple(each.value for each in reached if each.value is not None)


def _candidates(
    workspace: Workspace, targets: Sequence[Environment], lock: LockFile, found: Sequence[Evidence]
) -> dict[str, Candidate]:
    ledgers = [ledger_of(workspace, target) for target in targets]
    holds = [holds_of(ledger.head().record) for ledger in ledgers]
    pinned = _pinned_behaviours(workspace, ledgers[0], lock, found)
    result: dict[str, Candidate] = {}
    for each in found:
        for rule_id, entry in each.record.rules.items():
            if rule_id not in result and not entry.prebuilt:
                shown = tuple(other.shown[rule_id] for other in found if rule_id in other.shown)
                alike = rule_id in pinned and pinned[rule_id] == each.history.behaviour(entry)
                commit = _commit(each, entry)
                held = next((other.held[rule_id] for other in found if rule_id in other.held), "")
                held = held or _kept_out(each, entry, [one[rule_id] for one in holds if rule_id in one])
                result[rule_id] = Candidate(rule_id, entry.name, entry.path, commit, shown, alike, held)
    return result


def _kept_out(each: Evidence, entry: RuleRecord, holds: Sequence[Hold]) -> str:
    """Return which hold, where the rule would go, keeps out what the source shows; another content may pass."""
    gone = entry.retired is not None
    for hold in holds:
        behaviour = "" if gone else each.history.behaviour(entry)
        if keeps_out(hold, "" if gone else entry.fingerprint, behaviour):
            return f"{hold.label} keeps it out: {hold.reason or hold.event}"
    return ""


def _pinned_behaviours(
    workspace: Workspace, ledger: Ledger, lock: LockFile, found: Sequence[Evidence]
) -> dict[str, str]:
    """Return how the pinned contents behave, of rules that may move; one that is found nowhere has to soak."""
    moving = {
        rule_id: locked
        for rule_id, locked in lock.rules.items()
        if any(each.shown[rule_id].fingerprint != locked.fingerprint for each in found if rule_id in each.shown)
    }
    files = found_files(workspace, ledger, LockFile(lock.environment, lock.path, moving), workspace.tree.files)
    return {rule_id: behaviour_digest(file.canonical) for rule_id, file in files.items()}


def _commit(each: Evidence, entry: RuleRecord) -> str:
    """Return the commit that has the content of an entry, "" where it was deployed from an unclean work tree."""
    provenance = each.history.record(entry.since).provenance
    return provenance.commit if provenance.clean else ""


def _chosen(
    workspace: Workspace,
    targets: Sequence[Environment],
    lock: LockFile,
    found: Sequence[Evidence],
    options: Options,
) -> list[str]:
    """Return the rules to decide on: those of the source that `to` selects, all that are pinned; or `--only` some."""
    files = {file.rule_id: file for file in workspace.sound_tree().files}
    wanted = {file.rule_id for target in targets for file in selected(files.values(), target, "")[0]}
    entries = {rule_id: entry for each in found for rule_id, entry in each.record.rules.items() if not entry.prebuilt}
    subjects: dict[str, RuleFile | Recorded] = {
        rule_id: files.get(rule_id) or Recorded(rule_id, entry)
        for rule_id, entry in entries.items()
        if rule_id in wanted or rule_id in lock.rules
    }
    gone = lock.rules.keys() - subjects.keys()
    chosen = [rule_id for rule_id, subject in subjects.items() if _matches(subject, options.only)]
    return chosen + [rule_id for rule_id in sorted(gone) if not options.only]


def _matches(subject: RuleFile | Recorded, only: Collection[Selector]) -> bool:
    return not only or any(selector.matches(subject) for selector in only)


def _log(workspace: Workspace, environment: Environment, decisions: Sequence[Decision], options: Options) -> None:
    """Append what was promoted, and each waiver, to the history of the environment."""
    ledger = ledger_to_write(workspace, environment)
    provenance = provenance_of(workspace)
    stamp = workspace.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    moved = {decision.rule_id: decision.verdict for decision in decisions if decision.verdict in ("pin", "remove")}
    append(ledger, Happening("promote", stamp, options.reason, {"changed": moved}), provenance)
    waived = {
        decision.rule_id: ",".join(decision.after.waived)
        for decision in decisions
        if decision.verdict == "pin" and decision.after is not None and decision.after.waived
    }
    if waived:
        append(ledger, Happening("waive", stamp, options.reason, {"changed": waived}), provenance)


def _say(workspace: Workspace, judged: Judged, *, written: str) -> None:
    console, source, to = workspace.console, judged.policy.source, judged.lock.environment
    text = promotion_text(source, to, judged.decisions, console.style, written=written, verbose=console.verbose)
    console.say(text)
    body = {"from": source, "to": to, "written": written, "rules": _json(judged.decisions)}
    console.document("promote", body)


def _json(decisions: Sequence[Decision]) -> list[Mapping[str, Any]]:
    return [
        {
            "rule_id": decision.rule_id,
            "name": decision.name,
            "verdict": decision.verdict,
            "failed": dict(decision.failed),
            "before": asdict(decision.before) if decision.before else None,
            "after": asdict(decision.after) if decision.after else None,
        }
        for decision in decisions
    ]
