"""Did you mean: the nearest known word, for typing errors only."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """
    Return the known word that `word` is a typing error of, or "".

    One slip (a letter too many, too few, wrong, or two swapped) in words of three to five letters, two in longer ones.
    Case does not count. Of several equally near words the first in alphabetical order is returned.
    """
    if not 3 <= len(word) <= 64:  # no name is longer, and the comparison is quadratic
        return ""
    lowered = word.lower()
    allowed = 1 if len(word) <= 5 else 2
    slips = ((_slips(lowered, name.lower(), allowed), name) for name in sorted(known))
    best = min(slips, default=(allowed + 1, ""))
    return best[1] if best[0] <= allowed else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?`, or "" where no known word is near. To be appended to a message."""
    near = nearest(word, known)
    return f"; did you mean `{near}`?" if near else ""


def _slips(a: str, b: str, limit: int) -> int:
    """Count the slips between two words (optimal string alignment distance); anything above `limit` is `limit` + 1."""
    if abs(len(a) - len(b)) > limit:
        return limit + 1
    before: list[int] = []
    last: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, last, row = last, row, [i]
        for j, y in enumerate(b, 1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                best = min(best, before[j - 2] + 1)
            row.append(best)
    return min(row[-1], limit + 1)
