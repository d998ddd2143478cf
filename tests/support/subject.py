"""A rule as selectors see it, for tests that need no file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RuleSubject:
    """A Subject as a plain value."""

    rule_id: str = ""
    name: str = ""
    tags: tuple[str, ...] = ()
    path: str = ""
    type: str = ""
    severity: str = ""
    maturity: str = ""
