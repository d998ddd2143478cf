"""
Desired, live and baseline become a Plan. Pure: the same values give the same plan on every machine.

Each rule goes through one door: desired rules through `_desired`, recorded rules that git no longer has through
`_retired`, everything else in the space is counted and left alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from deployer.core.change import Action, Change, Label
from deployer.core.compare import Baseline, Compared, Take, compare, created
from deployer.core.desired import Desired, DesiredRule
from deployer.core.environment import Environment
from deployer.core.guards import Judged, Run, judge, judge_run
from deployer.core.live import LiveRule, by_rule_id
from deployer.core.plan import Blocked, Census, Edit, Entry, Notes, Plan, Target
from deployer.core.ports import SpaceRead
from deployer.core.record import Record, RuleRecord
from deployer.core.retire import Retirement, retire, returned
from deployer.core.rule_file import RuleFile
from deployer.core.selector import Selector
from deployer.errors import Problem


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person asked for on top of the files: `--allow`, `--adopt`, `--take`, `--only`."""

    allow: Mapping[str, int] = field(default_factory=dict)
    adopt: bool = False
    take: Take | None = None
    only: tuple[Selector, ...] = ()


@dataclass(frozen=True)
class Situation:
    """
    Everything a plan is made from. `baseline` has the canonical rules that the record's `authored` names, at least
    those of `suspects`. `now` is Kibana's clock, `stack` its version.
    """

    environment: Environment
    project: str
    marker: str
    desired: Desired
    live: SpaceRead
    record: Record | None
    baseline: Mapping[str, Mapping[str, Any]]
    now: datetime
    stack: str = ""


def suspects(desired: Desired, live: SpaceRead, record: Record | None) -> frozenset[str]:
    """
    Return the digests of the baseline documents that a plan will need: those of recorded rules that git or Kibana may
    have changed. Every other rule is unchanged by its digest, revision and time alone (design 5, "Quick answer first").
    """
    if record is None:
        return frozenset()
    singles, _ = by_rule_id(live.rules)
    return frozenset(
        record.rules[rule_id].authored
        for rule_id, rule in desired.rules.items()
        if rule_id in record.rules
        and rule_id in singles
        and not _settled(rule, singles[rule_id], record.rules[rule_id])
    )


def make_plan(situation: Situation, wishes: Wishes, run: Run) -> Plan:
    """
    Return the plan for one target; what it refuses stands in its notes, so that it can be shown before it refuses.
    """
    work = _Work(situation, wishes)
    for rule_id in sorted(situation.desired.rules):
        if work.wanted(rule_id):
            _desired(work, rule_id, situation.desired.rules[rule_id])
    recorded = situation.record.rules if situation.record else {}
    for rule_id in sorted(recorded.keys() - situation.desired.rules.keys()):
        if work.wanted(rule_id):
            _retired(work, rule_id, recorded[rule_id])
    return _finished(work, run)


class _Work:
    """The plan under construction: what is known going in, what is found coming out."""

    def __init__(self, situation: Situation, wishes: Wishes) -> None:
        self.situation = situation
        self.wishes = wishes
        self.environment = situation.environment
        self.recorded: Mapping[str, RuleRecord] = situation.record.rules if situation.record else {}
        self.live, self.duplicates = by_rule_id(situation.live.rules)
        self.changes: list[Change] = []
        self.entries: dict[str, Entry | None] = {}
        self.documents: dict[str, Mapping[str, Any]] = {}
        self.labels: dict[str, Label] = {}
        self.edits: list[Edit] = []
        self.blocked: list[Blocked] = []
        self.details: dict[str, tuple[str, ...]] = {}
        self.retiring: set[str] = set()
        self.unmarked: list[str] = []
        self.left_out: list[str] = []
        self.unchanged = 0
        self.equal_unmanaged = 0

    def wanted(self, rule_id: str) -> bool:
        """Say whether `--only` lets a rule through."""
        return not self.wishes.only or any(selector.matches(self.subject(rule_id)) for selector in self.wishes.only)

    def subject(self, rule_id: str) -> RuleFile | LiveRule | _Recorded:
        """Return what selectors look at: the file, else the live rule, else what the record remembers."""
        if rule_id in self.situation.desired.rules:
            return self.situation.desired.rules[rule_id].file
        if rule_id in self.live:
            return self.live[rule_id]
        return _Recorded(rule_id, self.recorded[rule_id])

    def detail(self, rule_id: str, *sentences: str) -> None:
        """Add sentences under the change of a rule."""
        self.details[rule_id] = (*self.details.get(rule_id, ()), *sentences)


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A rule of which only the record is left, as a subject for selectors."""

    rule_id: str
    recorded: RuleRecord
    tags: tuple[str, ...] = ()
    type: str = ""
    severity: str = ""
    maturity: str = ""

    @property
    def name(self) -> str:
        """The name at the last deployment."""
        return self.recorded.name

    @property
    def path(self) -> str:
        """The file at the last deployment."""
        return self.recorded.path


def _settled(rule: DesiredRule, live: LiveRule, recorded: RuleRecord) -> bool:
    """Say whether nothing can have changed: git asks for what it asked for, and Kibana did not touch the rule."""
    return (
        recorded.retired is None
        and not recorded.edited
        and live.body.get("updated_at") == recorded.updated_at
        and live.body.get("revision") == recorded.revision
        and live.body.get("id") == recorded.id
        and live.enabled == recorded.enabled
        and rule.fingerprint == recorded.fingerprint
        and rule.authored == recorded.authored
    )


def _desired(work: _Work, rule_id: str, rule: DesiredRule) -> None:
    recorded, live = work.recorded.get(rule_id), work.live.get(rule_id)
    work.labels[rule_id] = Label(rule.file.name, rule.file.type, rule.file.severity, rule.file.path)
    if rule_id in work.duplicates:
        _block_duplicates(work, rule_id)
    elif live is None:
        _create(work, rule_id, rule, recorded)
    elif live.prebuilt:
        reason = "is one of Elastic's own rules in this space"
        _block(
            work, live, "prebuilt", reason, "give the rule a rule_id of its own; prebuilt/*.toml tunes Elastic's rules"
        )
    elif any(marker != work.situation.marker for marker in live.markers):
        other = next(marker for marker in live.markers if marker != work.situation.marker)
        _block(work, live, "foreign", f'carries the marker "{other}" of another project', "one project must let it go")
    elif recorded is not None and _settled(rule, live, recorded):
        work.unchanged += 1
    else:
        _update(work, rule, live, recorded)


def _create(work: _Work, rule_id: str, rule: DesiredRule, recorded: RuleRecord | None) -> None:
    enabled = work.environment.rules.new_rules == "enabled"
    if recorded is not None:
        enabled = recorded.retired.enabled if recorded.retired else recorded.enabled
        work.detail(rule_id, "deleted in Kibana since the last deployment, created again")
    after = created(rule, work.environment.ownership, enabled=enabled)
    work.changes.append(Change(rule_id, rule.file.type, before=None, after=after))
    _note_entry(work, rule, enabled=bool(after["enabled"]))


def _update(work: _Work, rule: DesiredRule, live: LiveRule, recorded: RuleRecord | None) -> None:
    marked = work.situation.marker in live.markers
    adopting = not marked and recorded is None
    compared = compare(rule, live, _baseline(work, live, recorded), work.environment.ownership, work.wishes.take)
    if adopting and not work.wishes.adopt:
        _unmanaged(work, live, compared)
        return
    work.edits.extend(compared.edits)
    if compared.conflicts:
        _conflict(work, live)
        return
    if recorded is not None and not marked:
        work.unmarked.append(live.rule_id)
    _write(work, rule, live, recorded, compared)


def _write(work: _Work, rule: DesiredRule, live: LiveRule, recorded: RuleRecord | None, compared: Compared) -> None:
    marked = work.situation.marker in live.markers
    adopting = not marked and recorded is None
    entry = _entry(rule, enabled=_decided(compared, live, recorded))
    before, after = dict(compared.before), dict(compared.after)
    if recorded is not None and recorded.retired is not None:
        entry, was_on = returned(entry, recorded)
        if "enabled" not in rule.payload and live.enabled != was_on:
            before["enabled"], after["enabled"] = live.enabled, was_on
        work.detail(live.rule_id, f"back in git, was retired {recorded.retired.since[:10]}")
    if before or after or adopting:
        change = Change(
            live.rule_id, rule.file.type, before, after, marker=not marked and not compared.recreate, adopts=adopting
        )
        work.changes.append(change)
        if change.action is Action.RECREATE:
            work.detail(live.rule_id, *_recreate_words(live))
    else:
        work.unchanged += 1
    if (work.changes and work.changes[-1].rule_id == live.rule_id) or _entry_differs(entry, recorded):
        _keep_entry(work, rule, entry)


def _decided(compared: Compared, live: LiveRule, recorded: RuleRecord | None) -> bool:
    """Return the `enabled` that we stand for from now on: what is written, else what we last decided, else live."""
    if "enabled" in compared.after:
        return bool(compared.after["enabled"])
    return recorded.enabled if recorded is not None else live.enabled


def _recreate_words(live: LiveRule) -> tuple[str, ...]:
    lost = ["internal id", "execution history"]
    if live.body.get("snooze_schedule") or live.body.get("is_snoozed_until"):
        lost.append("snooze")
    return ("Kibana cannot change a type in place: deleted and created again", "lost: " + ", ".join(lost))


def _baseline(work: _Work, live: LiveRule, recorded: RuleRecord | None) -> Baseline | None:
    if recorded is None or recorded.authored not in work.situation.baseline:
        return None
    untouched = not recorded.edited and (live.body.get("id"), live.body.get("revision"), live.at) == (
        recorded.id,
        recorded.revision,
        recorded.updated_at,
    )
    return Baseline(work.situation.baseline[recorded.authored], recorded.enabled, untouched)


def _entry(rule: DesiredRule, *, enabled: bool) -> Entry:
    return Entry(rule.file.name, rule.file.path, rule.fingerprint, rule.authored, enabled=enabled)


def _entry_differs(entry: Entry, recorded: RuleRecord | None) -> bool:
    """Say whether the record has to be written though Kibana is not: git asks differently, or for the first time."""
    if recorded is None or recorded.retired is not None:
        return True
    return (entry.fingerprint, entry.authored) != (recorded.fingerprint, recorded.authored)


def _note_entry(work: _Work, rule: DesiredRule, *, enabled: bool) -> None:
    _keep_entry(work, rule, _entry(rule, enabled=enabled))


def _keep_entry(work: _Work, rule: DesiredRule, entry: Entry) -> None:
    work.entries[rule.file.rule_id] = entry
    work.documents[rule.fingerprint] = rule.file.canonical
    work.documents[rule.authored] = rule.canonical


def _unmanaged(work: _Work, live: LiveRule, compared: Compared) -> None:
    """A rule without marker that git wants too: equal is fine, anything else needs `--adopt`."""
    if not compared.before and not compared.after:
        work.equal_unmanaged += 1
        return
    names = ", ".join(sorted({*compared.before, *compared.after}))
    remedy = f"apply --adopt --only id:{live.rule_id}"
    _block(work, live, "unmanaged", f"exists in Kibana without our marker and differs in {names}", remedy)


def _conflict(work: _Work, live: LiveRule) -> None:
    names = ", ".join(edit.field for edit in work.edits if edit.rule_id == live.rule_id and edit.kind == "conflict")
    if work.environment.ownership.conflict == "skip":
        work.left_out.append(live.rule_id)
        return
    remedy = f"--take git or --take live with --only id:{live.rule_id}"
    _block(work, live, "conflict", f"git and Kibana both changed {names}", remedy)


def _block(work: _Work, live: LiveRule, kind: str, reason: str, remedy: str) -> None:
    work.blocked.append(Blocked(live.rule_id, kind, reason, remedy))


def _block_duplicates(work: _Work, rule_id: str) -> None:
    ids = ", ".join(sorted(str(rule.body.get("id")) for rule in work.duplicates[rule_id]))
    reason = f"{len(work.duplicates[rule_id])} rules in Kibana have this rule_id: {ids}"
    work.blocked.append(Blocked(rule_id, "duplicate", reason, "delete the wrong one in Kibana (kibana#177283)"))


def _retired(work: _Work, rule_id: str, recorded: RuleRecord) -> None:
    live = work.live.get(rule_id)
    severity = live.severity if live else ""
    work.labels[rule_id] = Label(recorded.name, live.type if live else "", severity, recorded.path)
    if rule_id in work.duplicates:
        _block_duplicates(work, rule_id)
        return
    outcome = retire(rule_id, live, recorded, work.environment.ownership, work.situation.now)
    _note_retirement(work, rule_id, recorded, outcome)


def _note_retirement(work: _Work, rule_id: str, recorded: RuleRecord, outcome: Retirement) -> None:
    if recorded.retired is None and not outcome.keep:
        work.retiring.add(rule_id)
        why = work.situation.desired.gone.get(rule_id, "its file is gone")
        work.detail(rule_id, f"gone from git: {why}", *_new_id_words(work, recorded))
    work.detail(rule_id, *outcome.detail)
    if outcome.edit is not None:
        work.edits.append(outcome.edit)
        work.blocked.append(
            Blocked(
                rule_id, "conflict", "retired by git, switched on again in Kibana", f"--take git --only id:{rule_id}"
            )
        )
    if outcome.change is not None:
        work.changes.append(outcome.change)
    if not outcome.keep:
        work.entries[rule_id] = outcome.entry


def _new_id_words(work: _Work, recorded: RuleRecord) -> tuple[str, ...]:
    """Call out a changed rule_id: the same file or the same name now has another one."""
    for rule in work.situation.desired.rules.values():
        if rule.file.rule_id not in work.recorded and (
            rule.file.path == recorded.path or rule.file.name == recorded.name
        ):
            return (f"its rule_id changed: {rule.file.path} now has {rule.file.rule_id}",)
    return ()


def _finished(work: _Work, run: Run) -> Plan:
    situation, environment = work.situation, work.environment
    changes = tuple(sorted(work.changes, key=lambda change: change.rule_id))
    managed = sum(entry.retired is None for entry in work.recorded.values())
    judged = Judged(managed, frozenset(work.retiring), lambda rule_id: _is_protected(work, rule_id))
    run = replace(run, words=run.words | ({"allow"} if work.wishes.allow else frozenset()))
    verdicts = (
        *judge(changes, environment.limits, work.wishes.allow, judged),
        *judge_run(environment.deploy, run),
    )
    notes = Notes(
        census=_census(work),
        edits=tuple(sorted(work.edits, key=lambda edit: (edit.rule_id, edit.field))),
        blocked=tuple(sorted(work.blocked, key=lambda blocked: blocked.rule_id)),
        unmarked=tuple(sorted(work.unmarked)),
        warnings=_warnings(situation.desired.problems),
        verdicts=verdicts,
        details=work.details,
        left_out=tuple(sorted(work.left_out)),
        requests=situation.live.requests,
    )
    return Plan(
        target=Target(environment.name, environment.space, environment.target, environment.connection.url),
        project=situation.project,
        changes=changes,
        allow=dict(work.wishes.allow),
        entries=work.entries,
        documents=work.documents,
        labels=_labels(work),
        base=situation.record.number if situation.record else None,
        notes=notes,
    )


def _is_protected(work: _Work, rule_id: str) -> bool:
    subjects: list[Any] = [work.subject(rule_id)]
    if rule_id in work.live:  # a tag taken away in git must not take the protection away with it
        subjects.append(work.live[rule_id])
    return any(selector.matches(subject) for selector in work.environment.limits.protected for subject in subjects)


def _warnings(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems))


def _labels(work: _Work) -> dict[str, Label]:
    named: set[str] = {change.rule_id for change in work.changes}
    named |= {edit.rule_id for edit in work.edits} | {blocked.rule_id for blocked in work.blocked}
    named |= set(work.unmarked) | set(work.left_out)
    return {rule_id: work.labels[rule_id] for rule_id in sorted(named) if rule_id in work.labels}


def _census(work: _Work) -> Census:
    known: Collection[str] = {*work.situation.desired.rules, *work.recorded}
    others = [rule for rule in work.live.values() if rule.rule_id not in known]
    others += [rule for group in work.duplicates.values() for rule in group if rule.rule_id not in known]
    copies = tuple(sorted(rule.name for rule in others if work.situation.marker in rule.markers))
    prebuilt = sum(rule.prebuilt for rule in others)
    unmanaged = len(others) - len(copies) - prebuilt + work.situation.live.others
    return Census(
        unchanged=work.unchanged,
        equal_unmanaged=work.equal_unmanaged,
        unmanaged=unmanaged,
        prebuilt=prebuilt,
        copies=copies,
        desired=len(work.situation.desired.rules),
        managed=len(work.recorded),
    )
