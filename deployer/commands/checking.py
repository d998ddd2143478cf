"""The shape and the queries of rules, checked offline: for `validate`, and for the rules that a plan would change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from deployer.adapters.rules import RuleTree
from deployer.core.flaw import located
from deployer.core.rule_file import RuleFile
from deployer.core.shape import shape_flaws
from deployer.errors import Problem, Severity
from deployer.queries import LANGUAGES, check

_QUERIES = {"query": "language", "threat_query": "threat_language"}


def shape_and_query_problems(tree: RuleTree, files: Iterable[RuleFile]) -> Iterator[Problem]:
    """Yield what is wrong with the fields and the queries of these files."""
    for file in files:
        yield from located(shape_flaws(file.payload), file.path, tree.locate)
        yield from _query_problems(tree, file)


def _query_problems(tree: RuleTree, file: RuleFile) -> Iterator[Problem]:
    for name, said_in in _QUERIES.items():
        text = file.payload.get(name)
        default = {"eql": "eql", "esql": "esql"}.get(file.type, "kuery") if name == "query" else "kuery"
        language = file.payload.get(said_in, default)
        if not isinstance(text, str) or language not in LANGUAGES:
            continue
        for finding in check(language, text).findings:
            # threat_query is put on one line before it is sent, so only its key has a place that is right
            inside = (finding.line, finding.column) if name == "query" else (1, 1)
            line, column = tree.locate_in_text(file.path, ("rule", name), *inside)
            severity = Severity.WARNING if finding.severity == "warning" else Severity.ERROR
            yield Problem(file.path, line, column, f"rule.{name}", finding.message, finding.code, "", severity)
