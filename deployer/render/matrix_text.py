"""The matrix of `deployer status`: a table for a terminal, and the same as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from deployer.core.matrix import Cell, Matrix, Row
from deployer.render.markdown import table_row
from deployer.render.style import Style, cut, line, plural

_NAME = 40
_CELL = 26


def matrix_text(found: Matrix, style: Style, *, everything: bool) -> str:
    """
    Return the matrix as text that ends in a newline. Rules that are the same everywhere, without anything to say, are
    counted; `everything` lists them too.
    """
    rows = found.rows if everything else [row for row in found.rows if not row.quiet]
    parts = [style.bold(_head(found)), ""]
    for row in rows:
        parts.extend(_row(found.targets, row, style))
    quiet = len(found.rows) - len(rows)
    if quiet:
        parts.append(f"  {plural(quiet, 'rule')} the same everywhere, nothing to report (--all lists them)")
    return "\n".join(parts) + "\n"


def matrix_markdown(found: Matrix, *, everything: bool) -> str:
    """Return the matrix as a Markdown table, ending in a newline; nothing in a name is read as Markdown or HTML."""
    rows = found.rows if everything else [row for row in found.rows if not row.quiet]
    header = ["Rule", *found.targets]
    lines = [f"**{_head(found)}**", "", table_row(header), table_row(["---"] * len(header))]
    lines += [table_row([row.name, *(_words(cell) for cell in row.cells)]) for row in rows]
    quiet = len(found.rows) - len(rows)
    if quiet:
        lines += ["", f"{plural(quiet, 'rule')} the same everywhere, nothing to report."]
    return "\n".join(lines) + "\n"


def _head(found: Matrix) -> str:
    counts = found.counts()
    words = [f"{counts[word]} {word}" for word in sorted(counts)]
    targets = plural(len(found.targets), "target")
    return f"{plural(len(found.rows), 'rule')} in {targets}" + (f": {', '.join(words)}" if words else "")


def _row(targets: Sequence[str], row: Row, style: Style) -> Iterable[str]:
    yield f"  {cut(line(row.name), style.width - 2)}"
    width = min(max(len(target) for target in targets), 32)
    for target, cell in zip(targets, row.cells, strict=True):
        text = cut(f"      {cut(line(target), width):<{width}}  {line(_words(cell))}", style.width)
        alarming = cell is not None and (cell.health == "failed" or "gone" in cell.flags)
        yield style.red(text) if alarming else text


def _words(cell: Cell | None) -> str:
    """Return a cell as words: on or off, content, since when, health, flags, and why."""
    if cell is None:
        return "-"
    if not cell.since and cell.enabled is None:
        return ", ".join(("not deployed", *(flag for flag in cell.flags if flag != "behind"))) + _why(cell)
    state = {True: "on", False: "off", None: "missing"}[cell.enabled]
    content = f"{cell.fingerprint.removeprefix('sha256:')[:7]} #{cell.since}" if cell.since else "unmanaged"
    version = f"v{cell.version}" if cell.version is not None else ""
    return "  ".join(part for part in (state, content, version, cell.health, *cell.flags) if part) + _why(cell)


def _why(cell: Cell) -> str:
    return f" ({cell.why})" if cell.why else ""
