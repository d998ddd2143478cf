"""The findings of `doctor` as a table: what was looked at, what was found, and what to do where it is not well."""

from __future__ import annotations

from collections.abc import Iterable

from deployer.render.style import Style, cut, line


def doctor_text(target: str, rows: Iterable[tuple[str, bool | None, str, str]], style: Style) -> str:
    """Return the table of one target: rows of name, verdict (None: unknown), finding, remedy."""
    lines = [style.bold(line(target))]
    for name, ok, found, remedy in rows:
        word = style.green("ok     ") if ok else style.red("FAILED ") if ok is False else style.yellow("unknown")
        lines.append(f"  {word}  {name:<11} {cut(line(found), style.width - 24)}")
        if not ok and remedy:
            lines.append(f"                       {cut(line(remedy), style.width - 24)}")
    return "\n".join(lines) + "\n"
