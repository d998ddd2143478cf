"""
What an environment shows of its rules: contents, since when they behave so, and how they are doing.

The evidence that `promote` judges; read from the state store (records) and from Kibana (executions), written nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from deployer.commands.target import ReadTarget
from deployer.core.behaviour import behaviour_digest
from deployer.core.holds import holds_of
from deployer.core.live import by_rule_id
from deployer.core.lock_file import Locked, LockFile
from deployer.core.ports import Body, SpaceRead
from deployer.core.promotion import SUCCEEDED, Shown
from deployer.core.record import Record, RuleRecord
from deployer.errors import DeployerError
from deployer.executor.ledger import Ledger

_MISSING_INDEX: Final = re.compile(
    r"(?i)unable to find|no matching ind|matching ind(ices|exes)|no such index|missing ind"
)


@dataclass
class History:
    """The records of one target and the documents they name, each read once."""

    ledger: Ledger
    _records: dict[int, Record] = field(default_factory=dict)
    _behaviours: dict[str, str] = field(default_factory=dict)

    def record(self, number: int) -> Record:
        """Return one record."""
        if number not in self._records:
            self._records[number] = self.ledger.record(number)
        return self._records[number]

    def learn(self, entries: Iterable[RuleRecord]) -> None:
        """Read the contents of these entries in one go."""
        bundles = {entry.fingerprint: entry.bundle for entry in entries if entry.fingerprint not in self._behaviours}
        for name, content in self.ledger.from_bundles(bundles, bundles.values()).items() if bundles else ():
            self._behaviours[name] = behaviour_digest(content)

    def behaviour(self, entry: RuleRecord) -> str:
        """Return the address of the behaviour of an entry's content."""
        self.learn([entry])
        return self._behaviours[entry.fingerprint]

    def began(self, rule_id: str, entry: RuleRecord) -> Record:
        """
        Return the deployment since which a rule behaves as it does: one that only changed words does not count, and a
        rule that was retired in between begins again.
        """
        wanted = self.behaviour(entry)
        while True:
            record = self.record(entry.since)
            before = self.record(record.previous).rules.get(rule_id) if record.previous is not None else None
            if before is None or before.retired is not None or self.behaviour(before) != wanted:
                return record
            entry = before


@dataclass(frozen=True)
class Evidence:
    """What one target of the source shows: by rule what it shows, its record, the rules that are held there."""

    target: str
    record: Record
    history: History
    shown: Mapping[str, Shown]
    held: Mapping[str, str]
    now: datetime


def evidence(target: ReadTarget, lock: LockFile) -> Evidence:
    """
    Return what an opened target shows. Only of rules that run something else than `lock` pins the history is followed.
    Raises DeployerError where nothing was ever deployed (design section 5, "No record for a target").
    """
    name = target.environment.target
    record = target.ledger.head().record
    if record is None:
        raise DeployerError(
            f"nothing was deployed to {name}, says {target.ledger.location}: there is nothing to promote",
            hint=f"deployer apply -e {name}",
        )
    history = History(target.ledger)
    rules = {rule_id: entry for rule_id, entry in record.rules.items() if not entry.prebuilt}
    changed = {rule_id for rule_id, entry in rules.items() if _moves(entry, lock.rules.get(rule_id))}
    live = target.kibana.read_space(marker=target.workspace.project.marker, wanted=rules.keys())
    now = target.kibana.status().date or target.workspace.clock.now()
    history.learn(entry for rule_id, entry in rules.items() if rule_id in changed)
    bodies = _by_id(live)
    shown = {
        rule_id: _shown(name, rule_id, entry, history, bodies.get(rule_id), follow=rule_id in changed)
        for rule_id, entry in rules.items()
    }
    held = {
        rule_id: f"{hold.label} holds it in {name}: {hold.reason or hold.event}"
        for rule_id, hold in holds_of(record).items()
    }
    return Evidence(name, record, history, shown, held, now)


def _moves(entry: RuleRecord, locked: Locked | None) -> bool:
    return entry.retired is None and (locked is None or locked.fingerprint != entry.fingerprint)


def _by_id(live: SpaceRead) -> Mapping[str, Body]:
    singles, _ = by_rule_id(live.rules)
    return {rule_id: rule.body for rule_id, rule in singles.items()}


def _shown(target: str, rule_id: str, entry: RuleRecord, history: History, body: Body | None, *, follow: bool) -> Shown:
    if entry.retired is not None:
        gone = moment(entry.retired.since)
        return Shown(target, entry.fingerprint, entry.since, gone, "retired", retired=gone)
    if not follow:
        return Shown(target, entry.fingerprint, entry.since, datetime.min.replace(tzinfo=UTC), SUCCEEDED)
    record = history.began(rule_id, entry)
    since = moment(record.time)
    return Shown(target, entry.fingerprint, record.number, since, health(body, since))


def health(body: Body | None, since: datetime) -> str:
    """
    Return `succeeded` if the last execution of a live rule, after `since`, did; else what it is in a few words.

    Of these `missing-index` and `disabled-in-source` can be allowed. Source: facts.md section 11.
    """
    if body is None:
        return "gone from Kibana"
    if not body.get("enabled"):
        return "disabled-in-source"
    last: Mapping[str, Any] = (body.get("execution_summary") or {}).get("last_execution") or {}
    if not last or moment(str(last.get("date"))) <= since:
        return "has not run yet"
    if last.get("status") == "succeeded":
        return SUCCEEDED
    if _MISSING_INDEX.search(str(last.get("message") or "")):
        return "missing-index"
    return str(last.get("status") or "unknown")


def moment(stamp: str) -> datetime:
    """Return an ISO time; the beginning of time for one that is none."""
    try:
        found = datetime.fromisoformat(stamp)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
