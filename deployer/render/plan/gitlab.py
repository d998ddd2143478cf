"""Plans for GitLab: the `terraform` report of a merge request's widget, and the Code Quality report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final

from deployer.core.change import Action, Change
from deployer.core.plan import Plan
from deployer.core.review import Review
from deployer.render.plan.document import Document
from deployer.render.plan.words import word_of
from deployer.render.problems.report import flat, shown
from deployer.render.style import cut

_LONGEST: Final = 400
_HARD: Final = (Action.RECREATE, Action.DELETE, Action.DISABLE)


def plan_gitlab_terraform(document: Document) -> str:
    """
    Return the JSON of `artifacts:reports:terraform`: how many objects of all targets come, change and go.

    Like Terraform, a rule that is recreated counts on both sides; lists and their items count as objects.
    """
    words = [_counted_as(change) for plan in document.plans for change in plan.changes]
    words += [(one.action,) for plan in document.plans for one in plan.dependencies]
    flat_words = [word for several in words for word in several]
    return json.dumps({word: flat_words.count(word) for word in ("create", "update", "delete")}) + "\n"


def _counted_as(change: Change) -> tuple[str, ...]:
    match change.action:
        case Action.RECREATE:
            return "create", "delete"
        case Action.CREATE | Action.DELETE:
            return (change.action.value,)
        case _:
            return ("update",)


def plan_gitlab(document: Document) -> str:
    """
    Return the JSON list of `artifacts:reports:codequality`: what is refused, and what to look at first at its file.

    A merge request shows it as a difference to the report of the target branch.
    """
    entries: list[dict[str, Any]] = []
    for failure in document.failures:
        message = f"{failure.target}: {failure.error}"
        entries.append(
            _entry("failed", message, "blocker", document.path(_settings(failure.target)), (failure.target,))
        )
    for plan, reviewed in zip(document.plans, document.reviews, strict=True):
        entries += _refused(document, plan)
        entries += _first(document, plan, reviewed)
    return json.dumps(entries, indent=2) + "\n"


def _refused(document: Document, plan: Plan) -> Iterator[dict[str, Any]]:
    name, where = plan.target.name, document.path(_settings(plan.target.environment))
    for verdict in plan.refusals:
        yield _entry(f"guard-{verdict.guard}", f"{name}: {verdict.message}", "blocker", where, (name, verdict.guard))
    for blocked in plan.notes.blocked:
        label = plan.label(blocked.rule_id)
        message = f"{name}: {label.name}: {blocked.reason}; {blocked.remedy}"
        path = document.path(label.path) or where
        yield _entry(f"blocked-{blocked.kind}", message, "blocker", path, (name, blocked.kind, blocked.rule_id))


def _first(document: Document, plan: Plan, reviewed: Review) -> Iterator[dict[str, Any]]:
    name, where = plan.target.name, document.path(_settings(plan.target.environment))
    for change in (change for group in reviewed.first for change in group.changes):
        label = plan.label(change.rule_id)
        reasons = reviewed.reasons[change.rule_id]
        message = f"{name}: {word_of(change)}: {label.name}: {', '.join(reasons)}"
        severity = "critical" if change.action in _HARD else "major"
        facts = (name, change.rule_id, change.action.value, *reasons)
        yield _entry(f"plan-{word_of(change)}", message, severity, document.path(label.path) or where, facts)


def _settings(target: str) -> str:
    return f"environments/{target.partition('/')[0]}.toml"


def _entry(code: str, message: str, severity: str, path: str, facts: tuple[str, ...]) -> dict[str, Any]:
    name = "\0".join((code, *facts)).encode("utf-8", "backslashreplace")
    return {
        "description": cut(flat(message), _LONGEST),
        "check_name": code,
        "fingerprint": hashlib.sha256(name).hexdigest()[:32],
        "severity": severity,
        "location": {"path": shown(path), "lines": {"begin": 1}},
    }
