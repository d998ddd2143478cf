"""Items whose time is over, and those whose time soon will be: Kibana goes quiet about both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from deployer.core.exceptions.reading import Keys, ListFile
from deployer.core.flaw import Locate, dotted
from deployer.errors import Problem, Severity

SOON: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Ending:
    """One item with a last moment: which it is, of which list, in which file, and how near that is."""

    name: str
    list_id: str
    path: str
    ends: datetime
    state: Literal["expired", "soon", "later"]


def endings(files: Iterable[ListFile], now: datetime) -> tuple[Ending, ...]:
    """Return every item that has a time to expire at, the first one to end first."""
    found = []
    for file in files:
        for item in file.items.values():
            ends = _moment(item.get("expire_time"))
            if ends is not None:
                state: Literal["expired", "soon", "later"] = "soon" if ends <= now + SOON else "later"
                state = "expired" if ends <= now else state
                found.append(Ending(str(item["name"]), file.list_id, file.path, ends, state))
    return tuple(sorted(found, key=lambda ending: (ending.ends, ending.list_id, ending.name)))


def expiring(files: Iterable[ListFile], now: datetime, locate: Locate) -> Iterator[Problem]:
    """Yield a warning for each item that has expired, or will within two weeks. `now` is Kibana's clock."""
    for file in files:
        for item_id, item in file.items.items():
            ends = _moment(item.get("expire_time"))
            if ends is None or ends > now + SOON:
                continue
            key, line, column = _place(file, item_id, locate)
            if ends <= now:
                message, code = f'"{item["name"]}" expired on {ends.date()}: it excepts nothing any more', "expired"
                remedy = "remove the item, or give it another date"
            else:
                days = (ends - now).days
                message = f'"{item["name"]}" expires on {ends.date()}, in {days} day{"" if days == 1 else "s"}'
                code, remedy = "expires-soon", "then its rules alert again"
            yield Problem(file.path, line, column, dotted(key), message, code, remedy, Severity.WARNING)


def _place(file: ListFile, item_id: str, locate: Locate) -> tuple[Keys, int, int]:
    """Return where the time of an item is written, in the words of either form; the item itself where it is not."""
    item = file.places.get(item_id, ())
    for key in ((*item, "expire_time"), (*item, "expires"), item):
        line, column = locate(file.path, key)
        if line:
            return key, line, column
    return item, 0, 0


def _moment(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
