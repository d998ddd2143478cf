"""Which writes store the key of the caller, as values (facts.md 3.9)."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.core.change import Change
from deployer.core.live import LiveRule
from deployer.core.run_key import rekeyed

pytestmark = pytest.mark.quick

LIVE = {"r": LiveRule({"rule_id": "r", "id": "so", "type": "query", "enabled": True, "updated_by": "soc-day"})}
LINK = {"exceptions_list": []}, {"exceptions_list": [{"list_id": "l"}]}


@pytest.mark.parametrize(
    ("before", "after", "flags", "stack", "counted"),
    [
        ({"query": "a"}, {"query": "b"}, {}, "9.3.1", True),
        ({"query": "a"}, {"query": "b", "enabled": False}, {}, "9.3.1", False),  # does not run afterwards
        ({"enabled": True}, {"enabled": False}, {}, "9.3.1", False),
        (*LINK, {}, "9.3.1", False),
        (*LINK, {}, "9.2.0", False),
        (*LINK, {}, "9.1.4", True),
        (*LINK, {}, "8.19.0", True),
        (*LINK, {}, "", False),
        (*LINK, {"marker": True}, "9.3.1", True),  # a tag goes along
        ({}, {}, {"adopts": True}, "9.3.1", True),
        ({"type": "query"}, {"type": "eql"}, {}, "9.3.1", True),  # created again
        ({"query": "a"}, None, {}, "9.3.1", False),
        (None, {"query": "a"}, {}, "9.3.1", True),
        ({"actions": []}, {"actions": [{}]}, {"prebuilt": True}, "9.3.1", True),
    ],
)
def test_what_stores_a_key(
    before: dict[str, Any] | None, after: dict[str, Any] | None, flags: dict[str, bool], stack: str, counted: bool
) -> None:
    """Content, a marker and a new object do; a switch, and since 9.2 exceptions alone, do not."""
    change = Change("r", "query", before, after, **flags)
    assert rekeyed([change], LIVE, None, stack) == (("r",) if counted else ())


def test_a_rule_that_does_not_run_is_not_counted() -> None:
    """Neither one that is off, nor one that is not there."""
    off = {"r": LiveRule({**LIVE["r"].body, "enabled": False})}
    change = Change("r", "query", {"query": "a"}, {"query": "b"})
    assert rekeyed([change], off, None, "9.3.1") == ()
    assert rekeyed([change], {}, None, "9.3.1") == ()
