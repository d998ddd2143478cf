"""Stack versions: what they are called, and the patch level that each short name stands for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deployer.sandbox.errors import SandboxError

# The patch level decides about two bugs of 9.4 (facts.md sections 0.4 and 0.5): 9.4.0 shows both, 9.4.6 has both
# mended.
_PATCH = {(8, 19): 4, (9, 0): 8, (9, 1): 7, (9, 2): 3, (9, 3): 1, (9, 4): 2, (9, 5): 4}


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A stack version; compares like its numbers. Serverless counts as the newest and says so by its flavor."""

    major: int
    minor: int
    patch: int
    serverless: bool = False

    def __str__(self) -> str:
        """`9.3.1`."""
        return f"{self.major}.{self.minor}.{self.patch}"

    def since(self, major: int, minor: int, patch: int = 0) -> bool:
        """Whether this version is at least the named one."""
        return (self.major, self.minor, self.patch) >= (major, minor, patch)

    @property
    def flavor(self) -> str:
        """`build_flavor` of `/api/status`."""
        return "serverless" if self.serverless else "traditional"


def parse_version(text: str) -> Version:
    """Read `9.3`, `9.3.1` or `serverless`. Raises SandboxError with the versions that the sandbox knows."""
    if text == "serverless":
        return Version(9, 5, _PATCH[9, 5], serverless=True)
    found = re.fullmatch(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    if not found or (int(found[1]), int(found[2])) not in _PATCH:
        known = ", ".join(f"{major}.{minor}" for major, minor in _PATCH)
        raise SandboxError(
            f"Stack version {text!r} is not one that the sandbox speaks; use one of {known} or serverless."
        )
    major, minor = int(found[1]), int(found[2])
    return Version(major, minor, int(found[3]) if found[3] else _PATCH[major, minor])
