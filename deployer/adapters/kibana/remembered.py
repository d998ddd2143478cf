"""
A space that is asked once: a second plan of the same target (`plan --base`) is made from the very same answers.

That saves the requests, and the two plans differ in what git wants and in nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from deployer.adapters.kibana import finding
from deployer.adapters.kibana.lists import ListReader
from deployer.adapters.kibana.reading import KibanaReader
from deployer.core.ports import Body, Namespace, ServerStatus, SpaceRead

T = TypeVar("T")


class _Memory:
    """Answers by what was asked. Two threads that ask the same at once both ask; the first answer stays."""

    def __init__(self) -> None:
        self._answers: dict[Hashable, Any] = {}

    def of(self, asked: Hashable, ask: Callable[[], T]) -> T:
        """Return the remembered answer, else ask."""
        if asked not in self._answers:
            self._answers.setdefault(asked, ask())
        found: T = self._answers[asked]
        return found


class RememberedKibana(KibanaReader):
    """Like the reader that it is made of; what a plan reads is read once. The reader closes the connections."""

    def __init__(self, kibana: KibanaReader) -> None:
        super().__init__(kibana._session)
        self._memory = _Memory()
        self._asked: set[str] = set()

    @property
    def lists(self) -> ListReader:
        """The exception lists and value lists of this space, each read once."""
        return _RememberedLists(self)

    def status(self) -> ServerStatus:
        """Return what the server said of itself at first; its clock stands still."""
        return self._memory.of("status", super().status)

    def connectors(self) -> tuple[Body, ...]:
        """Return the connectors of the space."""
        return self._memory.of("connectors", super().connectors)

    def read_space(self, *, marker: str, wanted: Collection[str]) -> SpaceRead:
        """Return the rules as they were read at first; of a space too large to be read whole, further wanted ones."""
        read = super().read_space
        first = self._memory.of(("space", marker), lambda: read(marker=marker, wanted=wanted))
        if not first.others:
            return first
        if not self._asked:
            self._asked.update(wanted)
            return first
        known = {str(rule["rule_id"]) for rule in first.rules} | self._asked
        more = finding.rules_of(self._session, [rule_id for rule_id in wanted if rule_id not in known])
        return replace(first, rules=(*first.rules, *more), others=max(0, first.others - len(more)))


class _RememberedLists(ListReader):
    """The reading half of the lists that a plan needs, remembered with the space."""

    def __init__(self, kibana: RememberedKibana) -> None:
        super().__init__(kibana._session)
        self._memory = kibana._memory

    def exception_lists(self) -> tuple[Body, ...]:
        return self._memory.of("lists", super().exception_lists)

    def items_of(self, lists: Sequence[tuple[str, Namespace]]) -> tuple[Body, ...]:
        read = super().items_of
        return self._memory.of(("items", tuple(sorted(lists))), lambda: read(lists))

    def value_lists_ready(self) -> bool:
        return self._memory.of("value lists ready", super().value_lists_ready)

    def value_lists(self) -> tuple[Body, ...]:
        return self._memory.of("value lists", super().value_lists)

    def values(self, list_id: str) -> tuple[str, ...]:
        read = super().values
        return self._memory.of(("values", list_id), lambda: read(list_id))
