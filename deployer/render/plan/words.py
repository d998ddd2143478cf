"""Sentences about a plan that every renderer says alike, as plain text: each renderer escapes them its own way."""

from __future__ import annotations

from typing import Any, Final

from deployer.core.change import Action, Change
from deployer.core.guards import COUNTED, Verdict
from deployer.core.plan import Edit, Plan
from deployer.core.review import Group, Review, age_of
from deployer.render.lists_text import lists_count
from deployer.render.style import plural

SYMBOL: Final = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.ENABLE: "~",
    Action.DISABLE: "-",
    Action.DELETE: "-",
    Action.RECREATE: "-/+",
    Action.ADOPT: "~",
}

_NAMED: Final = 5  # rules in a sentence


def word_of(change: Change) -> str:
    """Return what a change is called: its category for an update, else its action."""
    return change.category.value if change.action is Action.UPDATE else change.action.value


def counted(plan: Plan) -> str:
    """Return how many rules have what done to them: `1 create, 4 update`, "" for none."""
    return ", ".join(f"{plan.count(action):,} {action.value}" for action in Action if plan.count(action))


def totals(plan: Plan) -> str:
    """Return the plan in a few words: `7 changes (1 create, 6 update), 2 exception items`, or that nothing changes."""
    words = [f"{plural(len(plan.changes), 'change')} ({counted(plan)})"] if plan.changes else []
    listed = lists_count(plan.dependencies)
    return ", ".join([*words, *([listed] if listed else [])]) or "no changes"


def prebuilt_words(plan: Plan) -> str:
    """Return how many of Elastic's rules are managed and how many of them change, "" for none."""
    changed = sum(change.prebuilt for change in plan.changes)
    tuned = plan.notes.census.tuned
    return f"{tuned:,} of Elastic's managed, {changed:,} to change" if tuned else ""


def left_alone(plan: Plan) -> tuple[str, ...]:
    """Return what the plan leaves alone, with counts."""
    census = plan.notes.census
    edited = len({edit.rule_id for edit in plan.notes.edits if edit.kind == "left"})
    words = [
        (sum(held.state in ("held", "waits") for held in plan.notes.held), "held"),
        (edited, "changed in Kibana"),
        (len(plan.notes.left_out), "left out by conflict"),
        (census.equal_unmanaged, "equal but unmanaged"),
        (census.unmanaged, "unmanaged"),
        (len(census.copies), "with a copied marker"),
        (census.prebuilt, "prebuilt"),
    ]
    return tuple(f"{count:,} {word}" for count, word in words if count)


def refused(plan: Plan) -> tuple[str, ...]:
    """Return why apply would refuse the plan, in a few words each; empty where it would not."""
    kinds = [blocked.kind for blocked in plan.notes.blocked]
    blocked = [f"{plural(kinds.count(kind), 'rule')} blocked: {kind}" for kind in dict.fromkeys(kinds)]
    return (*(verdict.message for verdict in plan.refusals), *blocked)


def facts(plan: Plan, change: Change, review: Review) -> tuple[str, ...]:
    """Return the sentences under a change: why to look at it, what it does beside its fields, what the planner said."""
    reasons = review.reasons.get(change.rule_id, ())
    look = (f"look: {', '.join(reasons)}",) if reasons else ()
    return (*look, *_standing(change), *plan.notes.details.get(change.rule_id, ()), *_not_own(plan, change))


def _not_own(plan: Plan, change: Change) -> tuple[str, ...]:
    """Return the sentence under a change of this branch of which some fields are not its own."""
    names = plan.notes.branch.mixed.get(change.rule_id, ()) if plan.notes.branch else ()
    return (f"not from this branch: {', '.join(names)}",) if names else ()


def _standing(change: Change) -> list[str]:
    after = change.after or {}
    words: list[str] = []
    if change.action is Action.CREATE:
        actions = plural(len(after.get("actions") or ()), "action") if after.get("actions") else ""
        state = "created disabled, enabled last" if after.get("enabled") else "created disabled, stays off"
        words.append("; ".join(part for part in (state, actions) if part))
    if change.action is Action.RECREATE and change.before is not None:
        words.append(f"type: {change.before.get('type')} -> {after.get('type')}")
    if change.marker and not change.adopts:
        words.append("our marker is put back on it")
    if change.prebuilt:
        words.append("Elastic's own: its content is neither sent nor changed")
    if change.adopts:
        words.append("becomes ours: our marker is put on it")
    return words


def more_words(group: Group, hidden: int) -> str:
    """Return how many changes read like the one that is shown."""
    what = f"{group.example.category} " if group.example.action is Action.UPDATE else ""
    return f"{hidden:,} more {what}{plural(hidden, group.example.action.value).partition(' ')[2]} like this one"


def key_words(plan: Plan, review: Review) -> str:
    """Return which rules run as another Kibana user once the plan is applied, "" for none."""
    if not review.rekeyed:
        return ""
    names = [f'"{plan.label(rule_id).name}"' for rule_id in review.rekeyed[:_NAMED]]
    more = f" and {len(review.rekeyed) - _NAMED:,} more" if len(review.rekeyed) > _NAMED else ""
    return f"another Kibana user: with the key of whoever applies this run from then on {', '.join(names)}{more}"


def edit_when(plan: Plan, edit: Edit) -> str:
    """Return when an edit was made, and how many days ago, "" where Kibana does not say."""
    age = age_of(plan, edit)
    if age is None or age < 1:
        return edit.at[5:16].replace("T", " ")
    return f"{edit.at[5:10]} ({plural(int(age), 'day')})"


def kept_names(edit: Edit) -> tuple[str, ...]:
    """Return the names of what an analyst added and the plan keeps."""
    items: list[Any] = list(edit.live) if isinstance(edit.live, list | tuple) else [edit.live]
    return tuple(
        str(item.get("list_id") or item.get("id") or "") if isinstance(item, dict) else str(item) for item in items
    )


def passed(plan: Plan) -> str:
    """Return the guards that let the plan pass, with counts and limits: `disable 1/10   update 3/85`."""
    verdicts = [verdict for verdict in plan.notes.verdicts if verdict.ok and verdict.guard in COUNTED and verdict.count]
    return "   ".join(_tally(verdict) for verdict in verdicts)


def _tally(verdict: Verdict) -> str:
    word = verdict.guard.replace("_", " ")
    return f"{word} {verdict.count}" + ("" if verdict.limit is None else f"/{verdict.limit}")


def next_command(plan: Plan) -> str:
    """Return the command that carries out this plan and no other, or what must come first; "" for nothing to do."""
    if plan.notes.recovery:
        return plan.notes.recovery
    if not plan.writes:
        return plan.notes.blocked[0].remedy if plan.notes.blocked else ""
    words = [f"deployer apply -e {plan.target.name} --expect {plan.short}"]
    allowed = {**plan.allow, **{v.guard: v.count for v in plan.refusals if v.allow}}
    if allowed:
        words.append("--allow " + ",".join(f"{guard}={count}" for guard, count in allowed.items()))
    if allowed or any(verdict.guard == "reason" for verdict in plan.refusals):
        words.append('--reason "..."')
    return " ".join(words)
