"""Stack versions as people write them: `8.19`, `9.3.1`, `9.4.0-SNAPSHOT`."""

from __future__ import annotations

import re
from typing import Final

OLDEST: Final = "8.19"
"""The oldest stack that we deploy to."""


def parts(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, () where there are none."""
    return tuple(int(number) for number in re.findall(r"\d+", version.split("-")[0])[:3])


def older(version: str, wanted: str) -> bool:
    """Say whether `version` is older than `wanted`, comparing as many numbers as `wanted` has. Unknown: False."""
    have, need = parts(version), parts(wanted)
    if not have or not need:
        return False
    width = max(len(have), len(need))
    return have + (0,) * (width - len(have)) < need + (0,) * (width - len(need))
