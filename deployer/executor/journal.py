"""
The write-ahead journal of one apply: what was about to be sent, before it was sent (transactions.md 5.3).

One object per batch of intents, one durable write before the batch's first send; the outcomes of a batch ride along
with
the next object. Recovery needs only the intents: every operation is resolved by reading.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from deployer.core.canonical import canonical_json
from deployer.core.ports import Body
from deployer.errors import StateError
from deployer.executor.ledger import Ledger

_FORMAT: Final = "deployer-journal"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Intent:
    """
    One write about to be sent. `before` is the rule as read right before it (None: no such rule), `image` the content
    address of the rule that the write makes, "" for a delete.
    """

    op: str  # create | update | recreate | enable | disable | delete
    rule_id: str
    before: Body | None
    image: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """
    A journal as recovery reads it: the plan's text, the intents in order, the last state, the time of the last
    word.
    """

    plan: str
    snapshot: str
    intents: tuple[Intent, ...]
    state: str
    last: str


@dataclass
class Journal:
    """The journal of a running apply."""

    ledger: Ledger
    tx: str
    token: int
    _sequence: int = 0
    _outcomes: list[dict[str, str]] = field(default_factory=list)

    def begin(self, plan: str, snapshot: str, at: str) -> None:
        """Write the first object: the plan file itself and the name of the snapshot."""
        self._write({"state": "applying", "plan": plan, "snapshot": snapshot}, at)

    def intend(self, intents: Sequence[Intent], at: str) -> None:
        """Make intents durable. Returns only when they are."""
        self._write({"intents": [asdict(intent) for intent in intents], "outcomes": self._drain()}, at)

    def outcome(self, rule_id: str, op: str, status: str, detail: str = "") -> None:
        """Note what became of a write; written with the next object."""
        self._outcomes.append({"rule_id": rule_id, "op": op, "status": status, "detail": detail})

    def state(self, state: str, at: str, **facts: Any) -> None:
        """Write a change of state: `rolling_back`, `interrupted`, `rollback_incomplete`, `committed`, `rolled_back`."""
        self._write({"state": state, "outcomes": self._drain(), **facts}, at)

    def discard(self) -> None:
        """Remove a finished journal; records and events say what happened."""
        self.ledger.store.remove(self.ledger.store.names(self.ledger.journal_prefix(self.tx)))

    def resume_after(self, sequence: int) -> None:
        """Go on after the objects that an earlier process wrote."""
        self._sequence = sequence

    def _drain(self) -> list[dict[str, str]]:
        drained, self._outcomes = self._outcomes, []
        return drained

    def _write(self, body: Mapping[str, Any], at: str) -> None:
        self._sequence += 1
        header = {
            "format": _FORMAT,
            "version": _VERSION,
            "tx": self.tx,
            "seq": self._sequence,
            "token": self.token,
            "at": at,
        }
        data = (canonical_json({**header, **body}) + "\n").encode("utf-8", "surrogatepass")
        self.ledger.store.create({f"{self.ledger.journal_prefix(self.tx)}{self._sequence:06}.json": data})


def past(ledger: Ledger, tx: str) -> tuple[Past | None, int]:
    """Return what a journal says and how many objects it has; None where nothing was begun. Raises StateError."""
    names = ledger.store.names(ledger.journal_prefix(tx)) if tx else ()
    objects = ledger.store.read_many(names)
    plan = snapshot = state = last = ""
    intents: list[Intent] = []
    for name in names:
        body = _parsed(objects[name], name, ledger)
        plan, snapshot = body.get("plan", plan), body.get("snapshot", snapshot)
        state, last = body.get("state", state), body["at"]
        intents += [Intent(**intent) for intent in body.get("intents", ())]
    return (Past(plan, snapshot, tuple(intents), state, last) if names else None), len(names)


def _parsed(data: bytes, name: str, ledger: Ledger) -> dict[str, Any]:
    try:
        body = json.loads(data)
        known = body["format"] == _FORMAT and body["version"] == _VERSION
    except (ValueError, KeyError, TypeError) as exc:
        raise StateError(f"{name} in {ledger.location} is damaged") from exc
    if not known:
        raise StateError(f"{name} in {ledger.location} is not a journal of this version", hint="upgrade deployer")
    return dict(body)
