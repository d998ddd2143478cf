"""How long a rule must run before it goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from deployer.core.environment import PromotionPolicy
from deployer.core.promotion import still_waits

pytestmark = pytest.mark.quick

SINCE = datetime(2026, 11, 24, 20, 0, 0, 400_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("soak", "later", "expected"),
    [
        (0, -0.4, ""),
        (0, 0, ""),
        (60, 60, ""),
        (60, 59, "waits 1 s in dev: runs for 59 s of 1 min"),
        (60, -0.4, "waits 60 s in dev: runs for 0 s of 1 min"),
    ],
)
def test_a_soak_is_waited_for_and_a_clock_is_not(soak, later, expected):
    """Kibana's `Date` has whole seconds: a deployment of this second may seem to be of the next one."""
    policy = PromotionPolicy(source="dev", soak=soak)
    assert still_waits(policy, SINCE, SINCE + timedelta(seconds=later)) == expected
