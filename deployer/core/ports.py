"""
What the inside needs of the outside, as Protocols: Kibana to read, Kibana to write, the state store, the clock.

`plan` is given a RuleReader and cannot write; only `apply`, `rollback` and `recover` are given a RuleWriter.
Rules cross this border as Kibana's own JSON objects (`dict[str, Any]`, a "body"); `core.normalise` turns them into
Rules.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar

from deployer.errors import DeployerError

Body = dict[str, Any]
"""One JSON object as Kibana's API has it."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """What `/api/status` says: `version` "" for a caller who may not see it, `flavor` traditional or serverless."""

    version: str
    flavor: str
    level: str
    date: datetime | None  # the server's clock, from its Date header


@dataclass(frozen=True, slots=True)
class SpaceRead:
    """
    One bulk read of a space (design: "Reads when planning are bulk").

    `rules` has every rule that carries our marker tag and every rule with a wanted `rule_id`; in a space of up to
    10,000 rules it has all of them. `others` counts the rules that were not read. `requests` were made for it.
    """

    rules: tuple[Body, ...]
    others: int = 0
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Flipped:
    """Result of one enable or disable batch: `done` maps the `id` of each rule to its body, `failed` to the reason."""

    done: Mapping[str, Body]
    failed: Mapping[str, str] = field(default_factory=dict)


class RuleReader(Protocol):
    """What `plan` needs of one Kibana space. Errors: the RemoteError branch; a 404 is None, never an error."""

    def status(self) -> ServerStatus:
        """Return version, flavor, level and clock of the server."""
        ...

    def user(self) -> str:
        """Return the name of the Kibana user of this credential, "" where the server does not tell."""
        ...

    def read_space(self, *, marker: str, wanted: Collection[str]) -> SpaceRead:
        """Return every rule with the tag `marker` or a wanted `rule_id`, complete or an error."""
        ...

    def rule(self, rule_id: str) -> Body | None:
        """Return the rule with this `rule_id`, None where there is none."""
        ...

    def rules(self, rule_ids: Sequence[str]) -> tuple[Body, ...]:
        """Return every rule that has one of these `rule_id`s (two of one id are both returned), in few requests."""
        ...

    def connectors(self) -> tuple[Body, ...]:
        """Return the connectors of the space, as `GET /api/actions/connectors` lists them."""
        ...

    def exception_lists(self) -> tuple[Body, ...]:
        """Return the exception list containers of the space and the agnostic ones."""
        ...


class RuleWriter(RuleReader, Protocol):
    """
    What `apply` needs on top. Each write is sent exactly once, never retried here.

    Raises RemoteError (a definite refusal: a 4xx other than 408, 409 and 429, or no connection was made at all) and
    UnknownOutcomeError (everything else that is not a 2xx with a complete answer). facts.md section 9,
    transactions.md 5.4.
    """

    def create(self, body: Body) -> Body:
        """POST one rule; return what Kibana stored."""
        ...

    def replace(self, body: Body) -> Body:
        """PUT one rule by its `rule_id`; return what Kibana stored."""
        ...

    def amend(self, body: Body) -> Body:
        """PATCH one rule by its `rule_id`: fields that are not sent stay as they are. Return what Kibana stored."""
        ...

    def delete(self, rule_id: str) -> Body:
        """DELETE one rule by its `rule_id`; return the rule that Kibana removed."""
        ...

    def set_enabled(self, ids: Sequence[str], *, enabled: bool) -> Flipped:
        """Enable or disable the rules with these saved-object `id`s, in one `_bulk_action`."""
        ...


Namespace = Literal["single", "agnostic"]


class Lists(Protocol):
    """
    What `apply` needs of exception lists, items and value lists; each write is sent once, errors as those of
    RuleWriter. A PUT that carries a `_version` is refused with 409 (an UnknownOutcomeError with that status) where
    somebody was faster. facts.md section 7.
    """

    def exception_lists(self) -> tuple[Body, ...]:
        """Return every exception list container of the space, and the agnostic ones."""
        ...

    def exception_list(self, list_id: str, namespace: Namespace = "single") -> Body | None:
        """Return one container."""
        ...

    def exception_items(self, list_id: str, namespace: Namespace = "single") -> tuple[Body, ...]:
        """Return every item of a list that exists."""
        ...

    def items_of(self, lists: Sequence[tuple[str, Namespace]]) -> tuple[Body, ...]:
        """Return every item of these lists, which exist, in few requests."""
        ...

    def exception_item(self, item_id: str, namespace: Namespace = "single") -> Body | None:
        """Return one item."""
        ...

    def value_lists_ready(self) -> bool:
        """Say whether the space can hold value lists."""
        ...

    def value_list(self, list_id: str) -> Body | None:
        """Return one value list, without the values."""
        ...

    def values(self, list_id: str) -> tuple[str, ...]:
        """Return every value of a list."""
        ...

    def value_items(self, list_id: str, value: str) -> tuple[Body, ...]:
        """Return the items of a value list that hold this value."""
        ...

    def create_exception_list(self, body: Body) -> Body:
        """POST a container; return what Kibana stored."""
        ...

    def update_exception_list(self, body: Body) -> Body:
        """PUT a container; return what Kibana stored."""
        ...

    def delete_exception_list(self, list_id: str, namespace: Namespace = "single") -> Body:
        """DELETE a container with its items; return it."""
        ...

    def create_exception_item(self, body: Body) -> Body:
        """POST an item; return what Kibana stored."""
        ...

    def update_exception_item(self, body: Body) -> Body:
        """PUT an item; return what Kibana stored."""
        ...

    def delete_exception_item(self, item_id: str, namespace: Namespace = "single") -> Body:
        """DELETE an item; return it."""
        ...

    def prepare_value_lists(self) -> None:
        """Make the space able to hold value lists."""
        ...

    def create_value_list(self, body: Body) -> Body:
        """POST a value list; return what Kibana stored."""
        ...

    def delete_value_list(self, list_id: str, *, ignore_references: bool = False) -> Body:
        """DELETE a value list with its values; return it."""
        ...

    def import_values(self, list_id: str, values: Iterable[str]) -> Body:
        """POST many values at once; return the list."""
        ...

    def delete_value(self, list_id: str, value: str) -> tuple[Body, ...]:
        """DELETE a value from a list; return the items that Kibana removed."""
        ...


@dataclass(frozen=True, slots=True)
class Stored:
    """One object of the store: its bytes, and the version to name in `replace`."""

    data: bytes
    version: str


class Store(Protocol):
    """
    The state store, version 1: named objects with compare-and-swap. Locks, journals, records, events, holds and
    documents are all built from these six operations, so that a folder, a bucket and a git branch serve alike.

    Names are segments of `[a-z0-9._-]+` joined by `/`. A write is durable when the call returns. Errors: StateError.
    """

    @property
    def location(self) -> str:
        """Where the store is, for messages and `doctor`; holds no secret."""
        ...

    @property
    def batch(self) -> int:
        """How many intents go into one journal object: 25 where a write is cheap, more where it is a push."""
        ...

    def read(self, name: str) -> Stored | None:
        """Return one object, None where there is none."""
        ...

    def read_many(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the objects that exist among these names, in as few round trips as the backend allows."""
        ...

    def names(self, prefix: str) -> tuple[str, ...]:
        """Return the sorted names that start with `prefix`."""
        ...

    def create(self, objects: Mapping[str, bytes]) -> None:
        """
        Write objects that must not exist yet, together where the backend can. An equal object that is already there
        is fine (the call may be repeated); a different one is a StateError. Use `replace` with version None to race.
        """
        ...

    def replace(self, name: str, data: bytes, version: str | None) -> str | None:
        """
        Compare and swap: write `data` if the object still has `version` (None: if there is no such object).
        Return the new version, or None when somebody else was first.
        """
        ...

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects that are no longer needed (a finished journal); a missing one is fine."""
        ...


class Clock(Protocol):
    """The only source of time and of waiting. Tests hand in one that does not sleep."""

    def now(self) -> datetime:
        """Return the wall clock, timezone-aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait; returns early when the run is being interrupted."""
        ...


class Concurrency(Protocol):
    """
    How many calls run at once: `adapters.kibana` carries them out in threads, as many as the host can take.

    `items` is drawn in the caller's thread, each right before it is handed out, so that a generator may do something
    durable first. Once `stop()` is true nothing more is handed out; what was handed out is awaited and yielded with its
    result, or with the DeployerError that the function raised.
    """

    def __call__(
        self, function: Callable[[Item], Result], items: Iterable[Item], *, stop: Callable[[], bool]
    ) -> Iterator[tuple[Item, Result | DeployerError]]:
        """Yield each item with its result, as they complete."""
        ...
