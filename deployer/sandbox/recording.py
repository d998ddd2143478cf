"""Every answer as one line of a file, for tests that hold all traffic to the official contract."""

from __future__ import annotations

import threading
from pathlib import Path

from deployer.sandbox.messages import Response, to_json


class Recording:
    """
    Appends `{"method", "path", "status", "type", "body"}` to a file, as JSON lines.

    `path` has the space and the query; `body` is the text of a JSON body, and empty for all others.
    """

    def __init__(self, path: str) -> None:
        self._file = Path(path).open("a", encoding="utf-8")  # noqa: SIM115 - open as long as the server runs
        self._lock = threading.Lock()

    def add(self, method: str, path: str, response: Response) -> None:
        """Write one answer down; it is in the file when this returns."""
        body = response.body.decode("utf-8") if response.content_type.startswith("application/json") else ""
        seen = {"method": method, "path": path, "status": response.status, "type": response.content_type, "body": body}
        with self._lock:
            self._file.write(to_json(seen) + "\n")
            self._file.flush()
