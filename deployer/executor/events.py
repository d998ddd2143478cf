"""
The log of an environment: what an event says, and the one place that writes them (design section 8).

Events are chained: each carries the sha256 of the bytes of the one before, and one of a commit also that of its record,
so that `history --verify` sees a line that was changed, taken out or put in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deployer.core.plan import Plan
from deployer.core.record import Provenance, Record
from deployer.errors import DeployerError
from deployer.executor.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Happening:
    """Something done to an environment, or tried on it: its kind, Kibana's time, why, and what only this kind says."""

    kind: str
    time: str
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def append(ledger: Ledger, happening: Happening, provenance: Provenance, plan: Plan | None = None) -> int:
    """Append an event to the environment's log; return its number. Raises StateError."""
    return ledger.append_event(
        {
            "event": happening.kind,
            "time": happening.time,
            "actor": provenance.actor,
            "host": provenance.host,
            "ci_run": provenance.ci_run,
            "commit": provenance.commit,
            "branch": provenance.branch,
            "clean": provenance.clean,
            "tool": provenance.tool,
            "stack": provenance.stack,
            "kibana_user": provenance.kibana_user,
            "reason": happening.reason,
            **(_of_plan(plan) if plan else {}),
            **happening.facts,
        }
    )


def append_if_possible(ledger: Ledger, happening: Happening, provenance: Provenance, plan: Plan | None = None) -> int:
    """Append an event at the end of a run, 0 where the store did not take it: no ending fails for its log."""
    try:
        return append(ledger, happening, provenance, plan)
    except DeployerError:
        return 0


def committed(ledger: Ledger, record: Record, facts: Mapping[str, Any]) -> Happening:
    """Return the event of a committed deployment, with the sha256 of its record."""
    said = {
        "plan": record.plan,
        "allowed": dict(record.allowed),
        "changed": dict(record.changed),
        "deployment": record.number,
        "record": ledger.record_digest(record),
        **facts,
    }
    return Happening(record.event, record.time, record.reason, said)


def _of_plan(plan: Plan) -> dict[str, Any]:
    return {
        "plan": plan.digest,
        "allowed": dict(plan.allow),
        "changed": {change.rule_id: change.action.value for change in plan.changes},
    }
