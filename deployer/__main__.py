"""The program: `deployer`, and `python -m deployer`."""

from __future__ import annotations

import sys

from deployer import PROGRAM


def main() -> None:
    """Run the command line, of which `--version` alone needs nothing."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"{PROGRAM}\n")
        return
    from deployer.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
