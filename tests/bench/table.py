"""The table: the rows as Markdown for people and as JSON for programs."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from pathlib import Path

from tests.bench.measuring import Row

_HEAD = (
    "command",
    "rules",
    "changed",
    "server",
    "wall s",
    "cpu s",
    "peak MB",
    "requests",
    "sent kB",
    "recv. kB",
    "target",
)


def markdown(rows: Sequence[Row], about: str) -> str:
    """Return the table as Markdown, columns aligned so that it reads as text too."""
    cells = [_HEAD, tuple("---" for _ in _HEAD), *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEAD))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    return f"{about}\n\n" + "".join(f"| {line} |\n" for line in lines)


def write(rows: Sequence[Row], folder: Path, about: str) -> None:
    """Write `bench.md` and `bench.json` into a folder."""
    folder.mkdir(exist_ok=True)
    (folder / "bench.md").write_text(markdown(rows, about), "utf-8")
    document = {"format": "deployer-bench", "version": 1, "about": about, "rows": [row.json() for row in rows]}
    (folder / "bench.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def machine() -> str:
    """Say what the figures were taken on."""
    import os

    return f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def _cells(row: Row) -> tuple[str, ...]:
    cost = row.cost
    counts = tuple("" if count is None else f"{count:,}" for count in (row.requests, row.sent_kb, row.received_kb))
    taken = (f"{cost.wall:.2f}", f"{cost.processor:.2f}", f"{cost.memory:.0f}")
    return (row.what, f"{row.rules:,}", row.changed, row.server, *taken, *counts, row.target)
