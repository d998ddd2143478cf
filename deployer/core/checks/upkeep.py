"""Upkeep: who answers for a rule, and until when it was thought good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from deployer.core.checks.check import Case, Finding, Key

OWNER = "deployer_owner"
REVIEW_BY = "deployer_review_by"


def extended(case: Case) -> Mapping[str, Any]:
    """Return `[metadata.extended]`, empty where there is none."""
    found = case.rule.metadata.get("extended")
    return found if isinstance(found, Mapping) else {}


def owner_missing(case: Case) -> Iterator[Finding]:
    """Find rules for which nobody answers."""
    owner = extended(case).get(OWNER)
    if not isinstance(owner, str) or not owner.strip():
        yield Finding(_place(OWNER), "nobody answers for this rule", f'add {OWNER} = "…" to [metadata.extended]')


def review_missing(case: Case) -> Iterator[Finding]:
    """Find rules that nobody is to look at again."""
    if REVIEW_BY not in extended(case):
        remedy = f'add {REVIEW_BY} = "YYYY-MM-DD" to [metadata.extended]'
        yield Finding(_place(REVIEW_BY), "no day is set by which this rule is looked at again", remedy)


def review_expired(case: Case) -> Iterator[Finding]:
    """Find rules whose day of review is past, or is no day."""
    written = extended(case).get(REVIEW_BY)
    if written is None:
        return
    due = _day(written)
    if due is None:
        yield Finding(_place(REVIEW_BY), f"{REVIEW_BY} is not a day", 'write it like "2027-06-30"')
    elif due < case.repository.today:
        remedy = "look at the rule, then move the day"
        yield Finding(_place(REVIEW_BY), f"this rule was to be looked at by {due}", remedy)


def _day(written: object) -> date | None:
    if isinstance(written, datetime):
        return written.date()
    if isinstance(written, date):
        return written
    try:
        return date.fromisoformat(str(written).replace("/", "-"))
    except ValueError:
        return None


def _place(name: str) -> Key:
    return ("metadata", "extended", name)
