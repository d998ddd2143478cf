"""
Plans as workflow commands of GitHub Actions: what is refused as errors, what to look at first as warnings at its file.

GitHub shows ten of a kind for each step, so the last one says how many more there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from deployer.core.plan import Plan
from deployer.core.review import Review
from deployer.render.plan.document import Document
from deployer.render.plan.words import key_words, refused, totals, word_of
from deployer.render.problems.github import escaped_data, escaped_property
from deployer.render.problems.report import flat
from deployer.render.style import cut, plural

_MOST: Final = 10
_LONGEST: Final = 400  # signs of one message


def plan_github(document: Document) -> str:
    """Return one command a line: errors, warnings, and a notice for each target; empty without any target."""
    errors = [_command("error", failure.target, str(failure.error)) for failure in document.failures]
    warnings: list[str] = []
    notices: list[str] = []
    for plan, reviewed in zip(document.plans, document.reviews, strict=True):
        errors += _errors(document, plan)
        warnings += _warnings(document, plan, reviewed)
        told = "; ".join([totals(plan), *(f"would be refused: {words}" for words in refused(plan))])
        notices.append(_command("notice", plan.target.name, f"{told}. Plan {plan.short}"))
    kinds = (("error", errors), ("warning", warnings), ("notice", notices))
    return "".join(f"{text}\n" for level, texts in kinds for text in _few(level, texts))


def _errors(document: Document, plan: Plan) -> Iterator[str]:
    for verdict in plan.refusals:
        remedy = f"; allow it with --allow {verdict.allow}" if verdict.allow else ""
        yield _command("error", plan.target.name, f"refused: {verdict.message}{remedy}")
    for blocked in plan.notes.blocked:
        label = plan.label(blocked.rule_id)
        message = f"{label.name}: {blocked.reason}; {blocked.remedy}"
        yield _command("error", plan.target.name, message, document.path(label.path))


def _warnings(document: Document, plan: Plan, reviewed: Review) -> Iterator[str]:
    words = key_words(plan, reviewed)
    if words:
        yield _command("warning", plan.target.name, words)
    for rename in reviewed.renamed:
        path = document.path(plan.label(rename.rule_id).path)
        yield _command("warning", plan.target.name, f'renamed: "{rename.before}" is now "{rename.after}"', path)
    for group in reviewed.first:
        change = group.example
        label = plan.label(change.rule_id)
        more = f", and {plural(len(group.others), 'more rule')} like it" if group.others else ""
        reasons = ", ".join(reviewed.reasons[change.rule_id])
        message = f"{word_of(change)}: {label.name}: {reasons}{more}"
        yield _command("warning", plan.target.name, message, document.path(label.path))


def _command(level: str, target: str, message: str, path: str = "") -> str:
    properties = {"file": path} if path else {}
    properties["title"] = f"deployer plan {target}"
    said = ",".join(f"{name}={escaped_property(value)}" for name, value in properties.items())
    return f"::{level} {said}::{escaped_data(cut(flat(message), _LONGEST))}"


def _few(level: str, texts: list[str]) -> list[str]:
    if len(texts) <= _MOST:
        return texts
    more = len(texts) - (_MOST - 1)
    return [*texts[: _MOST - 1], f"::{level} title=deployer plan::and {more:,} more; see the plan"]
