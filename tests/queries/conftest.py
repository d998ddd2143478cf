"""What all tests of the query checkers need."""

from __future__ import annotations

import gc
import warnings

import pytest


@pytest.fixture(scope="session", autouse=True)
def _luqum_tables() -> None:
    """Let luqum generate its parser tables, where it is new: it leaves a file open, which would fail the first test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            import luqum.thread  # noqa: F401
        except ImportError:
            return
        gc.collect()
