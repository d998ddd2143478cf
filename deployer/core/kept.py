"""
Who first made an edit that deployments leave alone: Kibana only knows the last write, and the next write is ours.

A record remembers editor and time of every edit that was live when we wrote its rule, so that the plan three unattended
deployments later still names the person who switched the rule off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from deployer.core.canonical import digest
from deployer.core.plan import Edit
from deployer.core.record import RuleRecord


def remembered(edits: Iterable[Edit], recorded: RuleRecord | None) -> tuple[Edit, ...]:
    """Return the edits, each with its first editor where the record knows the edit: same field, same value."""
    known = recorded.kept if recorded else {}
    return tuple(
        replace(edit, by=known[edit.field]["by"], at=known[edit.field]["at"]) if _known(edit, known) else edit
        for edit in edits
    )


def kept(edits: Iterable[Edit]) -> dict[str, dict[str, str]]:
    """Return what the record says of edits that stay: editor and time by field, and the digest of the value."""
    return {
        edit.field: {"by": edit.by, "at": edit.at, "value": digest(edit.live)}
        for edit in edits
        if edit.kind in ("left", "kept")
    }


def _known(edit: Edit, known: Mapping[str, Mapping[str, str]]) -> bool:
    return edit.field in known and known[edit.field]["value"] == digest(edit.live)
