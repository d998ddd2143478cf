"""
Plans as a JUnit report: a suite for each target, in it a case for each guard, each blocked rule and each change.

What apply would refuse fails; a target that no plan could be made for is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from deployer.core.guards import COUNTED
from deployer.core.plan import Plan
from deployer.core.review import Review
from deployer.render.plan.document import Document, Failure
from deployer.render.plan.words import facts, next_command, totals, word_of
from deployer.render.problems.junit import xml_text
from deployer.render.problems.report import flat
from deployer.render.style import cut

_LONGEST: Final = 240


def plan_junit(document: Document) -> str:
    """Return an XML document that Jenkins, GitLab and Azure read (junit-10.xsd)."""
    suites = [_failed(failure) for failure in document.failures]
    suites += [_suite(document, plan, one) for plan, one in zip(document.plans, document.reviews, strict=True)]
    cases = [text for suite in suites for text in suite]
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="deployer plan" {_counts(cases)}>',
        *(text for suite in suites for text in suite),
        "</testsuites>",
        "",
    ]
    return "\n".join(lines)


def _counts(lines: list[str]) -> str:
    names = {"tests": "<testcase ", "failures": "<failure ", "errors": "<error "}
    counted = {name: sum(text.lstrip().startswith(start) for text in lines) for name, start in names.items()}
    return " ".join(f'{name}="{count}"' for name, count in counted.items())


def _suite(document: Document, plan: Plan, reviewed: Review) -> list[str]:
    cases = [*_guards(plan), *_blocked(document, plan), *_changes(document, plan, reviewed)]
    following = next_command(plan)
    told = f"{totals(plan)}. Plan {plan.short}." + (f" Next: {following}" if following else "")
    out = f"    <system-out>{xml_text(flat(told))}</system-out>"
    return _wrapped(plan.target.name, [*cases, out])


def _failed(failure: Failure) -> list[str]:
    message = flat(str(failure.error))
    kind = failure.refusal or "error"
    case = [
        f"    {_case(failure.target, 'plan', '')}>",
        f'      <error type="{xml_text(kind)}" message="{xml_text(message)}">{xml_text(failure.error.hint)}</error>',
        "    </testcase>",
    ]
    return _wrapped(failure.target, case)


def _wrapped(target: str, cases: list[str]) -> list[str]:
    return [f'  <testsuite name="{xml_text(flat(target))}" {_counts(cases)}>', *cases, "  </testsuite>"]


def _guards(plan: Plan) -> Iterator[str]:
    for verdict in plan.notes.verdicts:
        start = _case(plan.target.name, f"guard {verdict.guard.replace('_', ' ')}", "")
        if not verdict.ok:
            remedy = f"--allow {verdict.allow}" if verdict.allow else ""
            yield from _failing(start, verdict.refusal, verdict.message, remedy)
        elif verdict.guard not in COUNTED or verdict.count:
            yield f"    {start}/>"


def _blocked(document: Document, plan: Plan) -> Iterator[str]:
    for blocked in plan.notes.blocked:
        label = plan.label(blocked.rule_id)
        start = _case(plan.target.name, f"blocked: {label.name}", document.path(label.path))
        yield from _failing(start, blocked.kind, blocked.reason, blocked.remedy)


def _changes(document: Document, plan: Plan, reviewed: Review) -> Iterator[str]:
    groups = (*reviewed.first, *reviewed.rest, *(group for _, some in reviewed.elsewhere for group in some))
    for change in (change for group in groups for change in group.changes):
        label = plan.label(change.rule_id)
        name = f"{word_of(change)}: {label.name}"
        start = _case(plan.target.name, name, document.path(label.path))
        said = "; ".join(facts(plan, change, reviewed))
        if not said:
            yield f"    {start}/>"
            continue
        yield f"    {start}>"
        yield f"      <system-out>{xml_text(flat(said))}</system-out>"
        yield "    </testcase>"


def _failing(start: str, kind: str, message: str, remedy: str) -> Iterator[str]:
    yield f"    {start}>"
    said = xml_text(flat(message))
    yield f'      <failure type="{xml_text(flat(kind))}" message="{said}">{xml_text(flat(remedy))}</failure>'
    yield "    </testcase>"


def _case(target: str, name: str, path: str) -> str:
    shown = cut(flat(name), _LONGEST) + (f" ({flat(path)})" if path else "")
    return f'<testcase classname="deployer.plan.{xml_text(flat(target))}" name="{xml_text(shown)}"'
