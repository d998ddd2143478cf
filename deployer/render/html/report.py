"""The report as one HTML page: three questions first, then environments, ATT&CK, what needs attention, every rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from deployer.core.fields import RULE_TYPES, SEVERITIES
from deployer.core.matrix import Cell
from deployer.core.places import Group, present
from deployer.core.report import Report, TargetReport
from deployer.core.subjects import Subject
from deployer.render.html.frame import page, short
from deployer.render.html.report_attack import attack_view
from deployer.render.report_text import changes_in_words
from deployer.render.style import plural

CELLS: Final = 40_000
"""Cells of the table of rules beyond which it is cut, the rules with something to say first."""
SHOWN: Final = 300
"""Rows of every other list; the rest is counted, with the command that lists it."""
ISLAND: Final = 25_000
"""Rules that the filters know; more are in the numbers, not behind the filters."""
_AGES: Final = ((30, "under 1 month"), (90, "1 to 3 months"), (180, "3 to 6 months"), (365, "6 to 12 months"))
_OLDEST: Final = 10
_FEW: Final = 4  # targets that are named and unfolded one by one


@dataclass(frozen=True, slots=True)
class Cut:
    """The rows of one list that are shown, and how many are not."""

    rows: Sequence[Any]
    more: int = 0


def cut_off(rows: Sequence[Any], most: int = SHOWN) -> Cut:
    """Return the first rows of a list, and the number of those that are left out."""
    return Cut(rows[:most], max(len(rows) - most, 0))


def report_html(found: Report) -> str:
    """Return the page. Its size is bounded whatever the project holds: names, lists and the table of rules are cut."""
    today = datetime.fromisoformat(found.source.made_at)
    numbers = {subject.rule_id: number for number, subject in enumerate(found.subjects)}
    return page(
        "report.html",
        title=short(f"{found.source.project or 'Detection rules'}: report"),
        styles=("report.css",),
        scripts=("report.js",),
        found=found,
        number=numbers.get,
        subject={subject.rule_id: subject for subject in found.subjects}.get,
        severities=tuple(reversed(SEVERITIES)),
        types=_types(found),
        changes=[_changes(target) for target in found.targets if not _is_calm(found, target)],
        calm=[target.name for target in found.targets if _is_calm(found, target)],
        words=changes_in_words,
        asked=short(_listed(found.names, "and"), 80),
        side=[_side(found, place, today) for place in range(len(found.targets))],
        places=_places(found),
        attack=attack_view(found),
        attention=_attention(found),
        rules=_rules(found),
        counts=_counts(found),
        ages=_ages(found, today.date()),
        oldest=_oldest(found),
        data=_island(found),
        ago=lambda stamp: ago(stamp, today),
        present=present,
        total=len(found.subjects),
    )


def ago(stamp: str, now: datetime) -> str:
    """Return how long before the report something was, in words; "" for a time that is none."""
    try:
        then = datetime.fromisoformat(stamp)
    except ValueError:
        return ""
    seconds = (now - (then if then.tzinfo else then.replace(tzinfo=UTC))).total_seconds()
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{plural(int(seconds // size), word)} ago"
    return "just now"


def _types(found: Report) -> tuple[str, ...]:
    used = {subject.type for subject in found.subjects if subject.type}
    return (*(word for word in RULE_TYPES if word in used), *sorted(used.difference(RULE_TYPES)))


def _is_calm(found: Report, target: TargetReport) -> bool:
    """Say whether a target is one of many of which there is nothing to say: they share a line."""
    said = target.coming or target.blocked or target.ready or target.waiting or target.notes
    return len(found.targets) > _FEW and not said


def _changes(target: TargetReport) -> dict[str, Any]:
    return {
        "target": target,
        "coming": cut_off(target.coming),
        "ready": cut_off(target.ready),
        "waiting": cut_off(target.waiting),
        "blocked": cut_off(target.blocked, 20),
    }


def _side(found: Report, place: int, now: datetime) -> dict[str, Any]:
    """Return one environment as a column of the table that puts them side by side."""
    target = found.targets[place]
    column = [row.cells[place] for row in found.matrix.rows]
    health = Counter(cell.health for cell in column if cell is not None and present(cell))
    return {
        "target": target,
        "failing": health["failed"] + health["partial"],
        "drifted": len({one.rule_id for one in target.drifted}),
        "ago": ago(target.deployed_at, now),
    }


def _places(found: Report) -> dict[str, Any]:
    """Return the rules that are only in one target, those that are in some, and those with different contents."""
    only = {target: Group((target,), (), ()) for target in found.names}
    for group in found.groups:
        if group.only:
            only[group.where[0]] = group
    asked = [group for group in only.values() if group.rule_ids] or [*only.values()][:1]
    return {
        "only": [(group.where[0], cut_off(group.rule_ids)) for group in asked],
        "some": [(group, cut_off(group.rule_ids)) for group in found.groups if not group.only],
        "differing": cut_off(found.differing),
        "title": _listed([group.where[0] for group in asked], "or"),
        "count": sum(len(group.rule_ids) for group in asked),
    }


def _listed(names: Sequence[str], word: str) -> str:
    """Return names as a sentence has them, many of them as their number."""
    if len(names) > _FEW:
        return f"{len(names)} targets" if word == "and" else f"one of {len(names)} targets"
    return f" {word} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _attention(found: Report) -> dict[str, Any]:
    """Return what a person should look at: rules that fail or are gone, drift, holds, exceptions that end."""
    sick = [
        (row.rule_id, target, cell)
        for row in found.matrix.rows
        for target, cell in zip(found.names, row.cells, strict=True)
        if cell is not None and (cell.health in ("failed", "partial") or "gone" in cell.flags)
    ]
    drifted = [(target, one) for target in found.targets for one in target.drifted]
    held = [(target, one) for target in found.targets for one in target.held]
    return {
        "sick": cut_off(sick),
        "drifted": cut_off(drifted),
        "held": cut_off(held),
        "endings": cut_off(found.endings),
        "count": len(sick) + len(drifted) + len(held) + sum(one.state != "later" for one in found.endings),
    }


def _rules(found: Report) -> Cut:
    """Return the rows of the table of rules: each with its cells, those with something to say first where it is cut."""
    empty: tuple[Cell | None, ...] = (None,) * len(found.names)
    rows = [(subject, found.cells.get(subject.rule_id, empty)) for subject in found.subjects]
    most = CELLS // (len(found.names) + 5)
    if len(rows) > most:
        quiet = {row.rule_id for row in found.matrix.rows if row.quiet}
        rows.sort(key=lambda row: row[0].rule_id in quiet or row[0].rule_id not in found.cells)
    return cut_off(rows, most)


def _counts(found: Report) -> Counter[tuple[str, str]]:
    """Return how many rules of git have each type and severity; "" stands for all of them."""
    counts: Counter[tuple[str, str]] = Counter()
    for subject in found.subjects:
        if subject.written and subject.type and subject.severity in SEVERITIES:
            counts.update((a, b) for a in (subject.type, "") for b in (subject.severity, ""))
    return counts


def _ages(found: Report, today: date) -> list[tuple[str, int]]:
    """Return how many rules of git were changed how long ago, by the day that their files name."""
    counts: Counter[str] = Counter()
    for subject in found.subjects:
        if subject.written:
            counts[_age(subject, today)] += 1
    words = [word for _, word in _AGES] + ["over 12 months", "no date"]
    return [(word, counts[word]) for word in words if counts[word] or word != "no date"]


def _age(subject: Subject, today: date) -> str:
    if not subject.updated:
        return "no date"
    days = (today - date.fromisoformat(subject.updated)).days
    return next((word for limit, word in _AGES if days < limit), "over 12 months")


def _oldest(found: Report) -> list[Subject]:
    dated = [subject for subject in found.subjects if subject.written and subject.updated]
    return sorted(dated, key=lambda subject: subject.updated)[:_OLDEST]


def _island(found: Report) -> Mapping[str, Any]:
    """
    Return what the filters know of each rule, tags and techniques by their place in a list of their own. Last comes
    what a rule is in targets where it is something else: severity, techniques, a sign per target, 1 where it is so.
    """
    tags: dict[str, int] = {}
    spots = {spot.id: number for number, spot in enumerate(found.spots)}
    types = {word: number for number, word in enumerate(_types(found))}
    empty: tuple[Cell | None, ...] = (None,) * len(found.names)

    def named(techniques: Sequence[str]) -> list[int]:
        return sorted({spots[name] for name in techniques if name in spots})

    def rule(subject: Subject) -> Iterator[Any]:
        others = [found.variants[name].get(subject.rule_id) for name in found.names]
        yield _severity(subject.severity)
        yield types.get(subject.type, -1)
        yield "".join(_there(cell) for cell in found.cells.get(subject.rule_id, empty))
        yield int(subject.written)
        yield named(subject.techniques)
        yield [tags.setdefault(tag, len(tags)) for tag in map(short, (*subject.tags, *subject.tactics))]
        yield short(f"{subject.rule_id} {subject.path}")
        yield [
            [_severity(one.severity), named(one.techniques), "".join(str(int(other == one)) for other in others)]
            for one in dict.fromkeys(others)
            if one
        ]

    rules = [list(rule(subject)) for subject in found.subjects[:ISLAND]]
    return {
        "targets": [short(name) for name in found.names],
        "severities": list(SEVERITIES),
        "types": list(types),
        "spots": [[spot.id, spot.parent] for spot in found.spots],
        "tags": list(tags),
        "rules": rules,
    }


def _severity(word: str) -> int:
    return SEVERITIES.index(word) if word in SEVERITIES else -1


def _there(cell: Cell | None) -> str:
    """Return how a target stands to a rule, as one sign: 0 not there, 1 off, 2 on."""
    if cell is None or not present(cell):
        return "0"
    return "2" if cell.enabled else "1"


__all__ = ["CELLS", "SHOWN", "ago", "report_html"]
