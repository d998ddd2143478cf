"""
Overlays: what an environment changes in a rule on its way to one space.

Overrides apply in order, the base file's first, the space's last; a later one works on what an earlier one left. Which
rules an override selects is decided on the rule as its file has it, so that no override can make another one match.
Within one override: `set`, then `remove_tags`, `add_tags`, `add_actions`, `rewrite_index`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from deployer.core import fields
from deployer.core.canonical import canonical_json
from deployer.core.environment import Override
from deployer.core.selector import Subject, matches_any
from deployer.errors import Problem, Severity

RewriteSources = Callable[[str, Mapping[str, str]], str]
"""Rewrites the source command of an ES|QL query by tokens: (query, exact pattern -> its replacement) -> query."""

_INDEX_LISTS: Final = ("index", "threat_index")
_LISTS: Final = ("tags", "actions", "exceptions_list", *_INDEX_LISTS)
"""Fields that this and later steps go through entry by entry."""

_MAY_NAME_AN_INDEX: Final = ("query", "threat_query", "filters", "threat_filters")
_NAME_SIGN: Final = r"[\w.*-]"


@dataclass(frozen=True, slots=True)
class Overlaid:
    """
    A rule after its overrides. `payload` is the very object that went in where none applied.

    `origins` says which override set a value: a dotted key (`threshold.value`), or one entry of a list (`tags[4]`,
    `actions[0]`, `index[1]`), to name and place of the override.
    """

    payload: Mapping[str, Any]
    origins: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def apply_overrides(
    payload: Mapping[str, Any], subject: Subject, overrides: Iterable[Override], rewrite_sources: RewriteSources
) -> Overlaid:
    """
    Return the rule as this environment wants it. `payload` is read, never changed.

    `problems` holds an error for each value that cannot be set on this rule (which is then left as it was), and a
    warning for each old index pattern that stays somewhere.
    """
    applying = [override for override in overrides if matches_any(override.match, subject)]
    if not applying:
        return Overlaid(payload)
    draft = _Draft(payload, subject)
    for override in applying:
        draft.apply(override, rewrite_sources)
    warnings = [_kept_problem(name, pattern, subject) for name, pattern in _kept(draft.payload, applying)]
    return Overlaid(draft.payload, draft.all_origins(), (*draft.problems, *warnings))


def unmatched_overrides(overrides: Iterable[Override], subjects: Sequence[Subject], where: str) -> tuple[Problem, ...]:
    """Return a warning for each override that selects no rule at all; `where` names the environment or the target."""
    remedy = "correct its match, or remove it"
    return tuple(
        override.problem(f"selects no rule of {where}", "unmatched-override", remedy, Severity.WARNING)
        for override in overrides
        if not any(matches_any(override.match, subject) for subject in subjects)
    )


class _Draft:
    """A rule while its overrides change it; whatever changes is copied first."""

    def __init__(self, payload: Mapping[str, Any], subject: Subject) -> None:
        self.payload: dict[str, Any] = dict(payload)
        self.problems: list[Problem] = []
        self._subject = subject
        self._origins: dict[str, str] = {}
        self._entries: dict[tuple[str, str], str] = {}  # by field and entry: a place in a list moves when others go

    def apply(self, override: Override, rewrite_sources: RewriteSources) -> None:
        """Carry out one override."""
        for key, value in override.set.items():
            self._set(key, value, override)
        if override.remove_tags or override.add_tags:
            self._change_tags(override)
        if override.add_actions:
            self._add_actions(override)
        if override.rewrite_index:
            self._rewrite_index(override, rewrite_sources)

    def all_origins(self) -> dict[str, str]:
        """Return which override set what, entries of lists by their final place."""
        entries = (
            (f"{name}[{i}]", self._entries.get((name, entry)))
            for name in ("tags", *_INDEX_LISTS)
            for i, entry in enumerate(self.payload.get(name) or ())
        )
        return {**self._origins, **{place: label for place, label in entries if label}}

    def _set(self, key: str, value: Any, override: Override) -> None:
        top, *below = key.split(".")
        rule_type = str(self.payload.get("type", ""))
        if not fields.field(top).exists_for(rule_type):
            remedy = f"narrow its match, for example with type:{_some_type(top)}"
            message = f'{self._rule} is of type {rule_type}, which has no "{top}"'
            self.problems.append(override.problem(message, "override-mismatch", remedy))
            return
        if key in _LISTS and not isinstance(value, list):
            message = f'cannot set "{key}" in {self._rule}: it must be a list'
            self.problems.append(override.problem(message, "override-mismatch", "put it into [ ]"))
            return
        try:
            self.payload = _put(self.payload, (top, *below), value)
        except TypeError:
            message = f'cannot set "{key}" in {self._rule}: what is there is not a table'
            self.problems.append(override.problem(message, "override-mismatch", "set the field as a whole"))
            return
        self._origins = {known: by for known, by in self._origins.items() if not _inside(known, key)}
        self._origins[key] = override.label
        self._entries = {entry: by for entry, by in self._entries.items() if entry[0] != top}

    def _change_tags(self, override: Override) -> None:
        tags = [tag for tag in self.payload.get("tags") or () if tag not in override.remove_tags]
        for tag in override.add_tags:
            if tag not in tags:
                tags.append(tag)
                self._entries["tags", tag] = override.label
        self.payload["tags"] = tags

    def _add_actions(self, override: Override) -> None:
        actions = list(self.payload.get("actions") or ())
        for action in override.add_actions:
            self._origins[f"actions[{len(actions)}]"] = override.label
            actions.append(deepcopy(action))
        self.payload["actions"] = actions

    def _rewrite_index(self, override: Override, rewrite_sources: RewriteSources) -> None:
        for name in _INDEX_LISTS:
            patterns = self.payload.get(name)
            if isinstance(patterns, list):
                self._rewrite_list(name, patterns, override)
        query = self.payload.get("query")
        if self.payload.get("type") == "esql" and isinstance(query, str):
            rewritten = rewrite_sources(query, override.rewrite_index)
            if rewritten != query:
                self.payload["query"] = rewritten
                self._origins["query"] = override.label

    def _rewrite_list(self, name: str, patterns: list[Any], override: Override) -> None:
        """Put each pattern's replacement into its place; two that become one stand once."""
        rewritten = [override.rewrite_index.get(pattern, pattern) for pattern in patterns]
        for old, new in zip(patterns, rewritten, strict=True):
            if old != new:
                self._entries[name, new] = override.label
        if rewritten != patterns:
            self.payload[name] = list(dict.fromkeys(rewritten))

    @property
    def _rule(self) -> str:
        return f'"{self._subject.name}" ({self._subject.path})'


def _put(table: Mapping[str, Any], way: Sequence[str], value: Any) -> dict[str, Any]:
    """Return a copy of `table` with the value at the end of the way. Raises TypeError where the way is no table."""
    head, *below = way
    if not below:
        return {**table, head: deepcopy(value)}
    inner = table.get(head)
    if inner is None:
        inner = {}
    if not isinstance(inner, Mapping):
        raise TypeError(head)
    return {**table, head: _put(inner, below, value)}


def _inside(known: str, key: str) -> bool:
    """Say whether an origin is the one of `key` or of something below it."""
    return known == key or known.startswith((f"{key}.", f"{key}["))


def _some_type(name: str) -> str:
    return next((rule_type for rule_type in fields.RULE_TYPES if fields.field(name).exists_for(rule_type)), "query")


def _kept(payload: Mapping[str, Any], applied: Iterable[Override]) -> Iterator[tuple[str, str]]:
    """Yield field and pattern where the rule still names a pattern that one of its overrides rewrites."""
    old = frozenset(pattern for override in applied for pattern in override.rewrite_index)
    new = frozenset(pattern for override in applied for pattern in override.rewrite_index.values())
    if not old - new:
        return
    for name in _INDEX_LISTS:
        yield from ((name, pattern) for pattern in _in_list(payload.get(name), old - new))
    for name in _MAY_NAME_AN_INDEX:
        value = payload.get(name)
        text = value if isinstance(value, str) else canonical_json(value) if value else ""
        yield from ((name, pattern) for pattern in _in_text(text, old, new))


def _in_list(patterns: Any, old: Collection[str]) -> list[str]:
    """Return the old patterns inside longer entries: an exclusion `-logs-*`, or several patterns in one text."""
    entries = [entry for entry in patterns if isinstance(entry, str)] if isinstance(patterns, list) else []
    parts = {part.strip().removeprefix("-") for entry in entries for part in entry.split(",")}
    return sorted(parts & set(old))


def _in_text(text: str, old: frozenset[str], new: frozenset[str]) -> list[str]:
    """Return the old patterns that a text names by themselves, not as part of a longer name or of a new pattern."""
    if not any(pattern in text for pattern in old):
        return []
    return sorted({found[0] for found in _any_of(old | new).finditer(text)} & (old - new))


@lru_cache(maxsize=256)
def _any_of(patterns: frozenset[str]) -> re.Pattern[str]:
    """Return what finds any of these index patterns, the longest first: a new one often holds its old one."""
    longest_first = "|".join(re.escape(pattern) for pattern in sorted(patterns, key=lambda p: (-len(p), p)))
    return re.compile(f"(?<!{_NAME_SIGN})(?:{longest_first})(?!{_NAME_SIGN})")


def _kept_problem(name: str, pattern: str, subject: Subject) -> Problem:
    message = f'still names "{pattern}", which rewrite_index replaces elsewhere'
    remedy = "look whether it must follow; if so, set the field in an override"
    return Problem(subject.path, 0, 0, f"rule.{name}", message, "kept-index", remedy, Severity.WARNING)
