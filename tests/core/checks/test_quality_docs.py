"""The table of quality checks in docs/checks.md is the registry's, word for word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tomli

from deployer.core.checks.ignores import MALFORMED, NO_REASON, UNKNOWN, UNUSED
from deployer.core.checks.registry import CHECKS
from tests.support.checks import policy

pytestmark = pytest.mark.quick

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "checks.md").read_text("utf-8")


def said(value) -> str:
    """Return a default as people write it in TOML."""
    if isinstance(value, float):
        return f'"{value / 60:g}m"'
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {said(item)}" for key, item in value.items()) + " }"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(said, value)) + "]"
    return (
        f"'{value}'"
        if isinstance(value, str) and "\\" in value
        else f'"{value}"'
        if isinstance(value, str)
        else f"{value}"
    )


def row(check) -> str:
    """Return the line of one check."""
    options = "; ".join(
        f"`{o.name} = {said(o.default)}` {o.summary[0].lower()}{o.summary[1:-1]}" for o in check.options
    )
    return f"| `{check.code}` | {check.level} | {check.summary.rstrip('.')} | {options} |"


def test_the_table_is_the_registry() -> None:
    """Each check has its line, with level, description and options, in the registry's order, and there is no other."""
    table = PAGE.partition("<!-- checks -->\n")[2].partition("<!-- end -->")[0].strip().split("\n")

    assert table[2:] == [row(check) for check in CHECKS.values()]


def test_the_examples_are_right() -> None:
    """The `[checks]` example is a policy, and exceptions have the codes that the page names."""
    (example,) = re.findall(r"```toml\n(\[checks\].*?)```", PAGE, re.DOTALL)

    assert policy(tomli.loads(example)["checks"])
    assert all(f"`{code}`" in PAGE for code in (MALFORMED, NO_REASON, UNKNOWN, UNUSED))
