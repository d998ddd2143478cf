"""Did you mean: the closest known word to a mistyped one."""

from __future__ import annotations

from collections.abc import Iterable


def closest(word: str, known: Iterable[str]) -> str:
    """Return the known word that looks most like `word`, "" where none does."""
    from difflib import get_close_matches  # only a mistake pays for the import

    by_folded = {name.casefold(): name for name in sorted(known, reverse=True)}
    matches = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `did you mean "x"?` for a remedy; without a close word the known ones, sorted; "" where there are none."""
    names = sorted(set(known))
    best = closest(word, names)
    if best:
        return f'did you mean "{best}"?'
    return f"known: {', '.join(names)}" if names else ""
