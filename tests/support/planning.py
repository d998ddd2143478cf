"""A space, a record and git as plain values: plans are made and carried out without files, servers or clocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from deployer.core.change import Action
from deployer.core.compose import creation, replacement
from deployer.core.desired import Rendering, rendered
from deployer.core.draft import Situation, Wishes
from deployer.core.environment import Connection, Credentials, Environment, Limits, Override, OwnershipPolicy
from deployer.core.guards import Run
from deployer.core.normalise import canonical
from deployer.core.pins import Pin, pinned
from deployer.core.plan import Plan
from deployer.core.planner import make_plan, suspects
from deployer.core.ports import Body, SpaceRead
from deployer.core.record import Record, RuleRecord
from deployer.core.references import Space
from deployer.core.rule_file import RuleFile

MARKER = "deployer:tests"
NOBODY = Credentials()
OPEN = Limits(disable=None, delete=None, recreate=None)


def rule_file(rule_id: str = "r1", path: str = "", maturity: str = "production", **fields: Any) -> RuleFile:
    """A rule as its file says it; `fields` replace or, with None, remove those of a small query rule."""
    base = {
        "rule_id": rule_id,
        "name": f"Rule {rule_id}",
        "description": "d",
        "risk_score": 21,
        "severity": "low",
        "type": "query",
        "language": "kuery",
        "query": "a : 1",
        "index": ["logs-*"],
    }
    payload = {key: value for key, value in (base | fields).items() if value is not None}
    return RuleFile(path or f"rules/{rule_id}.toml", {"maturity": maturity}, payload)


@dataclass
class World:
    """One target: what git wants, what Kibana has, what the last record says."""

    policy: OwnershipPolicy = field(default_factory=OwnershipPolicy)
    limits: Limits = OPEN
    overrides: tuple[Override, ...] = ()
    space: Space = field(default_factory=Space)
    files: dict[str, RuleFile] = field(default_factory=dict)
    live: dict[str, Body] = field(default_factory=dict)
    record: Record | None = None
    documents: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    now: datetime = datetime(2026, 11, 24, tzinfo=UTC)
    ticks: int = 0

    def git(self, *files: RuleFile) -> None:
        """Make these the only files."""
        self.files = {file.rule_id: file for file in files}

    def edit(self, rule_id: str, by: str = "soc-day", **fields: Any) -> None:
        """Change a live rule as an analyst does; None removes a key."""
        body = {key: value for key, value in (self.live[rule_id] | fields).items() if value is not None}
        self.live[rule_id] = self._stamped(body, by, content=set(fields) != {"enabled"})

    def put(self, rule_id: str, *tags: str, **fields: Any) -> Body:
        """Put a rule into Kibana that nobody deployed."""
        body = dict(rule_file(rule_id, **fields).payload) | {"enabled": True, "tags": list(tags), "id": f"so-{rule_id}"}
        self.live[rule_id] = self._stamped(body | {"revision": 0}, "soc-day", content=False)
        return self.live[rule_id]

    @property
    def rendering(self) -> Rendering:
        """How rules become those of this target."""
        environment = Environment(
            "s", "default", "s", "environments/s.toml", Connection("sandbox", NOBODY, NOBODY),
            ownership=self.policy, limits=self.limits, overrides=self.overrides,
        )  # fmt: skip
        return Rendering(environment, self.space, lambda _path, _key: (0, 0), lambda query, _patterns: query)

    def plan(self, *, run: Run | None = None, pins: Mapping[str, Pin] | None = None, **wishes: Any) -> Plan:
        """Plan as `deployer plan` does; `pins` win over the files."""
        rendering = self.rendering
        environment = rendering.environment
        desired = rendered(self.files.values(), environment, self.space, rendering.locate, rendering.rewrite_sources)
        desired = pinned(desired, pins or {}, rendering)
        read = SpaceRead(tuple(self.live.values()))
        wanted = suspects(desired, read, self.record)
        baseline = {name: self.documents[name] for name in wanted}
        situation = Situation(environment, "tests", MARKER, desired, read, self.record, baseline, self.now, "9.3.1")
        run = run or Run("main", True, False, date(2026, 11, 24), "")
        return make_plan(situation, Wishes(**wishes), run)

    def apply(self, **wishes: Any) -> Plan:
        """Plan, and carry it out on the values with the bodies that the engine sends."""
        plan = self.plan(**wishes)
        assert not plan.notes.blocked, plan.notes.blocked
        for change in plan.changes:
            old = self.live.get(change.rule_id)
            if change.action is Action.DELETE:
                del self.live[change.rule_id]
                continue
            if change.action in (Action.CREATE, Action.RECREATE):
                body = creation(change, MARKER) | {"id": f"so-{change.rule_id}-{self.ticks}", "revision": 0}
                content = False
            else:
                assert old is not None
                content = bool(change.content or change.marker or change.adopts)
                sent = replacement(old, change, MARKER) if content else dict(old)
                body = sent | {"id": old["id"], "revision": old["revision"], "enabled": old["enabled"]}
            if "enabled" in (change.after or {}):
                body["enabled"] = change.after["enabled"]
            self.live[change.rule_id] = self._stamped(body, "ci", content=content)
        self._commit(plan)
        return plan

    def days(self, count: float) -> None:
        """Let time pass."""
        self.now += timedelta(days=count)

    def _stamped(self, body: Body, by: str, *, content: bool) -> Body:
        self.ticks += 1
        revision = body.get("revision", 0) + (1 if content else 0)
        return body | {"updated_by": by, "updated_at": f"t{self.ticks}", "revision": revision}

    def _commit(self, plan: Plan) -> None:
        self.documents.update(plan.documents)
        rules = dict(self.record.rules) if self.record else {}
        for rule_id, entry in plan.entries.items():
            if entry is None:
                rules.pop(rule_id, None)
                continue
            body = self.live[rule_id]
            authored, written = self.documents[entry.authored], canonical(body)
            rules[rule_id] = RuleRecord(
                entry.name, entry.path, entry.fingerprint, entry.authored, "w", "b", body["id"], body["revision"],
                body["updated_at"], bool(body["enabled"]) if entry.enabled is None else entry.enabled, 1, entry.retired,
                any(authored[name] != written.get(name) for name in authored if name != "enabled"),
            )  # fmt: skip
        number = self.record.number + 1 if self.record else 1
        self.record = Record(number, "deploy", "s", "default", "sandbox", "tests", "t", plan.digest, None, rules=rules)


def world(*files: RuleFile, **settings: Any) -> World:
    """A world in which these files are deployed."""
    made = World(**settings)
    made.git(*files)
    made.apply()
    return made


def actions(plan: Plan) -> dict[str, str]:
    """Action of each change, by rule id."""
    return {change.rule_id: change.action.value for change in plan.changes}


def edits(plan: Plan) -> dict[tuple[str, str], str]:
    """What happens to each field that Kibana changed."""
    return {(edit.rule_id, edit.field): edit.kind for edit in plan.notes.edits}


__all__ = ["MARKER", "OPEN", "World", "actions", "edits", "replace", "rule_file", "world"]
