"""Text from outside, made fit to be shown: credentials masked, terminal control taken out, cut to a sane length."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, unquote, urlsplit, urlunsplit

MASK = "[redacted]"
LONGEST = 600  # characters of a server's words in a message

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")  # CSI, OSC, two-byte
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")  # C0, C1, bidirectional overrides
_AUTHORIZATION = re.compile(r"(?i)(authorization[\"']?\s*[:=]\s*[\"']?)(?:(?:apikey|basic|bearer)\s+)?[^\s\"',}]+")
_USERINFO = re.compile(r"(://)[^/\s@]+@")


class Redactor:
    """Masks the given secrets in any text, in the spellings in which a server may echo them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {spelling for secret in secrets if secret for spelling in _spellings(secret)}
        longest_first = sorted(spellings, key=lambda spelling: (-len(spelling), spelling))
        self._secrets = re.compile("|".join(map(_pattern, longest_first))) if longest_first else None

    def show(self, text: str, longest: int = LONGEST) -> str:
        """Return one line that is safe to print: no credential, no control character, at most `longest` characters."""
        text = _ESCAPES.sub("", self._masked(text))  # masked first: cutting or joining could take a secret apart
        text = self._masked(" ".join(_CONTROLS.sub(" ", text).split()))
        return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"

    def _masked(self, text: str) -> str:
        if self._secrets is not None:
            text = self._secrets.sub(MASK, text)
        return _USERINFO.sub(r"\1", _AUTHORIZATION.sub(rf"\1{MASK}", text))


def bare_url(url: str) -> str:
    """Return scheme, host, port and path of a URL: a Location may carry credentials or tokens in the rest."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "[malformed URL]"
    return urlunsplit((parts.scheme, (f"[{host}]" if ":" in host else host) + port, parts.path, "", ""))


def userinfo(url: str | None) -> tuple[str, ...]:
    """Return the password inside a URL, raw and decoded, for the redactor."""
    try:
        password = urlsplit(url or "").password
    except ValueError:
        return ()
    return (password, unquote(password)) if password else ()


def _spellings(secret: str) -> set[str]:
    return {secret, json.dumps(secret)[1:-1], html.escape(secret), quote(secret, safe="")}


def _pattern(secret: str) -> str:
    """A secret of a few characters is masked only where it stands alone, or every message would be eaten up."""
    return re.escape(secret) if len(secret) >= 6 else rf"(?<!\w){re.escape(secret)}(?!\w)"
