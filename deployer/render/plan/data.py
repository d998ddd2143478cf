"""A plan for programs: the body of `plan --json`, whose schema `deployer schema plan` prints (docs/json.md)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from deployer.core.change import Change
from deployer.core.dependency import Dependency, dependency_json
from deployer.core.plan import Plan, change_json
from deployer.core.plan_file import notes_json
from deployer.core.review import Review, review
from deployer.render.json_text import counts
from deployer.render.plan.words import next_command


def plan_json(plan: Plan) -> dict[str, Any]:
    """Return a plan for programs: counts, the changes with action and category, and the notes."""
    reviewed = review(plan)
    return {
        "target": asdict(plan.target),
        "project": plan.project,
        "digest": plan.digest,
        "event": plan.event,
        "base": plan.base,
        "allow": dict(plan.allow),
        "has_changes": not plan.empty,
        "counts": counts(plan),
        "changes": [_change(plan, change, reviewed) for change in plan.changes],
        "dependencies": [_dependency(plan, dependency, reviewed) for dependency in plan.dependencies],
        "renamed": [asdict(rename) for rename in reviewed.renamed],
        "refusals": [asdict(verdict) for verdict in plan.refusals],
        "notes": notes_json(plan.notes),
        "provenance": asdict(plan.provenance),
        "next": next_command(plan),
    }


def _dependency(plan: Plan, dependency: Dependency, reviewed: Review) -> dict[str, Any]:
    return {
        **dependency_json(dependency),
        "action": dependency.action,
        "fields": list(dependency.names),
        "reasons": list(reviewed.reasons.get(dependency.key, ())),
        "label": plan.label(dependency.key).name,
        **_origin(plan, dependency.key),
    }


def _change(plan: Plan, change: Change, reviewed: Review) -> dict[str, Any]:
    reasons = reviewed.reasons.get(change.rule_id, ())
    return {
        **change_json(change),
        "action": change.action.value,
        "category": change.category.value,
        "fields": list(change.names),
        "look_first": bool(reasons),
        "reasons": list(reasons),
        "label": asdict(plan.label(change.rule_id)),
        **_origin(plan, change.rule_id),
    }


def _origin(plan: Plan, key: str) -> dict[str, str]:
    """Return where a change comes from: `branch`, `base`, `behind` or `kibana`; nothing without `--base`."""
    return {"origin": plan.notes.branch.origins[key]} if plan.notes.branch else {}
