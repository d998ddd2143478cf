"""Durations and date math of rules as seconds, None for what only a clock could answer."""

from __future__ import annotations

import re
from typing import Any, Final

_SECONDS: Final = {
    **{"s": 1, "m": 60, "h": 3600, "H": 3600, "d": 86400},
    **{"w": 7 * 86400, "M": 30 * 86400, "y": 365 * 86400},
}
_DURATION: Final = re.compile(r"([1-9]\d*)([smhd])")
_MATH: Final = re.compile(r"now(?P<steps>(?:[+-]\d+[yMwdhHms])*)(?P<rounded>/[yMwdhHms])?")
_STEP: Final = re.compile(r"([+-])(\d+)([yMwdhHms])")
_DATE: Final = re.compile(r"\d{4}-\d\d(-\d\d)?(T[\d:.]+(Z|[+-]\d\d:?\d\d)?)?(\|\|.*)?")


def seconds(duration: Any) -> int | None:
    """Return the seconds of a duration as `interval` has it (`5m`), None for anything else."""
    found = _DURATION.fullmatch(duration) if isinstance(duration, str) else None
    return int(found[1]) * _SECONDS[found[2]] if found else None


def is_date_math(text: str) -> bool:
    """Say whether Elasticsearch can read a text as a time: `now-9m`, `now-1d/d`, or a date."""
    return bool(_MATH.fullmatch(text) or _DATE.fullmatch(text))


def before_now(text: Any) -> int | None:
    """
    Return how many seconds before now a time is, negative for the future; a month counts 30 days, a year 365.

    None for a date, for what is rounded (`now-1d/d`), and for anything that is no time.
    """
    found = _MATH.fullmatch(text) if isinstance(text, str) else None
    if not found or found["rounded"]:
        return None
    return sum(
        (1 if sign == "-" else -1) * int(number) * _SECONDS[unit]
        for sign, number, unit in _STEP.findall(found["steps"])
    )


def shown(span: float) -> str:
    """Return seconds as people write them: `90s`, `9m`, `2h`, `30d`."""
    for unit in ("d", "h", "m"):
        if span and span % _SECONDS[unit] == 0:
            return f"{int(span // _SECONDS[unit])}{unit}"
    return f"{int(span)}s"
