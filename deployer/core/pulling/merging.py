"""One live rule and its file: the document that says what Kibana has, and what only an override can say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from deployer.core.desired import Rendering
from deployer.core.fields import ABSENT, FIELDS, IDENTITY, SERVER_OWNED, default_of
from deployer.core.fields import field as row_of
from deployer.core.live import LiveRule
from deployer.core.normalise import same_field, without_nulls
from deployer.core.payload import payload
from deployer.core.pulling.forms import NESTED, Written, file_form
from deployer.core.pulling.names import named_action, named_list
from deployer.core.rule_file import RuleFile

_ROUNDS: Final = 4  # a note that gains a Setup section needs a `setup`, a type needs its fields
_ALWAYS: Final = frozenset({"name", "description", "type", "severity", "risk_score", "language", "query"})
_KIBANAS: Final = frozenset({"version", "throttle", "enabled"})
"""Not in a new file: Kibana counts versions, `throttle` follows from the actions, `enabled` goes to an override."""


@dataclass(frozen=True, slots=True)
class Merged:
    """
    A rule file as a document, with the live rule in it. `fields` are those that changed there, `sets` what the
    environment has to set for this rule because the file cannot say it, or because an override stands in the way.
    """

    document: Mapping[str, Any]
    fields: tuple[str, ...] = ()
    sets: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Merger:
    """What does not change from rule to rule: how rules become those of the target, and its connectors by name."""

    rendering: Rendering
    names: Mapping[Any, str]

    def new(self, live: LiveRule, path: str) -> Merged:
        """Return a file for a rule that has none: every field that says more than its default."""
        rule: dict[str, Any] = {
            IDENTITY: live.rule_id, **{name: live.value(name) for name in ("type", "name", "severity")}
        }  # fmt: skip
        document: dict[str, Any] = {"metadata": _metadata(live), "rule": rule}
        for name, value in live.content().items():
            kept = name in _ALWAYS or not same_field(name, value, default_of(name, live.type), live.type)
            if value is not None and kept and name not in _KIBANAS:
                document = self._with(document, name, live, path)
        return self._settled(document, None, live, path, everything=True)

    def into(
        self, document: Mapping[str, Any], live: LiveRule, path: str, names: frozenset[str] | None = None
    ) -> Merged:
        """
        Return the document with what differs in Kibana; what git has no opinion on, and what the environment leaves to
        Kibana, is left alone. `names` narrows it to some fields.
        """
        retyped = _retyped(document, live)
        return self._settled(retyped, document, live, path, names=names)

    def differing(self, file: RuleFile, live: LiveRule, *, everything: bool = False) -> list[str]:
        """Return the fields in which the rule of a file, rendered for the target, is not the live one."""
        desired, policy = self.rendering.of(file)[0].payload, self.rendering.environment.ownership
        rule_type = str(desired["type"])
        known = [name for name, row in FIELDS.items() if row.exists_for(rule_type) and name != "enabled"]
        found: list[str] = []
        for name in (*known, *sorted(desired.keys() - FIELDS.keys() - {IDENTITY})):
            wanted = desired.get(name, ABSENT)
            if wanted is ABSENT and not row_of(name).opinion:
                continue
            kibanas = policy.of(name) in ("live", "once") and not everything
            if not kibanas and not same_field(name, wanted, live.value(name), rule_type):
                found.append(name)
        return found

    def _settled(
        self,
        document: Mapping[str, Any],
        original: Mapping[str, Any] | None,
        live: LiveRule,
        path: str,
        *,
        names: frozenset[str] | None = None,
        everything: bool = False,
    ) -> Merged:
        differing = self._differing(document, live, path, names, everything)
        for number in range(_ROUNDS):
            for name in differing:
                document = self._with(document, name, live, path, explicit=number > 0)
            if differing := self._differing(document, live, path, names, everything):
                continue
            break
        if original is not None and differing and document["rule"]["type"] == original["rule"].get("type"):
            document = _restored(document, original, differing)
            differing = self._differing(document, live, path, names, everything)
        sets = {name: self._override_value(name, live) for name in differing}
        file = rule_of(document, path)  # nothing can be set to absent, and what an override would not mend is not set
        said = {
            name: value for name, value in sets.items() if value is not ABSENT and self._helps(name, value, live, file)
        }
        return Merged(document, _changed(original or {"rule": {}}, document), said)

    def _differing(
        self, document: Mapping[str, Any], live: LiveRule, path: str, names: frozenset[str] | None, everything: bool
    ) -> list[str]:
        found = self.differing(rule_of(document, path), live, everything=everything)
        return found if names is None else [name for name in found if name in names]

    def _with(
        self, document: Mapping[str, Any], name: str, live: LiveRule, path: str, *, explicit: bool = False
    ) -> dict[str, Any]:
        """Return the document with one field as it is live; a default is not written unless it has to be `explicit`."""
        file = rule_of(document, path)
        written = Written(document, file, self.rendering.of(file)[0].payload)
        value = file_form(name, live, written, self.rendering, self.names)
        silent = same_field(name, value, default_of(name, live.type), live.type) and name not in _ALWAYS
        if silent and (not explicit or value is ABSENT):
            value = "" if explicit and name == "setup" else ABSENT
        if silent and value is ABSENT and name in document["rule"] and live.value(name) not in (ABSENT, None, "", []):
            value = live.value(name)  # the author spelled the field out, so the default is spelled out too
        return {**document, "rule": _put(document["rule"], name, value)}

    def _helps(self, name: str, value: Any, live: LiveRule, file: RuleFile) -> bool:
        """Say whether a value that names things of the space is what is live: a link may lead nowhere there."""
        if name not in ("actions", "exceptions_list"):
            return True
        resolved, _ = self.rendering.resolved({name: value}, file)
        return same_field(name, resolved[name], live.value(name), live.type)

    def _override_value(self, name: str, live: LiveRule) -> Any:
        value = live.value(name)
        if value is ABSENT or value is None:
            value = default_of(name, live.type)
            return value if value is not ABSENT or not row_of(name).empty else ("" if row_of(name).text else [])
        if name == "actions":
            return [named_action(action, self.names) for action in value]
        if name == "exceptions_list":
            return [named_list(entry) for entry in value]
        return without_nulls(value)


def rule_of(document: Mapping[str, Any], path: str) -> RuleFile:
    """Return the rule that a document makes, as `core.rule_file` does it for one without mistakes."""
    kept = {key: value for key, value in document["rule"].items() if key not in SERVER_OWNED}
    return RuleFile(path, document.get("metadata", {}), payload(kept, document.get("transform")))


def _metadata(live: LiveRule) -> dict[str, str]:
    """Return what a new file says of itself; days as detection-rules writes them."""
    days = {"creation_date": live.body.get("created_at"), "updated_date": live.body.get("updated_at")}
    found = {key: str(value)[:10].replace("-", "/") for key, value in days.items() if value}
    return {**found, "maturity": "production"}


def _retyped(document: Mapping[str, Any], live: LiveRule) -> Mapping[str, Any]:
    """Return the document with the type that the rule has live, and without the fields that this type does not have."""
    rule = document["rule"]
    if rule.get("type") == live.type:
        return document
    kept = {name: value for name, value in rule.items() if name not in FIELDS or FIELDS[name].exists_for(live.type)}
    if live.type != "new_terms":
        kept.pop("new_terms", None)
    return {**document, "rule": {**kept, "type": live.type}}


def _put(rule: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    """Return the [rule] table with one field of the API in the spelling that the file uses."""
    nested = rule.get("new_terms")
    if name in NESTED and isinstance(nested, Mapping) and value is not ABSENT and _has(nested, name):
        return {**rule, "new_terms": _at(nested, NESTED[name], value)}
    if value is ABSENT:
        return {key: part for key, part in rule.items() if key != name}
    return {**rule, name: value}


def _has(nested: Mapping[str, Any], name: str) -> bool:
    if name == "new_terms_fields":
        return "value" in nested
    windows = nested.get("history_window_start")
    return isinstance(windows, list) and len(windows) == 1


def _at(node: Any, way: tuple[str | int, ...], value: Any) -> Any:
    if not way:
        return value
    copy: Any = list(node) if isinstance(node, list) else dict(node)
    copy[way[0]] = _at(node[way[0]], way[1:], value)
    return copy


def _restored(document: Mapping[str, Any], original: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    """Return the document with what was there before at the fields that it cannot say after all."""
    keys = {*names, *(["note", "setup"] if {"note", "setup"} & set(names) else [])}
    keys |= {"new_terms"} if keys & NESTED.keys() else set()
    order = [*original["rule"], *(key for key in document["rule"] if key not in original["rule"])]
    both = {key: original["rule"] if key in keys else document["rule"] for key in order}
    return {**document, "rule": {key: table[key] for key, table in both.items() if key in table}}


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    old, new = before["rule"], after["rule"]
    return tuple(
        sorted(name for name in old.keys() | new.keys() if old.get(name, ABSENT) is not new.get(name, ABSENT)
               and (name not in old or name not in new or old[name] != new[name]))
    )  # fmt: skip
