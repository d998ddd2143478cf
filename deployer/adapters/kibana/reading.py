"""One Kibana space to read from: `core.ports.RuleReader`, and what `doctor` asks for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from deployer.adapters.kibana import finding, kql, shapes
from deployer.adapters.kibana.exchange import RULES, Answer, Call, ShapeError
from deployer.adapters.kibana.lists import ListReader
from deployer.adapters.kibana.session import Session, http_date
from deployer.core.ports import Body, ServerStatus, SpaceRead
from deployer.errors import DeployerError, RemoteError

T = TypeVar("T")
R = TypeVar("R")


class KibanaReader:
    """
    A Kibana space that cannot be written to; use it in a `with` block, which closes its connections.

    Every method raises the RemoteError branch: UnreachableError, DeniedError, NotReadyError, or RemoteError itself.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._user: str | None = None
        self._encrypts = True

    def __enter__(self) -> Self:
        """Return this space."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    @property
    def requests(self) -> int:
        """How many requests were sent so far, retries included."""
        return self._session.traffic.requests

    @property
    def received(self) -> int:
        """How many bytes were received so far."""
        return self._session.traffic.received

    @property
    def sent(self) -> int:
        """How many bytes of request bodies were sent so far."""
        return self._session.traffic.sent

    @property
    def lists(self) -> ListReader:
        """The exception lists and value lists of this space."""
        return ListReader(self._session)

    def cut(self) -> None:
        """
        End every request that is under way, and start no further one: the run was interrupted, its time is over.

        A write that was cut ends as UnknownOutcomeError. Called from another thread.
        """
        self._session.cut()

    def renew_deadline(self) -> None:
        """Start `run_timeout` afresh: undoing must not fail because applying used the time up."""
        self._session.renew()

    def map_concurrently(
        self, function: Callable[[T], R], items: Iterable[T], *, stop: Callable[[], bool]
    ) -> Iterator[tuple[T, R | DeployerError]]:
        """
        Call `function` for each item in worker threads, as many at once as this Kibana bears; yield each item with its
        result or error, as they complete. Nothing is handed out after the first error or once `stop()` is true.
        """
        return self._session.map_concurrently(function, items, stop=stop)

    def status(self) -> ServerStatus:
        """Return version, flavor, level and clock of the server; `/api/status` with 503 is a NotReadyError."""
        return self._session.read(Call("GET", "/api/status", "tell its status", scoped=False), _status)

    def user(self) -> str:
        """Return the name of the Kibana user of this credential (asked once), "" where the server does not tell."""
        if self._user is None:
            self._user = self._ask_user()
        return self._user

    @property
    def can_enable(self) -> bool:
        """Whether rules can be switched on here at all: Kibana has an encryption key, as far as it tells."""
        self.user()
        return self._encrypts

    def _ask_user(self) -> str:
        try:
            told = self.privileges()
        except RemoteError as exc:
            if exc.status not in (403, 404):  # a role may hide this route and still deploy
                raise
            return ""
        name = told.get("username")
        self._encrypts = told.get("has_encryption_key") is not False
        return name if isinstance(name, str) else ""

    def privileges(self) -> Body:
        """Return the answer of `GET /api/detection_engine/privileges` (facts.md section 10)."""
        return self._session.read(Call("GET", "/api/detection_engine/privileges", "tell our privileges"), shapes.body)

    def spaces(self) -> tuple[Body, ...]:
        """Return the spaces that this credential may see."""
        call = Call("GET", "/api/spaces/space", "list its spaces", scoped=False)
        return self._session.read(call, lambda answer: shapes.bodies(answer, "id"))

    def read_space(self, *, marker: str, wanted: Collection[str]) -> SpaceRead:
        """Return every rule with the tag `marker` or a wanted `rule_id`, complete or an error."""
        return finding.read_space(self._session, marker=marker, wanted=wanted)

    def rule(self, rule_id: str) -> Body | None:
        """Return the rule with this `rule_id`; None only where Kibana itself says that there is none."""
        if kql.breaks_lookups(rule_id):
            return next(iter(self.rules([rule_id])), None)
        call = Call("GET", RULES, f"read rule {rule_id!r}", (("rule_id", rule_id),))
        return self._session.read_or_none(call, shapes.rule(rule_id))

    def rules(self, rule_ids: Sequence[str]) -> tuple[Body, ...]:
        """Return every rule that has one of these `rule_id`s (two of one id are both returned), 50 ids a request."""
        return finding.rules_of(self._session, rule_ids)

    def connectors(self) -> tuple[Body, ...]:
        """Return the connectors of the space, preconfigured ones included."""
        call = Call("GET", "/api/actions/connectors", "list the connectors")
        return self._session.read(call, lambda answer: shapes.bodies(answer, "id"))

    def exception_lists(self) -> tuple[Body, ...]:
        """Return the exception list containers of the space and the agnostic ones."""
        return self.lists.exception_lists()

    def gather(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Return the results of reads that may run at once, in the order of `items`. Raises the first error."""
        return self._session.gather(function, items)


def _status(answer: Answer) -> ServerStatus:
    """Callers without privileges get only the level (facts.md section 10)."""
    value = shapes.body(answer)
    overall = _object(_object(value.get("status")).get("overall"))
    version = value.get("version")
    version = version if isinstance(version, dict) else {}
    level = overall.get("level")
    if not isinstance(level, str):
        raise ShapeError("lacks `status.overall.level`")
    date = http_date(answer.headers.get("date", ""))
    return ServerStatus(
        str(version.get("number") or ""), str(version.get("build_flavor") or "traditional"), level, date
    )


def _object(value: Any) -> Body:
    if not isinstance(value, dict):
        raise ShapeError("is not the status of a Kibana")
    return value
