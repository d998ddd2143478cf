"""From an answer, or from none, to one of our errors: what happened, why, and what to do (facts.md section 9)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from deployer.adapters.kibana.exchange import Answer, Call, ShapeError, WireError
from deployer.adapters.kibana.redaction import Redactor, bare_url
from deployer.errors import DeniedError, NotReadyError, RemoteError, UnknownOutcomeError, UnreachableError

_PRIVILEGES = re.compile(r"granted by the Kibana privileges \[([^\]]*)\]")
_PERHAPS_DONE = frozenset({408, 409, 429})  # 4xx that a gateway or a saved-object conflict gives after the work began
_TITLE = re.compile(r"(?is)<title[^>]*>(.*?)</title>")


@dataclass(frozen=True, slots=True)
class Words:
    """Turns failures against one space into errors. `url` has no credentials; `redactor` sees every server text."""

    url: str
    space: str
    redactor: Redactor

    def unreached(self, call: Call, failure: WireError, tries: int = 1) -> UnreachableError:
        """Return the error of a read that got no answer, or of a write that was never sent."""
        again = f" (tried {tries} times)" if tries > 1 else ""
        return UnreachableError(
            self._show(f"Kibana at {self.url} could not be asked to {call.purpose}: {failure}{again}"),
            hint=failure.hint,
        )

    def unseen(self, call: Call, reason: str, status: int = 0) -> UnknownOutcomeError:
        """Return the error of a write whose result nobody saw."""
        return UnknownOutcomeError(
            self._show(f"Kibana was asked to {call.purpose}, and nobody saw the result: {reason}"), status=status
        )

    def misshapen(self, call: Call, answer: Answer, exc: ShapeError) -> UnreachableError:
        """Return the error of a read with a 2xx that is not the answer to this call."""
        return UnreachableError(
            self._show(f"{self.url} was asked to {call.purpose}, but the answer {exc}{self._excerpt(answer)}"),
            status=answer.status,
            hint="is this Kibana, and is its base path in url? A login page or a proxy may stand in between",
        )

    def not_read(self, call: Call, answer: Answer) -> RemoteError:
        """Return the error of a read that was not answered with a 2xx."""
        sentence = kibana_sentence(answer)
        if 300 <= answer.status < 400:
            return UnreachableError(
                self._show(f"{self.url} was asked to {call.purpose} and {_redirect(answer)}"),
                status=answer.status,
                hint="redirects are never followed; set url to Kibana's own address, with https and its base path",
            )
        if answer.status == 503:
            return self._not_ready(answer, sentence)
        if answer.status in (401, 403):
            return self._denied(call, answer.status, sentence or f"not in Kibana's words{self._excerpt(answer)}")
        if sentence is not None:
            return self._refused(call, answer, sentence)
        return UnreachableError(
            self._show(f"{self.url} was asked to {call.purpose} and {_status(answer)} that is not Kibana's"
                       f"{self._excerpt(answer)}"),
            status=answer.status,
            hint="a proxy or load balancer may stand in between; check url and base path",
        )  # fmt: skip

    def not_written(self, call: Call, answer: Answer) -> RemoteError:
        """
        Return the error of a write that was not answered with a 2xx: a definite refusal only for a 4xx in Kibana's
        own words other than 408, 409 and 429; the outcome of everything else is unknown (transactions.md section 5.4).
        """
        sentence = kibana_sentence(answer)
        definite = 400 <= answer.status < 500 and answer.status not in _PERHAPS_DONE
        if definite and sentence is not None:
            return self._refused(call, answer, sentence)
        if 300 <= answer.status < 400:
            return self.unseen(call, f"it {_redirect(answer)}", answer.status)
        said = f": {sentence}" if sentence else self._excerpt(answer)
        return self.unseen(call, f"it {_status(answer)}{said}", answer.status)

    def _refused(self, call: Call, answer: Answer, sentence: str) -> RemoteError:
        """A refusal in Kibana's own words."""
        status = answer.status
        if status in (401, 403):
            return self._denied(call, status, sentence)
        if status == 404 and not is_absence(answer):
            return self._no_such_place(call, sentence)
        hint = _HINTS.get(status, "")
        return RemoteError(
            self._show(f"Kibana refused to {call.purpose}: {sentence} ({status})"), status=status, hint=hint
        )

    def _denied(self, call: Call, status: int, sentence: str) -> DeniedError:
        if status == 401:
            message = f"Kibana at {self.url} does not accept the credential: {sentence} (401)"
            hint = "check what the credential in [kibana] refers to; it may be mistyped, expired or of another cluster"
            return DeniedError(self._show(message), status=status, hint=hint)
        missing = _PRIVILEGES.search(sentence)
        where = f"in space {self.space!r}"
        if missing:
            hint = f"give this credential the Kibana privilege {missing[1]} {where} (9.3 and later: Security > Rules)"
        else:
            hint = f"this credential lacks a privilege {where}; writing rules needs All on Security > Rules there"
        return DeniedError(
            self._show(f"Kibana does not let this credential {call.purpose} {where}: {sentence} (403)"),
            status=status,
            hint=self._show(hint),
        )

    def _no_such_place(self, call: Call, sentence: str) -> RemoteError:
        """A 404 that is not about an object: the space, or the whole API, is not there."""
        if call.scoped and self.space != "default":
            return RemoteError(
                self._show(f"Kibana at {self.url} has no space {self.space!r}, or hides it: {sentence} (404)"),
                status=404,
                hint="space takes the space's id, as in its address /s/ID; `deployer doctor` lists the spaces",
            )
        return RemoteError(
            self._show(f"Kibana at {self.url} has no {call.path}: {sentence} (404)"),
            status=404,
            hint="check the base path in url, and that this Kibana has Elastic Security",
        )

    def _not_ready(self, answer: Answer, sentence: str | None) -> NotReadyError:
        said = sentence or _overall(answer) or answer.text()
        if "<" in said[:100]:  # the page of a load balancer without a Kibana behind it
            said = _title(said)
        return NotReadyError(
            self._show(f"Kibana at {self.url} is not ready: {said.strip() or 'no reason given'} (503)"),
            status=503,
            hint="it may be starting or in maintenance; try again in a minute",
        )

    def _excerpt(self, answer: Answer) -> str:
        text = answer.text()
        text = _title(text) if "<" in text[:100] else text
        text = self.redactor.show(text, 120)
        return f": {text!r}" if text else ""

    def _show(self, text: str) -> str:
        return self.redactor.show(text, 1_000)


def kibana_sentence(answer: Answer) -> str | None:
    """Return Kibana's own words from either error body, None for a body that is not Kibana's (facts.md section 9.1)."""
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not _is_status(value.get("status_code", value.get("statusCode"))):
        return None
    message = value.get("message")
    if isinstance(message, list) and message:
        message = "; ".join(str(part) for part in message)
    if not isinstance(message, str):
        return None
    return message.strip() or str(value.get("error") or "no reason given")


def is_absence(answer: Answer) -> bool:
    """Whether this is Kibana saying that an object is not there: the 404 of its Security routes, not of its router."""
    if answer.status != 404 or kibana_sentence(answer) is None:
        return False
    return "status_code" in json.loads(answer.body)


def _is_status(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _overall(answer: Answer) -> str:
    """Level and summary of a status document, which `/api/status` sends with 503 too; "" for anything else."""
    try:
        overall = answer.json()["status"]["overall"]
        return ": ".join(str(overall[key]) for key in ("level", "summary") if key in overall)
    except (ShapeError, KeyError, TypeError):
        return ""


def _redirect(answer: Answer) -> str:
    location = answer.headers.get("location")
    target = f"to {bare_url(location)}" if location else "without saying where to"
    return f"redirected ({answer.status}) {target}"


def _status(answer: Answer) -> str:
    kind = answer.headers.get("content-type", "").partition(";")[0]
    return f"answered {answer.status} with {kind or 'something'}"


def _title(page: str) -> str:
    """The title of an HTML page says more than its beginning."""
    found = _TITLE.search(page)
    return found[1].strip() if found else page


_HINTS = {
    413: "the rule is larger than this Kibana's server.maxPayload",
    429: "this Kibana is busy; lower connections in [kibana]",
}
