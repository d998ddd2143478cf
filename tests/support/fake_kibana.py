"""
A Kibana, a state store and a clock in memory, for tests of the engine: no threads, no sleeping, every fault on demand.

The Kibana follows facts.md: a PUT resets what it omits but `enabled` and `version`, `revision` counts content only (and
every PUT of a rule with actions), flips go by id, ids are never reused. The clock moves when somebody sleeps on it, and
carries out what was scheduled: requests that land late.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from deployer.core.canonical import canonical_json
from deployer.core.fields import ABSENT, FIELDS, default_of
from deployer.core.ports import Body, Flipped, ServerStatus, SpaceRead, Stored
from deployer.errors import RemoteError, StateError, UnknownOutcomeError

START = datetime(2026, 8, 27, 3, 0, tzinfo=UTC)


class Crash(BaseException):
    """The process is gone: nothing it calls does anything any more."""


@dataclass
class Process:
    """One run of the program, as its surroundings see it. A dead one gets nothing done, however hard it tries."""

    pid: int
    dead: bool = False

    def check(self) -> None:
        """Raise Crash if the process is gone."""
        if self.dead:
            raise Crash

    def die(self) -> None:
        """End the process here."""
        self.dead = True
        raise Crash


class VirtualClock:
    """A clock that moves when somebody sleeps on it."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept = 0.0
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._count = itertools.count()

    def now(self) -> datetime:
        """Return the wall clock."""
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Move on, carrying out what falls due on the way."""
        end = self.seconds + max(seconds, 0.001)
        self.slept += seconds
        while self._due and min(self._due)[0] <= end:
            due = min(self._due)
            self._due.remove(due)
            self.seconds = max(self.seconds, due[0])
            due[2]()
        self.seconds = max(self.seconds, end)

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        """Carry something out once so many seconds have passed."""
        self._due.append((self.seconds + seconds, next(self._count), action))


@dataclass
class FakeKibana:
    """The rules of one space; a RuleWriter whose answers always come."""

    clock: VirtualClock
    user_name: str = "deployer"
    objects: dict[str, Body] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    _ids: Any = field(default_factory=lambda: itertools.count(1))

    def status(self) -> ServerStatus:
        """Return version and clock."""
        return ServerStatus("9.3.1", "traditional", "available", self.clock.now())

    def user(self) -> str:
        """Return who writes."""
        return self.user_name

    def read_space(self, *, marker: str, wanted: Collection[str]) -> SpaceRead:
        """Return all rules."""
        self.calls.append("find")
        return SpaceRead(tuple(copy.deepcopy(list(self.objects.values()))))

    def rule(self, rule_id: str) -> Body | None:
        """Return one rule."""
        self.calls.append("get")
        found = self._found(rule_id)
        return copy.deepcopy(found) if found else None

    def rules(self, rule_ids: Sequence[str]) -> tuple[Body, ...]:
        """Return rules by id."""
        self.calls.append("find")
        return tuple(copy.deepcopy(body) for body in self.objects.values() if body["rule_id"] in rule_ids)

    def connectors(self) -> tuple[Body, ...]:
        """Return no connectors."""
        return ()

    def exception_lists(self) -> tuple[Body, ...]:
        """Return no lists."""
        return ()

    def create(self, body: Body) -> Body:
        """POST a rule."""
        if self._found(body["rule_id"]):
            raise UnknownOutcomeError(f'rule_id: "{body["rule_id"]}" already exists', status=409)
        number = next(self._ids)
        stored = {**stored_form(body), "enabled": body.get("enabled", True), "version": body.get("version", 1)}
        now = self._stamp()
        server = {
            "id": f"so-{number}",
            "revision": 0,
            "immutable": False,
            "created_at": now,
            "created_by": self.user_name,
        }
        self.objects[server["id"]] = {**stored, **server, "updated_at": now, "updated_by": self.user_name}
        return copy.deepcopy(self.objects[server["id"]])

    def replace(self, body: Body, by: str = "") -> Body:
        """PUT a rule."""
        old = self._found(body["rule_id"])
        if old is None:
            raise RemoteError(f'rule_id: "{body["rule_id"]}" not found', status=404)
        if old["type"] != body["type"] and {old["type"], body["type"]} != {"query", "saved_query"}:
            raise RemoteError("params invalid: type", status=400)
        new = stored_form(body)
        new["enabled"], new["version"] = body.get("enabled", old["enabled"]), body.get("version", old["version"])
        kept = {name: old[name] for name in ("id", "immutable", "created_at", "created_by")}
        differs = canonical_json(_content(new)) != canonical_json(_content(old)) or bool(new.get("actions"))
        changed = {
            "revision": old["revision"] + differs,
            "updated_at": self._stamp(),
            "updated_by": by or self.user_name,
        }
        self.objects[old["id"]] = {**new, **kept, **changed}
        return copy.deepcopy(self.objects[old["id"]])

    def amend(self, body: Body) -> Body:
        """PATCH a rule: what is not sent stays."""
        old = self._found(body["rule_id"])
        if old is None:
            raise RemoteError(f'rule_id: "{body["rule_id"]}" not found', status=404)
        return self.replace({**old, **body})

    def delete(self, rule_id: str) -> Body:
        """DELETE a rule."""
        old = self._found(rule_id)
        if old is None:
            raise RemoteError(f'rule_id: "{rule_id}" not found', status=404)
        return self.objects.pop(old["id"])

    def set_enabled(self, ids: Sequence[str], *, enabled: bool) -> Flipped:
        """Enable or disable rules by id."""
        done, failed = {}, {}
        for so_id in ids:
            if so_id not in self.objects:
                failed[so_id] = "Rule not found"
                continue
            self.objects[so_id] |= {"enabled": enabled, "updated_at": self._stamp(), "updated_by": self.user_name}
            done[so_id] = copy.deepcopy(self.objects[so_id])
        return Flipped(done, failed)

    def edit(self, rule_id: str, changes: Mapping[str, Any], by: str = "soc-night") -> bool:
        """Edit a rule as an analyst does in the UI; say whether it was there."""
        old = self._found(rule_id)
        if old is not None:
            self.replace({**old, **changes}, by=by)
        return old is not None

    def _found(self, rule_id: str) -> Body | None:
        return next((body for body in self.objects.values() if body["rule_id"] == rule_id), None)

    def _stamp(self) -> str:
        return self.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stored_form(body: Mapping[str, Any]) -> Body:
    """Return a body with Kibana's defaults filled in and unknown keys gone, without `enabled` and `version`."""
    result: Body = {"rule_id": body["rule_id"]}
    for name, row in FIELDS.items():
        if not row.exists_for(body["type"]) or name in ("enabled", "version", "throttle"):
            continue
        value = body.get(name)
        if value is None:
            value = row.default if not row.opinion else default_of(name, body["type"])
        if value is not ABSENT:
            result[name] = copy.deepcopy(value)
    for number, action in enumerate(result.get("actions", [])):
        action.setdefault("uuid", hashlib.sha256(f"{number}".encode()).hexdigest()[:32])
    return result


def _content(body: Mapping[str, Any]) -> Body:
    return {name: value for name, value in body.items() if name in FIELDS and name != "enabled"}


class MemoryStore:
    """A Store in memory. `process` and `crash_at` end the process at one of its writes, before or after it."""

    location = "memory"

    def __init__(
        self, data: dict[str, bytes] | None = None, *, process: Process | None = None, batch: int = 25
    ) -> None:
        self.data = {} if data is None else data
        self.batch = batch
        self.writes = 0
        self.down = False
        self.down_after: int | None = None  # writes
        self.crash_at: tuple[int, str] | None = None
        self._process = process or Process(0)

    def read(self, name: str) -> Stored | None:
        """Return one object."""
        self._alive()
        data = self.data.get(name)
        return None if data is None else Stored(data, hashlib.sha256(data).hexdigest())

    def read_many(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return several objects."""
        self._alive()
        return {name: self.data[name] for name in names if name in self.data}

    def names(self, prefix: str) -> tuple[str, ...]:
        """Return names."""
        self._alive()
        return tuple(sorted(name for name in self.data if name.startswith(prefix)))

    def create(self, objects: Mapping[str, bytes]) -> None:
        """Write new objects."""
        for name, data in objects.items():
            if self.data.get(name, data) != data:
                raise StateError(f"{name} is there already")
        self._write(lambda: self.data.update(objects))

    def replace(self, name: str, data: bytes, version: str | None) -> str | None:
        """Compare and swap."""
        self._alive()
        found = self.read(name)
        if (found.version if found else None) != version:
            return None
        self._write(lambda: self.data.update({name: data}))
        return hashlib.sha256(data).hexdigest()

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects."""
        gone = list(names)
        self._write(lambda: [self.data.pop(name, None) for name in gone])

    def _write(self, change: Callable[[], object]) -> None:
        self._alive()
        self.writes += 1
        if self.crash_at == (self.writes, "before"):
            self._process.die()
        change()
        if self.crash_at == (self.writes, "after"):
            self._process.die()

    def _alive(self) -> None:
        self._process.check()
        if self.down or (self.down_after is not None and self.writes >= self.down_after):
            raise StateError("the store does not answer")
