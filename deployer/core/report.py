"""
The report as one value: environments side by side, what will change, what is where, coverage, health, age, what ends.

Pure. `make_report` puts together what others found: the plan of each target, its drift, the matrix, the promotion's
decisions, ATT&CK, the expiry of exceptions. The renderers (HTML, Navigator layer, Markdown catalogue, JSON) only show
it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from deployer.core.checks.check import Catalogue
from deployer.core.coverage import Mapped, Spot, Universe, spots, universe
from deployer.core.drift import Drifted
from deployer.core.exceptions.expiry import Ending, endings
from deployer.core.exceptions.reading import ListFile
from deployer.core.matrix import Cell, Matrix, TargetState, matrix
from deployer.core.places import Differing, Group, differing, groups, present
from deployer.core.plan import Held, Plan
from deployer.core.promotion import Decision
from deployer.core.review import review
from deployer.core.rule_file import RuleFile
from deployer.core.subjects import Subject, Variant, subjects_of, variants


@dataclass(frozen=True, slots=True)
class Coming:
    """One change that the next apply would make. `why` says why a person must look at it first, for those who must."""

    rule_id: str
    name: str
    severity: str
    action: str
    category: str
    fields: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    kind: str = "rule"


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found of one target: its state, its plan, the decisions on what would be promoted to it."""

    state: TargetState
    plan: Plan
    stack: str = ""
    source: str = ""  # the environment that it promotes from
    decisions: tuple[Decision, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TargetReport:
    """
    One target: what it runs, what will change in it, what stands between it and git. `blocked` are sentences: why apply
    would refuse. `on`, `off` and `missing` count the rules that deployer deployed there.
    """

    name: str
    environment: str
    space: str
    url: str
    stack: str
    deployment: int
    deployed_at: str
    by: str
    source: str
    digest: str
    coming: tuple[Coming, ...]
    blocked: tuple[str, ...]
    ready: tuple[Decision, ...]
    waiting: tuple[Decision, ...]
    drifted: tuple[Drifted, ...]
    held: tuple[Held, ...]
    on: int = 0
    off: int = 0
    missing: int = 0
    unmanaged: int = 0
    prebuilt: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """A target that could not be read, and why."""

    name: str
    message: str


@dataclass(frozen=True, slots=True)
class Source:
    """What the report was made from: the project, its work tree's commit and branch, whether it was clean, and when."""

    project: str
    made_at: str
    commit: str = ""
    branch: str = ""
    clean: bool = True


@dataclass(frozen=True)
class Repository:
    """The project's files: rules, what is set on Elastic's rules, exception lists; ATT&CK where it is installed."""

    files: tuple[RuleFile, ...]
    tuned: tuple[RuleFile, ...] = ()
    lists: tuple[ListFile, ...] = ()
    catalogue: Catalogue | None = None


@dataclass(frozen=True)
class Report:
    """
    Everything that a report shows. `subjects` has every rule of git and of the targets, by name;
    `variants`, by target, those that are something else there.
    """

    source: Source
    targets: tuple[TargetReport, ...]
    failed: tuple[Failed, ...]
    subjects: tuple[Subject, ...]
    matrix: Matrix
    groups: tuple[Group, ...]
    differing: tuple[Differing, ...]
    universe: Universe
    spots: tuple[Spot, ...]
    endings: tuple[Ending, ...] = ()
    cells: Mapping[str, tuple[Cell | None, ...]] = field(default_factory=dict, repr=False)
    variants: Mapping[str, Mapping[str, Variant]] = field(default_factory=dict, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The targets that were read."""
        return self.matrix.targets

    @property
    def complete(self) -> bool:
        """Whether every target that was asked for was read."""
        return not self.failed


def make_report(
    source: Source, repository: Repository, looked: Sequence[Looked], failed: Sequence[Failed] = ()
) -> Report:
    """Return the report of the project and of the targets that were read, in their order."""
    found = matrix(
        [one.state for one in looked], {file.rule_id: file.name for file in (*repository.files, *repository.tuned)}
    )
    subjects, entries = subjects_of(repository.files, repository.tuned, [one.state.live for one in looked], found)
    cells = {row.rule_id: row.cells for row in found.rows}
    others: dict[str, dict[str, Variant]] = {}
    for one in looked:
        others[one.state.name], more = variants(subjects, one.state.live)
        entries += more
    known = universe(repository.catalogue, entries)
    mapped = [_mapped(subject, found.targets, cells.get(subject.rule_id, ()), others) for subject in subjects]
    return Report(
        source=source,
        targets=tuple(_target(one, found, place) for place, one in enumerate(looked)),
        failed=tuple(failed),
        subjects=subjects,
        matrix=found,
        groups=groups(found),
        differing=differing(found),
        universe=known,
        spots=spots(known, mapped, found.targets),
        endings=endings(repository.lists, datetime.fromisoformat(source.made_at)),
        cells=cells,
        variants=others,
    )


def _mapped(
    subject: Subject,
    targets: Sequence[str],
    cells: Sequence[Cell | None],
    others: Mapping[str, Mapping[str, Variant]],
) -> Mapped:
    there = [(target, cell) for target, cell in zip(targets, cells, strict=False) if cell is not None and present(cell)]
    return Mapped(
        subject.rule_id,
        subject.techniques,
        subject.written,
        frozenset(target for target, cell in there if cell.enabled),
        frozenset(target for target, cell in there if not cell.enabled),
        {name: rules[subject.rule_id].techniques for name, rules in others.items() if subject.rule_id in rules},
    )


def _target(one: Looked, found: Matrix, place: int) -> TargetReport:
    record, plan = one.state.record, one.plan
    column = [row.cells[place] for row in found.rows]
    there = [cell for cell in column if cell is not None and present(cell)]
    return TargetReport(
        name=one.state.name,
        environment=plan.target.environment,
        space=plan.target.space,
        url=plan.target.url,
        stack=one.stack,
        deployment=record.number if record else 0,
        deployed_at=record.time if record else "",
        by=record.provenance.actor if record else "",
        source=one.source,
        digest=plan.short,
        coming=_coming(plan),
        blocked=_blocked(plan),
        ready=tuple(each for each in one.decisions if each.verdict in ("pin", "remove")),
        waiting=tuple(each for each in one.decisions if each.verdict == "wait"),
        drifted=tuple(one.state.drifted),
        held=plan.notes.held,
        on=sum(bool(cell.enabled) for cell in there),
        off=sum(not cell.enabled for cell in there),
        missing=sum(cell is not None and "gone" in cell.flags for cell in column),
        unmanaged=plan.notes.census.unmanaged,
        prebuilt=plan.notes.census.prebuilt,
        notes=one.notes,
    )


def _coming(plan: Plan) -> tuple[Coming, ...]:
    """Return the changes of a plan in the order in which people review them, rules before what they refer to."""
    found = review(plan)
    changes = [change for group in (*found.first, *found.rest) for change in group.changes]
    rules = [
        Coming(
            change.rule_id,
            plan.label(change.rule_id).name,
            plan.label(change.rule_id).severity,
            change.action.value,
            change.category.value,
            change.names if change.before is not None and change.after is not None else (),
            found.reasons.get(change.rule_id, ()),
        )
        for change in changes
    ]
    others = [
        Coming(
            one.key,
            plan.label(one.key).name,
            "",
            one.action,
            "",
            one.names,
            found.reasons.get(one.key, ()),
            one.kind.value,
        )
        for one in (*found.first_lists, *found.rest_lists)
    ]
    return (*rules, *others)


def _blocked(plan: Plan) -> tuple[str, ...]:
    """Return why apply would not carry the plan out, or not all of it, as sentences."""
    found = review(plan)
    said = [f"apply would refuse: {verdict.message}" for verdict in plan.refusals]
    said += [f'"{plan.label(one.rule_id).name}": {one.reason}' for one in (*found.conflicts, *found.blocked)]
    said += [f'"{plan.label(rule_id).name}" is left out: git and Kibana both changed it' for rule_id in found.left_out]
    if plan.notes.recovery:
        said.append(f"an apply was interrupted: {plan.notes.recovery} comes first")
    return tuple(said)
