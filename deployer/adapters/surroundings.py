"""
What surrounds the process: environment variables, CI, user, host, terminal, clock. The only place that asks for them.

Read once at start-up into a `Surroundings` value and handed on, so that nothing further in depends on the machine.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from deployer.core.settings import parse_duration
from deployer.errors import DeployerError

_CI_MARKS: Final = (
    *("GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "JENKINS_URL", "BUILDKITE", "CIRCLECI", "TEAMCITY_VERSION"),
    *("BITBUCKET_BUILD_NUMBER", "DRONE", "TRAVIS", "CODEBUILD_BUILD_ID"),
)
_RUN_URLS: Final = (
    *("CI_JOB_URL", "CI_PIPELINE_URL", "BUILDKITE_BUILD_URL", "CIRCLE_BUILD_URL", "DRONE_BUILD_LINK"),
    *("TRAVIS_BUILD_WEB_URL", "CODEBUILD_BUILD_URL", "BUILD_URL"),
)
_ACTORS: Final = (
    *("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BUILD_REQUESTEDFOR", "BUILD_USER_ID", "BUILDKITE_BUILD_CREATOR"),
    *("CIRCLE_USERNAME", "BITBUCKET_STEP_TRIGGERER_UUID"),
)
_PULL_REQUESTS: Final = (
    *("CI_MERGE_REQUEST_IID", "CI_EXTERNAL_PULL_REQUEST_IID", "SYSTEM_PULLREQUEST_PULLREQUESTID", "BITBUCKET_PR_ID"),
    *("BUILDKITE_PULL_REQUEST", "CHANGE_ID", "CIRCLE_PULL_REQUEST", "DRONE_PULL_REQUEST", "TRAVIS_PULL_REQUEST"),
)
_ANSI_CONSOLES: Final = frozenset({"WT_SESSION", "ANSICON", "ConEmuANSI", "TERM", "VSCODE_PID"})
"""One of these is set where a Windows console understands colours."""
_NO: Final = frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """
    Everything this run may know about where it runs. `environ` stays out of the representation: it holds secrets.

    `hosts` is what DEPLOYER_HOSTS pins: None where it is not set, empty where it is set and names none.
    """

    environ: Mapping[str, str] = field(repr=False, default_factory=dict)
    user: str = "unknown"
    host: str = "unknown"
    stdin_tty: bool = False
    stdout_tty: bool = False
    stderr_tty: bool = False
    columns: int = 80  # of the terminal, where there is one
    old_console: bool = False  # Windows, in a console that may print escapes as they are

    @property
    def is_ci(self) -> bool:
        """Whether a CI system runs this: `CI` says so, or a variable of a system that does not set `CI`."""
        if "CI" in self.environ:
            return self.says("CI")
        return any(self.says(name) for name in _CI_MARKS)

    @property
    def ci_run_url(self) -> str:
        """The page of this CI run, "" where there is none."""
        return _run_url(self.environ) if self.is_ci else ""

    @property
    def actor(self) -> str:
        """Who started this: the person CI names, else the user of this process."""
        named = next((self.environ[name] for name in _ACTORS if self.environ.get(name)), "")
        return named if named and self.is_ci else self.user

    @property
    def pull_request(self) -> str:
        """Which pull request CI runs this for, as that CI names it (its number, or GitHub's event); "" for none."""
        event = self.environ.get("GITHUB_EVENT_NAME", "")
        if not self.is_ci or event.startswith("pull_request"):
            return event if self.is_ci else ""
        return next((self.environ[name] for name in _PULL_REQUESTS if self.says(name)), "")

    @property
    def no_color(self) -> bool:
        """Whether colours are unwanted: NO_COLOR is set to anything, or the terminal has none."""
        return bool(self.environ.get("NO_COLOR")) or self.environ.get("TERM") == "dumb"

    def colorful(self, *, tty: bool) -> bool:
        """
        Whether to write colours to a stream that is a terminal or not. NO_COLOR wins (no-color.org); FORCE_COLOR gives
        colours to a CI log that shows them.
        """
        if self.no_color:
            return False
        return self.says("FORCE_COLOR") or (tty and not self.old_console)

    @property
    def hosts(self) -> tuple[str, ...] | None:
        """The `host` or `host:port` entries of DEPLOYER_HOSTS, lower case."""
        return self._hosts("DEPLOYER_HOSTS")

    @property
    def notify_hosts(self) -> tuple[str, ...] | None:
        """The entries of DEPLOYER_NOTIFY_HOSTS, lower case; None where it is not set."""
        return self._hosts("DEPLOYER_NOTIFY_HOSTS")

    def _hosts(self, name: str) -> tuple[str, ...] | None:
        written = self.environ.get(name)
        if written is None:
            return None
        return tuple(entry.strip().lower() for entry in written.split(",") if entry.strip())

    @property
    def lease(self) -> float | None:
        """DEPLOYER_LEASE in seconds, None where it is not set. Raises DeployerError."""
        return self._seconds("DEPLOYER_LEASE")

    @property
    def horizon(self) -> float | None:
        """DEPLOYER_HORIZON in seconds, None where it is not set. Raises DeployerError."""
        return self._seconds("DEPLOYER_HORIZON")

    @property
    def readonly(self) -> bool:
        """Whether DEPLOYER_READONLY forbids every write to Kibana."""
        return self.says("DEPLOYER_READONLY")

    def says(self, name: str) -> bool:
        """Whether a variable is set to something other than no."""
        return self.environ.get(name, "").strip().lower() not in _NO

    def _seconds(self, name: str) -> float | None:
        """Read a duration ("90s", or plain seconds) that must be longer than nothing."""
        written = self.environ.get(name, "").strip()
        if not written:
            return None
        try:
            seconds = parse_duration(f"{written}s" if written.replace(".", "", 1).isdigit() else written)
        except ValueError as exc:
            raise DeployerError(f"{name}: {exc}") from exc
        if seconds <= 0:
            raise DeployerError(f"{name} must be longer than nothing")
        return seconds


def look_around() -> Surroundings:
    """Return the surroundings of this process."""
    return Surroundings(
        environ=dict(os.environ),
        user=_user(),
        host=socket.gethostname() or "unknown",
        stdin_tty=_is_terminal(sys.stdin),
        stdout_tty=_is_terminal(sys.stdout),
        stderr_tty=_is_terminal(sys.stderr),
        columns=shutil.get_terminal_size((80, 24)).columns,
        old_console=sys.platform == "win32" and not _ANSI_CONSOLES & os.environ.keys(),
    )


def _user() -> str:
    """Return the login name; a container may run under a number that has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # Python before 3.13 raises what its platform's lookup raises
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def _is_terminal(stream: object) -> bool:
    """Say whether a stream is a terminal; it may be None (pythonw) or closed."""
    isatty = getattr(stream, "isatty", None)
    try:
        return bool(isatty and isatty())
    except ValueError:  # closed
        return False


def _run_url(environ: Mapping[str, str]) -> str:
    """Return the address of the CI run, as each system spells it."""
    get = environ.get
    if get("GITHUB_RUN_ID"):
        server = get("GITHUB_SERVER_URL", "https://github.com")
        attempt = f"/attempts/{get('GITHUB_RUN_ATTEMPT')}" if get("GITHUB_RUN_ATTEMPT", "1") != "1" else ""
        return f"{server}/{get('GITHUB_REPOSITORY', '')}/actions/runs/{get('GITHUB_RUN_ID')}{attempt}"
    if get("TF_BUILD"):
        collection = get("SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", "").rstrip("/")
        return f"{collection}/{get('SYSTEM_TEAMPROJECT', '')}/_build/results?buildId={get('BUILD_BUILDID', '')}"
    if get("BITBUCKET_BUILD_NUMBER"):
        origin = get("BITBUCKET_GIT_HTTP_ORIGIN", "").rstrip("/")
        return f"{origin}/pipelines/results/{get('BITBUCKET_BUILD_NUMBER')}"
    return next((environ[name] for name in _RUN_URLS if get(name)), "")


class SystemClock:
    """
    The real clock (`ports.Clock`). `stop` is set when the run is being interrupted, which ends every sleep.

    A sleep looks at `stop` ten times a second and never waits on it: a signal handler that sets an Event while this
    thread waits on the same Event can meet its lock held, and stand still for ever.
    """

    _LOOK_EVERY: Final = 0.1

    def __init__(self, stop: threading.Event | None = None) -> None:
        self.stop = stop or threading.Event()

    def now(self) -> datetime:
        """Return the wall clock in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, but not beyond the moment at which `stop` is set."""
        end = time.monotonic() + seconds
        while not self.stop.is_set() and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, self._LOOK_EVERY))
