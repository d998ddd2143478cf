"""
Rules that a record names and git no longer has (design section 6, "Gone from git").

Only a rule named in a record may be switched off or deleted; what merely carries our marker is a copy, and is left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from deployer.core.change import Change
from deployer.core.compare import Take
from deployer.core.environment import OwnershipPolicy
from deployer.core.live import LiveRule
from deployer.core.plan import Edit, Entry
from deployer.core.record import Retired, RuleRecord


@dataclass(frozen=True, slots=True)
class Retirement:
    """
    What happens to one rule that is gone from git; `entry` None takes it out of the record, `keep` leaves it as is.
    """

    change: Change | None = None
    entry: Entry | None = None
    keep: bool = False
    edit: Edit | None = None
    detail: tuple[str, ...] = ()


def retire(
    live: LiveRule | None, recorded: RuleRecord, policy: OwnershipPolicy, now: datetime, take: Take | None = None
) -> Retirement:
    """Return what happens to a recorded rule that git no longer has. `now` is Kibana's clock, UTC."""
    if live is None:
        return Retirement(detail=("gone from git, and from Kibana",))
    if policy.removed == "keep":
        return Retirement(keep=True)
    if recorded.retired is not None:
        return _already_retired(live, recorded.retired, policy, now, take)
    retired = Retired(_iso(now), live.enabled)
    entry = _entry(recorded, retired)
    if not live.enabled:
        return Retirement(entry=entry, detail=("stays in Kibana, it was off already",))
    return Retirement(_off(live), entry, detail=(_afterwards(policy),))


def _off(live: LiveRule) -> Change:
    return Change(live.rule_id, live.type, before={"enabled": True}, after={"enabled": False})


def _already_retired(
    live: LiveRule, retired: Retired, policy: OwnershipPolicy, now: datetime, take: Take | None
) -> Retirement:
    if live.enabled:
        kind = {"git": "back", "live": "left", None: "conflict"}[take]
        edit = Edit(live.rule_id, "enabled", kind, authored=False, live=True, desired=False, by=live.by, at=live.at)
        return Retirement(_off(live) if take == "git" else None, keep=True, edit=edit)
    due = _due(retired, policy)
    if policy.removed == "delete" and now >= due:
        change = Change(live.rule_id, live.type, before=live.content(), after=None)
        return Retirement(
            change, detail=(f"retired since {retired.since[:10]}, off for {policy.delete_after_days:g} days",)
        )
    return Retirement(keep=True)


def _due(retired: Retired, policy: OwnershipPolicy) -> datetime:
    return datetime.fromisoformat(retired.since) + timedelta(days=policy.delete_after_days)


def _afterwards(policy: OwnershipPolicy) -> str:
    if policy.removed == "delete":
        return f"stays in Kibana, disabled, and is deleted after {policy.delete_after_days:g} days"
    return 'stays in Kibana, disabled (removed = "disable")'


def _entry(recorded: RuleRecord, retired: Retired) -> Entry:
    return Entry(recorded.name, recorded.path, recorded.fingerprint, recorded.authored, enabled=False, retired=retired)


def returned(entry: Entry, recorded: RuleRecord) -> tuple[Entry, bool]:
    """Return the entry of a rule that git has again, and the `enabled` it had before it was retired."""
    before = recorded.retired.enabled if recorded.retired else recorded.enabled
    return replace(entry, retired=None, enabled=before), before


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
