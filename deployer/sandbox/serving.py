"""Running a server in the foreground, and the offline tasks on a data file."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any

from deployer.sandbox.app import App
from deployer.sandbox.kibana import Kibana, open_kibana
from deployer.sandbox.options import Options
from deployer.sandbox.server import Server

_DESCRIPTORS = 4096
_LOOPBACK = ("127.", "::1", "localhost")


def serve(options: Options) -> int:
    """
    Serve until SIGTERM, SIGINT, or the end of stdin where `exit_with_stdin` is set; returns 0.

    Prints `sandbox: URL` as the first line once it accepts requests, then the API key of the superuser.
    Raises SandboxError where the data file, the port, a fault or the version is not usable.
    """
    kibana = open_kibana(options)
    _allow_descriptors()
    server = Server(App(kibana), options.host, options.port)
    _announce(kibana, server)
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: server.stop())
    if options.exit_with_stdin:
        threading.Thread(target=_stop_with_stdin, args=(server,), daemon=True).start()
    server.run()
    kibana.database.release()
    return 0


def _allow_descriptors() -> None:
    """Every busy connection takes three descriptors; raise a low soft limit as far as that needs."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _announce(kibana: Kibana, server: Server) -> None:
    lines = [f"sandbox: {server.url}", f"api key: {kibana.users.api_key('elastic')}"]
    if not server.host.startswith(_LOOPBACK):
        lines.append(f"warning: {server.host} is reachable from other machines; the password of every user is public.")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _stop_with_stdin(server: Server) -> None:
    stream: Any = sys.stdin.buffer if sys.stdin else None
    while stream is not None and stream.read1(4096):
        pass
    server.stop()
