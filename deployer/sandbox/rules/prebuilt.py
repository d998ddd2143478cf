"""
Prebuilt rules: their assets, and how far an installed one has been customised (facts.md sections 3.8 and 6).

Assets are documents of kind ASSET, one per rule_id and version, in no space; fixtures come from the admin path.
"""

from __future__ import annotations

from typing import Any

from deployer.sandbox.call import Call
from deployer.sandbox.documents import EVERYWHERE, Document
from deployer.sandbox.kinds import ASSET
from deployer.sandbox.messages import Body
from deployer.sandbox.rules.shape import INTERNAL

# What differing in does not make a rule customised: identity, what the server computes, and what users set on any rule.
_NOT_CUSTOMISED = frozenset(
    {
        *("id", "rule_id", "version", "revision", "enabled", "immutable", "rule_source", "meta", "output_index", "to"),
        *("created_at", "created_by", "updated_at", "updated_by", "actions", "exceptions_list", "response_actions"),
        *("author", "license", "execution_summary"),
    }
)


def assets(call: Call, rule_id: str) -> list[Document]:
    """All known versions of a prebuilt rule, oldest first."""
    found = call.kibana.documents.all(ASSET, EVERYWHERE, parent=rule_id)
    return sorted(found, key=lambda one: one.body["version"])


def source_of(call: Call, rule: Body) -> Body:
    """`rule_source` of a rule as it is about to be stored."""
    if not rule["immutable"]:
        return INTERNAL
    base = next((one.body for one in assets(call, rule["rule_id"]) if one.body["version"] == rule["version"]), None)
    if base is None:
        # Without its base version nobody can tell what was changed: what was customised stays so.
        customised = bool(rule["rule_source"].get("is_customized"))
        return {"type": "external", "is_customized": customised, "customized_fields": [], "has_base_version": False}
    fields = customised_fields(base, rule)
    return {
        "type": "external",
        "is_customized": bool(fields),
        "customized_fields": [{"field_name": name} for name in fields],
        "has_base_version": True,
    }


def customised_fields(base: Body, rule: Body) -> list[str]:
    """The fields in which an installed rule differs from its asset."""
    names = sorted((set(base) | set(rule)) - _NOT_CUSTOMISED)
    return [name for name in names if _plain(base.get(name)) != _plain(rule.get(name))]


def _plain(value: Any) -> Any:
    return None if value in ([], "", {}) else value
