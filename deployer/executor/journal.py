"""
The write-ahead journal of one apply: what was about to be sent, before it was sent (transactions.md 5.3).

One object per batch of intents, one durable write before the batch's first send; the outcomes of a batch ride along
with the next object. The first object is written together with the snapshot bundle and the plan, so that recovery
needs nothing but the store. An object is created by swap: whoever finds its number taken has lost the lock.

    {"seq": 1, "state": "applying", "snapshot": "bundles/<sha>.ndjson", "before": {rule_id: digest}}   with plan.json
    {"seq": 2, "intents": [{n, op, rule_id, id, pre, post, body?}], "outcomes": [{n, rule_id, op, status, seen?, ...}]}
    {"seq": 9, "state": "rolling_back" | "rolled_back" | "rollback_incomplete" | "interrupted" | "resuming"}
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

from deployer.core.canonical import canonical_json
from deployer.core.ports import Body
from deployer.errors import StateError
from deployer.executor.lease import LostLockError
from deployer.executor.ledger import Ledger

_FORMAT: Final = "deployer-journal"
_VERSION: Final = 1

NOT_SENT: Final = "not_sent"
"""The outcome of an intent that never became a request."""

VOID: Final = "void"
"""The outcome of a request that did not happen, and whose horizon is over."""


@dataclass(frozen=True, slots=True)
class Intent:
    """
    One write about to be sent, number `n` of the transaction. `pre` and `post` are the rule's image, revision and
    `enabled` before and after; `id` is Kibana's, "" for a create. `body` is the before-image where it is not the one of
    the snapshot, because somebody edited another field meanwhile.
    """

    n: int
    op: str
    rule_id: str
    id: str
    pre: Mapping[str, Any]
    post: Mapping[str, Any]
    body: Body | None = None


_SLOTS: Final = tuple(slot.name for slot in fields(Intent))


@dataclass(frozen=True, slots=True)
class Past:
    """
    A journal as recovery reads it. `at` is the time of its last word, `answered` has outcomes by intent number,
    `reported` says that an ending has named what was lost, `accepted` has the rules that a person signed off.
    """

    plan: bytes
    snapshot: str
    before: Mapping[str, str]
    state: str
    at: str
    reported: bool
    accepted: frozenset[str]
    intents: tuple[Intent, ...]
    answered: Mapping[int, Mapping[str, Any]]
    objects: int

    @property
    def open(self) -> bool:
        """Whether a write has no known outcome, so that it may still land."""
        return any(
            intent.n not in self.answered or self.answered[intent.n]["status"] == "unknown" for intent in self.intents
        )


@dataclass
class Journal:
    """The journal of a running apply. Safe to use from the threads that send; one object is written at a time."""

    ledger: Ledger
    tx: str
    stamp: Callable[[], str]  # Kibana's clock, ISO UTC
    token: int = 0
    sequence: int = 0
    numbered: int = 0
    begun: bool = False
    adrift: bool = False  # the store takes nothing any more, and an undo goes on from memory (transactions.md 5.10)
    _outcomes: list[dict[str, Any]] = field(default_factory=list)
    _mutex: threading.RLock = field(default_factory=threading.RLock)

    def begin(self, plan: bytes, bodies: Mapping[str, Body]) -> None:
        """
        Save the before-images of everything that will be touched, and the plan, and read the before-images back.

        Raises StateError if they are not there afterwards byte for byte.
        """
        name, data, digests = self.ledger.packed(bodies)
        prefix = self.ledger.journal_prefix(self.tx)
        self.sequence = 1
        first = self._bytes({"state": "applying", "snapshot": name, "before": digests})
        objects = {f"{prefix}plan.json": plan, f"{prefix}000001.json": first}
        self.ledger.store.create({**objects, **({name: data} if name else {})})
        self.begun = True
        stored = self.ledger.store.read(name) if name else None
        if name and (stored is None or stored.data != data):
            raise StateError(f"the before-images did not read back from {self.ledger.location}: nothing was sent")

    def number(self) -> int:
        """Return the number of the next intent."""
        with self._mutex:
            self.numbered += 1
            return self.numbered

    def intend(self, intents: Sequence[Intent]) -> None:
        """Make intents durable. Returns only when they are, or adrift; raises StateError, LostLockError if not."""
        self._write({"intents": [_compact({name: getattr(intent, name) for name in _SLOTS}) for intent in intents]})

    def outcome(self, number: int, rule_id: str, op: str, status: str, **facts: Any) -> None:
        """Note what became of a write; written with the next object."""
        entry = {"n": number, "rule_id": rule_id, "op": op, "status": status, **facts}
        with self._mutex:
            self._outcomes.append(_compact(entry))

    def state(self, state: str, **facts: Any) -> None:
        """Write a change of state, with all outcomes that are still due."""
        if self.begun:
            self._write({"state": state, **facts})

    def discard(self) -> None:
        """Remove a finished journal; the snapshot bundle stays, records and events say what happened."""
        if self.begun:
            self.ledger.store.remove(self.ledger.store.names(self.ledger.journal_prefix(self.tx)))

    def go_on(self, past: Past) -> None:
        """Continue a journal that an earlier process wrote."""
        self.begun = True
        self.sequence = past.objects
        self.numbered = max((*(intent.n for intent in past.intents), *past.answered), default=0)

    def _write(self, body: dict[str, Any]) -> None:
        with self._mutex:
            drained, self._outcomes = self._outcomes, []
            if drained:
                body = {**body, "outcomes": drained}
            try:
                self._append(body)
            except StateError:
                self._outcomes = [*drained, *self._outcomes]
                if not self.adrift:
                    raise

    def _append(self, body: dict[str, Any]) -> None:
        self.sequence += 1
        data = self._bytes(body)
        name = f"{self.ledger.journal_prefix(self.tx)}{self.sequence:06}.json"
        if self.ledger.store.replace(name, data, None) is None and not self._is_ours(name, data):
            raise LostLockError(
                f"somebody else writes in our journal: the lock of {self.ledger.target.name} was taken over",
                hint=f"deployer recover -e {self.ledger.target.name}",
            )

    def _is_ours(self, name: str, data: bytes) -> bool:
        """Say whether it was our own write that was there already: an answer of the store may get lost as well."""
        stored = self.ledger.store.read(name)
        return stored is not None and stored.data == data

    def _bytes(self, body: Mapping[str, Any]) -> bytes:
        header = {"format": _FORMAT, "version": _VERSION, "tx": self.tx, "seq": self.sequence, "token": self.token}
        text = canonical_json({**header, "at": self.stamp(), **body})
        return (text + "\n").encode("utf-8", "surrogatepass")


def past(ledger: Ledger, tx: str) -> Past | None:
    """Return what a journal says, None where nothing was begun. Raises StateError where it is damaged."""
    prefix = ledger.journal_prefix(tx)
    names = ledger.store.names(prefix) if tx else ()
    found = ledger.store.read_many(names)
    plan = found.pop(f"{prefix}plan.json", b"")
    objects = [_parsed(found[name], name, ledger) for name in names if name in found]
    if not objects:
        return None
    try:
        return _past(plan, objects)
    except (KeyError, TypeError, ValueError) as exc:
        raise StateError(f"the journal {prefix} in {ledger.location} is damaged: {exc}") from exc


def _past(plan: bytes, objects: Sequence[dict[str, Any]]) -> Past:
    first, last = objects[0], objects[-1]
    states = [entry for entry in objects if "state" in entry]
    outcomes = [outcome for entry in objects for outcome in entry.get("outcomes", ())]
    return Past(
        plan=plan,
        snapshot=first["snapshot"],
        before=first["before"],
        state=states[-1]["state"],
        at=last["at"],
        reported=any(entry["state"] == "rollback_incomplete" for entry in states),
        accepted=frozenset(rule_id for entry in objects for rule_id in entry.get("accepted", ())),
        intents=tuple(_intent(intent) for entry in objects for intent in entry.get("intents", ())),
        answered={int(outcome["n"]): outcome for outcome in outcomes if outcome["n"]},
        objects=int(last["seq"]),
    )


def _intent(data: dict[str, Any]) -> Intent:
    so_id, body = data.get("id", ""), data.get("body")
    return Intent(data["n"], data["op"], data["rule_id"], so_id, data["pre"], data["post"], body)


def _compact(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if value is not None and value != ""}


def _parsed(data: bytes, name: str, ledger: Ledger) -> dict[str, Any]:
    try:
        body = json.loads(data)
        known = body["format"] == _FORMAT and body["version"] == _VERSION
    except (ValueError, KeyError, TypeError) as exc:
        raise StateError(f"{name} in {ledger.location} is damaged") from exc
    if not known:
        raise StateError(f"{name} in {ledger.location} is not a journal of this version", hint="upgrade deployer")
    return dict(body)
