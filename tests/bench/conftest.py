"""The rows of one run, written and printed at its end; the sizes of the short form and of the full one."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.bench import table
from tests.bench.material import ROOT, origin
from tests.bench.measuring import Row

FULL = os.environ.get("BENCH", "full") != "short"
_ROWS: list[Row] = []


@pytest.fixture(scope="session")
def rows() -> Iterator[list[Row]]:
    """The rows that the tests of this run add."""
    yield _ROWS
    table.write(_ROWS, ROOT / "build", _about())


def _about() -> str:
    times = "best of three" if FULL else "short form, one run each"
    return f"{table.machine()}; {origin()}; {times}; the machine's other work counts into wall time."


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table where whoever looks at the run sees it."""
    if _ROWS:
        terminalreporter.write_sep("=", "what commands cost (build/bench.md)")
        terminalreporter.write(table.markdown(_ROWS, _about()))
