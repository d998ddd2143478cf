"""What a plan says of single fields."""

from __future__ import annotations

from deployer.core.change import Change
from deployer.render.field_text import field_lines
from deployer.render.plan.fields import field_diffs
from deployer.render.style import Style

ACTION = {"id": "soc", "group": "default", "action_type_id": ".slack", "params": {"message": "old"}}


def test_the_uuid_of_an_action_is_kept_and_not_shown_as_taken_away() -> None:
    """Git's side has no uuid, Kibana's has one that the apply keeps (facts.md 7.4): no difference to a reader."""
    live = {"actions": [{**ACTION, "uuid": "5f0e"}], "query": "a : 1"}
    wanted = {"actions": [{**ACTION, "params": {"message": "new"}}], "query": "a : 2"}
    change = Change("one", "query", live, wanted)

    text = "\n".join(field_lines(change, Style(), width=96, verbose=True))
    diffs = [line.text for found in field_diffs(change, lines=50, width=96) for line in found.lines if line.kind != " "]

    assert '"old" -> "new"' in text
    assert any('"message": "new"' in line for line in diffs)
    assert not any("uuid" in line or "5f0e" in line for line in (text, *diffs))
