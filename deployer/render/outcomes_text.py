"""What became of each rule of an apply that did not go through, one line a rule: the write, then its undo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from deployer.core.change import Label
from deployer.core.outcomes import Outcome
from deployer.render.style import Style, cut, line


def outcomes_text(outcomes: Iterable[Outcome], labels: Mapping[str, Label], style: Style) -> str:
    """Return the table, ending in a newline; "" without outcomes. A rule without a label is named by its id."""
    by_rule: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_rule.setdefault(outcome.rule_id, []).append(outcome)
    lines = []
    for rule_id, fates in sorted(by_rule.items()):
        label = labels.get(rule_id)
        name = cut(line(label.name if label else rule_id), 40)
        words = ", ".join(dict.fromkeys(_words(fate) for fate in fates))
        lines.append(cut(f"  {name:<40}  {words}", style.width))
        lines += [cut(f"      {line(fate.detail)}", style.width) for fate in fates if fate.detail]
    return "".join(text + "\n" for text in dict.fromkeys(lines))


def _words(outcome: Outcome) -> str:
    return (
        f"{outcome.op} {outcome.status.value.replace('_', ' ')}"
        if outcome.op != "undo"
        else outcome.status.value.replace("_", " ")
    )
