"""A kind as JSON Schema: tables become definitions, by their titles, and are referred to."""

from __future__ import annotations

from typing import Any, Final

from deployer.core.shape.kinds import Kind

Schema = dict[str, Any]

_TYPES: Final = {
    "str": "string",
    "int": "integer",
    "bool": "boolean",
    "list": "array",
    "dict": "object",
    "typed-dict": "object",
}
_LIMITS: Final = {
    "str": {"min_length": "minLength", "pattern": "pattern"},
    "int": {"ge": "minimum", "le": "maximum"},
    "list": {"min_length": "minItems", "max_length": "maxItems"},
}


def json_schema(kind: Kind, definitions: Schema) -> Schema:
    """Return the schema of a kind; the tables in it are added to `definitions`."""
    match kind["type"]:
        case "typed-dict":
            title = kind["metadata"]["title"]
            definitions[title] = table_schema(kind, definitions)
            return {"$ref": f"#/definitions/{title}"}
        case "tagged-union":
            return {"oneOf": [json_schema(branch, definitions) for branch in kind["choices"].values()]}
        case "literal":
            words = kind["expected"]
            return {"type": "string", **({"enum": words} if len(words) > 1 else {"const": words[0]})}
        case "list":
            return {**_plain(kind), "items": json_schema(kind["items_schema"], definitions)}
        case "dict":
            return {**_plain(kind), "additionalProperties": True}
        case _:
            return _plain(kind)


def table_schema(kind: Kind, definitions: Schema) -> Schema:
    """Return the schema of a table itself, where `json_schema` refers to it."""
    fields = kind["fields"]
    return {
        **_plain(kind),
        "properties": {name: json_schema(field["schema"], definitions) for name, field in fields.items()},
        "required": [name for name, field in fields.items() if field["required"]],
        "additionalProperties": False,
    }


def _plain(kind: Kind) -> Schema:
    limits = _LIMITS.get(kind["type"], {})
    return {"type": _TYPES[kind["type"]], **{limits[name]: kind[name] for name in limits.keys() & kind.keys()}}
