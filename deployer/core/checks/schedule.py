"""The schedule: whether an event that arrives late is still looked at."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deployer.core.checks.check import Case, Finding
from deployer.core.fields import default_of

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_FROM = re.compile(r"now-(\d+)([smhdw])")
_INTERVAL = re.compile(r"(\d+)([smhd])")


def look_back_overlap(case: Case) -> Iterator[Finding]:
    """
    Find look-backs that reach less than `overlap` seconds beyond the interval.

    A look-back shorter than the interval leaves a gap, which `core.shape` reports, whatever the policy.
    """
    rule = case.rule
    look_back = _seconds(_FROM, rule.payload.get("from", default_of("from", rule.type)))
    interval = _seconds(_INTERVAL, rule.payload.get("interval", default_of("interval", rule.type)))
    wanted = case.options["overlap"]
    if look_back is None or interval is None or rule.payload.get("to", "now") != "now":
        return
    overlap = look_back - interval
    if 0 <= overlap < wanted:
        key = "from" if "from" in rule.payload else "interval"
        message = f"the look-back overlaps the run before by {_said(overlap)}, which is less than {_said(wanted)}"
        yield Finding(("rule", key), message, "events that arrive late are missed: look back further")


def _seconds(form: re.Pattern[str], written: object) -> int | None:
    found = form.fullmatch(written) if isinstance(written, str) else None
    return int(found[1]) * _UNITS[found[2]] if found else None


def _said(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 60}m" if whole and whole % 60 == 0 else f"{whole}s"
