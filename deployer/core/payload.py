"""
From the `[rule]` table of a TOML file to the payload that Kibana's API takes.

The steps are those of elastic/detection-rules (detection-rules.md section 4.1: 2, 3, 5, 8, 10 and the slash of 1), so
that a team which switches tools sees no difference. Different on purpose: the bodies of actions keep their newlines,
the
Setup section moves to `setup` verbatim and always leaves the note, nothing is generated, nothing else is rewritten.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from string import Template
from sys import intern
from typing import Any, Final

_VERBATIM: Final = frozenset({"note", "setup", "message"})
_HEADING: Final = re.compile(r"(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_FENCE: Final = re.compile(r"[ ]{0,3}(`{3,}|~{3,})")


def payload(rule: Mapping[str, Any], transform: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    Return the payload of one rule.

    `rule` is the `[rule]` table, `transform` the `[transform]` table. Connector names and exception list ids are left
    as they stand; `core.references` resolves them for a target.
    """
    result: dict[str, Any] = {}
    for key, value in rule.items():
        if value is None or key in ("threat_mappings", "new_terms"):
            continue
        result[intern(key)] = value if key == "query" or key in _VERBATIM else _squeezed(value, inside=key)
    if transform and isinstance(result.get("note"), str):
        result["note"] = with_placeholders(result["note"], transform)
    if isinstance(result.get("note"), str) and "setup" not in result:
        result.update(_setup_moved(result["note"]))
    if isinstance(result.get("threat"), list):
        result["threat"] = [_threat(entry) if isinstance(entry, Mapping) else entry for entry in result["threat"]]
    if isinstance(rule.get("new_terms"), Mapping):
        result.update(_flat_new_terms(rule["new_terms"]))
    return result


def with_placeholders(note: str, transform: Mapping[str, Any]) -> str:
    """Return the note with `$osquery_0`, `${investigate_1}` replaced by the entries of `[transform]` (4.2)."""
    values = {
        f"{plugin}_{number}": f"!{{{plugin}{json.dumps(entry, sort_keys=True, separators=(',', ':'))}}}"
        for plugin, entries in transform.items()
        if isinstance(entries, Sequence)
        for number, entry in enumerate(entries)
    }
    return Template(note).safe_substitute(values)


def split_setup(note: str) -> tuple[str, str | None]:
    """
    Return the note without its `## Setup` section, and that section's text, None where there is none.

    The section goes to the next heading of level one or two; headings inside code fences are text. Both parts lose the
    white space around them, as in detection-rules.
    """
    lines = note.splitlines(keepends=True)
    start = end = None
    for number, level, title in _headings(lines):
        if start is None and level == 2 and title == "Setup":
            start = number
        elif start is not None and level <= 2:
            end = number
            break
    if start is None:
        return note, None
    return "".join(lines[:start] + lines[end or len(lines) :]).strip(), "".join(lines[start + 1 : end]).strip()


def _setup_moved(note: str) -> dict[str, str]:
    rest, setup = split_setup(note) if "## " in note and "Setup" in note else (note, None)
    return {} if setup is None else {"note": rest, "setup": setup}


def _headings(lines: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Yield line number, level and title of the ATX headings outside code fences."""
    fence = ""
    for number, line in enumerate(lines):
        opening = _FENCE.match(line)
        if fence:
            if (
                opening
                and opening[1][0] == fence[0]
                and len(opening[1]) >= len(fence)
                and not line.strip().strip(fence[0])
            ):
                fence = ""
        elif opening:
            fence = opening[1]
        elif heading := _HEADING.match(line.rstrip("\r\n")):
            yield number, len(heading[1]), heading[2]


def _squeezed(value: Any, *, inside: str) -> Any:
    """
    Return the value with every string on one line; what stands under `query`, and action parameters, is left.

    Keys are interned: 20,000 rules then share a hundred texts, and do not keep two million (docs/performance.md).
    """
    if isinstance(value, str):
        return squeeze(value)
    if isinstance(value, list):
        return [squeeze(part) if isinstance(part, str) else _squeezed(part, inside=inside) for part in value]
    if isinstance(value, dict):
        return {
            intern(key): part
            if key == "query"
            or (key in _VERBATIM and isinstance(part, str))
            or (inside == "actions" and key == "params")
            else _squeezed(part, inside=inside)
            for key, part in value.items()
            if part is not None
        }
    return value


def squeeze(text: str) -> str:
    """Return the text on one line: each line stripped, joined by one space; spaces inside a line stay (4.1, step 3)."""
    if "\n" not in text and "\r" not in text:
        return text.strip()
    return " ".join(line.strip() for line in text.splitlines()).strip()


def _threat(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return one threat with `technique` always there and references that end in a slash (4.1, steps 1 and 5)."""
    result = dict(entry)
    if isinstance(result.get("tactic"), Mapping):
        result["tactic"] = _with_slash(result["tactic"])
    techniques = result.get("technique", [])
    if isinstance(techniques, list):  # anything else is for core.shape to name
        result["technique"] = [_technique(part) if isinstance(part, Mapping) else part for part in techniques]
    return result


def _technique(entry: Mapping[str, Any]) -> dict[str, Any]:
    result = _with_slash(entry)
    if isinstance(result.get("subtechnique"), list):
        result["subtechnique"] = [
            _with_slash(part) if isinstance(part, Mapping) else part for part in result["subtechnique"]
        ]
    return result


def _with_slash(entry: Mapping[str, Any]) -> dict[str, Any]:
    reference = entry.get("reference")
    if isinstance(reference, str) and reference and not reference.endswith("/"):
        return {**entry, "reference": reference + "/"}
    return dict(entry)


def _flat_new_terms(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the flat API fields of a nested `[rule.new_terms]` table (4.1, step 10)."""
    result: dict[str, Any] = {}
    if "value" in table:
        result[str(table.get("field", "new_terms_fields"))] = _squeezed(table["value"], inside="new_terms")
    windows = table.get("history_window_start", [])
    for window in windows if isinstance(windows, list) else ():  # what is no list is for core.rule_tables to name
        if isinstance(window, Mapping) and "value" in window:
            result[str(window.get("field", "history_window_start"))] = _squeezed(window["value"], inside="new_terms")
    return result
