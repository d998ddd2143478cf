"""
What a rule looks like, as one short text, and whether it still is what somebody thought it was.

An image covers what Kibana keeps of a rule for its users: the canonical rule and the ownership markers, which the
canonical form leaves out, as one digest, and then whether the rule is on: `sha256:...-on`. So a flip of a rule whose
image is known costs no digest. It covers nothing that the server owns, so a rule that was deleted and came back has its
image again under a new id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from deployer.core.canonical import digest, same
from deployer.core.change import Action, Change
from deployer.core.fields import ABSENT, FIELDS, IDENTITY, SERVER_OWNED
from deployer.core.normalise import canonical, markers, same_field

Content = Mapping[str, Any]

NOTHING: Final = "absent"
"""The image of a rule that is not there."""

_SWITCH: Final = {True: "-on", False: "-off"}

_NOT_IN_IT: Final = (SERVER_OWNED - FIELDS.keys()) | {"enabled"}
"""What a digest leaves out."""

_FILLED_IN: Final = {
    name: row.default
    for name, row in FIELDS.items()
    if not row.opinion and row.default is not ABSENT and name != "enabled"
}


def image(body: Mapping[str, Any] | None) -> str:
    """Return the image of a body, NOTHING for none. What Kibana fills in says the same as what was left out."""
    return NOTHING if body is None else image_of(content(body), body)


def content(body: Mapping[str, Any]) -> Content:
    """Return what the digest of an image covers."""
    rule = canonical(body)
    rule.pop("enabled", None)
    for name, default in _FILLED_IN.items():
        if name in rule and rule[name] == default:
            del rule[name]
    return {"rule": rule, "markers": list(markers(body.get("tags") or []))}


def image_beside(body: Mapping[str, Any], known: Content, seen: str) -> str:
    """Return the image of a body; no digest is made where it has the content `known`, of which `seen` is the image."""
    found = content(body)
    return switched(seen, enabled=bool(body.get("enabled"))) if same(found, known) else image_of(found, body)


def image_of(found: Content, body: Mapping[str, Any]) -> str:
    """Return the image of a body whose content is known."""
    return digest(found) + _SWITCH[bool(body.get("enabled"))]


def says_the_same(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """
    Say whether two bodies have one image but for `enabled`: they differ in nothing but that and what the server owns.
    A quarter of the time of a digest; False says nothing, Kibana may have spelled the same thing in two ways.
    """
    ours = (a.keys() | b.keys()) - _NOT_IN_IT
    return all(name in a and name in b and same(a[name], b[name]) for name in ours)


def switched(seen: str, *, enabled: bool) -> str:
    """Return the image of the same rule switched on or off."""
    return seen.rpartition("-")[0] + _SWITCH[enabled]


def stale_fields(change: Change, live: Mapping[str, Any]) -> tuple[str, ...]:
    """
    Return the fields that no longer have their before. A change that takes the whole rule away (delete, recreate) also
    minds fields that it does not name: a note added meanwhile would go with the rule.
    """
    found = change.differs_from_before(live)
    if change.action not in (Action.DELETE, Action.RECREATE):
        return found
    named = {IDENTITY, *change.names}
    rule_type = str(live.get("type", ""))
    added = (
        name
        for name, value in canonical(live).items()
        if name not in named
        and value != _FILLED_IN.get(name, ABSENT)
        and not same_field(name, value, ABSENT, rule_type)
    )
    return (*found, *added)


def differing_fields(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the fields in which two bodies mean different things, sorted."""
    left, right = canonical(a), canonical(b)
    names = left.keys() | right.keys()
    rule_type = str(a.get("type", ""))
    return tuple(sorted(n for n in names if not same_field(n, left.get(n, ABSENT), right.get(n, ABSENT), rule_type)))


def has_after(change: Change, live: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    """Say whether the named fields of a rule have their after already."""
    after = change.after or {}
    rule_type = str(live.get("type", ""))
    return all(same_field(name, live.get(name, ABSENT), after.get(name, ABSENT), rule_type) for name in names)
