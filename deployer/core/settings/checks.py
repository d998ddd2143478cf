"""
`[checks]` of deployer.toml: which quality checks run, at which level, for which rules.

    [checks]
    leading-wildcard = "warning"
    required-tags = { level = "error", tags = ["Data Source: *"], match = ["not:path:rules/lab/**"] }

    [[checks.triage-note]]           # several entries: the first that matches a rule decides
    match = ["severity:critical"]
    level = "error"
"""

from __future__ import annotations

from typing import Any

from deployer.core.checks.check import Check
from deployer.core.checks.policy import LEVELS, Policy, Setting
from deployer.core.checks.registry import CHECKS
from deployer.core.settings.nodes import Node
from deployer.core.settings.reading import Reader, Table, choice, list_of, selectors
from deployer.core.settings.sketch import accepts, describe


def checks(node: Node) -> Policy:
    """Read `[checks]`: a code to a level, a table, or a list of tables."""
    table = Table(node)
    found = {code: table.read(code, _settings(check), ()) for code, check in CHECKS.items()}
    return table.done({code: settings for code, settings in found.items() if settings})


def _settings(check: Check) -> Reader[tuple[Setting, ...]]:
    def schema() -> dict[str, Any]:
        one = describe(_setting(check))
        for option in check.options:
            one["properties"][option.name]["description"] = option.summary
        return {"description": check.summary, "anyOf": [{"enum": list(LEVELS)}, one, {"type": "array", "items": one}]}

    @accepts(schema)
    def reader(node: Node) -> tuple[Setting, ...]:
        if isinstance(node.value, str):
            return (Setting(choice(LEVELS)(node)),)
        if isinstance(node.value, tuple):
            return list_of(_setting(check))(node)
        return (_setting(check)(node),)

    return reader


def _setting(check: Check) -> Reader[Setting]:
    """Read one table: `level`, `match` and the check's own options."""

    def reader(node: Node) -> Setting:
        table = Table(node)
        level = table.read("level", choice(LEVELS), check.on)
        match = table.read("match", selectors, ())
        options = {option.name: table.read(option.name, option.reader, option.default) for option in check.options}
        return table.done(Setting(level, match, options))

    return reader
