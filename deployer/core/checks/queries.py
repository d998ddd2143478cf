"""What a query costs."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.core.checks.check import Case, Finding
from deployer.core.fields import LANGUAGE_DEFAULTS


def leading_wildcard(case: Case) -> Iterator[Finding]:
    """Find patterns that begin with a wildcard: Elasticsearch then looks at every term of the field."""
    rule, find = case.rule, case.repository.leading_wildcards
    text = rule.payload.get("query")
    language = rule.payload.get("language", LANGUAGE_DEFAULTS.get(rule.type, ""))
    if find is None or not isinstance(text, str) or language not in case.options["languages"]:
        return
    for line, column, pattern in find(language, text):
        message = f"the pattern {_short(pattern)} begins with a wildcard, which is slow on large indices"
        yield Finding(("rule", "query"), message, "anchor it, or use a field that holds the part", (line, column))


def _short(pattern: str) -> str:
    return pattern if len(pattern) <= 40 else f"{pattern[:39]}…"
