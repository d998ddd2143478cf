"""
One message to a webhook. Its address is a secret, so that no message here says more of it than that it did not work.

The address comes by reference only, a redirect is not followed, and all is over after five seconds, whatever the other
side does.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from deployer.adapters.kibana.variables import with_variables
from deployer.core.environment import Connection, Credentials
from deployer.core.settings.addresses import is_loopback

DEADLINE: Final = 5.0
"""Seconds that a message may take, everything included: a deployment does not wait for a chat."""

_CONNECT: Final = 3.0


def send(url: str, body: Mapping[str, Any], environ: Mapping[str, str], hosts: tuple[str, ...] | None) -> str:
    """
    POST the body as JSON. Return "" where it was taken, else why not, in words that may be printed.

    `hosts` are those of DEPLOYER_NOTIFY_HOSTS, None where it is not set. Raises nothing.
    """
    wrong = _wrong(url, hosts)
    if wrong:
        return wrong
    data = json.dumps(body, ensure_ascii=True).encode()
    answers: queue.Queue[str] = queue.Queue()
    # A thread, because a server that sends a byte now and then outlives every timeout of a socket.
    threading.Thread(target=lambda: answers.put(_post(url, data, environ)), daemon=True).start()
    try:
        return answers.get(timeout=DEADLINE)
    except queue.Empty:
        return f"it did not answer within {DEADLINE:.0f} s"


def _wrong(url: str, hosts: tuple[str, ...] | None) -> str:
    """Return what is wrong with an address, without repeating it."""
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").lower().rstrip("."), parts.port
    except ValueError:
        return "what the reference stands for is not an https URL"
    if not host or parts.scheme not in ("https", "http") or any(sign in url.strip() for sign in "\r\n\t \\"):
        return "what the reference stands for is not an https URL"
    if parts.scheme == "http" and not is_loopback(host):
        return "its address is plain http; use https"
    if hosts is not None and host not in hosts and f"{host}:{port}" not in hosts:
        return "its host is not in DEPLOYER_NOTIFY_HOSTS"
    return ""


def _post(url: str, data: bytes, environ: Mapping[str, str]) -> str:
    import requests

    reached = with_variables(Connection(url.strip(), Credentials(), Credentials()), environ)
    try:
        with requests.Session() as session:
            session.trust_env = False  # no .netrc: it would send a password to whoever the address names
            answer = session.post(
                url.strip(),
                data=data,
                headers={"Content-Type": "application/json", "User-Agent": "deployer"},
                timeout=(_CONNECT, DEADLINE),
                proxies={"http": reached.proxy, "https": reached.proxy} if reached.proxy else None,
                verify=reached.ca_file or True,
                allow_redirects=False,
                stream=True,
            )
            answer.close()
    except requests.exceptions.SSLError:
        return "its certificate is not trusted"
    except requests.Timeout:
        return f"it did not answer within {DEADLINE:.0f} s"
    except Exception:  # noqa: BLE001 - whatever it is, its text may hold the address, and no deployment fails for it
        return "it could not be reached"
    return _judged(answer.status_code)


def _judged(status: int) -> str:
    if 200 <= status < 300:
        return ""
    return f"it answered {status}" + ("; a redirect is not followed" if 300 <= status < 400 else "")
