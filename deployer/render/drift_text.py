"""What somebody did in Kibana since the last deployment, and the three answers to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from deployer.core.drift import Drifted
from deployer.core.record import Record
from deployer.render.field_text import short_value
from deployer.render.style import Style, cut, line, plural

_WORDS: Final = {
    "enabled": "switched on",
    "disabled": "switched off",
    "deleted": "deleted; the next apply creates it again",
    "removed": "one of Elastic's rules, not installed any more; a plan warns, and installs nothing",
    "recreated": "deleted and created again under another internal id",
    "duplicated": "several rules have this rule_id: delete the wrong one",
    "unmarked": "our marker was taken off; it comes back with the next write",
    "new": "new in this space, and not ours: pull it, or leave it",
    "copy": "a copy that carries our marker; it is never touched",
}


def drift_text(target: str, record: Record, found: Sequence[Drifted], style: Style) -> str:
    """Return the drift of one target, rule by rule, ending in a newline; the last line is the next command."""
    since = f"deployment #{record.number}, {record.time[:16].replace('T', ' ')} UTC"
    head = f"{style.bold(line(target))}   since {since}"
    if not found:
        return f"{head}\nNo drift: {plural(len(record.rules), 'rule')} as deployed.\n"
    rules = len({each.rule_id for each in found})
    parts = [f"{head}\n{plural(rules, 'rule')} drifted, {plural(len(found), 'difference')}.\n"]
    parts += ["\n".join(_rule(list(rows), style)) + "\n" for _, rows in groupby(found, key=lambda each: each.rule_id)]
    return "\n".join([*parts, _answers(target, found, style)])


def _rule(rows: Sequence[Drifted], style: Style) -> Iterator[str]:
    first = rows[0]
    who = f"   {first.by} {first.at[:16].replace('T', ' ')}{_age(first)}" if first.by or first.at else ""
    yield style.yellow(cut(f"  {line(first.name)}{line(who)}", style.width))
    for row in rows:
        if row.kind == "changed":
            room = (style.width - len(row.field) - 14) // 2
            arrow = f"{short_value(row.was, room)} -> {short_value(row.now, room)}"
            yield cut(f"      {line(row.field)}   {arrow}", style.width)
        else:
            yield cut(f"      {_WORDS[row.kind]}", style.width)


def _age(row: Drifted) -> str:
    return "" if row.age is None or row.age < 1 else f", {plural(int(row.age), 'day')} ago"


def _answers(target: str, found: Sequence[Drifted], style: Style) -> str:
    example = next((each for each in found if each.kind in ("changed", "enabled", "disabled")), None)
    if example is None:
        return style.bold(f"Next: deployer plan -e {line(target)}") + "\n"
    field = example.field or "enabled"
    return "\n".join(
        [
            "To keep a change in git, to leave the field to Kibana, or to put it back:",
            f"  deployer pull -e {line(target)} --only id:{example.rule_id}",
            f'  [ownership.fields] {line(field)} = "live"   in the environment file',
            style.bold(f"  deployer apply -e {line(target)} --only id:{example.rule_id} --take git"),
            "",
        ]
    )
