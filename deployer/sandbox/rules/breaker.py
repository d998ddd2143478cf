"""The circuit breaker: how many runs per minute all enabled rules of all spaces may have (facts.md section 9.4)."""

from __future__ import annotations

from deployer.sandbox.call import Call
from deployer.sandbox.errors import SiemError
from deployer.sandbox.messages import Body
from deployer.sandbox.rule_table import runs_per_minute

_EXCEEDED = "The maximum number of runs per minute would be exceeded. - "


def check(call: Call, rule: Body, verb: str, *, freed: float = 0.0) -> None:
    """
    The circuit breaker, for a rule that is or becomes enabled; `verb` is `created`, `updated` or `enabled`, `freed`
    the runs per minute that the rule gives up at the same time (section 9.4).
    """
    runs = runs_per_minute(rule["interval"])
    left = call.kibana.options.rules_per_minute - call.kibana.rules.scheduled_runs() + freed
    tripped = "circuit-breaker" in call.faults
    if runs <= left and not tripped:
        return
    left = max(0, int(left)) if not tripped else 0
    wanted = _count(runs)
    raise SiemError(
        400,
        f"Error validating circuit breaker - Rule '{rule['name']}' cannot be {verb}. {_EXCEEDED}"
        f"The rule has {wanted} per minute; {_available(left)} "
        "Before you can modify this rule, you must increase its check interval so that it runs less frequently. "
        "Alternatively, disable other rules or change their check intervals.",
    )


def _available(left: float) -> str:
    return f"there {'is only' if left == 1 else 'are only'} {_count(left)} per minute available."


def _count(runs: float) -> str:
    shown = f"{runs:.2f}".rstrip("0").rstrip(".")
    return "1 run" if shown == "1" else f"{shown} runs"


def bulk_message(wanted: float, left: float, verb: str) -> str:
    """What every rule of a batch gets when the batch trips the breaker."""
    left = max(0, int(left))
    return (
        f"Error validating circuit breaker - Rules cannot be bulk {verb}. {_EXCEEDED}"
        f"The rules have {_count(wanted)} per minute; {_available(left)} "
        "Before you can modify these rules, "
        "you must disable other rules or change their check intervals so they run less frequently."
    )
