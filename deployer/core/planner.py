"""
Desired, live and baseline become a Plan. Pure: the same values give the same plan on every machine.

Each rule goes through one door: desired rules through `_desired`, recorded rules that git no longer has through
`_retired`, everything else in the space is counted and left alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from deployer.core.change import Action, Change, Label
from deployer.core.compare import Baseline, Compared, compare, created, kept_on
from deployer.core.desired import Desired, DesiredRule
from deployer.core.draft import Draft, Situation, Wishes, some
from deployer.core.guards import Judged, Run, judge, judge_run, waiting
from deployer.core.kept import kept, remembered
from deployer.core.live import LiveRule, by_rule_id
from deployer.core.plan import Blocked, Census, Entry, Notes, Plan, Target
from deployer.core.ports import SpaceRead
from deployer.core.record import Record, RuleRecord
from deployer.core.retire import Retirement, retire, returned
from deployer.core.run_key import key_lines, rekeyed
from deployer.core.tuning import give_back, head_lines, look_at, not_there, tune
from deployer.errors import Problem


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
    draft = Draft(situation, wishes)
    for rule_id in sorted(situation.desired.rules):
        if draft.wanted(rule_id):
            _desired(draft, rule_id, situation.desired.rules[rule_id])
    recorded = situation.record.rules if situation.record else {}
    for rule_id in sorted(recorded.keys() - situation.desired.rules.keys()):
        if draft.wanted(rule_id):
            _retired(draft, rule_id, recorded[rule_id])
    return _finished(draft, run)


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


def _desired(draft: Draft, rule_id: str, rule: DesiredRule) -> None:
    recorded, live = draft.recorded.get(rule_id), draft.live.get(rule_id)
    if recorded is not None and recorded.prebuilt is not rule.file.prebuilt:
        recorded = None  # what the record knows under this id is another thing: a rule of ours, a rule of Elastic's
    if rule.file.prebuilt and rule_id not in draft.duplicates:
        _tuned(draft, rule, live, recorded)
        return
    draft.labels[rule_id] = Label(rule.file.name, rule.file.type, rule.file.severity, rule.file.path)
    if rule_id in draft.duplicates:
        _block_duplicates(draft, rule_id)
    elif live is None:
        _create(draft, rule_id, rule, recorded)
    elif live.prebuilt:
        reason = "is one of Elastic's own rules in this space"
        draft.block(
            live, "prebuilt", reason, "give the rule a rule_id of its own; prebuilt/*.toml tunes Elastic's rules"
        )
    elif any(marker != draft.situation.marker for marker in live.markers):
        other = next(marker for marker in live.markers if marker != draft.situation.marker)
        draft.block(live, "foreign", f'carries the marker "{other}" of another project', "one project must let it go")
    elif recorded is not None and _settled(rule, live, recorded):
        draft.unchanged += 1
    else:
        _update(draft, rule, live, recorded)


def _tuned(draft: Draft, rule: DesiredRule, live: LiveRule | None, recorded: RuleRecord | None) -> None:
    """One of Elastic's rules that prebuilt/*.toml names."""
    if live is None or not live.prebuilt:
        not_there(draft, rule, live)
        return
    draft.labels[live.rule_id] = Label(live.name, live.type, live.severity, rule.file.path)
    look_at(draft, rule, live)
    if recorded is not None and _settled(rule, live, recorded):
        draft.unchanged += 1
    else:
        tune(draft, rule, live, recorded, _baseline(draft, live, recorded))


def _create(draft: Draft, rule_id: str, rule: DesiredRule, recorded: RuleRecord | None) -> None:
    enabled = draft.environment.rules.new_rules == "enabled"
    if recorded is not None:
        enabled = recorded.retired.enabled if recorded.retired else recorded.enabled
        draft.detail(rule_id, "deleted in Kibana since the last deployment, created again")
    after = created(rule, draft.environment.ownership, enabled=enabled)
    draft.changes.append(Change(rule_id, rule.file.type, before=None, after=after))
    _note_entry(draft, rule, enabled=bool(after["enabled"]))


def _update(draft: Draft, rule: DesiredRule, live: LiveRule, recorded: RuleRecord | None) -> None:
    marked = draft.situation.marker in live.markers
    adopting = not marked and recorded is None
    compared = compare(rule, live, _baseline(draft, live, recorded), draft.environment.ownership, draft.wishes.take)
    if adopting and not draft.wishes.adopt:
        _unmanaged(draft, live, compared)
        return
    compared = kept_on(compared, live) if draft.keeps_on and marked else compared
    compared = replace(compared, edits=remembered(compared.edits, recorded))
    draft.edits.extend(compared.edits)
    if compared.conflicts:
        draft.conflict(live)
        return
    if recorded is not None and not marked:
        draft.unmarked.append(live.rule_id)
    _write(draft, rule, live, recorded, compared)


def _write(draft: Draft, rule: DesiredRule, live: LiveRule, recorded: RuleRecord | None, compared: Compared) -> None:
    marked = draft.situation.marker in live.markers
    adopting = not marked and recorded is None
    entry = replace(_entry(rule, enabled=_decided(compared, live, recorded)), kept=kept(compared.edits))
    before, after = dict(compared.before), dict(compared.after)
    if recorded is not None and recorded.retired is not None:
        entry, was_on = returned(entry, recorded)
        if "enabled" not in rule.payload and live.enabled != was_on:
            before["enabled"], after["enabled"] = live.enabled, was_on
        draft.detail(live.rule_id, f"back in git, was retired {recorded.retired.since[:10]}")
    if before or after or adopting:
        if _by_environment(draft, rule, recorded):
            draft.detail(live.rule_id, "environment: overlays or connectors changed, the pinned content did not")
        change = Change(
            live.rule_id, rule.file.type, before, after, marker=not marked and not compared.recreate, adopts=adopting
        )
        draft.changes.append(change)
        if change.action is Action.RECREATE:
            draft.detail(live.rule_id, *_recreate_words(live))
    else:
        draft.unchanged += 1
    if (draft.changes and draft.changes[-1].rule_id == live.rule_id) or _entry_differs(entry, recorded):
        draft.keep_entry(rule, entry)


def _by_environment(draft: Draft, rule: DesiredRule, recorded: RuleRecord | None) -> bool:
    """Say whether a promoted rule changes though its pin did not move: the work tree's environment files did."""
    return (
        draft.environment.rules.source == "promoted"
        and recorded is not None
        and rule.fingerprint == recorded.fingerprint
        and rule.authored != recorded.authored
    )


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


def _baseline(draft: Draft, live: LiveRule, recorded: RuleRecord | None) -> Baseline | None:
    if recorded is None or recorded.authored not in draft.situation.baseline:
        return None
    untouched = not recorded.edited and (live.body.get("id"), live.body.get("revision"), live.at) == (
        recorded.id,
        recorded.revision,
        recorded.updated_at,
    )
    return Baseline(draft.situation.baseline[recorded.authored], recorded.enabled, untouched)


def _entry(rule: DesiredRule, *, enabled: bool) -> Entry:
    return Entry(rule.file.name, rule.file.path, rule.fingerprint, rule.authored, enabled=enabled)


def _entry_differs(entry: Entry, recorded: RuleRecord | None) -> bool:
    """Say whether the record has to be written though Kibana is not: git asks differently, or for the first time."""
    if recorded is None or recorded.retired is not None:
        return True
    return (entry.fingerprint, entry.authored) != (recorded.fingerprint, recorded.authored)


def _note_entry(draft: Draft, rule: DesiredRule, *, enabled: bool) -> None:
    draft.keep_entry(rule, _entry(rule, enabled=enabled))


def _unmanaged(draft: Draft, live: LiveRule, compared: Compared) -> None:
    """A rule without marker that git wants too: equal is fine, anything else needs `--adopt`."""
    if not compared.before and not compared.after:
        draft.equal_unmanaged += 1
        return
    names = ", ".join(sorted({*compared.before, *compared.after}))
    remedy = f"apply --adopt --only id:{live.rule_id}"
    draft.block(live, "unmanaged", f"exists in Kibana without our marker and differs in {names}", remedy)


def _block_duplicates(draft: Draft, rule_id: str) -> None:
    ids = ", ".join(sorted(str(rule.body.get("id")) for rule in draft.duplicates[rule_id]))
    reason = f"{len(draft.duplicates[rule_id])} rules in Kibana have this rule_id: {ids}"
    draft.blocked.append(Blocked(rule_id, "duplicate", reason, "delete the wrong one in Kibana (kibana#177283)"))


def _retired(draft: Draft, rule_id: str, recorded: RuleRecord) -> None:
    live = draft.live.get(rule_id)
    severity = live.severity if live else ""
    draft.labels[rule_id] = Label(recorded.name, live.type if live else "", severity, recorded.path)
    if recorded.prebuilt:
        give_back(draft, rule_id, recorded)
        return
    if rule_id in draft.duplicates:
        _block_duplicates(draft, rule_id)
        return
    outcome = retire(live, recorded, draft.environment.ownership, draft.situation.now, draft.wishes.take)
    _note_retirement(draft, rule_id, recorded, outcome)


def _note_retirement(draft: Draft, rule_id: str, recorded: RuleRecord, outcome: Retirement) -> None:
    if recorded.retired is None and not outcome.keep:
        draft.retiring.add(rule_id)
        why = draft.situation.desired.gone.get(rule_id, "its file is gone")
        draft.detail(rule_id, f"gone from git: {why}", *_new_id_words(draft, recorded))
    draft.detail(rule_id, *outcome.detail)
    if outcome.edit is not None:
        draft.edits.append(outcome.edit)
        if outcome.edit.kind == "conflict":
            remedy = f"--take git --only id:{rule_id}, or bring the file back"
            draft.blocked.append(Blocked(rule_id, "conflict", "retired by git, switched on again in Kibana", remedy))
    if outcome.change is not None:
        draft.changes.append(outcome.change)
    if not outcome.keep:
        draft.entries[rule_id] = outcome.entry


def _new_id_words(draft: Draft, recorded: RuleRecord) -> tuple[str, ...]:
    """Call out a changed rule_id: the same file or the same name now has another one."""
    for rule in draft.situation.desired.rules.values():
        if rule.file.rule_id not in draft.recorded and (
            rule.file.path == recorded.path or rule.file.name == recorded.name
        ):
            return (f"its rule_id changed: {rule.file.path} now has {rule.file.rule_id}",)
    return ()


def _finished(draft: Draft, run: Run) -> Plan:
    situation, environment = draft.situation, draft.environment
    managed = sum(entry.retired is None and not entry.prebuilt for entry in draft.recorded.values())
    lines = _put_off(draft, managed)
    changes = tuple(sorted(draft.changes, key=lambda change: change.rule_id))
    judged = Judged(
        managed,
        frozenset(draft.retiring),
        protected=lambda rule_id: _is_protected(draft, rule_id),
        live=lambda rule_id: draft.live[rule_id].body if rule_id in draft.live else {},
    )
    keys = rekeyed(changes, draft.live, situation.record, situation.stack)
    run = replace(run, words=run.words | ({"allow"} if draft.wishes.allow else frozenset()))
    verdicts = (
        *judge(changes, environment.limits, draft.wishes.allow, judged),
        *judge_run(environment.deploy, run),
    )
    census = _census(draft)
    notes = Notes(
        census=census,
        edits=tuple(sorted(draft.edits, key=lambda edit: (edit.rule_id, edit.field))),
        blocked=tuple(sorted(draft.blocked, key=lambda blocked: blocked.rule_id)),
        unmarked=tuple(sorted(draft.unmarked)),
        warnings=_warnings([*situation.desired.problems, *draft.warnings]),
        verdicts=verdicts,
        details=draft.details,
        lines=(*key_lines(keys), *lines, *head_lines(draft), *_copy_lines(census)),
        rekeyed=keys,
        left_out=tuple(sorted(draft.left_out)),
        requests=situation.live.requests,
    )
    return Plan(
        target=Target(environment.name, environment.space, environment.target, environment.connection.url),
        project=situation.project,
        changes=changes,
        allow=dict(draft.wishes.allow),
        entries=draft.entries,
        documents=draft.documents,
        labels=_labels(draft),
        base=situation.record.number if situation.record else None,
        event="adopt" if changes and all(change.adopts for change in changes) else "deploy",
        notes=notes,
    )


def _copy_lines(census: Census) -> tuple[str, ...]:
    """Return the sentence that names copies: Kibana's Duplicate copies our marker, and whoever made one must see it."""
    names = some(f'"{name}"' for name in census.copies)
    return (f"copied      {names}: carries our marker and is not ours; never touched",) if names else ()


def _put_off(draft: Draft, managed: int) -> tuple[str, ...]:
    """Take the deletes that wait out of the plan, and say so in a sentence for its head."""
    due = [change for change in draft.changes if change.action is Action.DELETE]
    due.sort(key=lambda change: (_retired_since(draft.recorded[change.rule_id]), change.rule_id))
    wait = waiting(due, draft.environment.limits, draft.wishes.allow, managed)
    for change in wait:
        draft.changes.remove(change)
        del draft.entries[change.rule_id]
    if not wait:
        return ()
    return (f"waiting     {len(wait)} of {len(due)} due deletes are above the limit: --allow delete={len(due)}",)


def _retired_since(recorded: RuleRecord) -> str:
    return recorded.retired.since if recorded.retired else ""


def _is_protected(draft: Draft, rule_id: str) -> bool:
    subjects: list[Any] = [draft.subject(rule_id)]
    if rule_id in draft.live:  # a tag taken away in git must not take the protection away with it
        subjects.append(draft.live[rule_id])
    return any(selector.matches(subject) for selector in draft.environment.limits.protected for subject in subjects)


def _warnings(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems))


def _labels(draft: Draft) -> dict[str, Label]:
    named: set[str] = {change.rule_id for change in draft.changes}
    named |= {edit.rule_id for edit in draft.edits} | {blocked.rule_id for blocked in draft.blocked}
    named |= set(draft.unmarked) | set(draft.left_out)
    return {rule_id: draft.labels[rule_id] for rule_id in sorted(named) if rule_id in draft.labels}


def _census(draft: Draft) -> Census:
    known: Collection[str] = {*draft.situation.desired.rules, *draft.recorded}
    others = [rule for rule in draft.live.values() if rule.rule_id not in known]
    others += [rule for group in draft.duplicates.values() for rule in group if rule.rule_id not in known]
    copies = tuple(sorted(rule.name for rule in others if draft.situation.marker in rule.markers))
    prebuilt = sum(rule.prebuilt for rule in others)
    tuned = {rule_id for rule_id, entry in draft.recorded.items() if entry.prebuilt} | set(draft.tuned)
    unmanaged = len(others) - len(copies) - prebuilt + draft.situation.live.others
    return Census(
        unchanged=draft.unchanged,
        equal_unmanaged=draft.equal_unmanaged,
        unmanaged=unmanaged,
        prebuilt=prebuilt,
        copies=copies,
        tuned=len(draft.tuned),
        desired=len(draft.situation.desired.rules.keys() - tuned),
        managed=len(draft.recorded.keys() - tuned),
    )
