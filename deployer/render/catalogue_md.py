"""The rule catalogue in Markdown: what is detected, by tactic, for a wiki or the repository itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from deployer.core.coverage import TACTICS
from deployer.core.fields import SEVERITIES
from deployer.core.matrix import Cell
from deployer.core.places import present
from deployer.core.report import Report
from deployer.core.subjects import Subject
from deployer.render.markdown import escaped, joined, table_row
from deployer.render.style import cut, line, plural

_NO_TACTIC: Final = "Without a tactic of ATT&CK"
_LONGEST: Final = 200


def catalogue_markdown(found: Report) -> str:
    """
    Return the catalogue, ending in a newline: every rule that git or a target has, below its first tactic, in the order
    of the matrix; then what is deprecated. Equal reports give equal text.
    """
    current = [subject for subject in found.subjects if subject.written or _anywhere(found, subject)]
    gone = [subject for subject in found.subjects if subject not in set(current)]
    parts = [*_head(found, current)]
    for tactic, subjects in _by_tactic(current):
        parts += [f"## {escaped(cut(line(tactic), _LONGEST))}", "", *_table(found, subjects), ""]
    if gone:
        parts += ["## Deprecated", "", *_table(found, gone), ""]
    return "\n".join(parts).rstrip("\n") + "\n"


def _head(found: Report, subjects: Sequence[Subject]) -> Iterator[str]:
    yield f"# Rules of {escaped(cut(line(found.source.project), _LONGEST)) or 'this project'}"
    yield ""
    counts = Counter(subject.severity for subject in subjects)
    words = ", ".join(f"{counts[word]} {word}" for word in reversed(SEVERITIES) if counts[word])
    commit = f" at commit {escaped(found.source.commit[:12])}" if found.source.commit else ""
    yield f"{plural(len(subjects), 'rule')}{f': {words}' if words else ''}{commit}. Written by `deployer report`."
    yield ""


def _by_tactic(subjects: Sequence[Subject]) -> Iterator[tuple[str, list[Subject]]]:
    order = {tactic.name: place for place, tactic in enumerate(TACTICS)}
    found: dict[str, list[Subject]] = {}
    for subject in subjects:
        found.setdefault(subject.tactics[0] if subject.tactics else _NO_TACTIC, []).append(subject)
    names = sorted(found, key=lambda name: (name == _NO_TACTIC, order.get(name, len(order)), name))
    return ((name, found[name]) for name in names)


def _table(found: Report, subjects: Sequence[Subject]) -> Iterator[str]:
    header = ["Rule", "What it finds", "Severity", "Type", "ATT&CK", "Updated", *found.names, "File"]
    yield table_row(header)
    yield joined(["---"] * len(header))
    for subject in subjects:
        yield joined(
            [
                f"**{escaped(cut(line(subject.name), _LONGEST))}**",
                escaped(_first_sentence(subject.description)),
                escaped(cut(line(subject.severity), 20)),
                escaped(cut(line(subject.type), 40)),
                ", ".join(escaped(cut(line(name), 20)) for name in subject.techniques[:20]),
                escaped(subject.updated),
                *(_where(cell) for cell in found.cells.get(subject.rule_id, (None,) * len(found.names))),
                escaped(cut(line(subject.path), _LONGEST)),
            ]
        )


def _where(cell: Cell | None) -> str:
    """Return how a target stands: on, off, or not there."""
    if cell is None or not present(cell):
        return ""
    return "on" if cell.enabled else "off"


def _first_sentence(text: str) -> str:
    plain = " ".join(text.split())
    sentence, dot, _ = plain.partition(". ")
    return cut(line(sentence + ("." if dot else "")), _LONGEST)


def _anywhere(found: Report, subject: Subject) -> bool:
    return any(present(cell) for cell in found.cells.get(subject.rule_id, ()))
