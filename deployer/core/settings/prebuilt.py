"""Checks `prebuilt/*.toml`: what we manage on Elastic's own rules, these keys and no other (design.md section 3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from deployer.core.settings.nodes import Node, SettingsFile, WrongError, node_of
from deployer.core.settings.overrides import action
from deployer.core.settings.reading import Table, distinct, flag, list_of, text
from deployer.errors import Problem

_MANAGED: Final = ("enabled", "actions", "exceptions")


def prebuilt_problems(file: SettingsFile) -> Iterator[Problem]:
    """Yield what is wrong with one file."""
    try:
        entries = prebuilt_file(node_of(file.data, file))
    except WrongError as error:
        yield from error.problems
        return
    seen: set[str] = set()
    for rule_id, node in entries:
        if rule_id in seen:
            message = f"rule {rule_id} is there twice"
            yield node.problem(message, "duplicate-rule-id", "make one entry of the two", key="rule_id")
        seen.add(rule_id)


def prebuilt_file(node: Node) -> tuple[tuple[str, Node], ...]:
    """Read a whole file: the ids of the rules, each with its entry."""
    table = Table(node)
    return table.done(table.read("prebuilt", list_of(_entry), ()))


def _entry(node: Node) -> tuple[str, Node]:
    table = Table(node)
    rule_id = table.need("rule_id", text, "", 'write rule_id = "…": the id of Elastic\'s rule')
    table.read("name", text, "")
    table.read("enabled", flag, default=False)
    table.read("actions", list_of(action), ())
    table.read("exceptions", distinct(text), ())
    if not any(key in table for key in _MANAGED):
        table.add(node.problem("says nothing about the rule", "no-effect", f"give it one of {', '.join(_MANAGED)}"))
    return table.done((rule_id, node))
