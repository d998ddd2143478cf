"""Problems for people: one line each, the source line below it, and a caret."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.errors import Problem, Severity
from deployer.render.problems.report import Report, SourceLines, flat, no_source, sentence, shown
from deployer.render.style import Style, plural

WIDTH = 100
"""How much of a source line is shown; of a longer one, what is around the column."""


def problems_text(report: Report, style: Style, source: SourceLines = no_source) -> str:
    """Return every problem with its source line, and a count, ending in a newline."""
    lines: list[str] = []
    for problem in report.problems:
        lines.append(_headline(problem, style))
        lines += _excerpt(problem, source, style)
    lines.append(_summary(report))
    return "\n".join(lines) + "\n"


def _headline(problem: Problem, style: Style) -> str:
    word = style.red("error  ") if problem.severity is Severity.ERROR else style.yellow("warning")
    line = f":{problem.line}" if problem.line else ""
    column = f":{problem.column}" if problem.line and problem.column else ""
    return f"{word} {flat(problem.path)}{line}{column}: {sentence(problem)} {style.dim(f'[{shown(problem.code)}]')}"


def _excerpt(problem: Problem, source: SourceLines, style: Style) -> Iterator[str]:
    """Yield the source line of a problem and a caret below the column; nothing where there is no line."""
    lines = source(problem.path) if problem.line else ()
    if not 0 < problem.line <= len(lines):
        return
    line = lines[problem.line - 1].rstrip("\r\n")
    at = min(max(problem.column - 1, 0), len(line))
    start = max(0, min(at - WIDTH // 2, len(line) - WIDTH))
    before = ("…" if start else "") + _flat(line[start:at])
    after = _flat(line[at : start + WIDTH]) + ("…" if len(line) > start + WIDTH else "")
    number = str(problem.line)
    yield f"{style.dim(f'{number:>8} |')} {shown(before + after)}"  # what was cut in two may be a command again
    if problem.column:
        yield f"{style.dim(f'{chr(32) * 8} |')} {' ' * len(before)}{style.bold(_marks(problem, len(after)))}"


def _marks(problem: Problem, room: int) -> str:
    """Return the caret, as long as the token that is wrong, on its first line."""
    return "^" * max(1, min(problem.length, room))


def _flat(text: str) -> str:
    return shown(text.replace("\t", "    ").replace("\n", "\\n"))


def _summary(report: Report) -> str:
    files = plural(len(report.files), "rule")
    if not report.problems:
        return f"{files}, no problem."
    return f"{files}, {plural(report.errors, 'error')}, {plural(report.warnings, 'warning')}."
