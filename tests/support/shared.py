"""The material beside the repository, for tests that read real rules; they skip, and say so, where it is not there."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
import tomli

SHARED = Path(__file__).resolve().parents[2].parent / "shared"

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared is not here: no real rules to test with")


@functools.cache
def corpus(name: str) -> tuple[tuple[str, str], ...]:
    """Return (path, text) of every rule file of one date, sorted by path."""
    root = SHARED / "corpus" / name
    return tuple((path.relative_to(root).as_posix(), path.read_text("utf-8")) for path in sorted(root.rglob("*.toml")))


def pairs() -> dict[str, dict[str, Any]]:
    """Return the pairs of TOML rule and API payload, by name."""
    if not SHARED.is_dir():
        return {}
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((SHARED / "pairs").glob("*.json"))}


def rule_pairs() -> dict[str, dict[str, Any]]:
    """Return the pairs that are rules."""
    return {name: pair for name, pair in pairs().items() if "api_payload" in pair}


def tables(pair: dict[str, Any]) -> dict[str, Any]:
    """Return the TOML tables of a pair: from its text where it has one, else from its parsed tables."""
    if pair.get("toml_text"):
        return tomli.loads(pair["toml_text"])
    found = {"metadata": pair["metadata"], "rule": pair["naive_rule_table"]}
    return found | ({"transform": pair["transform"]} if pair.get("transform") else {})
