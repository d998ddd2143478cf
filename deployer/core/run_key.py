"""
With whose API key rules run: an update of a rule that is on stores the key of whoever sends it (facts.md 0.10, 3.9).

A rule that ran with the rights of the person who made it then runs with those of the deployment. That is right more
often than not, and somebody has to know it, above all when a space is adopted; so plans open with how many rules it
concerns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from deployer.core.change import Action, Change
from deployer.core.live import LiveRule
from deployer.core.record import Record
from deployer.core.stack import older

_KEPT_SINCE = "9.2"  # from then on an edit of nothing but exceptions keeps the key (facts.md 3.9, 12)


def rekeyed(
    changes: Iterable[Change], live: Mapping[str, LiveRule], record: Record | None, stack: str
) -> tuple[str, ...]:
    """
    Return the rules that will run with another key than now: they run, they go on running, and the plan's write stores
    a key. Not those that the last deployment wrote and nobody wrote since: theirs is that of the deployment already.
    """
    return tuple(
        change.rule_id
        for change in changes
        if change.rule_id in live
        and _goes_on(change, live[change.rule_id])
        and _stores_key(change, stack)
        and not _ours(live[change.rule_id], record)
    )


def key_lines(rules: tuple[str, ...]) -> Iterator[str]:
    """Yield the sentence for the head of the plan."""
    if rules:
        what = "1 rule" if len(rules) == 1 else f"{len(rules):,} rules"
        yield f"run key     {what} will run with another API key than now: that of whoever applies this plan"


def _goes_on(change: Change, live: LiveRule) -> bool:
    after = change.after or {}
    return live.enabled and change.after is not None and bool(after.get("enabled", True))


def _stores_key(change: Change, stack: str) -> bool:
    if change.action is Action.RECREATE or change.marker or change.adopts:
        return True
    if change.content == ("exceptions_list",):
        return older(stack, _KEPT_SINCE)
    return bool(change.content)


def _ours(live: LiveRule, record: Record | None) -> bool:
    """Say whether the rule is as our last deployment left it, and was written by the user that it ran as."""
    recorded = record.rules.get(live.rule_id) if record else None
    if record is None or recorded is None or not record.provenance.kibana_user:
        return False
    untouched = (live.body.get("id"), live.at) == (recorded.id, recorded.updated_at)
    return untouched and live.by == record.provenance.kibana_user
