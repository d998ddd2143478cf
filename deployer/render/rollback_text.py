"""A rollback for people: which content goes and which comes back, why it stays, and where the alerts of it are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from deployer.core.held import short
from deployer.core.holds import Hold
from deployer.core.plan import Plan
from deployer.core.record import Record
from deployer.render.style import line, plural

_MOST: Final = 10


@dataclass(frozen=True, slots=True)
class Ran:
    """One content of a rule: its fingerprint ("" where it was gone), and the deployment that brought it."""

    content: str
    since: str
    number: int
    by: str


@dataclass(frozen=True, slots=True)
class Version:
    """One rule in one target: what runs now and what comes back, None where it was not there."""

    rule_id: str
    name: str
    target: str
    now: Ran | None
    back: Ran | None


def versions_text(versions: Sequence[Version], targets: Mapping[str, Record], reason: str) -> str:
    """Return what goes back to what, rule by rule or target by target, ending in a newline where there is any."""
    lines: list[str] = []
    for target, record in targets.items():
        by = f" by {line(record.provenance.actor)}" if record.provenance.actor else ""
        lines.append(f"{target}   back to deployment #{record.number}, {_minute(record.time)} UTC{by}")
    for rule_id, name in list(dict.fromkeys((version.rule_id, version.name) for version in versions))[:_MOST]:
        lines += [line(name), line(rule_id), ""]
        lines.append("            content   since              deployed")
        alike: dict[tuple[Ran | None, Ran | None], list[str]] = {}
        for version in versions:
            if version.rule_id == rule_id:
                alike.setdefault((version.now, version.back), []).append(version.target)
        for (now, back), names in alike.items():
            lines.append(f"  now       {_ran(now)}   {', '.join(names)}")
            lines.append(f"  back to   {_ran(back)}")
        lines.append("")
    if lines and reason:
        lines.append(f"Reason: {line(reason)}")
    return "\n".join(lines) + "\n" if lines else ""


def already_text(already: Mapping[str, Mapping[str, Hold]], whole: Mapping[str, int]) -> str:
    """Return a line for each rule, and each `whole` target, that is back already, and what can be done beyond that."""
    lines = [f"{target}   Nothing to do: rolled back in #{number}" for target, number in whole.items()]
    lines += [f"One step further: deployer rollback -e {target} --steps 2" for target in list(whole)[:1]]
    for target, holds in already.items():
        for rule_id, hold in list(holds.items())[:_MOST]:
            when = f"{_minute(hold.time)}" + (f", {line(hold.actor)}" if hold.actor else "")
            lines.append(f"{target}   Nothing to do: {line(hold.name)} was rolled back in #{hold.number} ({when})")
            environment = target.partition("/")[0]
            lines.append(f"One version further: deployer rollback -e {environment} --rule {rule_id} --steps 2")
            lines.append(f"Stop it altogether:  deployer hold -e {environment} --rule {rule_id} --disable")
        if len(holds) > _MOST:
            lines.append(
                f"{target}   … and {plural(len(holds) - _MOST, 'more rule')} that a rollback keeps back already"
            )
    return "\n".join(lines) + "\n" if lines else ""


def done_text(plans: Sequence[Plan], number: int, bad_since: Mapping[str, str], until: str) -> str:
    """Return what a rollback that happened leaves: the hold, rules that stay off, and the search for alerts."""
    holds = {hold.rule_id: hold for plan in plans for hold in plan.holds}
    environment = plans[0].target.environment if plans else ""
    lines = []
    if holds:
        what = plural(len(holds), "rule")
        lines.append(f"  Stays back   hold H{number}: apply and promote leave {what} as is")
        lines.append("               until git behaves differently,")
        lines.append(f"               or: deployer release -e {environment} H{number}")
    lines += [f"  Still off    {text}" for text in _still_off(plans)]
    for rule_id, since in list(bad_since.items())[:_MOST]:
        lines.append("  Alerts       those of the bad content stay open. To find them:")
        lines.append(f'               kibana.alert.rule.rule_id: "{rule_id}"')
        lines.append(f'               and @timestamp >= "{since}" and @timestamp < "{until}"')
    return "\n".join(lines) + "\n" if lines else ""


class LockChange(Protocol):
    """What became of one lock file."""

    @property
    def path(self) -> str:
        """Where it stands in the project."""
        ...

    @property
    def rewritten(self) -> bool:
        """Whether it was written here."""
        ...

    @property
    def patch(self) -> str:
        """The change to make where the file is, "" where it was made."""
        ...


def lock_text(changes: Sequence[LockChange], number: int) -> str:
    """Return what to do about lock files, ending in a newline where there is anything; no hold depends on it."""
    lines: list[str] = []
    for change in changes:
        if change.rewritten:
            lines.append(f"  Git          {change.path} rewritten here.")
            lines.append(f"               Commit it when you can: H{number} holds until then.")
        elif change.patch:
            lines.append(f"  Git          {change.path} is not here. H{number} holds without it; to change it in git:")
            lines += ["", change.patch.rstrip()]
    return "\n".join(lines) + "\n" if lines else ""


def _still_off(plans: Sequence[Plan]) -> list[str]:
    """Return a line for each rule that somebody switched off in Kibana."""
    found = []
    for plan in plans:
        for edit in plan.notes.edits:
            if edit.field == "enabled" and edit.kind == "left" and not edit.live:
                by = f", switched off by {line(edit.by)} {_minute(edit.at)}" if edit.by else ""
                on = f"deployer apply -e {plan.target.name} --only id:{edit.rule_id} --take git"
                found.append(f"{plan.target.name} {line(plan.label(edit.rule_id).name)}{by}. Turn on: {on}")
    return found[:_MOST]


def _ran(ran: Ran | None) -> str:
    if ran is None:
        return "not there yet"
    return f"{short(ran.content) or 'gone':<9} {_minute(ran.since):<18} #{ran.number}" + (
        f" by {line(ran.by)}" if ran.by else ""
    )


def _minute(time: str) -> str:
    return time[:16].replace("T", " ")
