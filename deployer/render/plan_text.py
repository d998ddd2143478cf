"""
A plan for a terminal: what happens in three lines, what to look at first, then the rest, then what was left alone.

The refusal stands in the first lines, whether anything was changed and the next command are the last ones. At most
`style.width` columns; nothing that a rule contains can move the cursor or change a colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from deployer.core.change import Action, Change
from deployer.core.fields import ABSENT
from deployer.core.guards import COUNTED, Verdict
from deployer.core.plan import Edit, Plan
from deployer.core.review import GROUP_FROM, Group, age_of, review
from deployer.errors import Severity
from deployer.render.field_text import field_lines, short_value
from deployer.render.held_text import ended_lines, held_lines, held_next
from deployer.render.lists_text import lists_count, lists_lines
from deployer.render.style import Style, cut, line, plural

_SYMBOL: Final = {
    Action.CREATE: " + ",
    Action.UPDATE: " ~ ",
    Action.ENABLE: " ~ ",
    Action.DISABLE: " - ",
    Action.DELETE: " - ",
    Action.RECREATE: "-/+",
    Action.ADOPT: " ~ ",
}
_INDENT: Final = " " * 15
_NAME: Final = 53


def plan_text(plan: Plan, style: Style, *, verbose: bool = False, applying: bool = False) -> str:
    """
    Return the plan as text that ends in a newline.

    `verbose` shows every change in full; `applying` leaves out the last lines, because the apply writes its own.
    """
    parts = [_head(plan, style), _summary(plan, style)]
    reviewed = review(plan)
    groups = _groups(plan, reviewed.first, style, verbose=verbose)
    first = [*ended_lines(plan.notes.held, style), *groups, *_overdue(plan, reviewed.overdue)]
    parts.append(_section("LOOK AT THESE FIRST", first, style))
    parts.append(_section("THE REST", _groups(plan, reviewed.rest, style, verbose=verbose), style))
    parts.append(_section("HELD", held_lines(plan.notes.held, style), style))
    parts.append(_section("LISTS", lists_lines(plan, verbose=verbose), style))
    parts.append(_section("BLOCKED", _blocked(plan, style), style))
    parts.append(_section("CHANGED IN KIBANA, LEFT ALONE", _edits(plan, reviewed.recent), style))
    parts.append(_section("CHANGED IN KIBANA, PUT BACK", _edits(plan, _of_kind(plan, "back")), style))
    parts.append(_section("ADDED IN KIBANA, KEPT", _edits(plan, _of_kind(plan, "kept")), style))
    parts.append(_section("MARKER REMOVED IN KIBANA", _unmarked(plan), style))
    parts.append(_section("WARNINGS", _warnings(plan, style), style))
    parts.append(_section("GUARDS", _guards(plan, style), style))
    if not applying:
        parts.append(_foot(plan, style))
    return "\n".join(part for part in parts if part)


def _head(plan: Plan, style: Style) -> str:
    stack = f"   Kibana {plan.provenance.stack}" if plan.provenance.stack else ""
    first = f"{style.bold(line(plan.target.name))}   {line(plan.target.url)}{_space(plan)}{line(stack)}"
    return "\n".join([first, *(cut(line(sentence), style.width) for sentence in plan.notes.lines)]) + "\n"


def _space(plan: Plan) -> str:
    return "" if plan.target.space == "default" else f"/s/{line(plan.target.space)}"


def _summary(plan: Plan, style: Style) -> str:
    census = plan.notes.census
    counts = [f"{plan.count(action)} {action.value}" for action in Action if plan.count(action)]
    listed = lists_count(plan.dependencies)
    words = "no changes of rules" if listed and not counts else "no changes"
    changes = f"  {plural(len(plan.changes), 'change')}    {', '.join(counts)}" if counts else f"  {words}"
    unchanged = f"{plural(census.unchanged, 'rule')} unchanged"
    lines = [
        f"{changes:<{max(style.width - len(unchanged) - 4, 20)}}{unchanged}" if counts else f"{changes}    {unchanged}"
    ]
    if listed:
        lines.append(f"  lists        {listed}")
    left = _left_alone(plan)
    if left:
        lines.append(f"  left alone   {', '.join(left)}")
    refused = [verdict.message for verdict in plan.refusals] + _blocked_words(plan)
    if refused:
        lines.append(style.red(cut(f"  REFUSED      {'; '.join(line(word) for word in refused)}", style.width)))
    return "\n".join(lines) + "\n"


def _left_alone(plan: Plan) -> list[str]:
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
    return [f"{count:,} {word}" for count, word in words if count]


def _blocked_words(plan: Plan) -> list[str]:
    kinds = [blocked.kind for blocked in plan.notes.blocked]
    return [f"{plural(kinds.count(kind), 'rule')} blocked: {kind}" for kind in dict.fromkeys(kinds)]


def _section(title: str, lines: Iterable[str], style: Style) -> str:
    text = "\n".join(lines)
    return f"{style.bold(title)}\n\n{text}\n" if text else ""


def _groups(plan: Plan, groups: Sequence[Group], style: Style, *, verbose: bool) -> Iterator[str]:
    for group in groups:
        shown = group.changes if verbose else group.changes[:1]
        for change in shown:
            yield "\n".join(_change(plan, change, style, verbose=verbose)) + "\n"
        hidden = len(group.changes) - len(shown)
        if hidden:
            what = f"{group.example.category} " if group.example.action is Action.UPDATE else ""
            more = f"… and {hidden:,} more {what}{group.example.action.value}s like this one"
            yield f"{_INDENT}{more} (--verbose lists them)\n"


def _change(plan: Plan, change: Change, style: Style, *, verbose: bool) -> Iterator[str]:
    label = plan.label(change.rule_id)
    word = str(change.category) if change.action is Action.UPDATE else change.action.value
    name = cut(line(label.name), _NAME)
    row = f"{_SYMBOL[change.action]} {word:<10} {name:<{_NAME}}  {label.severity:<8} {label.rule_type}"
    yield _tinted(change, style, cut(row.rstrip(), style.width))
    for sentence in (*_standing_words(change), *plan.notes.details.get(change.rule_id, ())):
        yield cut(f"{_INDENT}{line(sentence)}", style.width)
    if change.action not in (Action.CREATE, Action.DELETE):
        for text in field_lines(change, style, width=style.width - len(_INDENT), verbose=verbose):
            yield _INDENT + text
    if label.path:
        yield cut(_INDENT + style.dim(line(label.path)), style.width + (len(style.dim("x")) - 1))


def _tinted(change: Change, style: Style, row: str) -> str:
    match change.action:
        case Action.CREATE | Action.ENABLE:
            return style.green(row)
        case Action.DELETE | Action.DISABLE | Action.RECREATE:
            return style.red(row)
        case _:
            return style.yellow(row)


def _standing_words(change: Change) -> list[str]:
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
    if change.adopts:
        words.append("becomes ours: our marker is put on it")
    return words


def _blocked(plan: Plan, style: Style) -> Iterator[str]:
    for blocked in plan.notes.blocked:
        yield style.red(cut(f"    {line(plan.label(blocked.rule_id).name)}", style.width))
        yield cut(f"        {line(blocked.reason)}", style.width)
        for edit in plan.notes.edits:
            if edit.rule_id == blocked.rule_id and edit.kind == "conflict":
                yield from _conflict(edit, style)
        if blocked.remedy:
            yield cut(f"        {line(blocked.remedy)}", style.width)


def _conflict(edit: Edit, style: Style) -> Iterator[str]:
    who = f"  {edit.by} {edit.at[:16].replace('T', ' ')}" if edit.by or edit.at else ""
    room = style.width - 20
    yield f"          {line(edit.field)}"
    yield f"            was     {short_value(edit.authored, room)}"
    yield f"            git     {short_value(edit.desired, room)}"
    yield cut(f"            Kibana  {short_value(edit.live, room - len(who))}{line(who)}", style.width)


def _of_kind(plan: Plan, kind: str) -> list[Edit]:
    return [edit for edit in plan.notes.edits if edit.kind == kind]


def _overdue(plan: Plan, edits: Sequence[Edit]) -> Iterator[str]:
    """Yield the edits that nobody has decided on for a week."""
    if edits:
        yield "    changed in Kibana over a week ago, and still left alone:"
        yield from _edits(plan, edits)
        yield ""


def _edits(plan: Plan, rows: Sequence[Edit]) -> Iterator[str]:
    for edit in rows:
        kind = edit.kind
        name = cut(line(plan.label(edit.rule_id).name), 34)
        value = (
            _kept_words(edit) if kind == "kept" else f"{short_value(edit.authored, 14)} -> {short_value(edit.live, 14)}"
        )
        row = f"    {cut(edit.field, 10):<10} {name:<34} {value:<20} {line(edit.by)}  {_when(plan, edit)}"
        yield cut(row.rstrip(), 96)
    if rows and rows[0].kind == "left":
        target = plan.target.name
        yield f"               to git: deployer pull -e {target}    to Kibana: apply --only id:... --take git"


def _when(plan: Plan, edit: Edit) -> str:
    age = age_of(plan, edit)
    if age is None or age < 1:
        return edit.at[5:16].replace("T", " ")
    return f"{edit.at[5:10]} ({plural(int(age), 'day')})"


def _kept_words(edit: Edit) -> str:
    items = edit.live if isinstance(edit.live, list | tuple) else [edit.live]
    names = [
        str(item.get("list_id") or item.get("id") or "") if isinstance(item, dict) else str(item) for item in items
    ]
    return cut("keeps " + ", ".join(f'"{line(name)}"' for name in names), 40)


def _unmarked(plan: Plan) -> Iterator[str]:
    for rule_id in plan.notes.unmarked:
        yield cut(f"    {line(plan.label(rule_id).name)}   comes back with the next write", 96)


def _warnings(plan: Plan, style: Style) -> Iterator[str]:
    """Yield the warnings; of many alike only the first, because 100 equal ones hide the one that is not."""
    alike: dict[str, list[str]] = {}
    for problem in plan.notes.warnings:
        if problem.severity is Severity.WARNING:
            alike.setdefault(problem.code, []).append(line(str(problem)))
    for texts in alike.values():
        shown = texts if len(texts) < GROUP_FROM else texts[:1]
        for text in shown:
            yield from _wrapped(text, style.width)
        if len(texts) > len(shown):
            yield f"    … and {len(texts) - len(shown):,} more like this one (deployer validate lists them)"


def _wrapped(text: str, width: int) -> Iterator[str]:
    """Yield a sentence on as many lines as it needs: what is cut off is the remedy."""
    import textwrap

    yield from textwrap.wrap(text, width, initial_indent="    ", subsequent_indent="        ", break_on_hyphens=False)


def _guards(plan: Plan, style: Style) -> Iterator[str]:
    for verdict in plan.refusals:
        remedy = f"   --allow {verdict.allow}" if verdict.allow else ""
        yield style.red(cut(f"    REFUSED    {line(verdict.message)}{remedy}", style.width))
    passed = [verdict for verdict in plan.notes.verdicts if verdict.ok and verdict.guard in COUNTED and verdict.count]
    if passed:
        yield cut("    ok         " + "   ".join(_tally(verdict) for verdict in passed), style.width)


def _tally(verdict: Verdict) -> str:
    word = verdict.guard.replace("_", " ")
    return f"{word} {verdict.count}" + ("" if verdict.limit is None else f"/{verdict.limit}")


def _foot(plan: Plan, style: Style) -> str:
    requests = f", {plural(plan.notes.requests, 'request')}" if plan.notes.requests else ""
    if plan.empty and not plan.notes.blocked:
        nothing = f"Nothing to do{requests}, {plan.notes.seconds:.1f} s. Nothing was changed.\n"
        nothing += f"Next: {line(plan.notes.recovery)}\n" if plan.notes.recovery else ""
        return nothing + held_next(plan.notes.held, plan.target.name)
    lines = [f"Nothing was changed. Plan {plan.short}{requests}, {plan.notes.seconds:.1f} s."]
    if plan.writes:
        lines.append(style.bold(f"Next: {next_command(plan)}"))
    else:
        lines.append(style.bold(f"Next: {plan.notes.blocked[0].remedy}"))
    return "\n".join(line(text) if not style.color else text for text in lines) + "\n"


def next_command(plan: Plan) -> str:
    """Return the command that carries out this plan and no other, or the one that must come first."""
    if plan.notes.recovery:
        return plan.notes.recovery
    words = [f"deployer apply -e {plan.target.name} --expect {plan.short}"]
    allowed = {**plan.allow, **{v.guard: v.count for v in plan.refusals if v.allow}}
    if allowed:
        words.append("--allow " + ",".join(f"{guard}={count}" for guard, count in allowed.items()))
    if allowed or any(verdict.guard == "reason" for verdict in plan.refusals):
        words.append('--reason "..."')
    return " ".join(words)


__all__ = ["ABSENT", "next_command", "plan_text"]
