"""What is sent of actions: Kibana wants a `throttle` in every `frequency`, and TOML cannot say null."""

from __future__ import annotations

import pytest

from deployer.core.actions import sendable

pytestmark = pytest.mark.quick


def test_a_frequency_gets_the_throttle_that_toml_cannot_say() -> None:
    """Without one it is null, as Kibana has it; one that is there stays, and nobody gets a frequency."""
    often = {"id": "a", "frequency": {"summary": True, "notifyWhen": "onActiveAlert"}}
    rare = {"id": "b", "frequency": {"summary": True, "notifyWhen": "onThrottleInterval", "throttle": "1h"}}
    none = {"id": "c", "params": {}}

    found = sendable([often, rare, none])

    assert found == [{**often, "frequency": {**often["frequency"], "throttle": None}}, rare, none]  # type: ignore[dict-item]
    assert "throttle" not in often["frequency"]  # type: ignore[operator]
