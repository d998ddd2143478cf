"""
What the store holds for one target, and under which names.

    bundles/<sha256>.ndjson                          content-addressed documents
    targets/<env>/<space>/lock.json                  one lock record, never deleted; `head` names the latest deployment
    targets/<env>/<space>/records/000061.json        deployment records, immutable
    targets/<env>/<space>/journal/<tx>/000001.json   write-ahead log of one apply
    environments/<env>/numbers/000061.json           allocates one deployment number per environment and run
    environments/<env>/events/000123.json            the chained log: each event carries the sha256 of the one before

A commit is one compare-and-swap: the lock record's `head` moves to the new record, which was written before.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from deployer.core import documents
from deployer.core.canonical import canonical_bytes, digest_of_bytes
from deployer.core.plan import Target
from deployer.core.ports import Store
from deployer.core.record import Record, from_json, to_json
from deployer.errors import StateError
from deployer.executor.serial import SerialStore

_LOCK_FORMAT: Final = "deployer-lock"
_EVENT_FORMAT: Final = "deployer-event"
_VERSION: Final = 1
_RECENT: Final = 20  # so many other runs of an environment may take a number while one run works


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, so that a person can go and look."""

    name: str = ""
    host: str = ""
    pid: int = 0
    boot: str = ""
    run_url: str = ""

    def __str__(self) -> str:
        """Name, host and the CI run."""
        where = self.run_url or f"process {self.pid} on {self.host}"
        return f"{self.name or 'somebody'} ({where})"


@dataclass(frozen=True, slots=True)
class Lock:
    """The lock record of a target. Times are Kibana's clock, ISO UTC."""

    state: str = "free"  # free | held | needs_recovery
    token: int = 0
    holder: Holder = field(default_factory=Holder)
    tx: str = ""
    since: str = ""
    expires_at: str = ""
    head: int | None = None
    committed: bool = False  # the transaction moved the head: what is left of it is cleaning up


@dataclass(frozen=True, slots=True)
class Head:
    """The lock record with the version to swap it by (None: there is none yet), and the record that it names."""

    lock: Lock
    version: str | None
    record: Record | None


class Ledger:
    """The store as one target sees it. With `retarget` a record made for another url or space is taken over."""

    def __init__(self, store: Store, target: Target, project: str, *, retarget: bool = False) -> None:
        self.store: Store = SerialStore(store)
        self._retarget = retarget
        self.target = target
        self.project = project
        self._here = f"targets/{segment(target.environment)}/{segment(target.space)}"
        self._environment = f"environments/{segment(target.environment)}"

    @property
    def location(self) -> str:
        """Where the store is."""
        return self.store.location

    def head(self) -> Head:
        """Return lock and latest record. Raises StateError if they are damaged or made for another target."""
        lock, version = self.lock()
        record = self.record(lock.head) if lock.head is not None else None
        if record is not None:
            self._ours(record)
        return Head(lock, version, record)

    def lock(self) -> tuple[Lock, str | None]:
        """Return the lock record, a free one where there is none yet."""
        name = f"{self._here}/lock.json"
        stored = self.store.read(name)
        if stored is None:
            return Lock(), None
        data = _object(stored.data, _LOCK_FORMAT, self._where(name))
        try:
            return Lock(**{**data, "holder": Holder(**data["holder"])}), stored.version
        except (KeyError, TypeError) as exc:
            raise StateError(f"{self._where(name)} is damaged: {exc}") from exc

    def swap_lock(self, lock: Lock, version: str | None) -> str | None:
        """Write the lock record if it still has `version`; return the new version, None if somebody was first."""
        data = {"format": _LOCK_FORMAT, "version": _VERSION, **asdict(lock)}
        return self.store.replace(f"{self._here}/lock.json", _bytes(data), version)

    def record(self, number: int) -> Record:
        """Return one deployment record. Raises StateError if it is missing or damaged."""
        name = self._record(number)
        stored = self.store.read(name)
        if stored is None:
            raise StateError(f"{self._where(name)} is missing, though the lock record names it")
        return from_json(_json(stored.data, self._where(name)), where=self._where(name))

    def numbers(self) -> tuple[int, ...]:
        """Return the numbers of the committed and abandoned records of this target, oldest first."""
        names = self.store.names(f"{self._here}/records/")
        return tuple(int(name.rpartition("/")[2].removesuffix(".json")) for name in names)

    def write_record(self, record: Record, bundle: tuple[str, bytes] | None = None) -> None:
        """Write a record, with the bundle of its documents; it counts only once the lock's `head` names it."""
        with_it = dict([bundle]) if bundle else {}
        self.store.create({**with_it, self._record(record.number): _bytes(to_json(record))})

    def record_digest(self, record: Record) -> str:
        """Return the sha256 of the bytes of a record."""
        return hashlib.sha256(_bytes(to_json(record))).hexdigest()

    def allocate_number(self, run: str) -> int:
        """Return the deployment number of this run in its environment; the targets of one run share it."""
        prefix = f"{self._environment}/numbers/"
        while True:
            known = self.store.names(prefix)[-_RECENT:]
            for name, data in self.store.read_many(known).items():
                if _json(data, self._where(name)).get("run") == run:
                    return _number(name)
            number = _number(known[-1]) + 1 if known else 1
            if self.store.replace(f"{prefix}{number:06}.json", _bytes({"run": run}), None) is not None:
                return number

    def documents(self, wanted: Collection[str], record: Record) -> dict[str, Mapping[str, Any]]:
        """Return documents by digest, from the bundles that a record names. Raises StateError for one that is lost."""
        bundles = {
            entry.bundle
            for entry in record.rules.values()
            if not {entry.fingerprint, entry.authored, entry.written}.isdisjoint(wanted)
        }
        return self.from_bundles(wanted, bundles)

    def from_bundles(self, wanted: Collection[str], bundles: Iterable[str]) -> dict[str, Mapping[str, Any]]:
        """Return documents by digest, from these bundles."""
        found: dict[str, Mapping[str, Any]] = {}
        for name, data in self.store.read_many(sorted(set(bundles))).items():
            documents.check(name, data)
            found.update(documents.find(data, wanted))
        lost = set(wanted) - found.keys()
        if lost:
            raise StateError(
                f"{len(lost)} rule documents are missing in {self.location}", hint="restore the store's bundles/"
            )
        return found

    def packed(self, bodies: Mapping[str, Mapping[str, Any]]) -> tuple[str, bytes, dict[str, str]]:
        """Return name and bytes of a bundle of these bodies ("" where there are none), and the digest of each."""
        if not bodies:
            return "", b"", {}
        texts = {key: canonical_bytes(body) for key, body in bodies.items()}
        digests = {key: digest_of_bytes(text) for key, text in texts.items()}
        name, data = documents.pack_texts({digests[key]: text for key, text in texts.items()})
        return name, data, digests

    def append_event(self, event: Mapping[str, Any]) -> int:
        """Append an event to the environment's chained log; return its number."""
        prefix = f"{self._environment}/events/"
        while True:
            known = self.store.names(prefix)
            before = self.store.read(known[-1]) if known else None
            number = _number(known[-1]) + 1 if known else 1
            body = {
                "format": _EVENT_FORMAT,
                "version": _VERSION,
                "number": number,
                "previous": hashlib.sha256(before.data).hexdigest() if before else "",
                "environment": self.target.environment,
                "space": self.target.space,
                **event,
            }
            if self.store.replace(f"{prefix}{number:06}.json", _bytes(body), None) is not None:
                return number

    def events(self) -> tuple[dict[str, Any], ...]:
        """Return the events of the environment, oldest first."""
        names = self.store.names(f"{self._environment}/events/")
        found = self.store.read_many(names)
        return tuple(_object(found[name], _EVENT_FORMAT, self._where(name)) for name in names if name in found)

    def stored_events(self) -> tuple[tuple[dict[str, Any], bytes], ...]:
        """Return the events of the environment with their bytes, oldest first, for who follows the chain."""
        names = self.store.names(f"{self._environment}/events/")
        found = self.store.read_many(names)
        return tuple((_object(found[n], _EVENT_FORMAT, self._where(n)), found[n]) for n in names if n in found)

    def record_sha256(self, number: int) -> str:
        """Return the sha256 of the stored bytes of a record, "" where it is missing."""
        stored = self.store.read(self._record(number))
        return hashlib.sha256(stored.data).hexdigest() if stored else ""

    def committed(self) -> Iterator[Record]:
        """Yield the committed records of this target, newest first, one at a time: each may hold thousands of rules."""
        number = self.lock()[0].head
        while number is not None:
            record = self.record(number)
            yield record
            number = record.previous

    def damaged(self, bundles: Mapping[str, Collection[str]]) -> list[str]:
        """Return a sentence for every bundle that is missing or damaged, or lacks a document that it should have."""
        found: list[str] = []
        for name in sorted(bundles):
            stored = self.store.read(name)
            if stored is None:
                found.append(f"{name} is missing")
                continue
            try:
                documents.check(name, stored.data)
            except StateError as error:
                found.append(str(error))
                continue
            lost = set(bundles[name]) - documents.find(stored.data, bundles[name]).keys()
            found += [f"{name} lacks {len(lost)} documents that records name"] if lost else []
        return found

    def journal_prefix(self, tx: str) -> str:
        """Return where the journal of one apply stands."""
        return f"{self._here}/journal/{segment(tx)}/"

    def _record(self, number: int) -> str:
        return f"{self._here}/records/{number:06}.json"

    def _where(self, name: str) -> str:
        return f"{name} in {self.location}"

    def _ours(self, record: Record) -> None:
        url, space = self.target.url, self.target.space
        if (record.url, record.space) != (url, space) and not self._retarget:
            raise StateError(
                f"{self.target.name} is {url}, space {space}, but its record in {self.location} was made for "
                f"{record.url}, space {record.space}",
                hint="correct the environment file; if the target moved on purpose: --retarget",
            )


def segment(text: str) -> str:
    """Return a name as one segment of the store: lower case, anything unusual as `.xx`."""
    if re.fullmatch(r"[a-z0-9_-][a-z0-9._-]*", text):
        return text
    return "".join(sign if re.fullmatch(r"[a-z0-9_-]", sign) else f".{ord(sign):x}." for sign in text)


def _number(name: str) -> int:
    return int(name.rpartition("/")[2].removesuffix(".json"))


def _bytes(data: Mapping[str, Any]) -> bytes:
    return canonical_bytes(dict(data)) + b"\n"


def _json(data: bytes, where: str) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError as exc:
        raise StateError(f"{where} is damaged: not JSON") from exc
    if not isinstance(found, dict):
        raise StateError(f"{where} is damaged: not an object")
    return found


def _object(data: bytes, kind: str, where: str) -> dict[str, Any]:
    found = _json(data, where)
    if found.pop("format", None) != kind:
        raise StateError(f"{where} is not a {kind}")
    version = found.pop("version", None)
    if version != _VERSION:
        raise StateError(f"{where} has version {version}, this deployer reads {_VERSION}", hint="upgrade deployer")
    return found
