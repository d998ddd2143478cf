"""
Exceptions that a rule file makes, each with its reason:

    [metadata.extended]
    deployer_ignore = [{ code = "leading-wildcard", reason = "the field is of type wildcard" }]

An entry that gives no reason, names no check or spares the rule nothing is itself a Problem.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from deployer.core.checks.check import Finding, Key
from deployer.core.rule_file import RuleFile
from deployer.core.suggestion import did_you_mean

_PLACE: Final[Key] = ("metadata", "extended", "deployer_ignore")
_KEYS: Final = ("code", "reason")
_FORM: Final = 'write deployer_ignore = [{ code = "…", reason = "…" }]'

NO_REASON: Final = "ignore-without-reason"
UNKNOWN: Final = "ignore-unknown-code"
UNUSED: Final = "ignore-unused"
MALFORMED: Final = "ignore-malformed"


@dataclass(frozen=True, slots=True)
class Ignores:
    """The exceptions of one rule: the place of each code that may be left out, and what is wrong with the others."""

    codes: Mapping[str, Key]
    wrong: tuple[tuple[str, Finding], ...] = ()

    def unused(self, found: Collection[str], judged: Collection[str]) -> list[tuple[str, Finding]]:
        """Return a finding for each exception of a check that judged this rule and found nothing."""
        return [
            (UNUSED, Finding(place, f'there is no finding "{code}" to ignore here', "remove the entry"))
            for code, place in self.codes.items()
            if code in judged and code not in found
        ]


def read_ignores(file: RuleFile, known: Collection[str]) -> Ignores:
    """Return the exceptions that a rule file makes; `known` are the codes of all checks."""
    extended = file.metadata.get("extended")
    written = extended.get("deployer_ignore", []) if isinstance(extended, Mapping) else []
    if not isinstance(written, list):
        return Ignores({}, ((MALFORMED, Finding(_PLACE, "deployer_ignore is not a list", _FORM)),))
    codes: dict[str, Key] = {}
    wrong: list[tuple[str, Finding]] = []
    for number, entry in enumerate(written):
        place = (*_PLACE, number)
        mistakes = _mistakes(entry, place, known)
        if not mistakes and entry["code"] in codes:
            mistakes = [(UNUSED, Finding(place, f'"{entry["code"]}" is already ignored above', "remove one"))]
        wrong += mistakes
        if not mistakes:
            codes[entry["code"]] = place
    return Ignores(codes, tuple(wrong))


def _mistakes(entry: Any, place: Key, known: Collection[str]) -> list[tuple[str, Finding]]:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("code"), str):
        return [(MALFORMED, Finding(place, "an exception names a check by its code", _FORM))]
    wrong = [
        (MALFORMED, Finding((*place, key), f'"{key}" is not a key of an exception', did_you_mean(key, _KEYS)))
        for key in entry.keys() - set(_KEYS)
    ]
    if entry["code"] not in known:
        remedy = did_you_mean(entry["code"], known)
        wrong.append((UNKNOWN, Finding((*place, "code"), f'there is no check "{entry["code"]}"', remedy)))
    reason = entry.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        message = f'"{entry["code"]}" is ignored without a reason'
        wrong.append((NO_REASON, Finding(place, message, 'say why: reason = "…"')))
    return wrong
