"""
What a rule refers to by name, resolved for one space: connectors by logical name, exception lists by `list_id`.

Ids differ from space to space (detection-rules.md section 5), so git names things and the plan looks them up. What is
missing, ambiguous or unusable is a Problem with the rule's file, never a rule without its exceptions or its pager.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from deployer.core.canonical import canonical_json
from deployer.core.environment import ConnectorRef
from deployer.core.flaw import Locate, dotted
from deployer.core.normalise import canonical_field
from deployer.core.ports import Body
from deployer.errors import Problem

_ENDPOINT_LIST: Final = {
    "id": "endpoint_list",
    "list_id": "endpoint_list",
    "namespace_type": "agnostic",
    "type": "endpoint",
}
"""Kibana's own list: created by Kibana on demand, never missing (facts.md 2.1 step 5)."""


Key = tuple[str | int, ...]
KeyOf = Callable[[str, int, str], Key]
"""Where a file has a key of an entry of a list: field, number, key."""


def _in_rule(name: str, number: int, last: str) -> Key:
    return ("rule", name, number, last)


@dataclass(frozen=True, slots=True)
class Space:
    """
    What the rules of one space may refer to, as Kibana lists it; None where it was not asked for. `links` has the
    exception lists whose files name a rule, by `rule_id` (`linked`).
    """

    connectors: tuple[Body, ...] | None = None
    lists: tuple[Body, ...] | None = None
    names: Mapping[str, ConnectorRef] = field(default_factory=dict)
    links: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)


def needs_connectors(payload: Mapping[str, Any]) -> bool:
    """Say whether a rule names a connector."""
    return any(isinstance(action, Mapping) and "connector" in action for action in _listed(payload, "actions"))


def needs_lists(payload: Mapping[str, Any]) -> bool:
    """Say whether a rule refers to an exception list that has to be looked up."""
    return any(_list_id(entry) != _ENDPOINT_LIST["list_id"] for entry in _listed(payload, "exceptions_list"))


def _listed(payload: Mapping[str, Any], name: str) -> list[Any]:
    """Return the list at a key; what is no list is for core.shape to name."""
    value = payload.get(name)
    return value if isinstance(value, list) else []


def resolve(
    payload: Mapping[str, Any], space: Space, path: str, locate: Locate, key_of: KeyOf = _in_rule
) -> tuple[Mapping[str, Any], tuple[Problem, ...]]:
    """
    Return the payload as this space takes it, and a Problem for everything that cannot be resolved; `key_of` says where
    the file has it.
    """
    problems: list[Problem] = []
    result = payload
    if needs_connectors(payload) and space.connectors is not None:
        actions = []
        for number, action in enumerate(payload["actions"]):
            resolved = _connector(action, space)
            if isinstance(resolved, _Unresolved):
                problems.append(_problem(resolved, path, key_of("actions", number, "connector"), locate))
            else:
                actions.append(resolved)
        result = {**result, "actions": actions}
    if _listed(payload, "exceptions_list"):
        entries = []
        for number, entry in enumerate(payload["exceptions_list"]):
            found = _list(entry, space)
            if isinstance(found, _Unresolved):
                problems.append(_problem(found, path, key_of("exceptions_list", number, "list_id"), locate))
            else:
                entries.append(found)
        result = {**result, "exceptions_list": entries}
    return result, tuple(problems)


@dataclass(frozen=True, slots=True)
class _Unresolved:
    message: str
    code: str
    remedy: str


def _problem(what: _Unresolved, path: str, key: Key, locate: Locate) -> Problem:
    place, here = locate(path, key), key
    while not place[0] and len(here) > 1:
        here = here[:-1]
        place = locate(path, here)
    return Problem(path, *place, dotted(key), what.message, what.code, what.remedy)


def _connector(action: Any, space: Space) -> dict[str, Any] | _Unresolved:
    if not isinstance(action, Mapping) or "connector" not in action:
        return dict(action)
    logical = str(action["connector"])
    reference = space.names.get(logical, ConnectorRef(name=logical))
    matches = [body for body in space.connectors or () if _is(body, reference)]
    said = f'"{reference.name}"' if reference.name else f"id {reference.id}"
    if not matches:
        known = ", ".join(sorted(f'"{body.get("name")}"' for body in space.connectors or ())) or "none"
        remedy = f"create it in Kibana or map {logical} in [connectors]; the space has {known}"
        return _Unresolved(f"no connector {said} in this space", "connector-missing", remedy)
    if len(matches) > 1:
        ids = ", ".join(sorted(str(body["id"]) for body in matches))
        remedy = f'name one by id in [connectors]: {logical} = {{ id = "…" }}'
        return _Unresolved(f"{len(matches)} connectors are called {said}: {ids}", "connector-ambiguous", remedy)
    (body,) = matches
    if body.get("is_deprecated"):
        return _Unresolved(f"connector {said} is deprecated", "connector-deprecated", "map another one in [connectors]")
    if body.get("is_missing_secrets"):
        return _Unresolved(f"connector {said} lacks its secrets", "connector-no-secrets", "enter them in Kibana")
    rest = {key: value for key, value in action.items() if key != "connector"}
    return _complete({**rest, "id": body["id"], "action_type_id": body["connector_type_id"]}, body)


def _complete(action: dict[str, Any], body: Body) -> dict[str, Any]:
    """Kibana does not fill in a group, and alerting needs one; system actions take none (facts.md 2.4)."""
    if not body.get("is_system_action"):
        action.setdefault("group", "default")
    return action


def _is(body: Body, reference: ConnectorRef) -> bool:
    return body.get("id") == reference.id if reference.id is not None else body.get("name") == reference.name


def _list_id(entry: Any) -> Any:
    return entry.get("list_id") if isinstance(entry, Mapping) else entry


def _list(entry: Any, space: Space) -> dict[str, Any] | _Unresolved:
    list_id = _list_id(entry)
    if list_id == _ENDPOINT_LIST["list_id"]:
        return dict(_ENDPOINT_LIST)
    if space.lists is None:
        return dict(entry) if isinstance(entry, Mapping) else {"list_id": entry}
    wanted = entry.get("namespace_type") if isinstance(entry, Mapping) else None
    matches = [
        body for body in space.lists if body.get("list_id") == list_id and wanted in (None, body.get("namespace_type"))
    ]
    if not matches:
        remedy = "create it in Kibana, or describe it in exceptions/"
        return _Unresolved(f'no exception list "{list_id}" in this space', "list-missing", remedy)
    if len(matches) > 1:
        remedy = 'add namespace_type = "single" or "agnostic"'
        return _Unresolved(f'two exception lists are called "{list_id}"', "list-ambiguous", remedy)
    return {key: matches[0][key] for key in ("id", "list_id", "type", "namespace_type") if key in matches[0]}


def linked(payload: Mapping[str, Any], space: Space, rule_id: str) -> Mapping[str, Any]:
    """
    Return a payload that names every exception list whose file names the rule in `metadata.rule_ids`: the one link that
    detection-rules follows (detection-rules.md 2.2, step 3). What the rule names itself is not repeated.
    """
    lists = space.links.get(rule_id, ())
    named = {_list_id(entry) for entry in payload.get("exceptions_list") or ()}
    new = [
        {name: content[name] for name in ("list_id", "namespace_type", "type")}
        for content in lists
        if content["list_id"] not in named
    ]
    return {**payload, "exceptions_list": [*(payload.get("exceptions_list") or ()), *new]} if new else payload


def with_coming(lists: Iterable[Body], coming: Iterable[Mapping[str, Any]]) -> tuple[Body, ...]:
    """
    Return the lists of a space, and those that the same plan creates: they have no `id` yet, the apply fills it in
    (`core.completion`). A list of ours that is there is found there.
    """
    there = {(body.get("list_id"), body.get("namespace_type")) for body in lists}
    new = [
        {key: content[key] for key in ("list_id", "type", "namespace_type")}
        for content in coming
        if (content["list_id"], content["namespace_type"]) not in there
    ]
    return (*lists, *new)


def any_needs(payloads: Iterable[Mapping[str, Any]]) -> tuple[bool, bool]:
    """Return whether any rule names a connector, and whether any refers to a list that has to be looked up."""
    connectors = lists = False
    for payload in payloads:
        connectors = connectors or needs_connectors(payload)
        lists = lists or needs_lists(payload)
    return connectors, lists


def renamed(payload: Mapping[str, Any], space: Space, candidates: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """
    Return a resolved payload whose actions name the connector again where their id is not in this space any more.

    `candidates` are actions that name a connector; the one that says the same otherwise lends its name.
    """
    if space.connectors is None or not payload.get("actions"):
        return payload
    here = {body.get("id") for body in space.connectors}
    names = {_apart(action): action["connector"] for action in candidates if "connector" in action}
    actions: list[Any] = []
    for action in payload["actions"]:
        name = names.get(_apart(action)) if isinstance(action, Mapping) and action.get("id") not in here else None
        kept = {key: value for key, value in action.items() if key not in ("id", "action_type_id")} if name else action
        actions.append({**kept, "connector": name} if name else action)
    return {**payload, "actions": actions}


def _apart(action: Mapping[str, Any]) -> str:
    """Return what an action says beside its connector, as one text."""
    known = {key: value for key, value in action.items() if key not in ("id", "action_type_id", "connector")}
    (entry,) = canonical_field("actions", [known], "query")
    return canonical_json(entry)
