"""
The JSON Schema of a rule file, for editors: the models of `core.shape`, as a file spells them.

What differs from the payload is what the payload steps use up: `[metadata]`, `[transform]`, `[rule.new_terms]`. One
list of properties serves completion, a branch for each rule type says what that type needs and does not have.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from deployer.core.fields import FIELDS, IDENTITY, RULE_TYPES, SERVER_OWNED
from deployer.core.rule_tables import FREE, LISTS, NEEDED, PLUGINS, TEXTS
from deployer.core.shape.as_json import table_schema
from deployer.core.shape.models import rule_model

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_FILLED: Final[Schema] = {"type": "string", "pattern": r"\S"}
_FLAT_NEW_TERMS: Final = ("new_terms_fields", "history_window_start")


def rule_schema(codes: Collection[str]) -> Schema:
    """Return the schema; `codes` are the quality checks that `deployer_ignore` may name."""
    definitions: Schema = {}
    models = {name: table_schema(rule_model(name), definitions) for name in RULE_TYPES}
    return {
        "type": "object",
        "required": ["rule"],
        "additionalProperties": False,
        "properties": {
            "metadata": _metadata(codes),
            "rule": _rule(models),
            "transform": _transform(),
        },
        "definitions": definitions,
    }


def _rule(models: dict[str, Schema]) -> Schema:
    names = [IDENTITY, *FIELDS]
    kinds = {name: [m["properties"][name] for m in models.values() if name in m["properties"]] for name in names}
    distinct = {
        name: [kind for at, kind in enumerate(found) if kind not in found[:at]] for name, found in kinds.items()
    }
    properties = {name: found[0] if len(found) == 1 else {"anyOf": found} for name, found in distinct.items()}
    properties["new_terms"] = _new_terms(models["new_terms"]["properties"])
    properties |= {key: {} for key in (*sorted(SERVER_OWNED), "threat_mappings")}  # never sent, so anything will do
    shared = {name for name, found in distinct.items() if len(found) == 1}
    return {
        "type": "object",
        "required": [IDENTITY, "type"],
        "additionalProperties": False,
        "properties": properties,
        "allOf": [_branch(name, model, shared) for name, model in models.items()],
    }


def _branch(rule_type: str, model: Schema, shared: set[str]) -> Schema:
    """Return what one type needs, has in its own way, and does not have."""
    properties = {name: kind for name, kind in model["properties"].items() if name not in shared}
    properties |= dict.fromkeys(sorted(FIELDS.keys() - model["properties"].keys()), False)
    then: Schema = {"required": [name for name in model["required"] if name not in _FLAT_NEW_TERMS]}
    if rule_type == "new_terms":
        then["anyOf"] = [{"required": ["new_terms"]}, {"required": list(_FLAT_NEW_TERMS)}]
    else:
        properties["new_terms"] = False
    chosen = {"properties": {"type": {"const": rule_type}}, "required": ["type"]}
    return {"if": chosen, "then": {**then, "properties": properties}}


def _new_terms(flat: Schema) -> Schema:
    """Return the nested spelling of new terms (detection-rules.md section 4.1, step 10)."""
    window = _table({"field": {"const": _FLAT_NEW_TERMS[1]}, "value": flat[_FLAT_NEW_TERMS[1]]}, ["value"])
    return _table(
        {
            "field": {"const": _FLAT_NEW_TERMS[0]},
            "value": flat[_FLAT_NEW_TERMS[0]],
            "history_window_start": {"type": "array", "items": window},
        },
        ["value", "history_window_start"],
    )


def _metadata(codes: Collection[str]) -> Schema:
    ignored = _table({"code": {"enum": list(codes)}, "reason": _FILLED}, ["code", "reason"])
    extended = {
        "deployer_owner": _FILLED,
        "deployer_review_by": {"type": "string", "pattern": r"^\d{4}[-/]\d{2}[-/]\d{2}"},
        "deployer_ignore": {"type": "array", "items": ignored},
    }
    texts = dict.fromkeys(TEXTS, _TEXT)
    return {"type": "object", "properties": {**texts, "extended": {"type": "object", "properties": extended}}}


def _transform() -> Schema:
    plugins = {name: {"type": "array", "items": _entry(name)} for name in PLUGINS}
    return _table(plugins, [])


def _entry(plugin: str) -> Schema:
    kinds = {
        name: {"type": "array"} if name in LISTS else {"type": "object"} if name in FREE else _TEXT
        for name in PLUGINS[plugin]
    }
    return _table(kinds, list(NEEDED[plugin]))


def _table(properties: Schema, required: list[str]) -> Schema:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
