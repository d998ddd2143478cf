"""History for people and spreadsheets: events, one deployment, one rule's life, what ran at a moment."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from deployer.core.held import short
from deployer.core.history import Event, Step
from deployer.core.holds import holds_of
from deployer.core.record import Record, RuleRecord
from deployer.render.style import Style, cut, line, plural

_COLUMNS: Final = (
    "environment", "number", "time", "event", "space", "deployment", "actor", "reason", "changes", "commit", "branch",
    "ci_run", "kibana_user", "stack", "plan", "sha256", "previous",
)  # fmt: skip
_RISKY: Final = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins so is a formula to a spreadsheet
_MOST: Final = 40


def events_text(found: Mapping[str, Sequence[Event]], style: Style) -> str:
    """Return the events, newest first, ending in a newline."""
    lines: list[str] = []
    for name, events in found.items():
        lines.append(style.bold(line(name)) + ("" if events else "   no events"))
        lines += [cut(_event_line(event), style.width) for event in reversed(events)]
    return "\n".join(lines) + "\n"


def _event_line(event: Event) -> str:
    number = f"#{event.deployment}" if event.deployment else ""
    space = f" {event.space}" if event.space not in ("", "default") else ""
    counts = Counter(event.changed.values())
    changes = ", ".join(f"{count} {action}" for action, count in sorted(counts.items()))
    why = f"({line(event.reason)})" if event.reason else ""
    parts = [f"{_minute(event.time)}  {event.kind:<11} {number:<6}{space}", line(event.actor), changes, why]
    return "  " + "  ".join(part for part in parts if part)


def events_csv(found: Mapping[str, Sequence[Event]]) -> str:
    """Return the events as CSV, oldest first; nothing in a cell is a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for name, events in found.items():
        for event in events:
            facts = event.facts
            own = (event.space, event.deployment or "", event.actor, event.reason, len(event.changed))
            more = [facts.get(key, "") for key in ("commit", "branch", "ci_run", "kibana_user", "stack", "plan")]
            row = [name, event.number, event.time, event.kind, *own, *more, event.sha256, event.previous]
            writer.writerow([_harmless(cell) for cell in row])
    return buffer.getvalue()


def _harmless(cell: object) -> str:
    text = str(cell)
    return f"'{text}" if text.startswith(_RISKY) else text


def deployment_text(found: Sequence[tuple[str, Record, Record | None]], style: Style) -> str:
    """Return one deployment, target by target, ending in a newline."""
    lines: list[str] = []
    for target, record, before in found:
        lines.append(style.bold(f"{line(target)}   deployment #{record.number}, {record.event}"))
        lines += [f"  {name:<11} {line(value)}" for name, value in _facts(record) if value]
        for rule_id, action in list(record.changed.items())[:_MOST]:
            entry = record.rules.get(rule_id) or (before.rules.get(rule_id) if before else None)
            named = f"{cut(line(entry.name), 40):<40} {rule_id}" if entry else line(rule_id)  # a list is its own name
            lines.append(cut(f"    {action:<9} {named}", style.width))
        if len(record.changed) > _MOST:
            lines.append(f"    … and {len(record.changed) - _MOST:,} more (--json lists them)")
        made = [hold for hold in holds_of(record).values() if hold.number == record.number]
        lines += [cut(f"    held      {line(hold.name)}", style.width) for hold in made[:_MOST]]
    return "\n".join(lines) + "\n"


def _facts(record: Record) -> Iterator[tuple[str, str]]:
    provenance = record.provenance
    yield "time", f"{_minute(record.time)} UTC"
    yield "by", provenance.actor + (f", Kibana user {provenance.kibana_user}" if provenance.kibana_user else "")
    yield "reason", record.reason
    clean = "" if provenance.clean else ", with uncommitted changes"
    yield "commit", provenance.commit and f"{provenance.commit[:12]} {provenance.branch}{clean}"
    yield "CI", provenance.ci_run
    yield "plan", record.plan.removeprefix("sha256:")[:12]
    yield "allowed", ", ".join(f"{word}={count}" for word, count in record.allowed.items())
    yield "Kibana", f"{provenance.stack}   deployer {provenance.tool}"
    active = sum(entry.retired is None for entry in record.rules.values())
    yield "rules", f"{plural(active, 'rule')}, {len(record.rules) - active} retired"


def verified_text(wrong: Sequence[str], checked: Mapping[str, int], style: Style) -> str:
    """Return what `--verify` found, ending in a newline."""
    counts = (
        f"{checked['events']} events, {checked['deployments']} deployments, {checked['bundles']} bundles of documents"
    )
    if not wrong:
        return f"{counts}: the chain is unbroken, nothing was changed afterwards.\n"
    lines = [style.red(f"  {line(sentence)}") for sentence in wrong]
    return "\n".join([f"{counts} checked:", *lines, "Compare with a copy of the store; Kibana was not asked."]) + "\n"


def life_text(rule_id: str, lives: Mapping[str, Sequence[Step]], style: Style) -> str:
    """Return what became of one rule in every target, oldest first, ending in a newline."""
    names = [step.entry.name for steps in lives.values() for step in steps if step.entry]
    lines = [style.bold(line(names[-1]) if names else rule_id), rule_id]
    for target, steps in lives.items():
        lines += ["", line(target)]
        lines += [cut(_step_line(step), style.width) for step in steps]
    return "\n".join(lines) + "\n"


def _step_line(step: Step) -> str:
    why = f"  ({line(step.reason)})" if step.reason else ""
    by = f"  {line(step.actor)}" if step.actor else ""
    head = f"  {_minute(step.time)}  #{step.number:<5} {step.kind:<11} {step.action:<9} {_state(step.entry)}"
    return head.rstrip() + by + why


def _state(entry: RuleRecord | None) -> str:
    if entry is None:
        return "gone"
    if entry.retired is not None:
        return f"retired {entry.retired.since[:10]}"
    return short(entry.fingerprint) + ("" if entry.enabled else " off")


def at_text(found: Mapping[str, Record | None], at: str, style: Style) -> str:
    """Return what ran at a moment, target by target, ending in a newline."""
    lines: list[str] = []
    for target, record in found.items():
        if record is None:
            lines.append(f"{style.bold(line(target))}   no deployment by {line(at)}")
            continue
        running = {rule_id: entry for rule_id, entry in record.rules.items() if entry.retired is None}
        head = f"deployment #{record.number}, {_minute(record.time)} UTC, {plural(len(running), 'rule')}"
        lines.append(f"{style.bold(line(target))}   {head}")
        for rule_id, entry in sorted(running.items(), key=lambda item: item[1].name.casefold()):
            lines.append(cut(f"  {_state(entry):<16} {cut(line(entry.name), 40):<40} {rule_id}", style.width))
    return "\n".join(lines) + "\n"


def _minute(time: str) -> str:
    return time[:16].replace("T", " ")
