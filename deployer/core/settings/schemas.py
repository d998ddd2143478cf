"""JSON Schemas of the settings files, for editors: what the readers accept (see `sketch`)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any, Final

from deployer.core.settings.environment import Given, environment_file
from deployer.core.settings.exceptions import exceptions_file
from deployer.core.settings.layers import NOT_IN_SPACE, SECTIONS
from deployer.core.settings.prebuilt import prebuilt_file
from deployer.core.settings.project import project_file
from deployer.core.settings.sketch import TEXT, Schema, describe

_MERGED: Final = tuple(name for name, keys in SECTIONS.items() if keys)
"""The tables that files which extend each other fill together, so that one file alone may lack what must be there."""


def project_schema() -> Schema:
    """Return the schema of `deployer.toml`."""
    return describe(project_file)


def environment_schema(fields: Collection[str]) -> Schema:
    """Return the schema of `environments/*.toml`, shared parts too; `fields` are the names that a rule can have."""
    schema = describe(environment_file(Given(date.min, fields)))
    tables: dict[str, Any] = schema["properties"]
    for name in _MERGED:
        tables[name].pop("required", None)
    tables |= {"extends": TEXT, "space": {"type": "object", "additionalProperties": _space(tables)}}
    return schema


def _space(tables: dict[str, Any]) -> Schema:
    """Return the schema of `[space.NAME]`: every table but what cannot differ, and the keys of all tables bare."""
    whole = {name: table for name, table in tables.items() if name in SECTIONS}
    kibana = tables["kibana"]
    kept = {key: schema for key, schema in kibana["properties"].items() if key not in NOT_IN_SPACE}
    whole["kibana"] = {**kibana, "properties": kept}
    bare = {key: schema for name in _MERGED for key, schema in whole[name]["properties"].items()}
    return {"type": "object", "properties": {**whole, **bare}, "additionalProperties": False}


def exceptions_schema() -> Schema:
    """Return the schema of `exceptions/*.toml`."""
    return describe(exceptions_file([], [], date.min))


def prebuilt_schema() -> Schema:
    """Return the schema of `prebuilt/*.toml`."""
    return describe(prebuilt_file)
