"""
The error tree, and the exit code of each branch (`docs/reference.md` lists them for users).

* DeployerError             1    anything a person can act on; carries an optional hint
  + UsageError              2    options that do not go together
  + ProblemsError           1    files of the user are wrong        (carries every Problem)
  + SecretError             1    a reference to a secret leads nowhere
  + RemoteError             1    Kibana refused, or did not answer
    - UnreachableError      1    no connection, TLS failure, redirect, not Kibana
    - DeniedError           1    401, 403
    - NotReadyError         1    Kibana is starting (503)
    - UnknownOutcomeError   1    a write whose result nobody saw; never shown raw, resolved by reading
  + StateError              1    the state store is unreadable, foreign, newer or unsafe
  + RefusedError            4    nothing was changed; `refusal` says why
  + UndoneError             5    apply failed and everything it did was undone, verified
  + IncompleteError         6    apply failed and not everything could be undone
  + AttentionError          7    committed, and a person must look
  + InterruptedRunError     130  a signal; `recover` is due if anything was sent

Only `cli.boundary` turns these into a message and an exit code. A bug is none of them: `cli.main` reports it in one
sentence, or with its traceback under `--verbose`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class ExitCode(IntEnum):
    """The exit codes of every command."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    CHANGES = 3
    REFUSED = 4
    UNDONE = 5
    INCOMPLETE = 6
    ATTENTION = 7
    INTERRUPTED = 130


class Refusal(StrEnum):
    """Why an apply was refused before anything was sent."""

    GUARD = "guard"
    STALE = "stale"
    LOCKED = "locked"
    GATE = "gate"
    RECOVERY = "recovery"
    CONFLICT = "conflict"
    BRANCH = "branch"
    FREEZE = "freeze"
    HOST = "host"


class Severity(StrEnum):
    """How much a Problem matters: an error stops the command, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """
    Something wrong in a user's file, said so that the person can mend it without reading our code.

    `path` is relative to the project, `line` and `column` count from 1 (0: unknown), `key` is the dotted TOML key
    (`rule.threat[0].tactic.id`), `message` states the fact, `remedy` what to do, `code` is stable
    (`unknown-key`), for ignores, SARIF and documentation. `length` is how many characters of the line it is about, 0
    where only the place is known.
    """

    path: str
    line: int
    column: int
    key: str
    message: str
    code: str
    remedy: str = ""
    severity: Severity = Severity.ERROR
    length: int = 0

    def __str__(self) -> str:
        """One line: `rules/x.toml:12:3: rule.severity: message; remedy [code]`."""
        place = (
            self.path
            + (f":{self.line}" if self.line else "")
            + (f":{self.column}" if self.line and self.column else "")
        )
        key = f"{self.key}: " if self.key else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{place}: {key}{self.message}{remedy} [{self.code}]"


class DeployerError(Exception):
    """Anything a person can act on. `hint` is the next thing to do or to type."""

    exit_code: ExitCode = ExitCode.ERROR

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(DeployerError):
    """Options that do not go together."""

    exit_code = ExitCode.USAGE


class ProblemsError(DeployerError):
    """Files of the user are wrong; carries every Problem of every file, sorted."""

    def __init__(self, problems: tuple[Problem, ...], *, hint: str = "") -> None:
        errors = sum(problem.severity is Severity.ERROR for problem in problems)
        files = len({problem.path for problem in problems})
        super().__init__(
            f"{errors} {'problem' if errors == 1 else 'problems'} in {files} {'file' if files == 1 else 'files'}",
            hint=hint,
        )
        self.problems = tuple(sorted(problems))


class SecretError(DeployerError):
    """A reference to a secret leads nowhere. The message names the reference, never a value."""


class RemoteError(DeployerError):
    """Kibana refused, or did not answer. `status` is the HTTP status, 0 when there was none."""

    def __init__(self, message: str, *, status: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class UnreachableError(RemoteError):
    """No connection, TLS failure, a redirect, or something that is not Kibana."""


class DeniedError(RemoteError):
    """The credential is wrong (401) or lacks a privilege (403)."""


class NotReadyError(RemoteError):
    """Kibana is starting, or in maintenance (503)."""


class UnknownOutcomeError(RemoteError):
    """A write was sent and its result was not seen: it may have happened, may still happen, or not."""


class StateError(DeployerError):
    """The state store is unreadable, foreign, of a newer format, or not safe for this run."""


class RefusedError(DeployerError):
    """Nothing was changed; `refusal` is the machine-readable reason."""

    exit_code = ExitCode.REFUSED

    def __init__(self, message: str, refusal: Refusal, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.refusal = refusal


class UndoneError(DeployerError):
    """Apply failed; every rule that it touched equals its before-image again, verified by reading."""

    exit_code = ExitCode.UNDONE


class IncompleteError(DeployerError):
    """Apply failed and not everything could be undone, or an undo kept somebody's edit."""

    exit_code = ExitCode.INCOMPLETE


class AttentionError(DeployerError):
    """Committed, and a person must look: rules left out, a lost update, some targets done and others not."""

    exit_code = ExitCode.ATTENTION


class InterruptedRunError(DeployerError):
    """A signal stopped the run; the message says whether anything was sent."""

    exit_code = ExitCode.INTERRUPTED
