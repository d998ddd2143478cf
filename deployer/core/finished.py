"""
A draft becomes the plan: deletes that wait are taken out, guards judge, everything is counted and named.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from deployer.core.change import Action, Label
from deployer.core.draft import Draft, some
from deployer.core.guards import Judged, Run, judge, judge_run, waiting
from deployer.core.plan import Census, Notes, Plan, Target
from deployer.core.record import RuleRecord
from deployer.core.run_key import key_lines, rekeyed
from deployer.core.tuning import head_lines
from deployer.errors import Problem


def finished(draft: Draft, run: Run) -> Plan:
    """Return the plan that a draft has become: sorted, counted, judged."""
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
