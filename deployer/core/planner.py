"""
Desired, live and baseline become a Plan. Pure: the same values give the same plan on every machine.

Each rule goes through one door: desired rules through `_desired`, recorded rules that git no longer has through
`_retired`, everything else in the space is counted and left alone.
"""

from __future__ import annotations

from dataclasses import replace

from deployer.core.change import Action, Change, Label
from deployer.core.compare import Baseline, Compared, compare, created, kept_on
from deployer.core.desired import Desired, DesiredRule
from deployer.core.draft import Draft, Situation, Wishes
from deployer.core.finished import finished
from deployer.core.guards import Run
from deployer.core.kept import kept, remembered
from deployer.core.live import LiveRule, by_rule_id
from deployer.core.plan import Blocked, Entry, Plan
from deployer.core.ports import SpaceRead
from deployer.core.record import Record, RuleRecord
from deployer.core.retire import Retirement, retire, returned
from deployer.core.tuning import give_back, look_at, not_there, tune


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
    return finished(draft, run)


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
    if draft.keeps_on and marked and compared.recreate:
        reason = "has another type in Kibana; to delete and create it again needs a record, or your word"
        draft.block(live, "retyped", reason, f"--take git --only id:{live.rule_id}")
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
