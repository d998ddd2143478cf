"""The request log that tests read: who asked what, what was answered, and whether anything was written."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import Any

_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Seen:
    """
    One request. `write` tells that its method and path can change something, `wrote` that it did;
    `status` is 0 where no answer was sent, `at` the second in which it was, on a clock that begins anywhere.
    """

    method: str
    path: str
    space: str
    status: int
    user: str
    write: bool
    wrote: bool
    at: float = field(default_factory=time.monotonic)


class Traffic:
    """The last requests and counters over all of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._seen: deque[Seen] = deque(maxlen=_KEPT)
            self._counts: Counter[tuple[str, str, int]] = Counter()
            self._writes = 0
            self._wrote = 0

    def add(self, seen: Seen) -> None:
        """Remember one request."""
        with self._lock:
            self._seen.append(seen)
            self._counts[seen.method, seen.path, seen.status] += 1
            self._writes += seen.write
            self._wrote += seen.wrote

    def requests(self, *, only_writes: bool) -> list[dict[str, Any]]:
        """The last requests, oldest first."""
        with self._lock:
            return [asdict(seen) for seen in self._seen if seen.write or not only_writes]

    def counters(self) -> dict[str, Any]:
        """Totals, and how often each method, path and status occurred."""
        with self._lock:
            rows = [
                {"method": method, "path": path, "status": status, "count": count}
                for (method, path, status), count in sorted(self._counts.items())
            ]
            total = sum(self._counts.values())
            return {"total": total, "writes": self._writes, "wrote": self._wrote, "requests": rows}
