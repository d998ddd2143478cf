"""What a pull wrote, or would write: rule by rule and list by list, then the counts, then what comes next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from deployer.core.environment import Environment
from deployer.core.pulling.exceptions import ListsPulled
from deployer.core.pulling.taking import Change, Pulled
from deployer.render.style import Style, clean, cut, line, plural

_LEFT: Final = {
    "prebuilt": "Elastic's own: a rule of theirs is tuned in prebuilt/*.toml, not pulled",
    "of another project": "carry the marker of another project",
    "held": "held: what runs is not what git has, on purpose",
    "gone from git": "gone from git: what is left of them in Kibana is not taken back",
    "not deployed here": "have a file that this environment does not deploy",
}


_LISTS_LEFT: Final = {
    "not deployed here": "have a file that this environment does not deploy",
    "of others": "belong to rules that were not pulled, or to Elastic Defend",
}

Found = tuple[Pulled, ListsPulled, Mapping[str, int]]
"""The rules, the lists, and how many lists are left for which reason."""


def pull_text(environment: Environment, found: Found, others: int, style: Style, *, dry: bool) -> str:
    """Return what was pulled, ending in a newline; `others` counts rules of the space that were not read."""
    return "\n".join(_lines(environment, found, others, style, dry=dry)) + "\n"


def _lines(environment: Environment, found: Found, others: int, style: Style, *, dry: bool) -> Iterator[str]:
    pulled, lists, lists_left = found
    for change in pulled.changes:
        yield _change(change, style)
    for listed in lists.changes:
        word, colour = ("new      ", style.green) if listed.old is None else ("changed  ", style.yellow)
        yield colour(cut(f"  {word} {line(listed.path)}   {line(', '.join(listed.names))}", style.width))
    for rule_id, names in pulled.overridden.items():
        what = f"  override  {environment.path}   {pulled.names[rule_id]}: {', '.join(names)}"
        yield style.yellow(cut(line(what), style.width))
    for problem in (*pulled.problems, *lists.problems):
        yield f"{style.red('error  ')} {line(str(problem))}"
    new = sum(change.old is None for change in pulled.changes)
    done = "would be written" if dry else "written"
    counts = f"{new:,} new, {len(pulled.changes) - new:,} changed, {plural(len(pulled.overridden), 'override')}"
    yield f"{plural(pulled.taken, 'rule')} of {line(environment.target)} pulled: {counts} {done}."
    if lists.taken:
        fresh = sum(change.old is None for change in lists.changes)
        yield f"{plural(lists.taken, 'list')}: {fresh:,} new, {len(lists.changes) - fresh:,} changed {done}."
    for reason, count in sorted(pulled.left.items()):
        yield f"  left: {plural(count, 'rule')} {_LEFT[reason]}"
    for reason, count in sorted(lists_left.items()):
        yield f"  left: {plural(count, 'list')} {_LISTS_LEFT[reason]}"
    if lists.waiting:
        yield f"  {plural(lists.waiting, 'exception or value', 'exceptions or values')} of files not in Kibana: left"
    if others:
        yield f"  not read: {plural(others, 'rule')} without our marker; export them and pull with --from"
    if pulled.absent:
        yield f"  {plural(len(pulled.absent), 'file')} without a rule in Kibana: left as they are"
    if environment.rules.source == "promoted" and pulled.changes:
        yield f"  {line(environment.target)} runs what its lock file pins: these files reach it by deployer promote"
    yield style.bold(f"Next: git diff, then deployer plan -e {line(environment.target)}")


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
