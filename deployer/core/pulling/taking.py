"""Which rules a pull takes, and everything that it writes, as values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from deployer.core.environment import Environment
from deployer.core.fields import ABSENT, RULE_TYPES
from deployer.core.fields import field as row_of
from deployer.core.live import LiveRule, by_rule_id
from deployer.core.ports import Body
from deployer.core.pulling.blocks import Blocks
from deployer.core.pulling.merging import Merged, Merger
from deployer.core.pulling.places import place
from deployer.core.record import Record
from deployer.core.rule_file import RuleFile, read_rule
from deployer.core.selector import Selector, matches_any
from deployer.core.toml import read
from deployer.core.toml.amend import amend
from deployer.core.toml.emit import emit_rule
from deployer.errors import Problem, Severity


@dataclass(frozen=True, slots=True)
class Git:
    """
    The files: every rule by id, those that this target deploys (`here`; of a promoted environment the pinned content),
    their texts, where new ones go, and the paths that are taken.
    """

    files: Mapping[str, RuleFile]
    here: Mapping[str, RuleFile]
    text: Callable[[str], str]
    folders: Sequence[str]
    template: str
    taken: frozenset[str]
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be pulled: rules that these selectors choose (none: every rule), and what keeps a rule out."""

    only: tuple[Selector, ...]
    marker: str
    record: Record | None
    held: frozenset[str]


@dataclass(frozen=True, slots=True)
class Change:
    """One rule file that is written. `old` is None for a new file; `fields` are those that differed."""

    path: str
    rule_id: str
    name: str
    text: str
    old: str | None
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pulled:
    """
    What a pull writes. `overridden` names what only the environment file can say, by rule; `left` counts the rules that
    were not taken, by reason; `absent` are the rules of files that the space does not have.
    """

    changes: tuple[Change, ...] = ()
    overridden: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    bodies: tuple[Body, ...] = ()
    left: Mapping[str, int] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def taken(self) -> int:
        """How many rules were taken; `bodies` are these, as Kibana has them."""
        return len(self.bodies)


@dataclass(frozen=True, slots=True)
class _Taken:
    """One rule on its way: its file as it will be, and the fields that this pull is about (None: every field)."""

    live: LiveRule
    file: RuleFile
    merged: Merged
    fields: frozenset[str] | None


def pull(bodies: Sequence[Body], asked: Asked, git: Git, merger: Merger, blocks: Blocks) -> Pulled:
    """Return what has to be written so that git says what these rules are; `blocks` are changed along with it."""
    chosen, left, problems = _chosen(bodies, asked, git)
    changes: list[Change] = []
    all_taken: list[_Taken] = []
    paths = set(git.taken)
    for live in chosen:
        if blocks.forget(live.rule_id, partial(_nothing_there, live)):
            merger = _for(merger, blocks.environment)
        outcome = _one(live, git, merger, frozenset(paths) if live.rule_id not in git.files else frozenset())
        if isinstance(outcome, Problem):
            problems.append(outcome)
            continue
        taken, change = outcome
        all_taken.append(taken)
        if change is not None:
            changes.append(change)
            paths.add(change.path)
    overridden = _overridden(all_taken, asked.record, git, merger, blocks)
    problems += _lost(all_taken, _for(merger, blocks.environment), git)
    seen = {str(body.get("rule_id")) for body in bodies}
    return Pulled(
        changes=tuple(changes),
        overridden=overridden,
        names={taken.live.rule_id: taken.live.name for taken in all_taken},
        bodies=tuple(taken.live.body for taken in all_taken),
        left=dict(left),
        absent=tuple(sorted(rule_id for rule_id, file in git.here.items() if rule_id not in seen and _is(file, asked))),
        problems=tuple(sorted(problems)),
    )


def _nothing_there(live: LiveRule, name: str) -> bool:
    """Say whether a rule has nothing at a field: an override cannot say that, so none may set it."""
    return name != "enabled" and (live.value(name) in (ABSENT, None) or not row_of(name).exists_for(live.type))


def _is(subject: RuleFile | LiveRule, asked: Asked) -> bool:
    return not asked.only or matches_any(asked.only, subject)


def _chosen(bodies: Iterable[Body], asked: Asked, git: Git) -> tuple[list[LiveRule], Counter[str], list[Problem]]:
    """Return the rules to take, by id, and how many are left for which reason."""
    singles, duplicates = by_rule_id(bodies)
    left: Counter[str] = Counter()
    problems = [_duplicate(rule_id, group, git) for rule_id, group in duplicates.items() if _is(group[0], asked)]
    chosen: list[LiveRule] = []
    for rule_id, live in sorted(singles.items()):
        if not _is(git.files.get(rule_id, live), asked):
            continue
        reason = _left_out(live, asked, git)
        if reason:
            left[reason] += 1
        elif live.type not in RULE_TYPES:
            problems.append(_problem(live, git, f"is of type {live.type}, which this version does not know"))
        else:
            chosen.append(live)
    return chosen, left, problems


def _left_out(live: LiveRule, asked: Asked, git: Git) -> str:
    recorded = asked.record.rules.get(live.rule_id) if asked.record else None
    if live.prebuilt:
        return "prebuilt"
    if any(marker != asked.marker for marker in live.markers):
        return "of another project"
    if live.rule_id in asked.held:
        return "held"
    if live.rule_id in git.files:
        return "" if live.rule_id in git.here else "not deployed here"
    if recorded is not None:  # git let it go: what is left of it in Kibana is no news
        return "gone from git"
    return ""


def _one(live: LiveRule, git: Git, merger: Merger, paths: frozenset[str]) -> tuple[_Taken, Change | None] | Problem:
    """Return one rule merged into its file, and the change of that file; a Problem where TOML cannot hold it."""
    file = git.files.get(live.rule_id)
    try:
        if file is None:
            return _new(live, place(git.template, git.folders, live.body, paths), merger)
        return _existing(live, file, git, merger)
    except (TypeError, ValueError) as exc:
        return _problem(live, git, f"cannot be written as TOML: {exc}")


def _new(live: LiveRule, path: str, merger: Merger) -> tuple[_Taken, Change | None] | Problem:
    merged = merger.new(live, path)
    text = emit_rule(dict(merged.document))
    file, found = read_rule(path, text)
    if file is None:
        return next(problem for problem in found if problem.severity is Severity.ERROR)
    return _Taken(live, file, merged, None), Change(path, live.rule_id, live.name, text, None)


def _existing(live: LiveRule, file: RuleFile, git: Git, merger: Merger) -> tuple[_Taken, Change | None] | Problem:
    names = merger.differing(git.here[live.rule_id], live)
    if not names:
        return _Taken(live, file, Merged({}), frozenset() if git.pinned else None), None
    fields = _with_partners(names) if git.pinned else None
    old = git.text(file.path)
    merged = merger.into(read(old), live, file.path, fields)
    text = amend(old, merged.document)
    after, found = read_rule(file.path, text)
    if after is None:
        return next(problem for problem in found if problem.severity is Severity.ERROR)
    change = Change(file.path, live.rule_id, live.name, text, old, merged.fields) if text != old else None
    return _Taken(live, after, merged, fields), change


def _with_partners(names: Sequence[str]) -> frozenset[str]:
    """Return the fields with those that a file writes along with them: the Setup section of a note is a field."""
    return frozenset({*names, *(("note", "setup") if {"note", "setup"} & set(names) else ())})


def _overridden(
    all_taken: Sequence[_Taken], record: Record | None, git: Git, merger: Merger, blocks: Blocks
) -> dict[str, tuple[str, ...]]:
    """Put into the environment's blocks what only they can say; return it, by rule."""
    said: dict[str, list[str]] = {}
    for taken in all_taken:
        if taken.merged.sets:
            blocks.set_fields(taken.live.rule_id, taken.live.name, taken.merged.sets)
            said[taken.live.rule_id] = sorted(taken.merged.sets)
    switched = [taken for taken in all_taken if not _enabled_fits(taken, record, git, _for(merger, blocks.environment))]
    for taken in switched:
        said.setdefault(taken.live.rule_id, []).append("enabled")
        if taken.live.enabled:
            blocks.not_off(taken.live.rule_id)
    blocks.switch_off([taken.live.rule_id for taken in switched if not taken.live.enabled])
    now = _for(merger, blocks.environment)
    for taken in switched:
        if not _enabled_fits(taken, record, git, now):
            blocks.set_fields(taken.live.rule_id, taken.live.name, {"enabled": taken.live.enabled})
    return {rule_id: tuple(names) for rule_id, names in said.items()}


def _for(merger: Merger, environment: Environment) -> Merger:
    return replace(merger, rendering=replace(merger.rendering, environment=environment))


def _enabled_fits(taken: _Taken, record: Record | None, git: Git, merger: Merger) -> bool:
    """Say whether git, or else what we last decided, has the rule on or off as it is; a rule is on by itself."""
    if merger.rendering.environment.ownership.of("enabled") in ("live", "once"):
        return True
    wanted = merger.rendering.of(_judged(taken, git))[0].payload.get("enabled")
    if wanted is None:
        recorded = record.rules.get(taken.live.rule_id) if record else None
        wanted = recorded.enabled if recorded else True
    return bool(wanted) == taken.live.enabled


def _judged(taken: _Taken, git: Git) -> RuleFile:
    """Return the content that the target deploys: the pinned one where it is promoted."""
    return git.here.get(taken.live.rule_id, taken.file) if git.pinned else taken.file


def _lost(all_taken: Iterable[_Taken], merger: Merger, git: Git) -> list[Problem]:
    """Render every rule as the files now have it; what still differs from Kibana could not be kept."""
    problems: list[Problem] = []
    for taken in all_taken:
        names = merger.differing(taken.file, taken.live)
        lost = [name for name in names if taken.fields is None or name in taken.fields]
        if lost:
            problems.append(_problem(taken.live, git, f"{', '.join(lost)} cannot be said in its file or an override"))
    return problems


def _duplicate(rule_id: str, group: Sequence[LiveRule], git: Git) -> Problem:
    ids = ", ".join(sorted(str(live.body.get("id")) for live in group))
    return _problem(group[0], git, f"{len(group)} rules in Kibana have the rule_id {rule_id}: {ids}")


def _problem(live: LiveRule, git: Git, message: str) -> Problem:
    file = git.files.get(live.rule_id)
    where: Any = file.path if file else git.folders[0]
    remedy = "the other rules are pulled; mend this one in Kibana, or write its file by hand"
    return Problem(where, 0, 0, "", f'"{live.name}": {message}', "not-pulled", remedy)
