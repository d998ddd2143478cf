"""One field of a live rule as its file has it: the way back through the steps of `core.payload` and the overrides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from deployer.core.desired import Rendering
from deployer.core.fields import ABSENT
from deployer.core.live import LiveRule
from deployer.core.normalise import without_nulls
from deployer.core.overlay import RewriteSources
from deployer.core.payload import with_placeholders
from deployer.core.pulling.entries import Authored, kept_entries, kept_values
from deployer.core.pulling.names import named_action, named_list
from deployer.core.rule_file import RuleFile
from deployer.core.selector import matches_any

NESTED: Final[Mapping[str, tuple[str | int, ...]]] = {
    "new_terms_fields": ("value",),
    "history_window_start": ("history_window_start", 0, "value"),
}
"""Where `[rule.new_terms]` has what the API has flat (docs/rule-format.md)."""

_PATTERNS: Final = ("index", "threat_index")


@dataclass(frozen=True, slots=True)
class Written:
    """A rule as its file says it now: the parsed document, the rule it makes, and its payload for the target."""

    document: Mapping[str, Any]
    file: RuleFile
    desired: Mapping[str, Any]


def file_form(name: str, live: LiveRule, written: Written, rendering: Rendering, names: Mapping[Any, str]) -> Any:
    """Return what the file has to say for a field, ABSENT for nothing. The caller looks whether it does."""
    value = live.value(name)
    if value is ABSENT or value is None:
        return ABSENT
    overrides = [one for one in rendering.environment.overrides if matches_any(one.match, written.file)]
    rewrites = [override.rewrite_index for override in overrides if override.rewrite_index]
    if name == "tags" or (name in _PATTERNS and isinstance(value, list)):
        return _set_form(name, value, written, rewrites if name in _PATTERNS else [])
    if isinstance(value, list):
        return kept_entries(name, value, _authored(name, written, rendering), live.type, _entry_writer(name, names))
    if name == "note" and isinstance(value, str):
        before = written.document["rule"].get("note")
        return with_fragments_named(value, written.document.get("transform"), before if isinstance(before, str) else "")
    if name == "query" and live.type == "esql" and rewrites:
        return _rewritten_back(value, rewrites, rendering.rewrite_sources)
    if name == "threshold" and isinstance(value, Mapping):
        return {key: part for key, part in without_nulls(value).items() if (key, part) != ("cardinality", [])}
    return without_nulls(value)


def _set_form(name: str, live: Sequence[Any], written: Written, rewrites: Sequence[Mapping[str, str]]) -> list[Any]:
    def image(value: Any) -> Any:
        for rewrite in rewrites:
            value = rewrite.get(value, value)
        return value

    pairs = _paired(written.document["rule"].get(name), written.file.payload.get(name))
    return kept_values(live, pairs, written.desired.get(name) or (), image)


def _paired(entries: Any, plain: Any) -> list[Authored]:
    """Return the entries of a file with their payload; both are lists of one length, or there is none."""
    if not isinstance(entries, list) or not isinstance(plain, list):
        return []
    return list(zip(entries, plain, strict=True))


def _authored(name: str, written: Written, rendering: Rendering) -> list[Authored]:
    pairs = _paired(written.document["rule"].get(name), written.file.payload.get(name))
    if name not in ("actions", "exceptions_list"):
        return pairs
    resolved = [(entry, part) for entry, plain in pairs for part in _resolved(name, plain, written.file, rendering)]
    added = (written.desired.get(name) or [])[len(resolved) :]
    return [*resolved, *((None, part) for part in added)]


def _resolved(name: str, plain: Any, file: RuleFile, rendering: Rendering) -> Iterable[Any]:
    payload, _ = rendering.resolved({name: [plain]}, file)
    entries: list[Any] = payload[name]
    return entries


def _entry_writer(name: str, names: Mapping[Any, str]) -> Any:
    if name == "actions":
        return lambda entry: named_action(entry, names) if isinstance(entry, Mapping) else entry
    if name == "exceptions_list":
        return lambda entry: named_list(entry) if isinstance(entry, Mapping) else entry
    if name == "required_fields":  # Kibana works `ecs` out (facts.md 2.4)
        return lambda entry: {k: v for k, v in entry.items() if k != "ecs"} if isinstance(entry, Mapping) else entry
    return without_nulls


def _rewritten_back(query: str, rewrites: Sequence[Mapping[str, str]], rewrite_sources: RewriteSources) -> str:
    for rewrite in reversed(rewrites):
        query = rewrite_sources(query, {new: old for old, new in rewrite.items()})
    return query


def with_fragments_named(note: str, transform: Any, before: str = "") -> str:
    """
    Return a note with the fragments of `[transform]` as the placeholders that stand for them, spelled as in the note
    `before`. The note as it is where placeholders would not give it back.
    """
    if not isinstance(transform, Mapping) or not transform:
        return note
    named = _named(note, transform, before)
    if with_placeholders(named, transform) == note:
        return named
    escaped = _named(note.replace("$", "$$"), transform, before, escaped=True)
    return escaped if with_placeholders(escaped, transform) == note else note


def _named(note: str, transform: Mapping[str, Any], before: str, *, escaped: bool = False) -> str:
    for plugin, entries in transform.items():
        for number in range(len(entries) if isinstance(entries, list) else 0):
            braced, bare = f"${{{plugin}_{number}}}", f"${plugin}_{number}"
            fragment = with_placeholders(braced, transform)
            if fragment != braced:
                word = braced if braced in before or bare not in before else bare
                note = note.replace(fragment.replace("$", "$$") if escaped else fragment, word)
    return note
