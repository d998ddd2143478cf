"""The tables that say what may happen in an environment: rules, ownership, limits, deploy, promotion, connectors."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from typing import Any, Final, get_args

from deployer.core.environment import (
    Conflict,
    ConnectorRef,
    DeployPolicy,
    Exclusion,
    Freeze,
    Limit,
    Limits,
    Ownership,
    OwnershipPolicy,
    PromotionPolicy,
    Removed,
    RulesPolicy,
)
from deployer.core.selector import parse_selector
from deployer.core.settings.layers import SECTION_OF
from deployer.core.settings.nodes import Node, wrong_type
from deployer.core.settings.reading import (
    Reader,
    Table,
    choice,
    day,
    distinct,
    duration,
    flag,
    list_of,
    mapping_of,
    selector,
    selectors,
    text,
)
from deployer.core.settings.sketch import TEXT, accepts, also_accepts
from deployer.core.suggestion import did_you_mean
from deployer.errors import Problem

REASONS: Final = ("allow", "waive", "rollback", "hold", "release", "unlock")
REQUIREMENTS: Final = ("deployed", "healthy")
HEALTHY_ALLOWS: Final = ("missing-index", "disabled-in-source")

_EVERY_RULE: Final = parse_selector("*")
_PERCENT: Final = re.compile(r"([0-9]{1,3})%")
_UNLIMITED: Final = "unlimited"
_SECONDS_A_DAY: Final = 86400.0


def rules(today: date) -> Reader[RulesPolicy]:
    """Read `[rules]`; an exclusion that ended before `today` is a Problem."""

    def reader(node: Node) -> RulesPolicy:
        table = Table(node)
        policy = RulesPolicy(
            source=table.read("source", choice(("worktree", "promoted")), "worktree"),
            include=table.read("include", selectors, ()),
            exclude=table.read("exclude", list_of(_exclusion(today)), ()),
            new_rules=table.read("new_rules", choice(("enabled", "disabled")), "enabled"),
            min_stack=table.read("min_stack", choice(("warn", "skip", "error")), "warn"),
        )
        return table.done(policy, SECTION_OF)

    return reader


def _exclusion(today: date) -> Reader[Exclusion]:
    """Read one entry of `exclude`: a selector, or a table with `match`, `reason`, `until`."""

    @also_accepts(TEXT)
    def reader(node: Node) -> Exclusion:
        if not isinstance(node.value, dict):
            return Exclusion(selector(node))
        table = Table(node)
        match = table.need("match", selector, _EVERY_RULE, 'say which rules: match = "tag:…"')
        reason = table.read("reason", text, "")
        until = table.read("until", day, None)
        if until and until < today:
            place = table.at("until")
            remedy = "remove the entry, or decide anew and move the date"
            table.add(place.problem(f"this exclusion ended on {until}", "expired-exclusion", remedy))
        return table.done(Exclusion(match, reason, until))

    return reader


def ownership(fields: Collection[str]) -> Reader[OwnershipPolicy]:
    """Read `[ownership]`; `fields` are the field names that a rule can have."""

    def reader(node: Node) -> OwnershipPolicy:
        table = Table(node)
        policy = OwnershipPolicy(
            fields=table.read("fields", _owners(fields), {}),
            removed=table.read("removed", choice(get_args(Removed)), "disable"),
            delete_after_days=table.read("delete_after", duration, 30 * _SECONDS_A_DAY) / _SECONDS_A_DAY,
            conflict=table.read("conflict", choice(get_args(Conflict)), "refuse"),
        )
        return table.done(policy, SECTION_OF)

    return reader


def _owners(fields: Collection[str]) -> Reader[dict[str, Ownership]]:
    """Read `[ownership.fields]`: a top-level field name or "*" to an owner."""

    def schema() -> dict[str, Any]:
        owner = {"enum": list(get_args(Ownership))}
        return {"type": "object", "properties": dict.fromkeys((*fields, "*"), owner), "additionalProperties": False}

    @accepts(schema)
    def reader(node: Node) -> dict[str, Ownership]:
        table = Table(node)
        for name in node.value:
            if name != "*" and name not in fields:
                table.add(unknown_field(table.at(name), name, fields))
        return table.done({name: table.read(name, choice(get_args(Ownership)), "shared") for name in node.value})

    return reader


def unknown_field(place: Node, name: str, fields: Collection[str]) -> Problem:
    """Return the Problem of a field name that no rule can have."""
    top = name.partition(".")[0]
    if top in fields:
        return place.problem(f'"{name}" is not a whole field', "unknown-field", f'a field is owned as a whole: "{top}"')
    return place.problem(f'a rule has no field "{name}"', "unknown-field", did_you_mean(top, fields))


def limits(node: Node) -> Limits:
    """Read `[limits]`. What is not said keeps the built-in limit."""
    table, built_in = Table(node), Limits()
    found = Limits(
        create=table.read("create", _limit, built_in.create),
        update=table.read("update", _limit, built_in.update),
        enable=table.read("enable", _limit, built_in.enable),
        disable=table.read("disable", _limit, built_in.disable),
        delete=table.read("delete", _limit, built_in.delete),
        recreate=table.read("recreate", _limit, built_in.recreate),
        weaken=table.read("weaken", _limit, built_in.weaken),
        protected=table.read("protected", list_of(selector), ()),
    )
    return table.done(found, SECTION_OF)


@accepts(
    {
        "anyOf": [
            {"type": "integer", "minimum": 0},
            {"type": "string", "pattern": r"^\s*(100|[0-9]{1,2})%\s*$"},
            {"enum": [_UNLIMITED]},
        ]
    }
)
def _limit(node: Node) -> Limit | None:
    """Read a number of rules, a percentage, or "unlimited" (which takes an inherited limit off)."""
    remedy = 'write a number (10), a percentage ("40%") or "unlimited"'
    if node.value == _UNLIMITED:
        return None
    if isinstance(node.value, str):
        percent = _PERCENT.fullmatch(node.value.strip())
        if not percent or int(percent[1]) > 100:
            raise node.wrong(f'"{node.value}" is not a limit', "wrong-value", remedy)
        return Limit(int(percent[1]), percent=True)
    if isinstance(node.value, bool) or not isinstance(node.value, int):
        raise wrong_type(node, "a limit", remedy)
    if node.value < 0:
        raise node.wrong("must not be negative", "wrong-value", remedy)
    return Limit(node.value)


def deploy(node: Node) -> DeployPolicy:
    """Read `[deploy]`."""
    table = Table(node)
    policy = DeployPolicy(
        branch=table.read("branch", text, None),
        ci_only=table.read("ci_only", flag, default=False),
        reason=table.read("reason", distinct(choice(REASONS)), ()),
        freeze=table.read("freeze", list_of(_freeze), ()),
    )
    return table.done(policy, SECTION_OF)


def _freeze(node: Node) -> Freeze:
    """Read one span of `freeze`, both days included."""
    table = Table(node)
    start = table.need("from", day, date.min, "the first day: from = 2026-12-18")
    end = table.need("until", day, date.max, "the last day: until = 2027-01-04")
    if end < start:
        table.add(table.at("until").problem(f"ends on {end}, before it starts on {start}", "wrong-value", "swap them"))
    return table.done(Freeze(start, end, table.read("reason", text, "")))


def promotion(node: Node) -> PromotionPolicy:
    """Read `[promotion]`. Whether `from` is an environment is for the caller to check."""
    table = Table(node)
    policy = PromotionPolicy(
        source=table.need("from", text, "", 'name the environment that proves rules first: from = "staging"'),
        soak=table.read("soak", duration, 0.0),
        require=table.read("require", distinct(choice(REQUIREMENTS)), ("deployed",)),
        healthy_allows=table.read("healthy_allows", distinct(choice(HEALTHY_ALLOWS)), ()),
    )
    return table.done(policy, SECTION_OF)


def connectors(node: Node) -> dict[str, ConnectorRef]:
    """Read `[connectors]`: a logical name to a connector's name, or to `{ id = "…" }`."""
    return mapping_of(_connector)(node)


@also_accepts(TEXT)
def _connector(node: Node) -> ConnectorRef:
    if isinstance(node.value, str):
        return ConnectorRef(name=text(node))
    if not isinstance(node.value, dict):
        raise wrong_type(node, "a connector", 'write its name in the space, or { id = "…" }')
    table = Table(node)
    return table.done(ConnectorRef(id=table.need("id", text, "", 'write its name in the space, or { id = "…" }')))
