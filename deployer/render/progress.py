"""How far a step is, as one line of a terminal: count, share, rate, and how long it will still take."""

from __future__ import annotations

from typing import Final

from deployer.render.style import cut, line

_SECONDS: Final = "waiting"
"""Steps whose name begins so count seconds, and have no rate."""
_AFTER: Final = 1.0  # seconds until a rate means something


def progress_line(name: str, done: int, total: int, elapsed: float, width: int) -> str:
    """
    Return `  updated  1,200/2,068  58 %  142/s  6 s left`, at most `width` columns; `elapsed` is in seconds, since the
    step began. What is not known yet is left out.
    """
    words = [f"  {line(name)}"]
    if total > 1:
        words.append(f"{done:,}/{total:,}")
        words += _waiting(done, total) if name.startswith(_SECONDS) else _rate(done, total, elapsed)
    return cut("  ".join(words), width)


def finished_line(name: str, total: int) -> str:
    """Return the one line that a step is where nobody watches: its name, and of how many."""
    return f"  {line(name)}" + (f"  {total:,}" if total > 1 else "")


def _waiting(done: int, total: int) -> list[str]:
    return [f"{_span(max(total - done, 0))} left"]


def _rate(done: int, total: int, elapsed: float) -> list[str]:
    words = [f"{100 * done // total} %"]
    if elapsed < _AFTER or not done:
        return words
    rate = done / elapsed
    words.append(f"{rate:,.0f}/s" if rate >= 1 else f"{60 * rate:,.0f}/min")
    if done < total:
        words.append(f"{_span((total - done) / rate)} left")
    return words


def _span(seconds: float) -> str:
    """Return a time as people say it, rounded up: `6 s`, `2 min 5 s`, `1 h 4 min`."""
    whole = int(seconds) + (seconds > int(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min" + (f" {rest} s" if rest else "")
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h" + (f" {minutes} min" if minutes else "")
