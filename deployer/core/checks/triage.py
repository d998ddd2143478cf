"""What the person on shift needs: a severity that means something, a note, a word on many alerts."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.core.checks.check import Case, Finding

RUN_LIMIT = 1000
"""Alerts that one run writes at most by default: `xpack.alerting.rules.run.alerts.max` (facts.md section 2.2)."""


def risk_band(case: Case) -> Iterator[Finding]:
    """Find risk scores outside the band of their severity."""
    band, score = case.options["bands"].get(case.rule.severity), case.rule.payload.get("risk_score")
    if band and isinstance(score, int | float) and not band[0] <= score <= band[1]:
        message = f"risk score {score} does not fit severity {case.rule.severity} ({band[0]} to {band[1]})"
        yield Finding(("rule", "risk_score"), message, "change one of the two")


def triage_note(case: Case) -> Iterator[Finding]:
    """Find severe rules that do not tell an analyst what to do."""
    if case.rule.severity in case.options["severities"] and not case.text("note"):
        message = f"a rule of severity {case.rule.severity} has no note for whoever gets its alerts"
        yield Finding(("rule", "note"), message, "add note: what it means, steps of triage, response")


def many_signals(case: Case) -> Iterator[Finding]:
    """Find `max_signals` at or above the limit of a run without a setup note that says so."""
    wanted = case.rule.payload.get("max_signals")
    if isinstance(wanted, int) and wanted >= RUN_LIMIT and not case.text("setup"):
        message = f"max_signals is {wanted}, and Kibana writes {RUN_LIMIT} alerts a run unless its settings are raised"
        remedy = "say in setup what to do: xpack.alerting.rules.run.alerts.max"
        yield Finding(("rule", "max_signals"), message, remedy)
