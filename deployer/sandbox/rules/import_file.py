"""
The file of an import, line by line: what is a rule, an exception, a connector, and what is none of them
(facts.md section 5.3). The same reading serves `_import` and `sandbox seed`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from deployer.sandbox.messages import Body, NotJsonError, from_json
from deployer.sandbox.rules import checks, fields
from deployer.sandbox.schema import Issues, render
from deployer.sandbox.versions import Version

UNKNOWN_ID = "(unknown id)"


@dataclass(slots=True)
class ImportFile:
    """
    What a file holds. `rules` has the valid ones by rule_id, the last of each id at the place of the first; `installed`
    are the lines that were prebuilt rules where they were exported, by rule_id.
    """

    rules: dict[str, Body] = field(default_factory=dict)
    installed: dict[str, Body] = field(default_factory=dict)
    exceptions: list[Body] = field(default_factory=list)
    connectors: list[Body] = field(default_factory=list)
    errors: list[Body] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    rules_count: int = 0


def error(status: int, message: str, **names: str) -> Body:
    """One entry of an error list."""
    return {**names, "error": {"status_code": status, "message": message}}


def read_file(content: bytes, version: Version) -> ImportFile:
    """Classify and check every line."""
    found = ImportFile()
    for line in content.splitlines():
        if not line.strip():
            continue
        try:
            entry = from_json(line)
        except NotJsonError as exc:
            found.rules_count += 1
            found.errors.append(error(400, str(exc), rule_id=UNKNOWN_ID))
            continue
        _classify(found, entry, version)
    return found


def _classify(found: ImportFile, entry: object, version: Version) -> None:
    if isinstance(entry, dict):
        if not {"list_id", "item_id", "entries"}.isdisjoint(entry):
            found.exceptions.append(entry)
            return
        if "attributes" in entry:
            found.connectors.append(entry)
            return
        if "exported_count" in entry:
            return
    found.rules_count += 1
    _add_rule(found, entry, version)


def _add_rule(found: ImportFile, entry: object, version: Version) -> None:
    issues: Issues = []
    rule = fields.IMPORT(_converted(entry), (), issues)
    complaints = [] if issues else checks.complaints(rule, version)
    if issues or complaints:
        message = render(issues, version) if issues else ",".join(complaints)
        found.errors.append(error(400, message, rule_id=UNKNOWN_ID))
        return
    rule_id = rule["rule_id"]
    if rule_id in found.rules:
        found.repeated.append(rule_id)
    found.rules[rule_id] = rule
    if isinstance(entry, dict) and (entry.get("immutable") is True):
        found.installed[rule_id] = entry


def _converted(entry: object) -> object:
    """Exports of 8.10 and before carry `investigation_fields` as a list; an empty one is none."""
    if not isinstance(entry, dict) or not isinstance(entry.get("investigation_fields"), list):
        return entry
    names = entry["investigation_fields"]
    rest = {name: value for name, value in entry.items() if name != "investigation_fields"}
    return {**rest, "investigation_fields": {"field_names": names}} if names else rest
