"""The few requests to GitHub that the action makes, with nothing but Python: no `gh`, `jq` or `curl` on the runner."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

PAGE = 100


class ApiError(Exception):
    """GitHub said no, or nothing. `status` is 0 where there was no answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Api:
    """One repository at one GitHub; `url` without a slash at its end."""

    url: str
    repository: str
    token: str = field(repr=False)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request below the repository; return the parsed answer. Raises ApiError."""
        request = urllib.request.Request(  # the runner says where GitHub is
            f"{self.url}/repos/{self.repository}/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={
                "accept": "application/vnd.github+json",
                "authorization": f"Bearer {self.token}",
                "content-type": "application/json",
                "user-agent": "deployer",
                "x-github-api-version": "2022-11-28",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise ApiError(f"GitHub answered {error.code} to {method} {path.partition('?')[0]}", error.code) from error
        except (OSError, ValueError) as error:
            raise ApiError(f"GitHub did not answer {method} {path.partition('?')[0]}: {error}") from error

    def pages(self, path: str) -> Iterator[Any]:
        """Yield the entries of all pages of a list."""
        for number in range(1, 1000):
            found = self.call("GET", f"{path}{'&' if '?' in path else '?'}per_page={PAGE}&page={number}")
            yield from found
            if len(found) < PAGE:
                return


def keep_comment(api: Api, number: int, name: str, text: str) -> str:
    """
    Keep the one comment called `name` on a pull request: written the first time, rewritten after that.

    Anybody can write our mark into a comment of their own; only what a bot wrote is taken for ours, so that nobody's
    words are replaced. (A person's token writes as that person: then the newest comment of that person with the mark.)
    Returns "created" or "updated". Raises ApiError.
    """
    mark = f"<!-- deployer:{urllib.parse.quote(name)} -->"
    body = f"{mark}\n{text}"
    found = [entry for entry in api.pages(f"issues/{number}/comments") if _starts(entry, mark)]
    mine = [entry for entry in found if entry.get("user", {}).get("type") == "Bot"]
    if not mine and found:
        me = _login(api)
        mine = [entry for entry in found if me and entry.get("user", {}).get("login") == me]
    if mine:
        api.call("PATCH", f"issues/comments/{mine[-1]['id']}", {"body": body})
        return "updated"
    api.call("POST", f"issues/{number}/comments", {"body": body})
    return "created"


def _starts(entry: Any, mark: str) -> bool:
    return str(entry.get("body") or "").startswith(mark)


def _login(api: Api) -> str:
    """Return who a person's token belongs to, "" for the token of a job or an app."""
    request = urllib.request.Request(f"{api.url}/user", headers={"authorization": f"Bearer {api.token}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(json.loads(answer.read()).get("login", ""))
    except (OSError, ValueError):
        return ""


@dataclass(frozen=True)
class Proposal:
    """A pull request as it should be."""

    branch: str
    base: str
    title: str
    body: str


def open_request(api: Api, proposal: Proposal) -> int | None:
    """Return the number of the open pull request from a branch, None where there is none. Raises ApiError."""
    owner = api.repository.partition("/")[0]
    query = urllib.parse.urlencode({"state": "open", "head": f"{owner}:{proposal.branch}", "base": proposal.base})
    found = api.call("GET", f"pulls?{query}")
    return int(found[0]["number"]) if found else None


def keep_request(api: Api, proposal: Proposal) -> tuple[int, str]:
    """Open the pull request, or bring the open one up to date; return its number and which it was. Raises ApiError."""
    number = open_request(api, proposal)
    if number is None:
        body = {"title": proposal.title, "body": proposal.body, "head": proposal.branch, "base": proposal.base}
        return int(api.call("POST", "pulls", body)["number"]), "opened"
    api.call("PATCH", f"pulls/{number}", {"title": proposal.title, "body": proposal.body})
    return number, "updated"


def close_request(api: Api, proposal: Proposal, why: str) -> int | None:
    """Close the open pull request from a branch, if there is one, and say why. Raises ApiError."""
    number = open_request(api, proposal)
    if number is not None:
        api.call("POST", f"issues/{number}/comments", {"body": why})
        api.call("PATCH", f"pulls/{number}", {"state": "closed"})
    return number
