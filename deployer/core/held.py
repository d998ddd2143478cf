"""
Holds at one plan: those that stand become pins, those that ended are named, and what git wants is put together.

A held rule is pinned to what runs, which the last record names. A file's content takes today's overlays, so that
changes of the environment still reach it; where an overlay was what was bad, the rule stays as it was rendered then.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from deployer.core.desired import Desired, DesiredRule, Rendering
from deployer.core.holds import Hold, Verdict, judge
from deployer.core.pins import Pin, pinned
from deployer.core.plan import Held
from deployer.core.record import RuleRecord

_SHORT = 7  # signs of a fingerprint that people read


@dataclass(frozen=True)
class HeldBack:
    """What git wants with the standing holds put in, every hold with its state, and the rules whose hold ends."""

    desired: Desired
    held: tuple[Held, ...] = ()
    released: tuple[str, ...] = ()

    @property
    def standing(self) -> frozenset[str]:
        """The rules that are held."""
        return frozenset(held.rule_id for held in self.held) - frozenset(self.released)


def documents_of_holds(holds: Mapping[str, Hold], recorded: Mapping[str, RuleRecord]) -> dict[str, str]:
    """Return the digests of the contents that holds keep running, with the bundle of each."""
    entries = [recorded[rule_id] for rule_id, hold in holds.items() if hold.kind != "absent" and rule_id in recorded]
    return {digest: entry.bundle for entry in entries for digest in (entry.fingerprint, entry.authored)}


def hold_back(
    desired: Desired,
    holds: Mapping[str, Hold],
    recorded: Mapping[str, RuleRecord],
    documents: Mapping[str, Mapping[str, Any]],
    rendering: Rendering,
    today: date,
) -> HeldBack:
    """Return what git wants with every standing hold put in. `desired` is what git wants before any pin."""
    promoted = rendering.environment.rules.source == "promoted"
    pins: dict[str, Pin] = {}
    held: list[Held] = []
    released: list[str] = []
    for rule_id, hold in sorted(holds.items()):
        verdict = judge(hold, desired, today, rendering.space.connectors or (), promoted=promoted)
        entry, wanted = recorded.get(rule_id), desired.rules.get(rule_id)
        pin = _pin(hold, entry, documents) if verdict == "held" else None
        if pin is None:
            released.append(rule_id)
            verdict = "ended" if verdict == "held" else verdict
        else:
            pins[rule_id] = pin
        held.append(_told(hold, verdict, entry, wanted))
    return HeldBack(pinned(desired, pins, rendering), tuple(held), tuple(released))


def narrowed(back: HeldBack, rules: Collection[str]) -> HeldBack:
    """Return the same with only these rules told and released: those that the plan is about."""
    held = tuple(held for held in back.held if held.rule_id in rules)
    return HeldBack(back.desired, held, tuple(rule_id for rule_id in back.released if rule_id in rules))


def _pin(hold: Hold, entry: RuleRecord | None, documents: Mapping[str, Mapping[str, Any]]) -> Pin | None:
    """Return what keeps a rule as it runs; None where nothing of it is left to be kept."""
    why = f"held {hold.label}" + (f" ({hold.reason})" if hold.reason else "")
    if hold.kind == "absent":
        return Pin(hold.rule_id, "absent", why)
    if entry is None or entry.retired is not None:
        return None
    content = documents[entry.fingerprint]
    if hold.kind == "rendered":
        return Pin(hold.rule_id, "rendered", why, content, documents[entry.authored], path=entry.path, off=hold.off)
    return Pin(hold.rule_id, "file", why, content, path=entry.path, off=hold.off)


def freed(hold: Hold, entry: RuleRecord, documents: Mapping[str, Mapping[str, Any]]) -> Pin:
    """Return what a hold keeps, without the hold: not switched off by it any more."""
    if entry.retired is not None:
        return Pin(hold.rule_id, "absent", "released", path=entry.path)
    content, authored = documents[entry.fingerprint], dict(documents[entry.authored])
    if hold.off:
        authored.pop("enabled", None)
        authored.update({"enabled": content["enabled"]} if "enabled" in content else {})
    if hold.kind == "rendered":
        return Pin(hold.rule_id, "rendered", "released", content, authored, path=entry.path)
    return Pin(hold.rule_id, "file", "released", content, path=entry.path)


def _told(hold: Hold, verdict: Verdict, entry: RuleRecord | None, wanted: DesiredRule | None) -> Held:
    by_target = hold.kind == "rendered" or hold.against == "rendered"
    runs = "" if entry is None or entry.retired else entry.authored if by_target else entry.fingerprint
    git = "" if wanted is None else wanted.authored if by_target else wanted.fingerprint
    state = "waits" if verdict == "held" and not hold.against and git != runs else verdict
    return Held(
        hold.rule_id,
        hold.name,
        hold.label,
        state,
        runs=short(runs),
        git=short(git),
        off=hold.off,
        reason=hold.reason,
        until=hold.until,
    )


def short(fingerprint: str) -> str:
    """Return the part of a content address that people read."""
    return fingerprint.removeprefix("sha256:")[:_SHORT]
