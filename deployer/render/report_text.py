"""What `report` says on the terminal: the three answers in numbers, and where the files are; and the same as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from deployer.core.coverage import Spot, Universe
from deployer.core.report import Report, TargetReport
from deployer.render.style import Style, cut, line, plural


def report_text(found: Report, written: Sequence[str], style: Style) -> str:
    """Return the summary of a report, ending in a newline; `written` are the files that hold it."""
    lines = [style.bold(f"{line(found.source.project)}: {plural(len(found.subjects), 'rule')}"), ""]
    width = max((len(line(one.name)) for one in found.targets), default=0)
    lines += [f"  {line(one.name):<{width}}   {changes_in_words(one)}" for one in found.targets]
    lines += [style.red(f"  {line(one.name)}   not read: {line(one.message)}") for one in found.failed]
    lines += [f"  {words}" for words in _places(found)]
    lines.append(f"  {gaps_in_words(found)}")
    lines += [f"  {style.dim(universe_in_words(found.universe))}", ""]
    lines += [f"Wrote {line(path)}" for path in written]
    return "\n".join(cut(each, style.width) for each in lines).rstrip("\n") + "\n"


def changes_in_words(target: TargetReport, *, refuses: bool = True) -> str:
    """Return what will change in a target, in a few words; with `refuses` also that apply would not do it."""
    counts = Counter(coming.action for coming in target.coming)
    words = [f"{count} {action}" for action, count in sorted(counts.items())]
    said = f"{plural(len(target.coming), 'change')} ({', '.join(words)})" if words else "nothing will change"
    first = sum(bool(coming.why) for coming in target.coming)
    return (
        said
        + (f", {first} to look at first" if first else "")
        + (", not all of it can be applied" if refuses and target.blocked else "")
    )


def universe_in_words(known: Universe) -> str:
    """Return what gaps are measured against, as a sentence."""
    if known.source == "attack":
        return f"Measured against ATT&CK {known.version}."
    return "Measured against the techniques that rules name; the extra `attack` measures against ATT&CK itself."


def gaps_in_words(found: Report) -> str:
    """Return how many techniques have no rule, as a sentence."""
    techniques = [spot for spot in found.spots if not spot.parent]
    none = sum(not spot.anywhere for spot in techniques)
    return f"{none} of {plural(len(techniques), 'technique')} have no rule"


def gaps(found: Report, target: str) -> tuple[Spot, ...]:
    """Return the techniques that have a rule, of which none runs in a target."""
    return tuple(spot for spot in found.spots if not spot.parent and spot.answer(target) in ("off", "elsewhere"))


def report_json(found: Report) -> dict[str, Any]:
    """Return a report for programs (docs/report.md)."""
    return {
        "source": asdict(found.source),
        "targets": [asdict(target) for target in found.targets],
        "failed": [asdict(one) for one in found.failed],
        "rules": [asdict(subject) for subject in found.subjects],
        "cells": {row.rule_id: [asdict(cell) if cell else None for cell in row.cells] for row in found.matrix.rows},
        "not_everywhere": [{**asdict(group), "only": group.only} for group in found.groups],
        "different": [asdict(one) for one in found.differing],
        "attack": {
            "measured_against": found.universe.source,
            "version": found.universe.version,
            "not_in_attack": sorted(found.universe.strangers),
            "techniques": [_spot(spot, found.names) for spot in found.spots],
        },
        "exceptions": [{**asdict(one), "ends": one.ends.isoformat()} for one in found.endings],
    }


def _spot(spot: Spot, targets: Sequence[str]) -> dict[str, Any]:
    return {**asdict(spot), "answer": {target: spot.answer(target) for target in targets}, "anywhere": spot.anywhere}


def _places(found: Report) -> Iterator[str]:
    for group in found.groups:
        if group.only:
            yield f"{plural(len(group.rule_ids), 'rule')} only in {line(group.where[0])}"
    if found.differing:
        yield f"{plural(len(found.differing), 'rule')} with different contents"
