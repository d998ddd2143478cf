"""The holds of a target at one plan: their contents from the store, and what they make of what git wants."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from deployer.core.desired import Desired, Rendering
from deployer.core.draft import Draft, Situation, Wishes
from deployer.core.held import HeldBack, documents_of_holds, hold_back
from deployer.core.holds import holds_of
from deployer.core.record import Record
from deployer.executor.ledger import Ledger


def held_contents(ledger: Ledger, record: Record | None) -> Mapping[str, Mapping[str, Any]]:
    """Return the contents that holds keep running, by digest. Raises StateError."""
    holds = holds_of(record)
    sources = documents_of_holds(holds, record.rules) if record and holds else {}
    return ledger.from_bundles(sources.keys(), sources.values()) if sources else {}


def held_back(
    record: Record | None,
    git: Desired,
    contents: Mapping[str, Mapping[str, Any]],
    rendering: Rendering,
    today: date,
) -> HeldBack:
    """Return what git wants of a target with its holds put in; `contents` are `held_contents`."""
    holds = holds_of(record)
    if record is None or not holds:
        return HeldBack(git)
    return hold_back(git, holds, record.rules, contents, rendering, today)


def wanted_ids(situation: Situation, wishes: Wishes, rule_ids: Collection[str]) -> frozenset[str]:
    """Return those of the rules that the plan is about."""
    if not rule_ids or (not wishes.only and wishes.ids is None):
        return frozenset(rule_ids)
    draft = Draft(situation, wishes)
    known = {*situation.desired.rules, *draft.live, *draft.recorded}
    return frozenset(rule_id for rule_id in rule_ids if rule_id in known and draft.wanted(rule_id))
