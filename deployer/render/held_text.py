"""Rules that are held, as lines of a plan and of an apply: which hold, what runs, what git has, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from deployer.core.plan import Held
from deployer.render.style import Style, cut, line, plural

_STANDING: Final = ("held", "waits")
_MOST: Final = 10  # rules of one hold that are named; a whole rollback holds thousands


def held_lines(held: Iterable[Held], style: Style) -> Iterator[str]:
    """Yield a line for each rule that is held, the first ones of each hold, and how to let in what waits."""
    standing = [one for one in held if one.state in _STANDING]
    for label in dict.fromkeys(one.hold for one in standing):
        alike = [one for one in standing if one.hold == label]
        for one in alike[:_MOST]:
            yield cut(f"    {held_words(one)}", style.width)
        if len(alike) > _MOST:
            yield f"    … and {plural(len(alike) - _MOST, 'more rule')} held by {line(label)}"
    waiting = next((one.hold for one in standing if one.state == "waits"), "")
    if waiting:
        yield cut(f"    git has something else for it: deployer release {line(waiting)} lets it in", style.width)


def waiting_lines(held: Iterable[Held], style: Style) -> Iterator[str]:
    """Yield a line for each rule that git has something new for, and that a hold keeps as it runs."""
    waiting = [one for one in held if one.state == "waits"]
    for label in dict.fromkeys(one.hold for one in waiting):
        alike = [one for one in waiting if one.hold == label]
        for one in alike[:_MOST]:
            git = f"git has {one.git}" if one.git else "git does not have it any more"
            text = f" !  {one.hold} waits  {one.name}: {git}, runs {one.runs or 'nothing'}"
            yield style.yellow(cut(line(text), style.width)) + "\n"
        if len(alike) > _MOST:
            yield f"    … and {plural(len(alike) - _MOST, 'more rule')} that {line(label)} holds\n"


def ended_lines(held: Iterable[Held], style: Style) -> Iterator[str]:
    """Yield a line for each hold that ends: what somebody rolled back or stopped goes on."""
    ending = [one for one in held if one.state not in _STANDING]
    for label in dict.fromkeys(one.hold for one in ending):
        alike = [one for one in ending if one.hold == label]
        for one in alike[:_MOST]:
            text = f" !  {one.hold} ends   {one.name}: {_why_it_ends(one)}"
            yield style.yellow(cut(line(text), style.width)) + "\n"
        if len(alike) > _MOST:
            yield f"    … and {plural(len(alike) - _MOST, 'more rule')} that {line(label)} held\n"


def held_words(held: Held) -> str:
    """Return one line about a rule that is held."""
    runs = f"runs {held.runs}" if held.runs else "is kept away"
    off = ", switched off" if held.off else ""
    git = f"git has {held.git}" if held.git else "git does not have it"
    git = "as git has it" if held.git == held.runs else git
    until = f", until {held.until}" if held.until else ""
    why = f" ({held.reason})" if held.reason else ""
    return line(f"held {held.hold}  {held.name}: {runs}{off}, {git}{until}{why}")


def held_next(held: Iterable[Held], target: str) -> str:
    """Return what to do about rules that are held, as a line; "" where there is none."""
    standing = [one for one in held if one.state in _STANDING]
    if not standing:
        return ""
    way = f"deployer release -e {target} {standing[0].hold}, or change it in git"
    return f"{plural(len(standing), 'rule')} held: {line(way)}.\n"


def _why_it_ends(held: Held) -> str:
    if held.state == "expired":
        return f"its last day was {held.until}"
    return f"git behaves differently now ({held.git})" if held.git else "git does not have it any more"
