"""Options as values: `--only`, `--allow`, `--take`, durations. A wrong one is a usage error, exit 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from deployer.core.draft import Wishes
from deployer.core.guards import COUNTED
from deployer.core.selector import Selector, SelectorError, parse_selector
from deployer.core.settings import parse_duration
from deployer.core.suggestion import did_you_mean
from deployer.errors import UsageError


def wishes(only: Sequence[str] | None, allow: Sequence[str] | None, take: str | None, *, adopt: bool) -> Wishes:
    """Return what the person asked for. Raises UsageError."""
    taken: Literal["git", "live"] | None = None
    if take is not None:
        if take not in ("git", "live"):
            raise UsageError(f'--take "{take}" is neither git nor live')
        if not only:
            raise UsageError("--take decides for named rules only", hint="add --only id:… (repeat it for several)")
        taken = "git" if take == "git" else "live"
    return Wishes(allow=allowances(allow), adopt=adopt, take=taken, only=_selectors(only or ()))


def allowances(texts: Sequence[str] | None) -> dict[str, int]:
    """Return what `--allow` names, each with its number. Raises UsageError."""
    allowed: dict[str, int] = {}
    for part in (part.strip() for text in texts or () for part in text.split(",") if part.strip()):
        word, sign, number = part.partition("=")
        word = word.replace("-", "_")
        if word not in COUNTED:
            raise UsageError(f'--allow knows no "{word}"', hint=did_you_mean(word, COUNTED))
        if not sign or not number.isdigit():
            raise UsageError(f'--allow "{part}" names no number', hint=f"write --allow {word}=N with the plan's count")
        allowed[word] = int(number)
    return allowed


def gates(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the gates that `--waive` names. Raises UsageError for one that cannot be waived."""
    from deployer.core.promotion import WAIVABLE  # every command comes through this module, promote alone needs that

    named = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    for gate in named:
        if gate not in WAIVABLE:
            raise UsageError(f'--waive "{gate}" is no gate that can be waived', hint=f"one of {', '.join(WAIVABLE)}")
    return tuple(dict.fromkeys(named))


def duration(text: str, option: str) -> float:
    """Return a duration like 5m in seconds, 0 for "". Raises UsageError."""
    if not text:
        return 0.0
    try:
        return parse_duration(text)
    except ValueError as exc:
        raise UsageError(f"{option}: {exc}") from exc


def _selectors(texts: Sequence[str]) -> tuple[Selector, ...]:
    try:
        return tuple(parse_selector(text) for text in texts)
    except SelectorError as exc:
        raise UsageError(f"--only: {exc}", hint=exc.remedy) from exc
