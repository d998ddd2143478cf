"""
Safety checks: policy x plan -> verdicts. Each guard is a function of values and refuses with numbers.

Overriding names numbers: `--allow disable=12` passes only a plan that disables exactly twelve rules, so that a plan
that
grew since somebody looked at it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from deployer.core.canonical import canonical_json
from deployer.core.change import Action, Change
from deployer.core.dependency import Dependency, Kind
from deployer.core.environment import DeployPolicy, Limit, Limits
from deployer.core.fields import ABSENT, SEVERITIES, Category

COUNTED: Final = (
    "create",
    "update",
    "enable",
    "disable",
    "delete",
    "recreate",
    "weaken",
    "protected",
    "response_actions",
)
"""The words that `--allow` takes, in the order of the plan's last lines."""

_OF_THE_RUN: Final = frozenset({"branch", "ci_only", "freeze", "reason"})

_FEWEST: Final = 4  # a percentage never refuses fewer than five rules


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What one guard found. `count` of `limit` (None: unlimited) for the countable ones; `allow` is the `--allow` word
    that would let it pass, "" where nothing does; `rules` are the rules concerned; `refusal` is for programs.
    """

    guard: str
    ok: bool
    message: str
    count: int = 0
    limit: int | None = None
    allow: str = ""
    rules: tuple[str, ...] = ()
    refusal: str = "guard"


@dataclass(frozen=True, slots=True)
class Judged:
    """
    What the guards need beside the changes: how many rules are managed, which retire, which are protected, and the body
    of a rule as it is live (empty for none).
    """

    managed: int
    retiring: frozenset[str]
    protected: Callable[[str], bool]
    live: Callable[[str], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Run:
    """What `[deploy]` looks at: where this run happens. `exempt` for rollback, hold and recover."""

    branch: str
    clean: bool
    in_ci: bool
    today: date
    reason: str
    exempt: bool = False
    words: frozenset[str] = frozenset()  # what this run does that may need a reason: "allow", "rollback", ...


def judge(changes: Sequence[Change], limits: Limits, allow: Mapping[str, int], judged: Judged) -> tuple[Verdict, ...]:
    """Return one verdict for every limit, and one for retiring everything."""
    concerned = {word: _concerned(word, changes, judged) for word in COUNTED}
    ceilings = {
        "create": limits.create,
        "update": limits.update,
        "enable": limits.enable,
        "disable": limits.disable,
        "delete": limits.delete,
        "recreate": limits.recreate,
        "weaken": limits.weaken,
        "protected": Limit(0) if limits.protected else None,
        "response_actions": Limit(0),
    }
    verdicts = [
        _limit(word, concerned[word], _number(ceilings[word], judged.managed), allow.get(word)) for word in COUNTED
    ]
    return (*verdicts, *_would_empty(judged))


def judged_with_lists(
    verdicts: Sequence[Verdict],
    dependencies: Sequence[Dependency],
    limits: Limits,
    allow: Mapping[str, int],
    managed: int,
) -> tuple[Verdict, ...]:
    """
    Return the verdicts with what lists do to rules: an exception that git adds or changes, and values that it adds,
    weaken. Items of a list that is new count with the rule that is linked to it.
    """
    new = {(one.namespace, one.name) for one in dependencies if one.kind is Kind.LIST and one.before is None}
    wider = [one.key for one in dependencies if _widens(one) and (one.namespace, one.list_id) not in new]
    if not wider:
        return tuple(verdicts)
    limit = _number(limits.weaken, managed)
    return tuple(
        _limit("weaken", (*verdict.rules, *wider), limit, allow.get("weaken")) if verdict.guard == "weaken" else verdict
        for verdict in verdicts
    )


def _widens(dependency: Dependency) -> bool:
    """Say whether more is excepted than before: a new item, other entries, a later end, more values."""
    if dependency.kind is Kind.VALUE_LIST:
        return dependency.before is not None and bool(dependency.added)
    if dependency.kind is not Kind.ITEM or dependency.after is None:
        return False
    return dependency.before is None or not {"entries", "expire_time", "os_types"}.isdisjoint(dependency.names)


def waiting(due: Sequence[Change], limits: Limits, allow: Mapping[str, int], managed: int) -> tuple[Change, ...]:
    """
    Return the deletes that wait: those above the limit, without an `--allow delete`.

    A delete is due by time alone, so it is left out and never blocks a deployment (design section 3). `due` is sorted,
    the longest retired first.
    """
    ceiling = _number(limits.delete, managed)
    return () if ceiling is None or "delete" in allow else tuple(due[ceiling:])


def judge_run(policy: DeployPolicy, run: Run) -> tuple[Verdict, ...]:
    """Return the verdicts of `[deploy]`: branch, clean inputs, CI, reason, freeze. Only those that apply."""
    if run.exempt:
        return _reasons(policy, run)
    return (*_branch(policy, run), *_ci(policy, run), *_freeze(policy, run), *_reasons(policy, run))


def judged_again(verdicts: Sequence[Verdict], policy: DeployPolicy, run: Run) -> tuple[Verdict, ...]:
    """Return the verdicts of a plan that was made elsewhere or earlier, with those of `[deploy]` as of this run."""
    return (*(verdict for verdict in verdicts if verdict.guard not in _OF_THE_RUN), *judge_run(policy, run))


def weakens(change: Change) -> bool:
    """Say whether an update makes a rule see or say less: severity or risk lowered, suppression or exceptions added."""
    return bool(weaker_fields(change))


def weaker_fields(change: Change) -> frozenset[str]:
    """Return the fields by which an update weakens its rule."""
    if change.before is None or change.after is None:
        return frozenset()
    return frozenset(name for name, check in _WEAKER.items() if name in change.names and check(*change.side(name)))


def _concerned(word: str, changes: Sequence[Change], judged: Judged) -> tuple[str, ...]:
    match word:
        case "update":
            chosen = [c for c in changes if c.action is Action.UPDATE and c.category is not Category.COSMETIC]
        case "enable":
            chosen = [c for c in changes if c.action not in (Action.CREATE, Action.RECREATE) and c.flips and _on(c)]
        case "disable":
            chosen = [c for c in changes if c.action is not Action.RECREATE and c.after and c.flips and not _on(c)]
        case "weaken":
            chosen = [c for c in changes if weakens(c)]
        case "protected":
            risky = {*_ids(changes, Action.DELETE, Action.RECREATE), *(c.rule_id for c in changes if weakens(c))}
            risky |= {c.rule_id for c in changes if c.after and c.flips and not _on(c)}
            return tuple(sorted(rule_id for rule_id in risky if judged.protected(rule_id)))
        case "response_actions":
            chosen = [c for c in changes if _arms(c, judged.live(c.rule_id))]
        case _:
            return _ids(changes, Action(word))
    return tuple(c.rule_id for c in chosen)


def _ids(changes: Sequence[Change], *actions: Action) -> tuple[str, ...]:
    return tuple(change.rule_id for change in changes if change.action in actions)


def _on(change: Change) -> bool:
    return bool((change.after or {}).get("enabled"))


def _arms(change: Change, live: Mapping[str, Any]) -> bool:
    """
    Say whether a rule gains the power to isolate hosts or kill processes: it is switched on with it, or gets it while
    it runs. What the change does not write is as it is live; osquery only asks, and is not counted.
    """
    if change.after is None:
        return False
    after = {**({} if change.action in (Action.CREATE, Action.RECREATE) else live), **change.after}
    return bool(_armed(after) - _armed(live))


def _armed(rule: Mapping[str, Any]) -> set[str]:
    """Return the endpoint actions of a rule that runs; a rule that is off can do nothing."""
    acts = rule.get("response_actions") or () if rule.get("enabled") else ()
    return {canonical_json(act) for act in acts if act.get("action_type_id") == ".endpoint"}


def _limit(word: str, rules: tuple[str, ...], limit: int | None, allowed: int | None) -> Verdict:
    count = len(rules)
    shown = word.replace("_", " ")
    if allowed is not None:
        ok = allowed == count
        message = f"{shown} {count}, --allow {word}={allowed}" + ("" if ok else f": the plan has {count}")
        return Verdict(word, ok, message, count, limit, f"{word}={count}" if count else "", rules)
    ok = limit is None or count <= limit
    return Verdict(
        word, ok, f"{shown} {count}, limit {'none' if limit is None else limit}", count, limit, f"{word}={count}", rules
    )


def _number(limit: Limit | None, managed: int) -> int | None:
    if limit is None:
        return None
    return max(limit.value * managed // 100, _FEWEST) if limit.percent else limit.value


def _would_empty(judged: Judged) -> tuple[Verdict, ...]:
    if not judged.managed or len(judged.retiring) < judged.managed:
        return ()
    message = f"all {judged.managed} managed rules would be retired; check the rule folders and the selectors"
    return (Verdict("empty", False, message, judged.managed, rules=tuple(sorted(judged.retiring))),)


def _branch(policy: DeployPolicy, run: Run) -> tuple[Verdict, ...]:
    if policy.branch is None:
        return ()
    if run.branch != policy.branch:
        message = f'deploys from branch "{policy.branch}" only, this is "{run.branch or "no branch"}"'
        return (Verdict("branch", False, message, refusal="branch"),)
    if not run.clean:
        return (Verdict("branch", False, "input files have uncommitted changes; commit them first", refusal="branch"),)
    return (Verdict("branch", True, f'branch "{run.branch}"', refusal="branch"),)


def _ci(policy: DeployPolicy, run: Run) -> tuple[Verdict, ...]:
    if policy.ci_only and not run.in_ci:
        return (Verdict("ci_only", False, "only CI applies here (ci_only); a laptop plans", refusal="branch"),)
    return ()


def _freeze(policy: DeployPolicy, run: Run) -> tuple[Verdict, ...]:
    for freeze in policy.freeze:
        if freeze.start <= run.today <= freeze.end:
            message = f"frozen from {freeze.start} until {freeze.end}" + (f": {freeze.reason}" if freeze.reason else "")
            return (Verdict("freeze", False, message, refusal="freeze"),)
    return ()


def _reasons(policy: DeployPolicy, run: Run) -> tuple[Verdict, ...]:
    needing = sorted(run.words.intersection(policy.reason))
    if needing and not run.reason:
        return (Verdict("reason", False, f'{" and ".join(needing)} needs --reason "…"'),)
    return ()


def _severity_lower(before: Any, after: Any) -> bool:
    order = {name: number for number, name in enumerate(SEVERITIES)}
    return before in order and after in order and order[after] < order[before]


def _risk_lower(before: Any, after: Any) -> bool:
    return isinstance(before, int) and isinstance(after, int) and after < before


def _suppression_added(before: Any, after: Any) -> bool:
    return before in (ABSENT, None) and after not in (ABSENT, None)


def _exceptions_added(before: Any, after: Any) -> bool:
    had = {entry.get("list_id") for entry in before or () if isinstance(entry, Mapping)}
    return any(isinstance(entry, Mapping) and entry.get("list_id") not in had for entry in after or ())


_WEAKER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "severity": _severity_lower,
    "risk_score": _risk_lower,
    "alert_suppression": _suppression_added,
    "exceptions_list": _exceptions_added,
}
