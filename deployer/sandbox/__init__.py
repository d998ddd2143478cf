"""
The embedded Kibana stand-in: the public Detection Engine API over real HTTP, with its state in one SQLite file.

An independent reading of Kibana's contract: it imports nothing of the rest of `deployer` (held by import-linter).
The public names load what they need when they are called, so that importing this package costs next to nothing.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

from deployer.sandbox.options import Options

__all__ = ["Options", "edit", "main", "reset", "seed", "serve"]


def main(words: Sequence[str] | None = None) -> int:
    """Run the sandbox's own command line (`["serve", "--port", "0", …]`); returns an exit code."""
    from deployer.sandbox.command import main as run

    return run(words)


def serve(options: Options) -> int:
    """Serve in the foreground until told to stop; see `serving.serve`."""
    # What the import makes stays for good: collecting in the midst of it would take a third of the start.
    gc.disable()
    from deployer.sandbox.serving import serve as run

    gc.freeze()
    gc.enable()
    return run(options)


def reset(data: str) -> None:
    """Remove all rules and everything around them from a data file; see `offline.reset`."""
    from deployer.sandbox.offline import reset as run

    run(data)


def seed(data: str, path: str, *, space: str = "default", stack: str | None = None) -> int:
    """Load NDJSON exports into a data file, prebuilt rules included; see `offline.seed`."""
    from deployer.sandbox.offline import seed as run

    return run(data, path, space=space, stack=stack)


def edit(data: str, space: str, rule: str, assignments: Sequence[str], user: str) -> dict[str, Any]:
    """Change a rule in a data file as an analyst would; see `offline.edit`."""
    from deployer.sandbox.offline import edit as run

    return run(data, space, rule, assignments, user)
