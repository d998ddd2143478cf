"""
What several fields say together: rules that Kibana refuses, and rules that it takes although they cannot work.

    spans       durations and date math as seconds      schedule    interval, look-back, windows
    matching    query, index, threshold, mappings       response    actions, exception lists
    since       what a stack version does not know

Everything here is a function of the payload, so the rule of a file and the same rule as an environment changes it are
judged alike. A value of a wrong type is for `core.shape` to name and is passed over here. Sources: facts.md sections
2.2 to 2.4, 7, 9.3 and 12, users.md appendix A. `docs/checks.md` lists the codes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deployer.core.flaw import Flaw
from deployer.core.sense.matching import matching_flaws
from deployer.core.sense.response import response_flaws
from deployer.core.sense.schedule import schedule_flaws
from deployer.core.sense.since import newer_flaws

__all__ = ["newer_flaws", "sense_flaws"]


def sense_flaws(content: Mapping[str, Any]) -> Iterator[Flaw]:
    """Yield what is wrong with the fields of a payload together; never raises for any payload."""
    yield from schedule_flaws(content)
    yield from matching_flaws(content)
    yield from response_flaws(content)
