"""A stand-in for the part of GitHub's API that the action uses: comments and pull requests of one repository."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

REPOSITORY = "example/detections"
TOKEN = "ghs_of-the-tests"
BOT = {"login": "github-actions[bot]", "type": "Bot"}


@dataclass
class GitHub:
    """What the repository holds, and which requests came. `may_write` is what the permissions of the job say."""

    url: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    may_write: bool = True

    def comment(self, number: int, body: str, login: str = "", kind: str = "User") -> dict[str, Any]:
        """Somebody comments."""
        user = {"login": login, "type": kind} if login else BOT
        self.comments.append({"id": 1000 + len(self.comments), "issue": number, "body": body, "user": user})
        return self.comments[-1]

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Return status and body for one request."""
        parts = urlsplit(path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        rest = parts.path.removeprefix(f"/repos/{REPOSITORY}/")
        if method != "GET" and not self.may_write:
            return 403, {"message": "Resource not accessible by integration"}
        for pattern, handler in (
            (r"GET issues/(\d+)/comments", self._list),
            (r"POST issues/(\d+)/comments", self._add),
            (r"PATCH issues/comments/(\d+)", self._change),
            (r"GET pulls", self._pulls),
            (r"POST pulls", self._open),
            (r"PATCH pulls/(\d+)", self._edit),
        ):
            found = re.fullmatch(pattern, f"{method} {rest}")
            if found:
                return handler(*(int(one) for one in found.groups()), query=query, body=body)
        return 404, {"message": "Not Found"}

    def _list(self, number: int, *, query: dict[str, str], body: Any) -> tuple[int, Any]:
        size, page = int(query.get("per_page", 30)), int(query.get("page", 1))
        mine = [one for one in self.comments if one["issue"] == number]
        return 200, mine[(page - 1) * size : page * size]

    def _add(self, number: int, *, query: dict[str, str], body: Any) -> tuple[int, Any]:
        return 201, self.comment(number, body["body"])

    def _change(self, number: int, *, query: dict[str, str], body: Any) -> tuple[int, Any]:
        found = next(one for one in self.comments if one["id"] == number)
        found["body"] = body["body"]
        return 200, found

    def _pulls(self, *, query: dict[str, str], body: Any) -> tuple[int, Any]:
        owner = REPOSITORY.partition("/")[0]
        return 200, [
            one
            for one in self.pulls
            if (one["state"], f"{owner}:{one['head']}", one["base"]) == (query["state"], query["head"], query["base"])
        ]

    def _open(self, *, query: dict[str, str], body: Any) -> tuple[int, Any]:
        self.pulls.append({"number": 41 + len(self.pulls), "state": "open", **body})
        return 201, self.pulls[-1]

    def _edit(self, number: int, *, query: dict[str, str], body: Any) -> tuple[int, Any]:
        found = next(one for one in self.pulls if one["number"] == number)
        found.update(body)
        return 200, found


@contextlib.contextmanager
def github() -> Iterator[GitHub]:
    """Serve the stand-in for the length of a `with` block; a request without our token gets 401."""
    state = GitHub()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length") or 0))
            state.requests.append(f"{self.command} {self.path}")
            if self.headers.get("authorization") != f"Bearer {TOKEN}":
                status, body = 401, {"message": "Bad credentials"}
            else:
                status, body = state.answer(self.command, self.path, json.loads(sent or b"null"))
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = _serve  # noqa: N815 - the names that the library calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield state
        server.shutdown()
        thread.join(10)
