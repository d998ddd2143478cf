"""What a pull wrote, or would write: rule by rule and list by list, then the counts, then what comes next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from deployer.core.environment import Environment
from deployer.core.pulling.exceptions import ListsPulled
from deployer.core.pulling.taking import Change, Pulled
from deployer.core.pulling.tuned import TunedPulled
from deployer.render.style import Style, clean, cut, line, plural

_LEFT: Final = {
    "prebuilt": "Elastic's own; --prebuilt takes what is set on them",
    "of another project": "carry the marker of another project",
    "held": "held: what runs is not what git has, on purpose",
    "gone from git": "gone from git: what is left of them in Kibana is not taken back",
    "not deployed here": "have a file that this environment does not deploy",
}


_LISTS_LEFT: Final = {
    "not deployed here": "have a file that this environment does not deploy",
    "of others": "belong to rules that were not pulled, or to Elastic Defend",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What there is to tell: rules, lists, what is set on Elastic's rules; lists that are left, by reason."""

    rules: Pulled
    lists: ListsPulled
    tuned: TunedPulled
    lists_left: Mapping[str, int]


def pull_text(environment: Environment, found: Told, others: int, style: Style, *, dry: bool) -> str:
    """Return what was pulled, ending in a newline; `others` counts rules of the space that were not read."""
    return "\n".join(_lines(environment, found, others, style, dry=dry)) + "\n"


def _lines(environment: Environment, found: Told, others: int, style: Style, *, dry: bool) -> Iterator[str]:
    pulled, lists = found.rules, found.lists
    yield from _files(environment, found, style)
    done = "would be written" if dry else "written"
    new = sum(change.old is None for change in pulled.changes)
    counts = f"{new:,} new, {len(pulled.changes) - new:,} changed, {plural(len(pulled.overridden), 'override')}"
    yield f"{plural(pulled.taken, 'rule')} of {line(environment.target)} pulled: {counts} {done}."
    if lists.taken:
        fresh = sum(change.old is None for change in lists.changes)
        yield f"{plural(lists.taken, 'list')}: {fresh:,} new, {len(lists.changes) - fresh:,} changed {done}."
    if found.tuned.bodies:
        yield f"{plural(len(found.tuned.bodies), 'rule')} of Elastic's: what is set on them is in prebuilt/."
    yield from _left(found, others)
    if environment.rules.source == "promoted" and pulled.changes:
        yield f"  {line(environment.target)} runs what its lock file pins: these files reach it by deployer promote"
    yield style.bold(f"Next: git diff, then deployer plan -e {line(environment.target)}")


def _files(environment: Environment, found: Told, style: Style) -> Iterator[str]:
    """Yield a line for every file that is written, and for what cannot be."""
    for change in found.rules.changes:
        yield _change(change, style)
    for listed in (*found.lists.changes, *found.tuned.changes):
        word, colour = ("new      ", style.green) if listed.old is None else ("changed  ", style.yellow)
        yield colour(cut(f"  {word} {line(listed.path)}   {line(', '.join(listed.names))}", style.width))
    for rule_id, names in found.rules.overridden.items():
        what = f"  override  {environment.path}   {found.rules.names[rule_id]}: {', '.join(names)}"
        yield style.yellow(cut(line(what), style.width))
    for problem in (*found.rules.problems, *found.lists.problems):
        yield f"{style.red('error  ')} {line(str(problem))}"


def _left(found: Told, others: int) -> Iterator[str]:
    """Yield a line for everything that was not taken."""
    for reason, count in sorted(found.rules.left.items()):
        yield f"  left: {plural(count, 'rule')} {_LEFT[reason]}"
    for reason, count in sorted(found.lists_left.items()):
        yield f"  left: {plural(count, 'list')} {_LISTS_LEFT[reason]}"
    if found.lists.waiting:
        waiting = plural(found.lists.waiting, "exception or value", "exceptions or values")
        yield f"  {waiting} of files not in Kibana: left as they are"
    if others:
        yield f"  not read: {plural(others, 'rule')} without our marker; export them and pull with --from"
    if found.rules.absent:
        yield f"  {plural(len(found.rules.absent), 'file')} without a rule in Kibana: left as they are"


def _change(change: Change, style: Style) -> str:
    if change.old is None:
        return style.green(cut(f"  new       {line(change.path)}   {line(change.name)}", style.width))
    return style.yellow(cut(f"  changed   {line(change.path)}   {', '.join(change.fields)}", style.width))


def diff_text(files: Iterable[tuple[str, str, str]]) -> str:
    """Return a unified diff of files: path, text before ("" for a new one), text after. "" where none differs."""
    from difflib import unified_diff

    pieces: list[str] = []
    for path, before, after in files:
        old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
        name = line(path)
        start = f"a/{name}" if before else "/dev/null"
        pieces += [clean(piece.rstrip("\r\n")) for piece in unified_diff(old, new, start, f"b/{name}")]
    return "\n".join(pieces)
