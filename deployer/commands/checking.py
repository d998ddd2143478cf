"""
Rules checked offline, one by one: the shape of their fields, the sense of them together, their queries.

`validate` checks every rule, `plan` and `apply` those that they would write: there the rule as its file says it, and
then what the target's overrides make of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from deployer.adapters.rules import RuleTree
from deployer.core.flaw import Flaw, Path, dotted, located
from deployer.core.rule_file import RuleFile
from deployer.core.sense import sense_flaws
from deployer.core.sense.reading import tables
from deployer.core.shape import shape_flaws
from deployer.errors import Problem, Severity
from deployer.queries import LANGUAGES, Finding, check

_ONLY: Final = {"eql": "eql", "esql": "esql"}
_ANY_RULE: Final = {
    **{"type": "query", "language": "kuery", "query": "*", "index": ["logs-*"], "rule_id": "r", "name": "n"},
    **{"description": "d", "severity": "low", "risk_score": 21, "interval": "5m", "from": "now-6m"},
}
_ORIGIN: Final = re.compile(r"\((?P<path>[^()]+):(?P<line>\d+)\)$")


def rule_problems(tree: RuleTree, files: Iterable[RuleFile], engines: Counter[str] | None = None) -> Iterator[Problem]:
    """
    Yield what is wrong with these rules as their files say them.

    `engines` counts which checker read the queries: the light ones run where an extra is not installed.
    """
    counted: Counter[str] = Counter() if engines is None else engines
    for file in files:
        yield from located((*shape_flaws(file.payload), *sense_flaws(file.payload)), file.path, tree.locate)
        for path, finding in _findings(file.payload, counted):
            yield _query_problem(tree, file, path, finding)


def tuned_problems(tree: RuleTree, files: Iterable[RuleFile]) -> Iterator[Problem]:
    """Yield what is wrong with the actions of entries of `prebuilt/`, as in a rule."""
    for file in files:
        payload = {**_ANY_RULE, **{name: value for name, value in file.payload.items() if name == "actions"}}
        for flaw in (*shape_flaws(payload), *sense_flaws(payload)):
            if flaw.path[:1] == ("actions",):
                yield _tuned_problem(tree, file, flaw)
        for path, finding in _findings(payload, Counter()):
            if path[:1] == ("actions",):
                severity = Severity.WARNING if finding.severity == "warning" else Severity.ERROR
                yield _tuned_problem(tree, file, Flaw(path, finding.message, finding.code, "", severity))


def _tuned_problem(tree: RuleTree, file: RuleFile, flaw: Flaw) -> Problem:
    whole = here = ("prebuilt", int(file.metadata.get("entry", 0)), *flaw.path)
    while not (place := tree.locate(file.path, here))[0] and len(here) > 1:
        here = here[:-1]
    return Problem(file.path, *place, dotted(whole), flaw.message, flaw.code, flaw.remedy, flaw.severity)


def overridden_problems(file: RuleFile, payload: Mapping[str, Any], origins: Mapping[str, str]) -> Iterator[Problem]:
    """
    Yield what is wrong with a rule only as a target changes it, at the override that did.

    `payload` is the rule for the target, `origins` says which override set what (core.overlay).
    """
    if not origins:
        return
    known = {(flaw.path[:1], flaw.code) for flaw in (*shape_flaws(file.payload), *sense_flaws(file.payload))}
    for flaw in (*shape_flaws(payload), *sense_flaws(payload)):
        if (flaw.path[:1], flaw.code) not in known:
            yield _override_problem(file, flaw, origins)
    if payload.get("query") != file.payload.get("query"):
        for path, finding in _findings(payload, Counter()):
            yield _override_problem(file, Flaw(path, finding.message, finding.code, "", finding.severity), origins)


def _override_problem(file: RuleFile, flaw: Flaw, origins: Mapping[str, str]) -> Problem:
    key = dotted(flaw.path)
    label = next((by for at, by in origins.items() if key == at or key.startswith((f"{at}.", f"{at}["))), "")
    label = label or next((by for at, by in origins.items() if at.startswith(str(flaw.path[0]))), "")
    label = label or next(iter(origins.values()))
    place = _ORIGIN.search(label)
    message = f"in {file.path} this gives {key}: {flaw.message}"
    where = (place["path"], int(place["line"]), 1) if place else (file.path, 0, 0)
    return Problem(*where, "override", message, flaw.code, flaw.remedy, flaw.severity)


def _findings(content: Mapping[str, Any], engines: Counter[str]) -> Iterator[tuple[Path, Finding]]:
    """Yield what is wrong with the queries of a payload: its own, the indicators', and those that filter actions."""
    for path, language, text in _queries(content):
        if isinstance(text, str) and language in LANGUAGES:
            checked = check(language, text)
            engines[checked.engine] += 1
            for finding in checked.findings:
                yield path, finding


def _queries(content: Mapping[str, Any]) -> Iterator[tuple[Path, Any, Any]]:
    usual = _ONLY.get(str(content.get("type")), "kuery")
    yield ("query",), content.get("language", usual), content.get("query")
    yield ("threat_query",), content.get("threat_language", "kuery"), content.get("threat_query")
    for number, action in enumerate(tables(content, "actions")):
        chosen = action.get("alerts_filter")
        query = chosen.get("query") if isinstance(chosen, Mapping) else None
        if isinstance(query, Mapping):
            yield ("actions", number, "alerts_filter", "query", "kql"), "kuery", query.get("kql")


def _query_problem(tree: RuleTree, file: RuleFile, path: Path, finding: Finding) -> Problem:
    # only `query` is sent as it is written; the others are put on one line first, and only their start is known
    verbatim = path == ("query",)
    inside = (finding.line, finding.column) if verbatim else (1, 1)
    whole = ("rule", *path)
    line, column = tree.locate_in_text(file.path, whole, *inside)
    severity = Severity.WARNING if finding.severity == "warning" else Severity.ERROR
    length = finding.length if verbatim else 0
    return Problem(file.path, line, column, dotted(whole), finding.message, finding.code, "", severity, length)
