"""The JSON Schema of `plan --json`, version 1: what `deployer schema plan` prints, and docs/json.md explains."""

from __future__ import annotations

from typing import Any, Final

from deployer.core.change import Action
from deployer.core.dependency import Kind
from deployer.core.fields import Category
from deployer.core.origin import Origin
from deployer.errors import ExitCode, Refusal
from deployer.errors import Severity as Level
from deployer.render.json_text import FORMAT, VERSION

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_FLAG: Final[Schema] = {"type": "boolean"}
_ANY: Final[Schema] = {}
_TEXTS: Final[Schema] = {"type": "array", "items": _TEXT}
_COUNTS: Final[Schema] = {"type": "object", "additionalProperties": _COUNT}
_SIDE: Final[Schema] = {"type": ["object", "null"]}


def plan_schema() -> Schema:
    """Return the schema of the document, draft-07. What is not in it is not in the document."""
    return _object(
        {
            "format": _said("always so", {"const": FORMAT}),
            "version": _said("grows when a key goes or changes its meaning; new keys may come", {"const": VERSION}),
            "command": {"const": "plan"},
            "plans": _said(
                "one for each target",
                {"type": "array", "items": {"anyOf": [_plan(), _failed()]}},
            ),
        }
    )


def _object(keys: dict[str, Schema], *optional: str) -> Schema:
    return {
        "type": "object",
        "properties": keys,
        "required": [name for name in keys if name not in optional],
        "additionalProperties": False,
    }


def _list(keys: dict[str, Schema], *optional: str) -> Schema:
    return {"type": "array", "items": _object(keys, *optional)}


def _said(description: str, schema: Schema) -> Schema:
    return {"description": description, **schema}


def _texts(*names: str) -> dict[str, Schema]:
    return dict.fromkeys(names, _TEXT)


def _plan() -> Schema:
    return _object(
        {
            "target": _object(_texts("environment", "space", "name", "url")),
            "project": _TEXT,
            "digest": _said("sha256 of what the plan does; apply --expect takes its first twelve digits", _TEXT),
            "event": _said("deploy, or adopt where every change adopts", _TEXT),
            "base": _said("number of the deployment that it was made from", {"type": ["integer", "null"]}),
            "allow": _COUNTS,
            "has_changes": _said("whether apply would write anything", _FLAG),
            "counts": _said("changes by action", {**_COUNTS, "propertyNames": {"enum": [one.value for one in Action]}}),
            "changes": _changes(),
            "dependencies": _dependencies(),
            "renamed": _list(_texts("rule_id", "before", "after")),
            "refusals": _said("guards that say no", _verdicts()),
            "notes": _notes(),
            "provenance": _object({**_texts(*_PROVENANCE), "clean": _FLAG}),
            "next": _said("the command that carries out this plan, or must come first; empty for none", _TEXT),
        }
    )


_PROVENANCE: Final = ("actor", "host", "ci_run", "commit", "branch", "tool", "stack", "kibana_user")


def _failed() -> Schema:
    refusal = {"enum": [one.value for one in Refusal]}
    return _object(
        {
            "target": _TEXT,
            "error": _TEXT,
            "exit_code": {"enum": [int(one) for one in ExitCode]},
            "hint": _TEXT,
            "refusal": _said("why nothing was changed, of exit code 4", refusal),
            "problems": _problems(),
        },
        "hint",
        "refusal",
        "problems",
    )


def _label() -> Schema:
    return _object({**_texts("name", "rule_type", "severity", "path"), "extra": {"type": "object"}})


def _origin() -> Schema:
    return _said("with --base: where the change comes from", {"enum": [one.value for one in Origin]})


def _changes() -> Schema:
    keys: dict[str, Schema] = {
        "rule_id": _TEXT,
        "type": _TEXT,
        "before": _said("the fields before; null for a rule that comes", _SIDE),
        "after": _said("the fields afterwards; null for a rule that goes", _SIDE),
        "marker": _said("our marker is put back on the rule", _FLAG),
        "adopts": _said("somebody else's rule becomes ours", _FLAG),
        "action": {"enum": [one.value for one in Action]},
        "category": {"enum": [one.value for one in Category]},
        "fields": _TEXTS,
        "look_first": _said("whether a person must look at it", _FLAG),
        "reasons": _said("why", _TEXTS),
        "label": _label(),
        "origin": _origin(),
    }
    return _list(keys, "marker", "adopts", "origin")


def _dependencies() -> Schema:
    keys: dict[str, Schema] = {
        "kind": {"enum": [one.value for one in Kind]},
        **_texts("name"),
        "before": _SIDE,
        "after": _SIDE,
        "namespace": _said("agnostic: once per Kibana", _TEXT),
        "list_id": _TEXT,
        "action": {"enum": ["create", "update", "delete"]},
        "fields": _TEXTS,
        "reasons": _TEXTS,
        "label": _TEXT,
        "origin": _origin(),
    }
    return _said("exception lists, items and value lists", _list(keys, "namespace", "list_id", "origin"))


def _verdicts() -> Schema:
    return _list(
        {
            **_texts("guard", "message", "refusal"),
            "allow": _said("the word that --allow takes, empty where nothing lets it pass", _TEXT),
            "ok": _FLAG,
            "count": _COUNT,
            "limit": {"type": ["integer", "null"]},
            "rules": _TEXTS,
        }
    )


def _problems() -> Schema:
    numbers = dict.fromkeys(("line", "column", "length"), _COUNT)
    level = {"enum": [one.value for one in Level]}
    return _list({**_texts("path", "key", "message", "code", "remedy"), **numbers, "severity": level})


def _notes() -> Schema:
    counted = (
        "unchanged", "equal_unmanaged", "unmanaged", "prebuilt", "tuned", "desired", "managed", "items_unchanged",
        "items_foreign",
    )  # fmt: skip
    edit: dict[str, Schema] = {
        **_texts("rule_id", "field", "by", "at"),
        "kind": {"enum": ["left", "back", "kept", "conflict"]},
        **dict.fromkeys(("authored", "live", "desired"), _ANY),
    }
    held = {**_texts("rule_id", "name", "hold", "runs", "git", "reason", "until"), "off": _FLAG}
    return _object(
        {
            "census": _object({**dict.fromkeys(counted, _COUNT), "copies": _TEXTS}),
            "edits": _said("what was changed in Kibana, and what the plan does about it", _list(edit)),
            "blocked": _said("rules that the plan may not touch", _list(_texts("rule_id", "kind", "reason", "remedy"))),
            "unmarked": _TEXTS,
            "rekeyed": _said("rules that will run with another API key than now", _TEXTS),
            "left_out": _TEXTS,
            "warnings": _problems(),
            "verdicts": _verdicts(),
            "held": _list({**held, "state": {"enum": ["held", "waits", "ended", "expired"]}}),
            "lines": _TEXTS,
            "details": {"type": "object", "additionalProperties": _TEXTS},
            "recovery": _TEXT,
            "requests": _COUNT,
            "seconds": {"type": "number"},
            "branch": _said("with --base", _branch()),
        },
        "branch",
    )


def _branch() -> Schema:
    waiting = _list(_texts("rule_id", "name", "path", "sentence"))
    return _object(
        {
            **_texts("ref", "commit", "note"),
            "origins": {"type": "object", "additionalProperties": _TEXT},
            "mixed": {"type": "object", "additionalProperties": _TEXTS},
            "undone": _TEXTS,
            "waiting": waiting,
        }
    )
