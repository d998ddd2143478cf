"""
What a rule does, apart from how it reads: its behaviour (design section 2).

Two contents with one behaviour alert alike: what differs is cosmetic (name, note, tags, references; `core.fields` says
which). A hold compares behaviours, so that a corrected note does not end it, and promotion asks no soak of such a
change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deployer.core.canonical import digest
from deployer.core.fields import Category, field
from deployer.core.ports import Body
from deployer.core.rule_file import unresolved


def behaviour(content: Mapping[str, Any], connectors: Iterable[Body] = ()) -> dict[str, Any]:
    """
    Return the behaviour of a canonical rule: without cosmetic fields and without ids that Kibana made.

    `connectors` are those of the space: an action by id then counts by its connector's name, so that a connector that
    was made anew changes nothing.
    """
    kept = {name: value for name, value in unresolved(content).items() if field(name).category is not Category.COSMETIC}
    if kept.get("actions"):
        names = {body.get("id"): body.get("name") for body in connectors}
        kept["actions"] = [_by_name(action, names) for action in kept["actions"]]
    return kept


def behaviour_digest(content: Mapping[str, Any], connectors: Iterable[Body] = ()) -> str:
    """Return the content address of a behaviour."""
    return digest(behaviour(content, connectors))


def _by_name(action: Any, names: Mapping[Any, Any]) -> Any:
    if not isinstance(action, Mapping) or action.get("id") not in names:
        return action
    return {**{key: value for key, value in action.items() if key != "id"}, "connector": names[action["id"]]}
