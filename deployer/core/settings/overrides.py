"""`[[override]]`: what one environment or space changes in the rules that a selector selects."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import Any, Final

from deployer.core.environment import Override
from deployer.core.normalise import MARKER_PREFIX
from deployer.core.selector import parse_selector
from deployer.core.settings.nodes import Node, WrongError, wrong_type
from deployer.core.settings.policies import unknown_field
from deployer.core.settings.reading import Reader, Table, list_of, mapping_of, selectors, text
from deployer.core.settings.sketch import accepts
from deployer.core.suggestion import did_you_mean
from deployer.errors import Problem

_EVERY_RULE: Final = (parse_selector("*"),)
_EFFECTS: Final = ("set", "add_tags", "remove_tags", "add_actions", "rewrite_index")
_IDENTITY: Final = ("rule_id", "type")
_ACTION_KEYS: Final = frozenset(
    {"connector", "id", "action_type_id", "group", "params", "frequency", "alerts_filter", "uuid"}
)


def overrides(fields: Collection[str]) -> Reader[tuple[Override, ...]]:
    """Read every `[[override]]`, in order; `fields` are the field names that a rule can have."""
    return list_of(_override(fields))


def _override(fields: Collection[str]) -> Reader[Override]:
    def reader(node: Node) -> Override:
        table = Table(node)
        line, _ = node.file.locate(node.keys)
        found = Override(
            name=table.read("name", text, "") or f"override {line or ''}".strip(),
            match=table.need("match", selectors, _EVERY_RULE, 'say which rules: match = ["tag:…"], or ["*"] for all'),
            set=table.read("set", _settings(fields), {}),
            add_tags=table.read("add_tags", list_of(_tag), ()),
            remove_tags=table.read("remove_tags", list_of(_tag), ()),
            add_actions=table.read("add_actions", list_of(action), ()),
            rewrite_index=table.read("rewrite_index", _patterns, {}),
            origin=f"{node.file.path}:{line}",
        )
        if not any(key in table for key in _EFFECTS):
            table.add(node.problem("changes nothing", "no-effect", f"give it one of {', '.join(_EFFECTS)}"))
        return table.done(found)

    return reader


def _settings(fields: Collection[str]) -> Reader[dict[str, Any]]:
    """
    Read `set` as dotted keys to JSON values.

    `"threshold.value" = 40`, `threshold.value = 40` and `threshold = { value = 40 }` say the same: TOML gives the last
    two one meaning, and a missing pair of quotes must not throw away the rest of a field.
    """

    def schema() -> dict[str, Any]:
        heads = "|".join(sorted(set(fields) - set(_IDENTITY)))
        return {"type": "object", "propertyNames": {"pattern": rf"^({heads})(\.[^.]+)*$"}}

    @accepts(schema)
    def reader(node: Node) -> dict[str, Any]:
        if not isinstance(node.value, dict):
            raise wrong_type(node, "a table", 'for example set = { interval = "10m" }')
        problems: list[Problem] = []
        found: dict[str, Any] = {}
        for key, leaf in _leaves(node):
            wrong = [*_wrong_setting(key, leaf, fields)]
            if not wrong and _meets(key, found):
                wrong = [leaf.problem(f'"{key}" is set twice', "duplicate-key", "keep one")]
            problems += wrong
            found[key] = leaf.plain()
        if problems:
            raise WrongError(*problems)
        return found

    return reader


def _leaves(node: Node, above: str = "") -> Iterator[tuple[str, Node]]:
    """Yield every dotted key below a table with its value; an empty table is a value."""
    for key, item in node.value.items():
        path = f"{above}.{key}" if above else key
        if isinstance(item.value, dict) and item.value:
            yield from _leaves(item, path)
        else:
            yield path, item


def _meets(key: str, found: Collection[str]) -> bool:
    """Say whether one of the keys already found is this one, lies above it or below it."""
    return any(f"{other}.".startswith(f"{key}.") or f"{key}.".startswith(f"{other}.") for other in found)


def _wrong_setting(key: str, leaf: Node, fields: Collection[str]) -> Iterator[Problem]:
    """Yield what is wrong with one dotted key and its value."""
    top = key.partition(".")[0]
    if top in _IDENTITY:
        yield leaf.problem(f'an override cannot change "{top}"', "fixed-field", "it would be another rule")
    elif top not in fields:
        yield unknown_field(leaf, top, fields)
    elif not all(key.split(".")):
        yield leaf.problem(f'"{key}" is not a dotted key', "wrong-value", "write names with one dot between them")
    if top == "tags":
        tags = leaf.plain() if isinstance(leaf.value, tuple) else [leaf.value]
        yield from (_marker(leaf) for tag in tags if isinstance(tag, str) and tag.startswith(MARKER_PREFIX))
    yield from _not_json(leaf)


def _not_json(node: Node) -> Iterator[Problem]:
    """Yield the values below that JSON cannot hold: dates, times, infinities."""
    if isinstance(node.value, dict):
        for item in node.value.values():
            yield from _not_json(item)
    elif isinstance(node.value, tuple):
        for item in node.value:
            yield from _not_json(item)
    elif isinstance(node.value, float) and not math.isfinite(node.value):
        yield node.problem("is not a number that a rule can hold", "wrong-type")
    elif not isinstance(node.value, str | bool | int | float):
        yield node.problem("a rule has no dates, only text", "wrong-type", f'write it in quotes: "{node.value}"')


def _marker(node: Node) -> Problem:
    remedy = "remove it; deployer writes its own marker"
    return node.problem(f'a tag "{MARKER_PREFIX}…" marks who owns a rule', "marker-tag", remedy)


def _tag(node: Node) -> str:
    tag = text(node)
    if tag.startswith(MARKER_PREFIX):
        raise WrongError(_marker(node))
    return tag


def action(node: Node) -> dict[str, Any]:
    """Read one action: an object of Kibana's API, with `connector`, a name of [connectors], in place of its `id`."""
    table = Table(node)
    table.knows(*_ACTION_KEYS)
    table.read("connector", text, "")
    table.read("id", text, "")
    if ("connector" in table) == ("id" in table):
        remedy = 'name one of [connectors]: connector = "soc-pager"'
        table.add(node.problem("an action needs either a connector or an id", "missing-key", remedy))
    for key in node.value.keys() - _ACTION_KEYS:
        remedy = did_you_mean(key, _ACTION_KEYS)
        table.add(table.at(key).problem(f'"{key}" is not a key of an action', "unknown-key", remedy))
    table.add(*_not_json(node))
    for key in ("params", "frequency", "alerts_filter"):
        table.read(key, _table, {})
    for key in node.value:
        table.read(key, Node.plain, None)
    return table.done(dict(node.plain()))


def _table(node: Node) -> Any:
    return Table(node).node.plain()


def _patterns(node: Node) -> dict[str, str]:
    """Read `rewrite_index`: exact index patterns to what takes their place."""
    found = mapping_of(text)(node)
    if not found:
        raise node.wrong("rewrites nothing", "no-effect", 'write { "logs-*" = "us:logs-*" }')
    return found
