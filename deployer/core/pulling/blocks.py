"""
The `[[override]]`s of one environment file, while a pull changes them: what is so in this target only.

Rules that are off share one block; anything else that only this environment can say stands in a block of its rule.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from deployer.core.environment import Environment, Override
from deployer.core.selector import parse_selector
from deployer.core.toml.amend import amend

OFF: Final = "switched off here"
_OFF_SET: Final = {"enabled": False}
_INLINE: Final = ("set", "rewrite_index")


class Blocks:
    """The blocks of one target's place in its file: at the top, or in `[space.NAME]` where the file lists spaces."""

    def __init__(self, environment: Environment, document: Mapping[str, Any]) -> None:
        self._environment = environment
        self._document = document
        self._space = environment.space if _in_space(environment, document) else ""
        self._raw: list[dict[str, Any]] = list(self._table().get("override", ()))
        own = len(environment.overrides) - len(self._raw)
        self._below, self._own = environment.overrides[:own], list(environment.overrides[own:])
        self.changed: set[str] = set()

    @property
    def environment(self) -> Environment:
        """The environment with the blocks as they are now."""
        return replace(self._environment, overrides=(*self._below, *self._own))

    def text(self, text: str) -> str:
        """Return the environment file with the blocks as they are now; everything else stays byte for byte."""
        if not self.changed:
            return text
        table = {**self._table(), "override": self._raw}
        if not self._raw:
            del table["override"]
        document = table
        if self._space:
            spaces = self._document.get("space", {})
            document = {**self._document, "space": {**spaces, self._space: table}}
        return amend(text, document, inline=_INLINE)

    def switch_off(self, rule_ids: Collection[str]) -> None:
        """Say of rules that they are off here."""
        if not rule_ids:
            return
        selectors = [selector_of(rule_id) for rule_id in rule_ids]
        number = next((i for i, raw in enumerate(self._raw) if _only_off(raw)), None)
        self.changed.update(rule_ids)
        if number is None:
            self._append({"name": OFF, "match": selectors, "set": dict(_OFF_SET)})
        else:
            self._replace(number, {**self._raw[number], "match": [*_match(self._raw[number]), *selectors]})

    def not_off(self, rule_id: str) -> None:
        """Take back that a rule is off here, where the blocks that name it by its id say so."""
        for number in reversed(range(len(self._raw))):
            raw = self._raw[number]
            if not _only_off(raw) or selector_of(rule_id) not in _match(raw):
                continue
            self.changed.add(rule_id)
            rest = [selector for selector in _match(raw) if selector != selector_of(rule_id)]
            if rest:
                self._replace(number, {**raw, "match": rest})
            else:
                del self._raw[number], self._own[number]

    def forget(self, rule_id: str, gone: Callable[[str], bool]) -> bool:
        """Take fields out of the blocks that are about this rule alone, and say whether there were any."""
        found = False
        for number in reversed(range(len(self._raw))):
            raw = self._raw[number]
            old = raw.get("set")
            if _match(raw) != [selector_of(rule_id)] or not isinstance(old, Mapping):
                continue
            kept = {key: value for key, value in old.items() if not gone(key.partition(".")[0])}
            if len(kept) == len(old):
                continue
            found = True
            self.changed.add(rule_id)
            if kept or raw.keys() - {"name", "match", "set"}:
                rest = {key: value for key, value in raw.items() if key != "set"}
                self._replace(number, {**rest, "set": kept} if kept else rest)
            else:
                del self._raw[number], self._own[number]
        return found

    def set_fields(self, rule_id: str, name: str, values: Mapping[str, Any]) -> None:
        """Set fields of one rule, in the last block that is about this rule alone, or in a new one."""
        self.changed.add(rule_id)
        about = [i for i, raw in enumerate(self._raw) if _match(raw) == [selector_of(rule_id)]]
        if not about or not isinstance(self._raw[about[-1]].get("set", {}), Mapping):
            self._append({"name": f"{name}: as in Kibana", "match": [selector_of(rule_id)], "set": dict(values)})
            return
        raw = self._raw[about[-1]]
        kept = {key: value for key, value in raw.get("set", {}).items() if key.partition(".")[0] not in values}
        self._replace(about[-1], {**raw, "set": {**kept, **values}})

    def _table(self) -> Mapping[str, Any]:
        table: Mapping[str, Any] = self._document
        return table.get("space", {}).get(self._space, {}) if self._space else table

    def _append(self, raw: dict[str, Any]) -> None:
        self._raw.append(raw)
        self._own.append(Override(raw["name"], ()))
        self._replace(len(self._raw) - 1, raw)

    def _replace(self, number: int, raw: dict[str, Any]) -> None:
        self._raw[number] = raw
        match = tuple(parse_selector(selector) for selector in _match(raw))
        self._own[number] = replace(self._own[number], match=match, set=dict(_leaves(raw.get("set", {}))))


def selector_of(rule_id: str) -> str:
    """Return the selector of one rule; what a glob would take for a sign of its own is quoted."""
    return "id:" + "".join(f"[{sign}]" if sign in "*?[" else sign for sign in rule_id)


def _in_space(environment: Environment, document: Mapping[str, Any]) -> bool:
    listed = environment.target != environment.name
    return listed or "override" in document.get("space", {}).get(environment.space, {})


def _only_off(raw: Mapping[str, Any]) -> bool:
    """Say whether a block does nothing but switch off rules that it names by id."""
    return (
        raw.get("set") == _OFF_SET
        and raw.keys() <= {"name", "match", "set"}
        and all(selector.startswith("id:") for selector in _match(raw))
    )


def _match(raw: Mapping[str, Any]) -> list[str]:
    match = raw.get("match", [])
    return [match] if isinstance(match, str) else list(match)


def _leaves(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted keys of `set`, as `core.settings.overrides` reads them."""
    for key, value in table.items():
        path = f"{above}.{key}" if above else key
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, path)
        else:
            yield path, value
