"""Every code of a problem is on the page where people look it up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "checks.md").read_text("utf-8")
DOCUMENTED = set(re.findall(r"`([a-z]+(?:-[a-z0-9]+)*)`", PAGE))

NO_CODES = {
    *("esql-py", "esql-light", "lucene-light", "utf-8", "utf-8-sig", "your-team-detections", "soc-pager"),
    *("tagged-union", "typed-dict", "typed-dict-field"),  # how pydantic names schemas
    *("now-7d", "now-9m", "disabled-in-source", "missing-index", "system-connector-", "not-in-space"),
}
"""Quoted words with a hyphen that are no codes."""

PLACES = {
    "queries": ["deployer/queries"],
    "shape and sense": ["deployer/core/shape", "deployer/core/sense", "deployer/core/rule_tables.py"],
    "reading": ["deployer/core/rule_file.py", "deployer/adapters/rules.py", "deployer/adapters/environments.py"],
    "settings": ["deployer/core/settings", "deployer/core/overlay.py", "deployer/core/desired.py"],
    "collecting": ["deployer/commands/collecting.py"],
}


def codes(place: str) -> set[str]:
    """Return the quoted words with a hyphen in the sources of a place."""
    path = ROOT / place
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    text = "".join(file.read_text("utf-8") for file in files)
    return set(re.findall(r'"([a-z]+(?:-[a-z0-9]+)+)"', text)) - NO_CODES


@pytest.mark.parametrize("name", PLACES)
def test_every_code_is_documented(name: str) -> None:
    """What the sources say is what docs/checks.md explains."""
    found = {code for place in PLACES[name] for code in codes(place)}
    assert found or name == "collecting"
    assert sorted(found - DOCUMENTED) == []


def test_the_sense_page_says_how_bad_each_code_is() -> None:
    """Every code of sense has a row that says error or warning, as the case files have it."""
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (error|warning) \|", PAGE, re.MULTILINE))
    cases = {path.name for path in (ROOT / "tests" / "cases" / "sense").iterdir()}
    assert sorted(cases - rows.keys() - {"wrong-value", "bad-duration"}) == []
