"""Queries to test with: the case files of each language, and the queries of the real rules beside the repository."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli

from deployer.errors import Severity
from deployer.queries import Checked, Finding
from tests.support.shared import corpus

CASES = Path(__file__).resolve().parents[1] / "queries" / "cases"
CORPORA = ("2026-05", "2026-08")
FILE_NAMES = {"kuery": "kql", "eql": "eql", "lucene": "lucene", "esql": "esql"}


def cases(language: str, kind: str) -> list[dict[str, Any]]:
    """Return the cases of `cases/<language>_<kind>.toml`."""
    return tomli.loads((CASES / f"{FILE_NAMES[language]}_{kind}.toml").read_text("utf-8"))["case"]


def errors(checked: Checked) -> tuple[Finding, ...]:
    """Return the findings that are no warnings."""
    return tuple(finding for finding in checked.findings if finding.severity is Severity.ERROR)


@dataclass(frozen=True)
class RuleQuery:
    """One query of a real rule."""

    path: str
    language: str
    text: str


@functools.cache
def corpus_queries(date: str) -> tuple[RuleQuery, ...]:
    """Return every query and indicator query of one corpus that has a language."""
    found = []
    for path, text in corpus(date):
        rule = tomli.loads(text)["rule"]
        for query, language in (("query", "language"), ("threat_query", "threat_language")):
            if rule.get(query) is not None and rule.get(language):
                found.append(RuleQuery(path, rule[language], rule[query]))
    return tuple(found)
