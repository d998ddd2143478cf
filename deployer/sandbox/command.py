"""The command line of the sandbox: `serve`, `reset`, `seed`, `edit`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from deployer.sandbox import faults, serve
from deployer.sandbox.errors import SandboxError
from deployer.sandbox.options import Options


def main(words: Sequence[str] | None = None) -> int:
    """
    Run one command; `words` are those after the program's name, by default those of the process.

    Returns 0, or 1 with a sentence on stderr where the sandbox cannot do it.
    """
    parsed = vars(_parser().parse_args(words))
    command = parsed.pop("command")
    try:
        return _COMMANDS[command](parsed)
    except SandboxError as exc:
        sys.stderr.write(f"error: {exc}\n")
        return 1


def _serve(parsed: dict[str, object]) -> int:
    specs = parsed.pop("fault")
    return serve(Options(faults=tuple(specs), **parsed))  # type: ignore[arg-type]  # argparse has given each its type


def _reset(parsed: dict[str, object]) -> int:
    from deployer.sandbox.offline import reset

    reset(str(parsed["data"]))
    sys.stdout.write("The sandbox is empty.\n")
    return 0


def _seed(parsed: dict[str, object]) -> int:
    from deployer.sandbox.offline import seed

    count = seed(str(parsed["data"]), str(parsed["path"]), space=str(parsed["space"]))
    sys.stdout.write(f"Seeded {count} objects.\n")
    return 0


def _edit(parsed: dict[str, object]) -> int:
    from deployer.sandbox.offline import edit

    assignments: list[str] = parsed["assignments"]  # type: ignore[assignment]  # nargs="+" makes a list of strings
    rule = edit(str(parsed["data"]), str(parsed["space"]), str(parsed["rule"]), assignments, str(parsed["user"]))
    sys.stdout.write(f"{rule['rule_id']}: revision {rule['revision']}, updated by {rule['updated_by']}\n")
    return 0


_RAW = argparse.RawDescriptionHelpFormatter
_FAULTS = faults.__doc__ or ""
_COMMANDS = {"serve": _serve, "reset": _reset, "seed": _seed, "edit": _edit}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployer.sandbox", description="An embedded stand-in for Kibana.")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_serve(commands.add_parser("serve", help="serve in the foreground", epilog=_FAULTS, formatter_class=_RAW))
    _with_data(commands.add_parser("reset", help="remove all rules and everything around them"))
    seed = _with_data(commands.add_parser("seed", help="load NDJSON exports, prebuilt rules included"))
    seed.add_argument("path", help="an .ndjson file, or a folder of them")
    seed.add_argument("--space", default="default")
    edit = _with_data(commands.add_parser("edit", help="change a rule as an analyst would"))
    edit.add_argument("rule", help="its rule_id or name")
    edit.add_argument("assignments", nargs="+", metavar="KEY=VALUE", help="VALUE is JSON or plain text")
    edit.add_argument("--space", default="default")
    edit.add_argument("--as", dest="user", default="soc-day", metavar="USER", help="default: soc-day")
    return parser


def _with_data(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--data", required=True, metavar="PATH", help="the SQLite file; created when missing")
    return parser


def _add_serve(parser: argparse.ArgumentParser) -> None:
    add = _with_data(parser).add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    add("--port", type=int, default=5601, help="0 takes a free one (default: 5601)")
    add("--stack-version", default="9.3", help="8.19, 9.0, 9.3, 9.5, serverless, … (default: 9.3)")
    add("--latency-ms", type=float, default=0.0, metavar="N", help="round trip of every request")
    add("--rule-cost-ms", type=float, default=0.0, metavar="N", help="added for every rule written")
    add("--refresh-ms", type=float, default=0.0, metavar="N", help="writes wait for a refresh every N ms")
    add("--fault", action="append", default=[], metavar="SPEC", help="KIND:name=value,… (repeats)")
    add("--license", choices=("enterprise", "basic"), default="enterprise", help="about customising prebuilt rules")
    add("--rules-per-minute", type=int, default=32_000, metavar="N", help="limit of the circuit breaker")
    add("--record", default="", metavar="FILE", help="append every answer to a file of JSON lines")
    add("--exit-with-stdin", action="store_true", help="stop when stdin ends")
