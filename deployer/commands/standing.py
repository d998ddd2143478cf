"""
A plan towards pins alone, without the rule files: what rollback, hold and release have in common.

`Standing` is what the last record says of a target; everything else comes from Kibana and from the store's documents.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

from deployer.commands.planning import rendering_for
from deployer.commands.provenance import provenance_of
from deployer.commands.target import ReadTarget
from deployer.commands.workspace import raise_errors
from deployer.core.desired import Desired, Rendering
from deployer.core.draft import Situation, Wishes
from deployer.core.guards import Run
from deployer.core.holds import Hold, holds_of
from deployer.core.pins import Pin, pinned
from deployer.core.plan import Plan
from deployer.core.planner import make_plan, suspects
from deployer.core.ports import SpaceRead
from deployer.core.record import Record
from deployer.errors import DeployerError
from deployer.executor.ledger import Ledger

_ONE_BY_ONE: Final = 2
_BY_ID: Final = 50  # more are read with the whole space


@dataclass(frozen=True, slots=True)
class Asked:
    """What is done (`rollback`, `hold`, `release`), why, and what was asked for on top of it."""

    word: str
    reason: str = ""
    wishes: Wishes = field(default_factory=Wishes)


@dataclass(frozen=True)
class Standing:
    """One target, what the last record says of it, and the live rules that it is about."""

    target: ReadTarget
    record: Record
    live: SpaceRead
    ids: tuple[str, ...] = ()  # the rules that it is about; empty for all

    @cached_property
    def holds(self) -> dict[str, Hold]:
        """The holds of the target by rule."""
        return holds_of(self.record)

    def contents(self, sources: Mapping[str, str]) -> Mapping[str, Mapping[str, Any]]:
        """Return documents by digest; `sources` names the bundle of each. Raises StateError."""
        return self.target.ledger.from_bundles(sources.keys(), sources.values()) if sources else {}

    def rendering(self, documents: Collection[Mapping[str, Any]]) -> Rendering:
        """Return how contents become rules of the target; there are no files, so nothing has a line."""
        return rendering_for(self.target, (), lambda _path, _key: (0, 0), ran=documents)

    def plan(self, pins: Mapping[str, Pin], rendering: Rendering, asked: Asked) -> Plan:
        """
        Return the plan that brings the pinned rules to where the pins want them. `[deploy]` does not stand in its way,
        apart from the reason that it may ask for. Raises ProblemsError for what cannot be resolved.
        """
        workspace = self.target.workspace
        status = self.target.kibana.status()
        desired = pinned(Desired({}), pins, rendering)
        raise_errors(desired.problems)
        wanted = suspects(desired, self.live, self.record)
        situation = Situation(
            environment=self.target.environment,
            project=workspace.project.name,
            marker=workspace.project.marker,
            desired=desired,
            live=self.live,
            record=self.record,
            baseline=self.target.ledger.documents(wanted, self.record) if wanted else {},
            now=status.date or workspace.clock.now(),
            stack=status.version,
        )
        provenance = provenance_of(workspace, stack=status.version)
        run = Run(
            provenance.branch,
            clean=provenance.clean,
            in_ci=workspace.surroundings.is_ci,
            today=workspace.clock.now().date(),
            reason=asked.reason,
            exempt=True,
            words=frozenset({asked.word}),
        )
        plan = make_plan(situation, replace(asked.wishes, ids=frozenset(pins)), run)
        notes = replace(plan.notes, requests=self.target.kibana.requests)
        made_at = situation.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        plan = replace(plan, event=asked.word, notes=notes, provenance=provenance)
        return replace(plan, made_at=made_at, reason=asked.reason)


def standing(target: ReadTarget, rule_ids: Sequence[str] | None) -> Standing:
    """Return how a target stands, with the live rules of these ids, or all of them. Raises DeployerError."""
    record = target.ledger.head().record
    if record is None:
        raise nothing_recorded(target.ledger)
    return Standing(target, record, wanted_bodies(target, rule_ids, record), tuple(rule_ids or ()))


def nothing_recorded(ledger: Ledger) -> DeployerError:
    """Return the error for a target without a record; it names the store that was looked in."""
    return DeployerError(
        f"no deployment of {ledger.target.name} is recorded in {ledger.location}",
        hint="this needs a record; look at state in deployer.toml",
    )


def wanted_bodies(target: ReadTarget, rule_ids: Sequence[str] | None, record: Record) -> SpaceRead:
    """Return the live rules with these ids, in few requests; the whole space, or all of the record, for None."""
    kibana = target.kibana
    if rule_ids is not None and len(rule_ids) <= _ONE_BY_ONE:
        found = [kibana.rule(rule_id) for rule_id in rule_ids]
        return SpaceRead(tuple(body for body in found if body is not None), requests=len(found))
    if rule_ids is not None and len(rule_ids) <= _BY_ID:
        return SpaceRead(kibana.rules(list(rule_ids)), requests=1)
    return kibana.read_space(marker=target.workspace.project.marker, wanted=rule_ids or record.rules.keys())
