"""
A plan completed while it is carried out: rules name lists by the id that Kibana gives a list when it creates it.

A list that the same plan creates has no id when the plan is made. Once it is there, the plan goes on as if it had been
there from the start, so that images, records and the next plan all see the rule as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from deployer.core.canonical import digest
from deployer.core.normalise import canonical
from deployer.core.plan import Plan


def completed(plan: Plan, ids: Mapping[tuple[str, str], str]) -> Plan:
    """
    Return a plan whose rules name their lists in full: `ids` has the saved-object id of each list that was not there
    when the plan was made, by `(namespace, list_id)`. Its digest stays that of the plan which people agreed to.
    """
    changes = tuple(
        replace(change, after=_full(change.after, ids)) if change.after is not None else change
        for change in plan.changes
    )
    documents, entries = dict(plan.documents), dict(plan.entries)
    for rule_id, entry in plan.entries.items():
        document = plan.documents.get(entry.authored) if entry else None
        if entry is None or document is None or (full := _full(document, ids)) is document:
            continue
        rule = canonical(full)
        name = digest(rule)
        documents[name], entries[rule_id] = rule, replace(entry, authored=name)
    return replace(plan, changes=changes, documents=documents, entries=entries, made_as=plan.digest)


def _full(rule: Mapping[str, Any], ids: Mapping[tuple[str, str], str]) -> Mapping[str, Any]:
    """Return a rule with the ids of its lists; the rule itself where none is missing."""
    entries = rule.get("exceptions_list")
    if not isinstance(entries, list) or all("id" in entry for entry in entries if isinstance(entry, Mapping)):
        return rule
    return {**rule, "exceptions_list": [_with_id(entry, ids) for entry in entries]}


def _with_id(entry: Any, ids: Mapping[tuple[str, str], str]) -> Any:
    if not isinstance(entry, Mapping) or "id" in entry:
        return entry
    known = ids.get((str(entry.get("namespace_type")), str(entry.get("list_id"))))
    return {"id": known, **entry} if known else entry


def incomplete(plan: Plan) -> bool:
    """Say whether a rule of the plan names a list whose id is not known yet."""
    return any(
        "id" not in entry
        for change in plan.changes
        for entry in (change.after or {}).get("exceptions_list") or ()
        if isinstance(entry, Mapping)
    )
