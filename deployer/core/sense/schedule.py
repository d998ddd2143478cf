"""When a rule runs and how far it looks: interval, look-back, history window, suppression span."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deployer.core.fields import FIELDS
from deployer.core.flaw import Flaw
from deployer.core.sense.spans import before_now, is_date_math, seconds, shown
from deployer.errors import Severity

_TIMES: Final = ("from", "to", "history_window_start")
_SHORTEST: Final = 60


def schedule_flaws(content: Mapping[str, Any]) -> Iterator[Flaw]:
    """Yield what is wrong with the times of a rule."""
    for name in _TIMES:
        value = content.get(name)
        if isinstance(value, str) and value and not is_date_math(value):
            message = f'"{value[:40]}" is no time that Elasticsearch reads'
            yield Flaw((name,), message, "bad-date-math", 'write it like "now-9m"')
    yield from _look_back(content)
    yield from _history(content)
    yield from _suppression(content)
    if content.get("timestamp_override_fallback_disabled") is True and "timestamp_override" not in content:
        message = "timestamp_override_fallback_disabled says nothing without timestamp_override"
        yield _warning(("timestamp_override_fallback_disabled",), message, "no-effect", "add timestamp_override")


def _look_back(content: Mapping[str, Any]) -> Iterator[Flaw]:
    interval, start, end = seconds(_said(content, "interval")), _back(content, "from"), _back(content, "to")
    if interval is not None and interval < _SHORTEST:
        message = f"runs every {shown(interval)}; Kibana wants a minute between two runs, and may be set to refuse less"
        yield _warning(("interval",), message, "interval-too-short", 'write "1m" or more')
    if start is None or end is None:
        return
    if start <= end:
        message = f"from ({_said(content, 'from')}) is not before to ({_said(content, 'to')}): nothing is ever searched"
        yield Flaw(_place(content, "from", "to"), message, "empty-time-range", 'write a from like "now-9m"')
    elif interval is not None and interval > start - end:
        message = (
            f"runs every {shown(interval)} and looks back {shown(start - end)}: "
            f"what happens in the other {shown(interval - start + end)} is never looked at"
        )
        remedy = f'from = "now-{shown(interval + end + 60)}" or earlier'
        yield _warning(_place(content, "interval", "from"), message, "lookback-gap", remedy)


def _history(content: Mapping[str, Any]) -> Iterator[Flaw]:
    """A new term is one that the history before the look-back does not have (facts.md 9.3, kibana#138182)."""
    if content.get("type") != "new_terms":
        return
    window, start = before_now(content.get("history_window_start")), _back(content, "from")
    if window is not None and start is not None and window <= start:
        said = content["history_window_start"]
        message = f"the history ({said}) begins inside the look-back ({_said(content, 'from')}): every term is new"
        remedy = f'begin before now-{shown(start)}, for example "now-7d"'
        yield Flaw(("history_window_start",), message, "history-window-short", remedy)


def _suppression(content: Mapping[str, Any]) -> Iterator[Flaw]:
    suppression = content.get("alert_suppression")
    duration = suppression.get("duration") if isinstance(suppression, Mapping) else None
    if not isinstance(duration, Mapping) or not isinstance(duration.get("value"), int):
        return
    span, interval = seconds(f"{duration['value']}{duration.get('unit')}"), seconds(_said(content, "interval"))
    if span is not None and interval is not None and span < interval:
        message = f"suppresses for {shown(span)}, but the rule runs only every {shown(interval)}"
        remedy = "make it longer than interval, or remove duration to suppress within one run"
        yield _warning(("alert_suppression", "duration"), message, "suppression-too-short", remedy)


def _said(content: Mapping[str, Any], name: str) -> Any:
    return content.get(name, FIELDS[name].default)


def _back(content: Mapping[str, Any], name: str) -> int | None:
    return before_now(_said(content, name))


def _place(content: Mapping[str, Any], *names: str) -> tuple[str]:
    """Return the first of these keys that the rule sets itself."""
    return (next((name for name in names if name in content), names[0]),)


def _warning(path: tuple[str, ...], message: str, code: str, remedy: str) -> Flaw:
    return Flaw(path, message, code, remedy, Severity.WARNING)
