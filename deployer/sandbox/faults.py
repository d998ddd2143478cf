"""
Faults: what can go wrong between a client and a Kibana, on demand.

A spec is `KIND` or `KIND:name=value,name=value`, for example `drop-after:method=PUT,rule_id=r-1,skip=2,times=1`.
Selectors: `method`, `path` (a glob over the path without space prefix), `rule_id`, `space`; `skip` lets the first N
matches pass, `times` stops after N (0: no end). Kinds and their own settings:

before the request is carried out
  refuse          answer `status` (500) with `message`, in the SIEM shape, or the platform's with `shape=platform`
  conflict        409 after Kibana's two internal retries, 200 ms later (facts.md section 3.7)
  busy            429, with a `retry-after` header where `retry_after` is set
  starting        503 text `Kibana server is not ready yet` with `retry-after: 30`, as long as the fault lasts
  too-large       413
  html            a login page, 200, text/html
  redirect        302 to `location`
  drop-before     the connection closes, nothing was done
  park            the connection closes; the request is carried out when the admin path releases it
  delay           carried out after `seconds`
after it was carried out
  drop-after      the connection closes without an answer
  late            the answer comes after `seconds`
  truncate        half of the body is sent, then the connection closes
  drip            the answer trickles over `seconds`
inside
  circuit-breaker enabling a rule trips the breaker (facts.md section 9.4)
  enable-fails    a write is saved and the enabling that follows fails; in bulk, every second rule fails (section 3.5)
  rule-fails      in bulk, the matching rules fail with `message`
  race            a create looks for its rule_id, waits `seconds`, then writes: two at once make two (section 0.9)
  stale           searches show the state before the writes of the last `seconds` (1)
"""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from deployer.sandbox.errors import SandboxError
from deployer.sandbox.messages import Body

BEFORE = ("refuse", "conflict", "busy", "starting", "too-large", "html", "redirect", "drop-before", "park", "delay")
AFTER = ("drop-after", "late", "truncate", "drip")
INSIDE = ("circuit-breaker", "enable-fails", "rule-fails", "race", "stale")
KINDS = (*BEFORE, *AFTER, *INSIDE)
_SETTINGS = (
    *("method", "path", "rule_id", "space", "skip", "times"),
    *("status", "message", "shape", "retry_after", "location", "seconds"),
)
_SECONDS = {"delay": 1.0, "late": 1.0, "drip": 1.0, "race": 0.05, "stale": 1.0}


@dataclass(slots=True)
class Fault:
    """One fault with its selectors, settings and counts (see the module)."""

    kind: str
    method: str = "*"
    path: str = "*"
    rule_id: str = "*"
    space: str = "*"
    skip: int = 0
    times: int = 0
    status: int = 500
    message: str = "Internal Server Error"
    shape: str = "siem"
    retry_after: str = ""
    location: str = "/login?next=%2F"
    seconds: float = 0.0
    number: int = 0
    seen: int = 0
    done: int = 0

    def selects(self, method: str, path: str, space: str) -> bool:
        """Whether the fault is about this request, whatever rule it names."""
        return fnmatchcase(method, self.method) and fnmatchcase(space, self.space) and fnmatchcase(path, self.path)

    def strike(self) -> bool:
        """Count one match; true where the fault happens this time."""
        self.seen += 1
        if self.seen <= self.skip or (self.times and self.done >= self.times):
            return False
        self.done += 1
        return True


def parse_fault(spec: str | Body) -> Fault:
    """Read a spec, as text or as the JSON object of the admin path. Raises SandboxError naming what is not known."""
    settings = _settings(spec) if isinstance(spec, str) else dict(spec)
    kind = settings.pop("kind", "")
    if kind not in KINDS:
        raise SandboxError(f"There is no fault {kind!r}; the sandbox knows {', '.join(KINDS)}.")
    fault = Fault(kind, seconds=_SECONDS.get(kind, 0.0))
    for name, value in settings.items():
        if name not in _SETTINGS:
            raise SandboxError(f"A fault has no setting {name!r}; it has {', '.join(_SETTINGS)}.")
        try:
            setattr(fault, name, type(getattr(fault, name))(value))
        except (TypeError, ValueError) as exc:
            raise SandboxError(f"The setting {name}={value!r} of the fault {kind} is not a number.") from exc
    return fault


def _settings(spec: str) -> Body:
    kind, _, rest = spec.partition(":")
    settings: Body = {"kind": kind.strip()}
    for pair in filter(None, rest.split(",")):
        name, _, value = pair.partition("=")
        settings[name.strip()] = value.strip()
    return settings


class Faults:
    """All faults of one server process."""

    def __init__(self, specs: tuple[str, ...] = ()) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._numbers = 0
        for spec in specs:
            self.add(parse_fault(spec))

    def __bool__(self) -> bool:
        return bool(self._faults)

    def add(self, fault: Fault) -> int:
        """Arm a fault; returns its number."""
        with self._lock:
            self._numbers += 1
            fault.number = self._numbers
            self._faults = [*self._faults, fault]
            return fault.number

    def remove(self, number: int | None = None) -> None:
        """Disarm one fault, or all."""
        with self._lock:
            self._faults = [fault for fault in self._faults if number is not None and fault.number != number]

    def listed(self) -> list[dict[str, Any]]:
        """All faults with their counts."""
        return [asdict(fault) for fault in self._faults]

    def stale_seconds(self) -> float:
        """How long searches may lag behind writes, 0 where no fault says so."""
        return max((fault.seconds for fault in self._faults if fault.kind == "stale"), default=0.0)

    def striking(self, method: str, path: str, space: str, rule_ids: tuple[str, ...]) -> dict[str, Fault]:
        """
        The faults that happen to this request, by kind, each counted once.

        A fault with a `rule_id` wants a request that names this rule; `rule-fails` is asked rule by rule
        (`rule_fails`).
        """
        found: dict[str, Fault] = {}
        with self._lock:
            for fault in self._faults:
                if fault.kind == "rule-fails" or fault.kind in found or not fault.selects(method, path, space):
                    continue
                if fault.rule_id != "*" and not any(fnmatchcase(name, fault.rule_id) for name in rule_ids):
                    continue
                if fault.strike():
                    found[fault.kind] = fault
        return found

    def rule_fails(self, rule_id: str) -> Fault | None:
        """The fault that makes this rule fail within a bulk action."""
        with self._lock:
            for fault in self._faults:
                if fault.kind == "rule-fails" and fnmatchcase(rule_id, fault.rule_id) and fault.strike():
                    return fault
        return None
