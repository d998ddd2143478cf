"""
`prebuilt/*.toml`: what we manage on Elastic's own rules, these keys and no other (design.md section 3).

An entry becomes a RuleFile that has no rule in it but only what we set (`core.fields.PREBUILT`), so that selection,
references, pins, records and the planner treat it as they treat every rule of git.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from deployer.core.fields import IDENTITY, PREBUILT
from deployer.core.normalise import is_system_action
from deployer.core.rule_file import RuleFile
from deployer.core.settings.nodes import Node, SettingsFile, WrongError, node_of
from deployer.core.settings.overrides import action
from deployer.core.settings.reading import Table, distinct, flag, list_of, text
from deployer.errors import Problem

_MANAGED: Final = ("enabled", "actions", "exceptions")


@dataclass(frozen=True, slots=True)
class _Entry:
    node: Node
    rule_id: str
    content: Mapping[str, Any]


def prebuilt_of(files: Iterable[SettingsFile]) -> tuple[tuple[RuleFile, ...], tuple[Problem, ...]]:
    """Return every entry of these files, and everything that is wrong with them."""
    entries: list[tuple[int, _Entry]] = []
    problems: list[Problem] = []
    for file in files:
        try:
            entries += enumerate(prebuilt_file(node_of(file.data, file)))
        except WrongError as error:
            problems += error.problems
    problems += _repeated([entry for _, entry in entries])
    return tuple(_rule(number, entry) for number, entry in entries), tuple(problems)


def prebuilt_file(node: Node) -> tuple[_Entry, ...]:
    """Read a whole file."""
    table = Table(node)
    return table.done(table.read("prebuilt", list_of(_entry), ()))


def both(entries: Iterable[RuleFile], rules: Iterable[RuleFile]) -> Iterator[Problem]:
    """Yield a Problem for every entry whose rule is in the rule folders too: it is either ours or Elastic's."""
    ours = {file.rule_id: file for file in rules}
    for entry in entries:
        if entry.rule_id in ours:
            message = f"rule {entry.rule_id} is also in {ours[entry.rule_id].path}"
            remedy = "an own rule is changed in its file; give it another rule_id, or remove this entry"
            key = f"prebuilt[{entry.metadata['entry']}].rule_id"
            line, column = entry.metadata["places"][IDENTITY]
            yield Problem(entry.path, line, column, key, message, "duplicate-rule-id", remedy)


def _repeated(entries: Iterable[_Entry]) -> Iterator[Problem]:
    seen: dict[str, _Entry] = {}
    for entry in entries:
        first = seen.setdefault(entry.rule_id, entry)
        if first is not entry:
            where = "" if first.node.file.path == entry.node.file.path else f", first in {first.node.file.path}"
            message = f"rule {entry.rule_id} is there twice{where}"
            yield entry.node.problem(message, "duplicate-rule-id", "make one entry of the two", key=IDENTITY)


def _entry(node: Node) -> _Entry:
    table = Table(node)
    rule_id = table.need(IDENTITY, text, "", 'write rule_id = "…": the id of Elastic\'s rule')
    name = table.read("name", text, "")
    enabled = table.read("enabled", flag, default=False)
    actions = table.read("actions", list_of(_action), ())
    exceptions = table.read("exceptions", distinct(text), ())
    if not any(key in table for key in _MANAGED):
        table.add(node.problem("says nothing about the rule", "no-effect", f"give it one of {', '.join(_MANAGED)}"))
    said: dict[str, Any] = {"enabled": enabled, "actions": list(actions), "exceptions": list(exceptions)}
    content = {"name": name, **{key: said[key] for key in _MANAGED if key in table}}
    return table.done(_Entry(node, rule_id, content))


def _action(node: Node) -> dict[str, Any]:
    """Read one action; one by id is complete, because nobody looks its connector up."""
    found = action(node)
    if "id" not in found:
        return found
    if "action_type_id" not in found:
        remedy = "add action_type_id, or name a connector in place of the id"
        raise node.wrong("an action by id needs its action_type_id", "missing-key", remedy)
    return found if is_system_action(found) else {"group": "default", **found}


def _rule(number: int, entry: _Entry) -> RuleFile:
    content = dict(entry.content)
    if "exceptions" in content:
        content["exceptions_list"] = content.pop("exceptions")
    name = content.pop("name") or entry.rule_id
    places = {key: entry.node.file.locate((*entry.node.keys, key)) for key in (IDENTITY, "name")}
    metadata = {"entry": number, "places": places, "named": bool(entry.content["name"])}
    payload = {IDENTITY: entry.rule_id, "name": name, PREBUILT: True, **content}
    return RuleFile(entry.node.file.path, metadata, payload)
