"""
The embedded Kibana stand-in: the public Detection Engine API over real HTTP, with its state in one SQLite file.

An independent reading of Kibana's contract: it imports nothing of the rest of `deployer` (held by import-linter). The
public names load what they need when they are called, so that importing this package costs nothing.
"""

from __future__ import annotations

from deployer.sandbox.options import Options

__all__ = ["Options", "serve"]


def serve(options: Options) -> int:
    """Serve in the foreground until told to stop; see `serving.serve`."""
    from deployer.sandbox.serving import serve as run

    return run(options)
