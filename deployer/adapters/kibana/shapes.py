"""What an answer must hold to count: each function decodes one kind of body, or raises ShapeError."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deployer.adapters.kibana.exchange import Answer, ShapeError
from deployer.core.ports import Body, Flipped


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a `_find`: how many objects match in all, and those of this page."""

    total: int
    items: tuple[Body, ...]


def body(answer: Answer, *keys: str) -> Body:
    """Return the JSON object, which must have these keys as non-empty strings."""
    return _object(answer.json(), keys)


def bodies(answer: Answer, *keys: str) -> tuple[Body, ...]:
    """Return the JSON array of objects, each with these keys as non-empty strings."""
    value = answer.json()
    if not isinstance(value, list):
        raise ShapeError("is not a JSON array")
    return tuple(_object(item, keys) for item in value)


def page(*keys: str) -> Callable[[Answer], Page]:
    """Return the decoder of a `_find` page whose objects have these keys as non-empty strings."""

    def decode(answer: Answer) -> Page:
        value = _object(answer.json())
        total, data = value.get("total"), value.get("data")
        if not isinstance(total, int) or isinstance(total, bool) or not isinstance(data, list):
            raise ShapeError("lacks `total` and `data`")
        return Page(total, tuple(_object(item, keys) for item in data))

    return decode


def rule(rule_id: str) -> Callable[[Answer], Body]:
    """Return the decoder of one rule, which must be the one with this `rule_id`, complete with `id` and `revision`."""

    def decode(answer: Answer) -> Body:
        found = _object(answer.json(), ("id", "rule_id"))
        if found["rule_id"] != rule_id:
            raise ShapeError("is about another rule_id")
        _revision(found)
        return found

    return decode


def flipped(ids: tuple[str, ...]) -> Callable[[Answer], Flipped]:
    """
    Return the decoder of a `_bulk_action` that enables or disables: 200, or 500 with `attributes` when some failed
    (facts.md section 4.2). Every id must be accounted for, once.
    """

    def decode(answer: Answer) -> Flipped:
        attributes = _object(_object(answer.json()).get("attributes"))
        updated = _object(attributes.get("results")).get("updated")
        if not isinstance(updated, list):
            raise ShapeError("lacks `attributes.results.updated`")
        done = {found["id"]: found for found in (_object(item, ("id", "rule_id")) for item in updated)}
        failed = _failures(attributes.get("errors") or [])
        unaccounted = [id_ for id_ in ids if (id_ in done) == (id_ in failed)]
        if unaccounted:
            raise ShapeError(f"does not account for {len(unaccounted)} of {len(ids)} rules")
        return Flipped(
            {id_: done[id_] for id_ in ids if id_ in done}, {id_: failed[id_] for id_ in ids if id_ in failed}
        )

    return decode


def _failures(errors: Any) -> dict[str, str]:
    if not isinstance(errors, list):
        raise ShapeError("has `attributes.errors` that is no array")
    failed = {}
    for error in map(_object, errors):
        rules = error.get("rules")
        for item in rules if isinstance(rules, list) else []:
            failed[_object(item, ("id",))["id"]] = str(error.get("message") or "no reason given")
    return failed


def _revision(found: Mapping[str, Any]) -> None:
    revision = found.get("revision")
    if not isinstance(revision, int) or isinstance(revision, bool):
        raise ShapeError("lacks `revision`")


def _object(value: Any, keys: tuple[str, ...] = ()) -> Body:
    if not isinstance(value, dict):
        raise ShapeError("is not a JSON object where one is due")
    missing = [key for key in keys if not (isinstance(value.get(key), str) and value[key])]
    if missing:
        raise ShapeError(f"lacks {', '.join(f'`{key}`' for key in missing)}")
    return value
