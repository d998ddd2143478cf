"""What a promotion pins, and why the other rules stay where they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from deployer.core.lock_file import Locked
from deployer.core.promotion import Decision
from deployer.render.style import Style, cut, line, plural

_SHOWN: Final = 20  # rules that wait, without --verbose


def promotion_text(
    source: str, to: str, decisions: Sequence[Decision], style: Style, *, written: str, verbose: bool = False
) -> str:
    """
    Return the text of a promotion, ending in a newline. `written` is the lock file that was written, "" if none was.
    """
    pinned = [decision for decision in decisions if decision.verdict == "pin"]
    removed = [decision for decision in decisions if decision.verdict == "remove"]
    waiting = [decision for decision in decisions if decision.verdict == "wait"]
    same = sum(decision.verdict == "same" for decision in decisions)
    counts = f"{len(pinned)} pinned, {len(removed)} removed, {len(waiting)} waiting, {same} as before"
    parts = [f"{style.bold(f'{line(source)} -> {line(to)}')}   {counts}\n"]
    parts += _section("PINNED", (_pin(decision) for decision in pinned), style)
    parts += _section("REMOVED", (f"    {line(decision.name)}" for decision in removed), style)
    shown = waiting if verbose else waiting[:_SHOWN]
    lines = [text for decision in shown for text in _wait(decision)]
    if len(waiting) > len(shown):
        lines.append(f"    … and {plural(len(waiting) - len(shown), 'more rule')} (--verbose lists them)")
    parts += _section("NOT NOW", lines, style)
    parts.append(_foot(to, written, style))
    return "\n".join(parts)


def _section(title: str, lines: Sequence[str] | Iterator[str], style: Style) -> list[str]:
    texts = [cut(text, style.width) for text in lines]
    return ["\n".join([style.bold(title), "", *texts]) + "\n"] if texts else []


def _pin(decision: Decision) -> str:
    before, after = _short(decision.before), _short(decision.after)
    waived = f"   waived: {', '.join(decision.after.waived)}" if decision.after and decision.after.waived else ""
    change = f"{before} -> {after}" if before else f"new {after}"
    return f"    {cut(line(decision.name), 56):<56}  {change}{waived}"


def _wait(decision: Decision) -> Iterator[str]:
    stays = f"stays at {_short(decision.before)}" if decision.before else "not pinned yet"
    yield f"    {cut(line(decision.name), 56):<56}  {stays}"
    for gate, sentence in decision.failed.items():
        yield f"        {gate}: {line(sentence)}"


def _short(locked: Locked | None) -> str:
    return locked.fingerprint.removeprefix("sha256:")[:7] if locked else ""


def _foot(to: str, written: str, style: Style) -> str:
    if not written:
        return "The lock file stays as it is.\n"
    return (
        "\n".join([f"Wrote {written}.", style.bold(f"Next: review and commit it, then deployer plan -e {line(to)}")])
        + "\n"
    )
