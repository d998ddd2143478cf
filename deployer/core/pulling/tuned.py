"""
What is set on Elastic's own rules into `prebuilt/*.toml`: on or off, actions, exceptions (design section 6).

An entry keeps the keys that it has: what it does not name stays nobody's business. A rule without an entry gets one if
something is set on it; its content is Elastic's and is never taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from deployer.core.fields import IDENTITY
from deployer.core.live import LiveRule, by_rule_id
from deployer.core.ports import Body
from deployer.core.pulling.choosing import KIBANAS_OWN
from deployer.core.pulling.entries import Authored, kept_entries
from deployer.core.pulling.exceptions import ListChange
from deployer.core.pulling.merging import Merger
from deployer.core.pulling.names import named_action
from deployer.core.rule_file import RuleFile
from deployer.core.selector import Selector, matches_any
from deployer.core.toml import read
from deployer.core.toml.amend import amend
from deployer.core.toml.emit import emit

NEW_FILE: Final = "pulled.toml"
_INLINE: Final = ("actions",)
_FIELDS: Final = {"enabled": "enabled", "actions": "actions", "exceptions": "exceptions_list"}
"""The keys of an entry, and the fields of a rule that they set."""


@dataclass
class TunedPulled:
    """What a pull writes of Elastic's rules, and the rules on which something is set."""

    changes: list[ListChange] = field(default_factory=list)
    bodies: list[Body] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Entries:
    """
    The entries of git by rule, and those of them that the target is to have; the texts of their files, and the file of
    new entries (`text` answers None where it is not there yet).
    """

    files: Mapping[str, RuleFile]
    here: frozenset[str]
    text: Callable[[str], str | None]
    new_path: str


def pull_tuned(bodies: Iterable[Body], only: Sequence[Selector], entries: Entries, merger: Merger) -> TunedPulled:
    """Return what has to be written so that git says what is set on these rules."""
    pulled = TunedPulled()
    documents: dict[str, dict[str, Any]] = {}
    singles, _ = by_rule_id(bodies)
    for rule_id, live in sorted(singles.items()):
        if not live.prebuilt or (only and not matches_any(only, live)):
            continue
        entry = entries.files.get(rule_id)
        if entry is not None and rule_id not in entries.here:
            continue
        new = None if entry is not None else _new(live, merger)
        if entry is None and new is None:
            continue
        pulled.bodies.append(live.body)
        path = entry.path if entry is not None else entries.new_path
        document = documents.setdefault(path, read(entries.text(path) or ""))
        known = list(document.get("prebuilt", ()))
        if new is not None:
            known.append(new)
        elif entry is not None:
            number = entry.metadata["entry"]
            known[number] = _patched(known[number], entry, live, merger)
        documents[path] = {**document, "prebuilt": known}
    for path, document in sorted(documents.items()):
        old = entries.text(path)
        text = emit(document, inline=_INLINE) if old is None else amend(old, document, inline=_INLINE)
        if text != old:
            pulled.changes.append(ListChange(path, _names(old, document), text, old))
    return pulled


def _new(live: LiveRule, merger: Merger) -> dict[str, Any] | None:
    """Return the entry of a rule that has none, None where nothing is set on it: Elastic's rules come switched off."""
    actions = [named_action(action, merger.names) for action in live.body.get("actions") or ()]
    exceptions = _list_ids(live)
    said = {"enabled": live.enabled or None, "actions": actions, "exceptions": exceptions}
    found = {key: value for key, value in said.items() if value}
    return {IDENTITY: live.rule_id, "name": live.name, **found} if found else None


def _patched(raw: Mapping[str, Any], entry: RuleFile, live: LiveRule, merger: Merger) -> dict[str, Any]:
    policy = merger.rendering.environment.ownership
    result = dict(raw)
    for key in [key for key, name in _FIELDS.items() if key in raw and policy.of(name) not in ("live", "once")]:
        if key == "enabled":
            result[key] = live.enabled
        elif key == "exceptions":
            there = _list_ids(live, also=raw[key])
            kept = [name for name in raw[key] if name in there]
            result[key] = [*kept, *(name for name in there if name not in kept)]
        else:
            pairs = _resolved(raw[key], entry, merger)
            actions = live.body.get("actions") or ()
            result[key] = kept_entries("actions", actions, pairs, live.type, lambda a: named_action(a, merger.names))
    return result


def _resolved(written: Sequence[Any], entry: RuleFile, merger: Merger) -> list[Authored]:
    pairs: list[Authored] = []
    for raw, plain in zip(written, entry.payload["actions"], strict=True):
        payload, _ = merger.rendering.resolved({"actions": [plain]}, entry)
        pairs += [(raw, part) for part in payload["actions"]]
    return pairs


def _list_ids(live: LiveRule, also: Sequence[str] = ()) -> list[str]:
    """Return the lists that are linked; Elastic links Kibana's own to its endpoint rules itself."""
    named = [str(one.get("list_id")) for one in live.body.get("exceptions_list") or () if isinstance(one, Mapping)]
    return [name for name in dict.fromkeys(named) if name != KIBANAS_OWN or name in also]


def _names(old: str | None, document: Mapping[str, Any]) -> tuple[str, ...]:
    before = {entry[IDENTITY]: entry for entry in read(old).get("prebuilt", ())} if old else {}
    changed = [entry for entry in document["prebuilt"] if before.get(entry[IDENTITY]) != entry]
    return tuple(str(entry.get("name", entry[IDENTITY])) for entry in changed)
