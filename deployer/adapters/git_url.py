"""What a git URL says without asking anybody: is it a folder, which host does it reach, and how may it be printed."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from deployer.errors import StateError


def redacted(text: str) -> str:
    """Return the text with the user part and the query of every URL in it left out: both may be secrets."""
    text = re.sub(r"(?<=://)[^\s/'\"]*@", "", text)
    return re.sub(r"(://[^\s?'\"]*)\?[^\s'\"]*", r"\1", text)


def is_path(url: str) -> bool:
    """Say whether git takes this for a folder: no `scheme://`, and no `host:path` (a colon before the first slash)."""
    return "://" not in url and ":" not in url.partition("/")[0]


def server_of(url: str) -> str:
    """
    Return the server that a URL reaches as `scheme://host[:port]`, lower case and without user; "" for a folder.

    Raises StateError for what is no URL.
    """
    if is_path(url) or url.startswith("file://"):
        return ""
    if "://" not in url:  # git@host:path
        return "ssh://" + url.partition(":")[0].rpartition("@")[2].lower()
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise StateError(f"{redacted(url)!r} is not a URL") from exc
    host = (parts.hostname or "").rstrip(".")
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")
