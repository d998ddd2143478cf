"""The log of an environment as values: the chain, times, and what ran when."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core.history import Event, broken_links, chosen, event, moment, running_at
from deployer.errors import UsageError

pytestmark = pytest.mark.quick


def chain(count: int, **fields: object) -> list[Event]:
    """A sound chain of events."""
    events: list[Event] = []
    for number in range(1, count + 1):
        facts = {"number": number, "event": "deploy", "previous": events[-1].sha256 if events else "", **fields}
        events.append(event(facts, json.dumps(facts).encode()))
    return events


@given(st.integers(1, 12), st.data())
def test_a_chain_is_sound_until_an_event_is_changed_or_taken_out(count, data):
    """Law: every change but that of the last event, and every gap, is seen where it is."""
    events = chain(count)
    at = data.draw(st.integers(0, count - 1))
    facts = {**events[at].facts, "reason": "changed"}
    changed = [*events[:at], event(facts, json.dumps(facts).encode()), *events[at + 1 :]]

    assert broken_links(events) == ()
    assert bool(broken_links(changed)) == (at < count - 1)
    assert bool(broken_links([*events[:at], *events[at + 1 :]])) == (at < count - 1)


def test_events_are_chosen_by_time_and_rule():
    """Both ends belong to it; a rule is named by what was changed, held, released or gone."""
    facts = [
        {"number": 1, "time": "2026-11-24T10:00:00Z", "changed": {"r1": "create"}},
        {"number": 2, "time": "2026-11-24T11:00:00Z", "gone": ["r1"]},
        {"number": 3, "time": "2026-11-24T12:00:00Z", "held": ["r2"]},
        {"number": 4, "time": "damaged", "released": ["r2"]},
    ]
    events = [event(one, b"") for one in facts]
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)

    assert [one.number for one in chosen(events, rule_id="r1")] == [1, 2]
    assert [one.number for one in chosen(events, rule_id="r2")] == [3, 4]
    assert [one.number for one in chosen(events, since=noon)] == [3]
    assert [one.number for one in chosen(events, until=noon)] == [1, 2, 3, 4]


def test_a_day_is_all_of_it():
    """A date alone begins at midnight and ends at the last instant; a zone is honoured, UTC is the default."""
    assert moment("2026-11-24", "--since") == datetime(2026, 11, 24, tzinfo=UTC)
    assert moment("2026-11-24", "--until", end=True).hour == 23
    assert moment("2026-11-24T03:12", "--at") == datetime(2026, 11, 24, 3, 12, tzinfo=UTC)
    assert moment("2026-11-24T03:12+02:00", "--at") == datetime(2026, 11, 24, 1, 12, tzinfo=UTC)
    with pytest.raises(UsageError, match="is not a time"):
        moment("2026-13-01", "--at")


def test_the_last_committed_deployment_of_each_space_ran():
    """An apply that was undone, and one that came later, did not."""
    facts = [
        {"time": "2026-11-24T10:00:00Z", "space": "a", "deployment": 1},
        {"time": "2026-11-24T10:00:00Z", "space": "b", "deployment": 1},
        {"time": "2026-11-24T11:00:00Z", "space": "a", "deployment": 2},
        {"time": "2026-11-24T11:30:00Z", "space": "a", "event": "undone"},
        {"time": "2026-11-24T12:00:00Z", "space": "a", "deployment": 3},
    ]

    ran = running_at([event(one, b"") for one in facts], datetime(2026, 11, 24, 11, 45, tzinfo=UTC))

    assert ran == {"a": 2, "b": 1}
