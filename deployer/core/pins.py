"""
Pins: the contents that a target is to run whatever the work tree says.

Rollbacks and holds become pins; `core.planner` sees only what git wants once they are put in. `pinned` wins over
selectors: what must run runs, what must not be there is gone. (What a lock file pins is put in earlier, as files, by
`commands.contents`.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from deployer.core.canonical import digest
from deployer.core.desired import Desired, DesiredRule, Rendering
from deployer.core.normalise import canonical
from deployer.core.record import RuleRecord
from deployer.core.references import renamed
from deployer.core.rule_file import RuleFile, unresolved
from deployer.errors import Problem

Kind = Literal["file", "rendered", "absent"]


@dataclass(frozen=True, slots=True)
class Pin:
    """
    One rule as it must be. `why` is the reason in a few words, for the plan.

    `content` is the canonical rule of its file (a document that a fingerprint names), `rendered` the canonical rule
    after overlays (one that `authored` names). Kind `file`: today's overlays and references apply to `content`.
    `rendered`: the overlays of then made the difference, so only references are resolved anew. `absent`: as if git did
    not have the rule. `off` switches it off.
    """

    rule_id: str
    kind: Kind
    why: str
    content: Mapping[str, Any] = field(default_factory=dict)
    rendered: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""
    off: bool = False

    @property
    def fingerprint(self) -> str:
        """The content address of the pinned content."""
        return digest(self.content)

    def file(self, known: RuleFile | None = None) -> RuleFile:
        """Return the pinned content as a file; `known` is the work tree's file of the rule, for its metadata."""
        metadata = known.metadata if known else {}
        return RuleFile(self.path or (known.path if known else ""), metadata, dict(self.content))


def pinned(desired: Desired, pins: Mapping[str, Pin], rendering: Rendering) -> Desired:
    """
    Return what git wants of a target with the pins put in, wherever selection and overlays stand. What is wrong with a
    file that a pin replaces stands in nobody's way.
    """
    if not pins:
        return desired
    replaced = {desired.rules[rule_id].file.path for rule_id in pins if rule_id in desired.rules}
    problems = [problem for problem in desired.problems if problem.path not in replaced]
    rules, gone = dict(desired.rules), dict(desired.gone)
    for rule_id, pin in pins.items():
        known = rules.pop(rule_id, None)
        gone.pop(rule_id, None)
        if pin.kind == "absent":
            gone[rule_id] = pin.why
            continue
        rules[rule_id], found = as_desired(pin, rendering, known.file if known else None)
        problems.extend(found)
    return replace(desired, rules=rules, gone=gone, problems=tuple(problems))


def as_desired(
    pin: Pin, rendering: Rendering, known: RuleFile | None = None
) -> tuple[DesiredRule, tuple[Problem, ...]]:
    """Return one pinned rule as this target should have it, and what cannot be resolved."""
    file = pin.file(known)
    if pin.kind == "rendered":
        candidates = [*(file.payload.get("actions") or ()), *rendering.added_actions]
        payload = renamed(unresolved(pin.rendered), rendering.space, candidates)
        resolved, problems = rendering.resolved(payload, file)
        rule = DesiredRule(file, resolved)
    else:
        rule, problems = rendering.of(file)
    return (replace(rule, payload={**rule.payload, "enabled": False}) if pin.off else rule), problems


def pin_of(
    rule_id: str, entry: RuleRecord, documents: Mapping[str, Mapping[str, Any]], rendering: Rendering, why: str
) -> Pin:
    """
    Return the pin that keeps one rule as a record has it. `documents` has what its `fingerprint` and `authored` name.

    It is of kind `rendered` only where today's overlays do not make of the file what ran then.
    """
    if entry.retired is not None:
        return Pin(rule_id, "absent", why, path=entry.path)
    content, authored = documents[entry.fingerprint], documents[entry.authored]
    pin = Pin(rule_id, "file", why, content, path=entry.path)
    again, problems = as_desired(pin, rendering)
    if again.authored == entry.authored or (not problems and _alike(again.canonical, authored)):
        return pin
    return replace(pin, kind="rendered", rendered=authored)


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Say whether two rules differ at most in the ids that Kibana gave to exception lists."""
    return digest(canonical(unresolved(one))) == digest(canonical(unresolved(other)))
