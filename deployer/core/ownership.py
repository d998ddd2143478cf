"""
Who wins, field by field: the three-way comparison of authored, live and desired (design section 6, "Field level").

Baseline is the record's `authored`: git changed a field when desired differs from it, Kibana changed it when live
differs from it. Never from `written`: that would turn an edit kept last time into one that git may overwrite next time.
Law (property-tested): n applies of unrelated changes never alter a kept edit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from deployer.core.canonical import canonical_json
from deployer.core.environment import Ownership
from deployer.core.fields import ABSENT, default_of, field
from deployer.core.normalise import canonical_field, same_field, without_markers

Kind = Literal["unchanged", "write", "left", "back", "kept", "conflict"]


@dataclass(frozen=True, slots=True)
class Sides:
    """
    One field of one rule on its three sides, as each side has it; ABSENT where a side has no such key.

    `opinion` is False where the file says nothing about a field for which absence means "no opinion" and the baseline
    said nothing either. `recorded` is False without a baseline: the comparison is then two-way.
    """

    name: str
    rule_type: str
    desired: Any
    live: Any
    authored: Any = ABSENT
    recorded: bool = True
    opinion: bool = True
    untouched: bool = False  # the live rule has the recorded revision and time: nobody edited it
    first: bool = False  # the rule was there before us, and git asks for this field for the first time


@dataclass(frozen=True, slots=True)
class Ruling:
    """What happens to a field: nothing, `value` is written, or it is left; `extra` names what a merge keeps."""

    kind: Kind
    value: Any = ABSENT
    extra: tuple[Any, ...] = ()


def rule(sides: Sides, ownership: Ownership) -> Ruling:
    """Return what happens to one field."""
    if not sides.opinion or ownership in ("live", "once"):
        return Ruling("unchanged")
    if ownership == "merge":
        return _merged(sides)
    if _same(sides, sides.desired, sides.live):
        return Ruling("unchanged")
    if not sides.recorded:
        return Ruling("write", sides.desired)
    git_changed = not _same(sides, sides.desired, sides.authored)
    kibana_changed = not sides.untouched and not _same(sides, sides.live, sides.authored)
    if ownership == "git":
        return Ruling("back" if kibana_changed and not git_changed else "write", sides.desired)
    if kibana_changed and git_changed:
        return Ruling("conflict", sides.desired)
    if git_changed:
        return Ruling("write", sides.desired)
    return Ruling("left", sides.live) if kibana_changed else Ruling("unchanged")


def _same(sides: Sides, a: Any, b: Any) -> bool:
    return same_field(sides.name, a, b, sides.rule_type)


def _merged(sides: Sides) -> Ruling:
    """Desired, and what live has beyond authored: what git removed goes, what an analyst added stays."""
    desired, live, authored = (_items(sides, side) for side in (sides.desired, sides.live, sides.authored))
    if desired is None or live is None or authored is None:  # not a list: cannot be merged, so nobody loses
        return rule(sides, "shared")
    keys_desired = dict(desired)
    keys_authored = {key for key, _ in authored} if sides.recorded else set()
    kept = [item for key, item in live if key not in keys_desired and key not in keys_authored]
    wanted = {
        **keys_desired,
        **{key: item for key, item in live if key not in keys_desired and key not in keys_authored},
    }
    if {k: _form(sides, v) for k, v in wanted.items()} == {k: _form(sides, v) for k, v in live}:
        return Ruling("unchanged", extra=tuple(kept))
    in_live_order = [wanted[key] for key, _ in live if key in wanted]
    live_keys = {key for key, _ in live}
    value = [*in_live_order, *(item for key, item in desired if key not in live_keys)]
    if not live:
        value = [item for _, item in desired]
    return Ruling("write", value, extra=tuple(kept))


def _items(sides: Sides, value: Any) -> list[tuple[str, Any]] | None:
    """Return the items of a list with their keys, each key once; None where the value is not a list."""
    if value is ABSENT or value is None:
        default = default_of(sides.name, sides.rule_type)
        value = [] if default is ABSENT else default
    if not isinstance(value, list):
        return None
    items = without_markers(value) if sides.name == "tags" else value
    unique: dict[str, Any] = {}
    for item in items:
        unique.setdefault(_key(sides, item), item)
    return list(unique.items())


def _key(sides: Sides, item: Any) -> str:
    keys: Sequence[str] = field(sides.name).keys
    if keys and isinstance(item, Mapping):
        return canonical_json([item.get(key) for key in keys])
    return _form(sides, item)


def _form(sides: Sides, item: Any) -> str:
    """Return an item as a text that is equal where Kibana means the same: an action has a `uuid` there, here none."""
    form = canonical_field(sides.name, [item], sides.rule_type)
    return canonical_json(form[0] if isinstance(form, list) and len(form) == 1 else item)
