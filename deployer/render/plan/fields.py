"""The fields of one change as lines that came, went or stayed, for renderers that show differences themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from deployer.core.canonical import same
from deployer.core.change import Action, Change
from deployer.core.fields import ABSENT
from deployer.core.fields import field as field_of
from deployer.core.guards import weaker_fields
from deployer.core.text_diff import DiffLine, line_diff
from deployer.render.style import clean, cut, line

_UNTOLD: Final = ("type",)  # of a recreate, which says it in a sentence


@dataclass(frozen=True, slots=True)
class FieldDiff:
    """
    One field before and after. `lines` are clean, each at most so wide; `hidden` says how many more there are.
    """

    name: str
    weaker: bool
    lines: tuple[DiffLine, ...]
    hidden: int = 0


def field_diffs(change: Change, *, lines: int, width: int) -> Iterator[FieldDiff]:
    """
    Yield the fields that an update, a recreate or a switch writes; nothing of a rule that comes or goes as a whole.

    Structures are compared as indented JSON, so that a difference costs no more than one of texts. At most `lines`
    lines of a field, each of at most `width` signs.
    """
    if change.action in (Action.CREATE, Action.DELETE):
        return
    weaker = weaker_fields(change)
    for name in change.names:
        if name in _UNTOLD and change.action is Action.RECREATE:
            continue
        before, after = change.told(name)
        if change.action is Action.RECREATE and before is not ABSENT and after is not ABSENT and same(before, after):
            continue
        found = line_diff(_text(name, before), _text(name, after))
        shown = tuple(DiffLine(one.kind, one.old, one.new, _shown(one.text, width)) for one in found[:lines])
        yield FieldDiff(line(name), name in weaker, shown, len(found) - len(shown))


def _text(name: str, value: Any) -> str:
    """Return a side as text: a text as it is, anything else as JSON, nothing for what is not there."""
    if value is ABSENT:
        return ""
    if isinstance(value, str) and (field_of(name).text or "\n" in value):
        return value
    return json.dumps(value, indent=2, ensure_ascii=False) if isinstance(value, dict | list) else json.dumps(value)


def _shown(text: str, width: int) -> str:
    return cut(clean(text[: width + 1]).replace("\t", "    "), width)
