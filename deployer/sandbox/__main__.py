"""`python -m deployer.sandbox serve …`: the same server as `deployer sandbox serve`, without the rest of deployer."""

from __future__ import annotations

import argparse
import sys

from deployer.sandbox import serve
from deployer.sandbox.errors import SandboxError
from deployer.sandbox.options import Options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployer.sandbox", description="An embedded stand-in for Kibana.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("serve", help="serve in the foreground")
    run.add_argument("--data", required=True, metavar="PATH", help="the SQLite file; created when missing")
    run.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    run.add_argument("--port", type=int, default=5601, help="0 takes a free one (default: 5601)")
    run.add_argument("--stack-version", default="9.3", help="8.19, 9.0, 9.3, 9.5, serverless (default: 9.3)")
    run.add_argument("--latency-ms", type=float, default=0.0, metavar="N", help="added to every request")
    run.add_argument("--rule-cost-ms", type=float, default=0.0, metavar="N", help="added for every rule written")
    run.add_argument("--refresh-ms", type=float, default=0.0, metavar="N", help="writes wait for a refresh every N ms")
    run.add_argument("--fault", action="append", default=[], metavar="SPEC", help="KIND:name=value,… (repeats)")
    run.add_argument(
        "--license",
        choices=("enterprise", "basic"),
        default="enterprise",
        help="decides about customising prebuilt rules",
    )
    run.add_argument("--rules-per-minute", type=int, default=32_000, metavar="N", help="limit of the circuit breaker")
    run.add_argument("--exit-with-stdin", action="store_true", help="stop when stdin ends")
    return parser


def main() -> int:
    """Parse the command line and run it."""
    parsed = vars(_parser().parse_args())
    del parsed["command"]
    faults = tuple(parsed.pop("fault"))
    try:
        return serve(Options(faults=faults, **parsed))
    except SandboxError as exc:
        sys.stderr.write(f"error: {exc}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
