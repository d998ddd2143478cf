"""
The command line: options in, one call per command out, errors turned into exit codes.

Nothing heavy is imported here: every command imports its own module when it runs, so that `--help` is instant.
"""

from __future__ import annotations

import atexit
import gc
import io
import os
import sys
from pathlib import Path

import typer

from deployer import __version__
from deployer.cli import authoring, deploying, looking, sandbox  # each registers its commands, in this order
from deployer.cli.app import app
from deployer.errors import ExitCode

__all__ = ["app", "authoring", "deploying", "looking", "main", "sandbox"]


def main() -> None:
    """
    Run the program. A bug is one sentence without `--verbose`: a traceback helps nobody at 3 a.m., and may hold keys.
    """
    # A run builds thousands of rules and drops next to nothing in cycles: the usual threshold of 700 objects has them
    # all looked at again and again, a tenth of the time of `plan` (docs/performance.md).
    gc.set_threshold(100_000, 20, 20)
    # Else toml-rs has its memory in huge pages: 36 MB that nobody uses. Its allocator looks here, once.
    os.environ.setdefault("MIMALLOC_ALLOW_THP", "0")  # noqa: TID251 - set for a library, not read
    atexit.register(gc.freeze)  # else they are all looked at once more at the end: 50 ms, for memory that goes anyway
    for stream in (sys.stdout, sys.stderr):  # what is not spelled out for an old code page is escaped, never an error
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except BrokenPipeError:
        sys.exit(int(ExitCode.ERROR))
    except Exception as bug:  # whatever it is: one sentence, and its own exit code, for whoever runs this in CI
        if {"--verbose", "-v"} & set(sys.argv):
            raise
        frame = bug.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        where = f"{Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else "?"
        typer.echo(f"bug in deployer {__version__}: {type(bug).__name__} at {where}; please report it", err=True)
        typer.echo("hint: deployer --verbose … shows the traceback; deployer doctor -e ENV shows the state", err=True)
        sys.exit(int(ExitCode.ERROR))
