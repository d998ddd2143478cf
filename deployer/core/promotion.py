"""
Promotion: which contents of the source environment may be pinned in another one, and what still stands in the way.

Pure. The caller finds out what each target of the source shows (`Shown`); here the gates of `[promotion]` are judged,
and the new lock file is made of the rules that passed. Rules that fail stay at their pinned content, with the reason.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from deployer.core.environment import PromotionPolicy
from deployer.core.lock_file import Locked, LockFile, Proven

Verdict = Literal["pin", "same", "wait", "remove", "leave"]
SUCCEEDED: Final = "succeeded"
WAIVABLE: Final = ("soak", "healthy")
"""Gates that a person may waive; a rule that is held, or that the source does not run, has no emergency exit."""


@dataclass(frozen=True, slots=True)
class Shown:
    """
    What one target of the source shows of one rule. `since` is when it began to behave as it does, in `deployment`;
    `health` is `succeeded`, or why it is not known to be healthy. `retired` is when it was taken out, None while it
    runs; `fingerprint` is then that of its last content.
    """

    target: str
    fingerprint: str
    deployment: int
    since: datetime
    health: str
    retired: datetime | None = None


@dataclass(frozen=True)
class Candidate:
    """
    One rule of the source. `shown` has the targets of the source that know it. `behaves_as_pinned`: what runs in the
    source differs from what is pinned in words only, or not at all. `held` says why it may not move, "" if it may.
    """

    rule_id: str
    name: str
    path: str
    commit: str
    shown: tuple[Shown, ...]
    behaves_as_pinned: bool = False
    held: str = ""


@dataclass(frozen=True, slots=True)
class Waiver:
    """Gates that a person waives, and why."""

    gates: frozenset[str] = frozenset()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one rule: `verdict`, the gates that fail with their sentences, and the pins before and after."""

    rule_id: str
    name: str
    verdict: Verdict
    failed: Mapping[str, str] = field(default_factory=dict)
    before: Locked | None = None
    after: Locked | None = None

    @property
    def why(self) -> str:
        """The sentences of the gates that fail."""
        return "; ".join(self.failed.values())


@dataclass(frozen=True, slots=True)
class Gatekeeper:
    """What all rules of one promotion are judged by. `targets` are those of the source; `now` is Kibana's clock."""

    policy: PromotionPolicy
    targets: tuple[str, ...]
    now: datetime
    waiver: Waiver = Waiver()

    def decide(self, candidate: Candidate, pinned: Locked | None) -> Decision:
        """Return what happens to one rule. Law: what is decided `same` or `wait` keeps its pin."""
        running = [shown for shown in candidate.shown if shown.retired is None]
        if not running:
            return self._removal(candidate, pinned)
        fingerprint = running[0].fingerprint
        if pinned is not None and all(shown.fingerprint == pinned.fingerprint for shown in running):
            return Decision(candidate.rule_id, candidate.name, "same", before=pinned, after=pinned)
        failed = self._failed(candidate, running)
        waived = {gate for gate in failed if gate in self.waiver.gates}
        failed = {gate: sentence for gate, sentence in failed.items() if gate not in waived}
        if failed:
            return Decision(candidate.rule_id, candidate.name, "wait", failed, pinned, pinned)
        last = max(running, key=lambda shown: shown.since)
        health = next((shown.health for shown in running if shown.health != SUCCEEDED), "")
        allowed = health if "healthy" in self.policy.require and health in self.policy.healthy_allows else ""
        after = Locked(
            candidate.rule_id,
            candidate.name,
            candidate.path,
            fingerprint,
            candidate.commit,
            Proven(self.policy.source, last.deployment, last.since, allowed),
            tuple(sorted(waived)),
            self.waiver.reason if waived else "",
        )
        return Decision(candidate.rule_id, candidate.name, "pin", before=pinned, after=after)

    def _failed(self, candidate: Candidate, running: Sequence[Shown]) -> dict[str, str]:
        """Return the gates that fail, each with its sentence."""
        failed: dict[str, str] = {}
        if candidate.held:
            failed["held"] = candidate.held
        missing = set(self.targets) - {shown.target for shown in running}
        if missing:
            failed["deployed"] = f"not in {', '.join(sorted(missing))}"
        elif len({shown.fingerprint for shown in running}) > 1:
            failed["deployed"] = f"the spaces of {self.policy.source} run different contents"
        if not candidate.behaves_as_pinned:
            waits = self._waits(max(shown.since for shown in running))
            if waits:
                failed["soak"] = waits
        if "healthy" in self.policy.require:
            sick = [shown for shown in running if shown.health not in (SUCCEEDED, *self.policy.healthy_allows)]
            if sick:
                failed["healthy"] = "; ".join(f"{shown.health} in {shown.target}" for shown in sick)
        return failed

    def _removal(self, candidate: Candidate, pinned: Locked | None) -> Decision:
        """A rule that is gone from the source loses its block once it has been gone for the soak."""
        if pinned is None:
            return Decision(candidate.rule_id, candidate.name, "leave")
        gone = [shown.retired for shown in candidate.shown if shown.retired is not None]
        waits = self._waits(max(gone), "gone for") if gone else ""
        if candidate.held:
            return Decision(candidate.rule_id, candidate.name, "wait", {"held": candidate.held}, pinned, pinned)
        if waits and "soak" not in self.waiver.gates:
            return Decision(candidate.rule_id, candidate.name, "wait", {"soak": waits}, pinned, pinned)
        return Decision(candidate.rule_id, candidate.name, "remove", before=pinned)

    def _waits(self, since: datetime, word: str = "runs for") -> str:
        """Return how long the soak still takes, "" once it is over."""
        return still_waits(self.policy, since, self.now, word)


def still_waits(policy: PromotionPolicy, since: datetime, now: datetime, word: str = "runs for") -> str:
    """Return how long the soak of what began at `since` still takes, "" once it is over."""
    if not policy.soak:  # clocks differ by a second, which is nobody's wait
        return ""
    left = since + timedelta(seconds=policy.soak) - now
    if left <= timedelta(0):
        return ""
    there = f"{policy.source}: {word} {spell(now - since)} of {spell(timedelta(seconds=policy.soak))}"
    return f"waits {spell(left)} in {there}"


def decide_all(
    keeper: Gatekeeper, candidates: Mapping[str, Candidate], lock: LockFile, chosen: Collection[str]
) -> tuple[Decision, ...]:
    """
    Return a decision for each chosen rule, by name. A pinned rule that no candidate speaks of is gone from the source.
    """
    decisions = []
    for rule_id in chosen:
        pinned = lock.rules.get(rule_id)
        candidate = candidates.get(rule_id)
        if candidate is None and pinned is not None:
            candidate = Candidate(rule_id, pinned.name, pinned.path, pinned.commit, ())
        if candidate is not None:
            decisions.append(keeper.decide(candidate, pinned))
    return tuple(sorted(decisions, key=lambda decision: (decision.name.casefold(), decision.rule_id)))


def locked_after(lock: LockFile, decisions: Sequence[Decision]) -> LockFile:
    """Return the lock file that the decisions make of one."""
    rules = dict(lock.rules)
    for decision in decisions:
        if decision.verdict == "pin" and decision.after is not None:
            rules[decision.rule_id] = decision.after
        elif decision.verdict == "remove":
            rules.pop(decision.rule_id, None)
    return replace(lock, rules=rules)


def spell(span: timedelta) -> str:
    """Return a span of time as people write it: `24 h`, `90 min`, `3 d`."""
    seconds = max(span.total_seconds(), 0)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        exactly = unit != "d" and seconds >= size and seconds % size == 0  # a day is 24 h, as people write a soak
        if seconds >= 2 * size or exactly:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
