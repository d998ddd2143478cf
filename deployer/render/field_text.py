"""The fields of one change as lines: texts as line diffs, structures by their parts, the rest as before -> after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from deployer.core.canonical import same
from deployer.core.change import Action, Change
from deployer.core.fields import ABSENT, field
from deployer.core.guards import weaker_fields
from deployer.core.text_diff import line_diff
from deployer.core.value_diff import value_changes
from deployer.render.style import Style, clean, cut, line, plural

_LINES: Final = 12  # of one text, without --verbose
_PARTS: Final = 8  # of one structure, without --verbose


def field_lines(change: Change, style: Style, *, width: int, verbose: bool) -> Iterator[str]:
    """Yield the lines of every field that a change writes, at most `width` wide."""
    weaker = weaker_fields(change)
    rows: list[tuple[str, str]] = []
    for name in change.names:
        before, after = change.told(name)
        if change.action is Action.RECREATE and before is not ABSENT and after is not ABSENT and same(before, after):
            continue
        if _is_text(name, before, after):
            yield from _text(name, before or "", after or "", style, width, verbose)
        elif name not in ("type",) or not change.before or "name" not in change.before:
            rows.extend(_rows(name, before, after, name in weaker, verbose))
    pad = max((len(label) for label, _ in rows), default=0)
    for label, words in rows:
        yield cut(f"{label:<{pad}}   {words}", width)


def short_value(value: Any, width: int) -> str:
    """Return a value as JSON on one line, cut to `width`; absent is said in words."""
    if value is ABSENT:
        return "absent"
    return cut(line(json.dumps(value, ensure_ascii=False)), max(width, 8))


def _is_text(name: str, before: Any, after: Any) -> bool:
    texts = [value for value in (before, after) if value is not ABSENT]
    if not all(isinstance(value, str) for value in texts):
        return False
    return field(name).text or any("\n" in value for value in texts)


def _text(name: str, before: str, after: str, style: Style, width: int, verbose: bool) -> Iterator[str]:
    yield name
    lines = line_diff(before, after)
    shown = lines if verbose else lines[:_LINES]
    for part in shown:
        number = part.old if part.kind == "-" else part.new
        text = cut(f"  {number or '':>3} {part.kind}   {clean(part.text)}".rstrip(), width)
        yield style.red(text) if part.kind == "-" else style.green(text) if part.kind == "+" else text
    if len(lines) > len(shown):
        yield f"  … {plural(len(lines) - len(shown), 'more line')} (--verbose shows them)"


def _rows(name: str, before: Any, after: Any, weaker: bool, verbose: bool) -> Iterator[tuple[str, str]]:
    suffix = "   weaker" if weaker else ""
    if isinstance(before, dict | list) and isinstance(after, dict | list):
        parts = value_changes(before, after)
        for part in parts if verbose else parts[:_PARTS]:
            yield f"{name}{part.where}", _arrow(part.before, part.after) + suffix
        if not verbose and len(parts) > _PARTS:
            yield name, f"… {plural(len(parts) - _PARTS, 'more part')} (--verbose shows them)"
        return
    yield name, _arrow(before, after) + suffix


def _arrow(before: Any, after: Any) -> str:
    if before is ABSENT:
        return f"+ {short_value(after, 70)}"
    if after is ABSENT:
        return f"- {short_value(before, 70)}"
    return f"{short_value(before, 32)} -> {short_value(after, 32)}"
