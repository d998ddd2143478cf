"""What holds for every test run."""

from __future__ import annotations

import os
import sys

# Many CI images set it. The thousands of processes that the tests start would each compile what changed since `make
# dev` anew, and every worker all tests: a third of the run.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
