"""Safety checks over a plan's changes: each is a function of values and says ok or no, with numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What one guard found. `count` of `limit` (None: unlimited) for the countable ones; `allow` is the `--allow` word that
    would let it pass, "" where nothing does; `rules` are the rules concerned; `refusal` is the machine-readable reason.
    """

    guard: str
    ok: bool
    message: str
    count: int = 0
    limit: int | None = None
    allow: str = ""
    rules: tuple[str, ...] = ()
    refusal: str = "guard"
