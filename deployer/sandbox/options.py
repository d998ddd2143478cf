"""What the sandbox is started with."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_STACK = "9.3"


@dataclass(frozen=True, slots=True)
class Options:
    """
    Options of one server process. Times are in milliseconds.

    `latency_ms` is the round trip of every request, `rule_cost_ms` is added for every rule that a request writes, and a
    write waits for the next refresh where `refresh_ms` is set, as Elasticsearch makes it wait. `rules_per_minute` is
    the limit of the circuit breaker (facts.md section 9.4); `license` is `enterprise` or `basic` and decides about
    customising prebuilt rules. `record` is a file to which every answer is appended, as a JSON line, so that tests can
    hold all traffic to the official contract.
    """

    data: str
    host: str = "127.0.0.1"
    port: int = 5601
    stack_version: str = DEFAULT_STACK
    latency_ms: float = 0.0
    rule_cost_ms: float = 0.0
    refresh_ms: float = 0.0
    faults: tuple[str, ...] = ()
    exit_with_stdin: bool = False
    rules_per_minute: int = 32_000
    license: str = "enterprise"
    record: str = ""
