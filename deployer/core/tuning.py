"""
What we set on Elastic's own rules (design section 6): `enabled`, `actions`, `exceptions_list`, where `prebuilt/*.toml`
names them, and nothing else.

No marker: a tag is content, it would set `is_customized` and block Elastic's updates. The record alone says what we
set. Nothing is created, nothing is taken over by force: what an entry no longer names is given back as it is.
"""

from __future__ import annotations

from dataclasses import replace

from deployer.core.change import Change
from deployer.core.compare import Baseline, Compared, compare, kept_on
from deployer.core.desired import DesiredRule
from deployer.core.draft import Draft, some
from deployer.core.fields import TUNED
from deployer.core.holds import holds_of
from deployer.core.kept import kept, remembered
from deployer.core.live import LiveRule
from deployer.core.plan import Entry
from deployer.core.record import RuleRecord
from deployer.errors import Problem, Severity


def not_there(draft: Draft, rule: DesiredRule, live: LiveRule | None) -> None:
    """Note that the space has no such rule of Elastic's: a warning, never a create. The record forgets what it said."""
    if live is None:
        message = f'"{rule.file.name}" is not installed in {draft.environment.target}'
        remedy = "install it in Kibana (Rules, Add Elastic rules), or exclude the entry in this environment"
    else:
        message = f'"{live.name}" in {draft.environment.target} is not one of Elastic\'s rules: it is left alone'
        remedy = "correct the rule_id, or keep the rule in a rule folder"
    _warn(draft, rule, "rule_id", message, "prebuilt-missing", remedy)
    recorded = draft.recorded.get(rule.file.rule_id)
    if recorded is not None and recorded.prebuilt:
        draft.entries[rule.file.rule_id] = None


def look_at(draft: Draft, rule: DesiredRule, live: LiveRule) -> None:
    """Note what people should know of a rule of Elastic's that an entry names, whether or not it changes."""
    draft.tuned.append(live.rule_id)
    if rule.file.metadata.get("named") and rule.file.name != live.name:
        message = f'is called "{live.name}" in {draft.environment.target}, the entry says "{rule.file.name}"'
        _warn(draft, rule, "name", message, "prebuilt-name", "look whether it is the rule that is meant")
    if live.customised:
        draft.customised.append(live.rule_id)


def tune(
    draft: Draft, rule: DesiredRule, live: LiveRule, recorded: RuleRecord | None, baseline: Baseline | None
) -> None:
    """Plan what has to be set on a rule of Elastic's."""
    if recorded is not None and live.body.get("id") != recorded.id:
        recorded, baseline = None, None  # installed anew: nothing of what we set is on it
    wanted = _let_go(draft, rule)
    found = compare(wanted, live, baseline, draft.environment.ownership, draft.wishes.take)
    found = kept_on(found, live) if draft.keeps_on else found
    found = replace(found, edits=remembered(found.edits, recorded))
    draft.edits.extend(found.edits)
    if found.conflicts:
        draft.conflict(live)
        return
    _given_back(draft, live, wanted, baseline)
    if found.before or found.after:
        before, after = found.before, found.after
        draft.changes.append(Change(live.rule_id, live.type, before, after, prebuilt=True))
    else:
        draft.unchanged += 1
    entry = _entry(rule, live, found, recorded)
    known = (recorded.fingerprint, recorded.authored) if recorded is not None else None
    if found.after or known != (entry.fingerprint, entry.authored):
        draft.keep_entry(rule, entry)


def give_back(draft: Draft, rule_id: str, recorded: RuleRecord) -> None:
    """Plan that a rule of Elastic's leaves the record, because no entry names it any more: it stays as it is."""
    draft.given_back.append(f'"{recorded.name}"')
    draft.entries[rule_id] = None


def head_lines(draft: Draft) -> tuple[str, ...]:
    """Return the sentences for the head of the plan."""
    lines = []
    if draft.given_back:
        lines.append(f"given back  {some(draft.given_back)}: no longer named in prebuilt/, stays as it is")
    if draft.customised:
        names = [f'"{draft.live[rule_id].name}"' for rule_id in draft.customised]
        lines.append(f"customised  {some(names)}: content differs from Elastic's, and is left alone")
    return tuple(lines)


def _let_go(draft: Draft, rule: DesiredRule) -> DesiredRule:
    """Return the entry with `enabled` where a hold that switched the rule off ends, and git is silent on that field."""
    hold = holds_of(draft.situation.record).get(rule.file.rule_id)
    if hold is None or not hold.off or "enabled" in rule.payload:
        return rule
    return replace(rule, payload={**rule.payload, "enabled": True})


def _given_back(draft: Draft, live: LiveRule, rule: DesiredRule, baseline: Baseline | None) -> None:
    """Name the fields that an entry no longer sets: they stay as they are, and are nobody's business any more."""
    gone = [name for name in TUNED if baseline and name in baseline.authored and name not in rule.payload]
    draft.given_back += [f'{name} of "{live.name}"' for name in gone]


def _entry(rule: DesiredRule, live: LiveRule, found: Compared, recorded: RuleRecord | None) -> Entry:
    """Return the record's entry; its `enabled` is what we stand for, of a rule whose entry names it."""
    enabled = bool(rule.payload["enabled"]) if "enabled" in rule.payload else None
    if "enabled" in found.after:
        enabled = bool(found.after["enabled"])
    elif enabled is not None:
        enabled = recorded.enabled if recorded is not None else live.enabled
    name = rule.file.name if rule.file.metadata.get("named") else live.name
    path = rule.file.path or (recorded.path if recorded else "")
    return Entry(name, path, rule.fingerprint, rule.authored, enabled=enabled, kept=kept(found.edits), prebuilt=True)


def _warn(draft: Draft, rule: DesiredRule, key: str, message: str, code: str, remedy: str) -> None:
    line, column = rule.file.metadata.get("places", {}).get(key, (0, 0))
    where = f"prebuilt[{rule.file.metadata.get('entry', 0)}].{key}"
    draft.warnings.append(Problem(rule.file.path, line, column, where, message, code, remedy, Severity.WARNING))
