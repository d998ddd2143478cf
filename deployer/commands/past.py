"""What the state store knows of a target: its last record, earlier ones as they are asked for, rules that left it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from deployer.commands.standing import nothing_recorded
from deployer.commands.target import ledger_of
from deployer.commands.workspace import Workspace
from deployer.core.environment import Environment
from deployer.core.holds import Hold, holds_of
from deployer.core.record import Record
from deployer.core.rollback import chosen
from deployer.errors import DeployerError, UsageError
from deployer.executor.ledger import Ledger


def narrowed(environments: Sequence[Environment], space: str) -> tuple[Environment, ...]:
    """Return the targets in one space, all of them for "". Raises DeployerError where there is none."""
    found = tuple(environment for environment in environments if space in ("", environment.space))
    if not found:
        known = ", ".join(sorted({environment.space for environment in environments}))
        raise DeployerError(f'no target of -e has a space "{space}"', hint=f"spaces: {known}")
    return found


@dataclass
class Past:
    """What the store knows of one target: its head, earlier records as they are asked for, and rules that left it."""

    ledger: Ledger
    head: Record
    holds: Mapping[str, Hold]
    _records: dict[int, Record] = field(default_factory=dict)

    def read(self, number: int) -> Record:
        """Return a deployment, read once. Raises StateError, DeployerError for one of another target."""
        if number == self.head.number:
            return self.head
        if number not in self._records:
            if number not in self.ledger.numbers():
                raise DeployerError(
                    f"{self.ledger.target.name} has no deployment #{number}",
                    hint=f"deployer history -e {self.ledger.target.name}",
                )
            self._records[number] = self.ledger.record(number)
        return self._records[number]

    def adopted_after(self, number: int) -> frozenset[str]:
        """Return the rules that were adopted after a deployment: what they were before is not recorded."""
        return frozenset(
            rule_id
            for event in self.ledger.events()
            if event.get("space") == self.head.space and int(event.get("deployment") or 0) > number
            for rule_id, action in event.get("changed", {}).items()
            if action == "adopt"
        )

    @cached_property
    def gone(self) -> dict[str, int]:
        """The rules that the head knows nothing of any more, each with the deployment that took it out."""
        found: dict[str, int] = {}
        for event in self.ledger.events():
            if event.get("space") == self.head.space and event.get("deployment"):
                found.update({rule_id: int(event["deployment"]) for rule_id in event.get("gone", ())})
        return {rule_id: number for rule_id, number in found.items() if rule_id not in self.head.rules}

    @cached_property
    def gone_names(self) -> dict[str, str]:
        """The names of the rules that are gone."""
        names: dict[str, str] = {}
        for rule_id, number in self.gone.items():
            previous = self.read(number).previous
            entry = self.read(previous).rules.get(rule_id) if previous is not None else None
            names[rule_id] = entry.name if entry else rule_id
        return names


def past_of(workspace: Workspace, environment: Environment) -> Past:
    """Return what the store knows of a target. Raises DeployerError where nothing is recorded, naming the store."""
    ledger = ledger_of(workspace, environment)
    record = ledger.head().record
    if record is None:
        raise nothing_recorded(ledger)
    return Past(ledger, record, holds_of(record))


def rules_named(texts: Sequence[str], pasts: Iterable[Past]) -> tuple[str, ...]:
    """Return the rules that people named, in any of the targets, deleted ones too. Raises like `chosen`."""
    pasts = list(pasts)
    known = {rule_id: entry.name for past in pasts for rule_id, entry in past.head.rules.items()}
    try:
        return chosen(texts, known)
    except UsageError:
        raise
    except DeployerError:
        gone = {rule_id: name for past in pasts for rule_id, name in past.gone_names.items()}
        return chosen(texts, {**gone, **known})
