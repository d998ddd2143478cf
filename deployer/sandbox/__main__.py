"""`python -m deployer.sandbox serve …`: the same server as `deployer sandbox serve`, without the rest of deployer."""

from __future__ import annotations

import sys

from deployer.sandbox.command import main

if __name__ == "__main__":
    sys.exit(main())
