"""
Making the plan of one target: files and Kibana are read at the same time, then everything is a value.

The one place that knows the order: status, bulk read, record, selection, references, baseline, plan. `plan`, `apply`
and whatever else plans all come through here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from deployer.adapters.prebuilt_files import PrebuiltTree
from deployer.adapters.rules import RuleTree
from deployer.commands.contents import lock_of, pinned_files
from deployer.commands.holding import held_back, held_contents, wanted_ids
from deployer.commands.leftovers import with_leftovers
from deployer.commands.listing import Lists, read_there
from deployer.commands.provenance import provenance_of
from deployer.commands.target import ReadTarget, WriteTarget
from deployer.commands.workspace import Workspace, raise_errors
from deployer.core.desired import Desired, Rendering, rendered, selected
from deployer.core.draft import Situation, Wishes
from deployer.core.environment import Environment
from deployer.core.flaw import Locate
from deployer.core.guards import Run
from deployer.core.held import narrowed
from deployer.core.plan import Plan
from deployer.core.planner import make_plan, suspects
from deployer.core.ports import Body, ServerStatus, SpaceRead
from deployer.core.record import Provenance, Record
from deployer.core.references import Space, any_needs
from deployer.core.rule_file import RuleFile
from deployer.core.schedule import schedule_lines
from deployer.core.stack import OLDEST, older
from deployer.errors import DeployerError
from deployer.queries.esql_source import rewrite_sources


@dataclass(frozen=True)
class Planned:
    """A plan and what it was made from; an apply that made its own plan does not read the space twice."""

    plan: Plan
    live: SpaceRead
    record: Record | None = None


def planned(target: ReadTarget, wishes: Wishes, reason: str = "", *, checked: bool = True) -> Planned:
    """
    Return the plan of one target. Raises what reading files, Kibana and the store raises. `checked`: the fields and
    queries of what it writes too, as for every plan that may be carried out.
    """
    workspace, environment = target.workspace, target.environment
    started = workspace.clock.monotonic()
    lock = lock_of(workspace, environment) if environment.rules.source == "promoted" else None
    with ThreadPoolExecutor(5) as pool:
        loading = pool.submit(lambda: workspace.tree)
        recorded = pool.submit(target.ledger.head)
        tuning = pool.submit(lambda: workspace.prebuilt)
        reading = pool.submit(_read, target, _Ids(loading, tuning, lock.rules if lock else ()))
        listing = pool.submit(lambda: read_there(target.kibana, workspace.lists))
        tree = _sound(loading)
        head = recorded.result()
        record = head.record
        raise_errors(workspace.lists.problems)
        raise_errors(tuning.result().problems)
        status, live = reading.result()
        lists = Lists(target, wishes, listing.result())
    files = tree.files if lock is None else pinned_files(workspace, target.ledger, lock, tree.files)
    # What runs of Elastic's rules is not promoted: it follows the work tree, as lists and environments do.
    files = (*files, *workspace.prebuilt.files)
    contents = held_contents(target.ledger, record)
    git, rendering = _desired(lists, tree, files, status.version, contents.values())
    back = held_back(record, git, contents, rendering, workspace.clock.now().date())
    desired = back.desired
    raise_errors(desired.problems)
    wanted = suspects(desired, live, record)
    situation = Situation(
        environment=_previewed(target),
        project=workspace.project.name,
        marker=workspace.project.marker,
        desired=desired,
        live=live,
        record=record,
        baseline=target.ledger.documents(wanted, record) if record and wanted else {},
        now=_server_time(status, workspace),
        stack=status.version,
    )
    provenance = provenance_of(workspace, stack=status.version)
    plan = make_plan(situation, wishes, _run(workspace, provenance, reason))
    plan = lists.joined(plan, files, desired, situation.now)
    if checked:
        _refuse_unsound(tree, desired, plan, back.standing)
    back = narrowed(back, wanted_ids(situation, wishes, [held.rule_id for held in back.held]))
    notes = replace(
        plan.notes,
        held=back.held,
        lines=(*_head_lines(target, record), *plan.notes.lines, *schedule_lines(live.rules, plan.changes)),
        requests=target.kibana.requests,
        seconds=workspace.clock.monotonic() - started,
    )
    notes = with_leftovers(notes, target, head.lock)
    made_at = situation.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    released = back.released
    plan = replace(plan, notes=notes, provenance=provenance, made_at=made_at, reason=reason, released=released)
    return Planned(plan, live, record)


def _previewed(target: ReadTarget) -> Environment:
    """
    Return the environment that guards are judged by. The plan of a pull request shows what it does once it is merged:
    that it is on another branch than `[deploy] branch` is no news, and is judged where it is applied.
    """
    environment = target.environment
    if target.workspace.surroundings.pull_request and not isinstance(target, WriteTarget):
        return replace(environment, deploy=replace(environment.deploy, branch=None))
    return environment


class _Ids(Collection[str]):
    """The rule ids of the project, which wait for the files only if somebody asks for them."""

    def __init__(self, loading: Future[RuleTree], tuning: Future[PrebuiltTree], also: Collection[str] = ()) -> None:
        self._loading = loading
        self._tuning = tuning
        self._also = also

    def _all(self) -> Mapping[str, None]:
        files = (*self._loading.result().files, *self._tuning.result().files)
        return dict.fromkeys([*(file.rule_id for file in files), *self._also])

    def __contains__(self, item: object) -> bool:
        return item in self._all()

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


def _read(target: ReadTarget, wanted: Collection[str]) -> tuple[ServerStatus, SpaceRead]:
    status = target.kibana.status()
    if older(status.version, OLDEST):
        raise DeployerError(
            f"{target.environment.target} runs Kibana {status.version}; deployer needs {OLDEST} or later",
            hint="upgrade the stack",
        )
    return status, target.kibana.read_space(marker=target.workspace.project.marker, wanted=wanted)


def _sound(loading: Future[RuleTree]) -> RuleTree:
    tree = loading.result()
    raise_errors(tree.problems)
    return tree


def _desired(
    lists: Lists, tree: RuleTree, files: Sequence[RuleFile], stack: str, held: Collection[Mapping[str, Any]]
) -> tuple[Desired, Rendering]:
    target = lists.target
    chosen, selection = selected(files, target.environment, stack)
    raise_errors(selection.problems)
    payloads = [file.payload for file in chosen]
    rendering = rendering_for(target, payloads, tree.locate, lists.containers(), ran=held)
    rendering = replace(rendering, space=replace(rendering.space, links=lists.links()))
    desired = rendered(chosen, target.environment, rendering.space, tree.locate, rewrite_sources)
    problems = (*selection.problems, *desired.problems, *tree.problems)
    return replace(desired, gone=selection.gone, problems=problems), rendering


def rendering_for(
    target: ReadTarget,
    payloads: Iterable[Mapping[str, Any]],
    locate: Locate,
    containers: tuple[Body, ...] | None = None,
    *,
    ran: Collection[Mapping[str, Any]] = (),
) -> Rendering:
    """
    Return how rules become those of this target; Kibana is asked for what these payloads refer to, but for the
    exception lists where `containers` has them. `ran` are documents of a record: their actions name connectors by id.
    """
    added = [{"actions": list(override.add_actions)} for override in target.environment.overrides]
    connectors, lists = any_needs([*payloads, *ran, *added])
    connectors = connectors or any(document.get("actions") for document in ran)
    space = Space(
        connectors=target.kibana.connectors() if connectors else None,
        lists=target.kibana.exception_lists() if lists and containers is None else containers,
        names=target.environment.connectors,
    )
    return Rendering(target.environment, space, locate, rewrite_sources)


def _refuse_unsound(tree: RuleTree, desired: Desired, plan: Plan, pinned: Collection[str]) -> None:
    """
    Check the fields and queries of the rules that the plan would write, also as the target's overrides change them.

    An unchanged rule costs no model and no parse; what is pinned has run here before. Raises ProblemsError.
    """
    changed = [change.rule_id for change in plan.changes if change.rule_id not in pinned]
    wanted = [desired.rules[rule_id] for rule_id in changed if rule_id in desired.rules]
    if wanted:
        from deployer.commands.checking import overridden_problems, rule_problems, tuned_problems

        ours = [rule for rule in wanted if not rule.file.prebuilt]
        problems = [*rule_problems(tree, [rule.file for rule in ours])]
        problems += tuned_problems(tree, [rule.file for rule in wanted if rule.file.prebuilt])
        for rule in ours:
            problems += overridden_problems(rule.file, rule.payload, rule.origins)
        raise_errors(tuple(problems))


def _server_time(status: ServerStatus, workspace: Workspace) -> datetime:
    return status.date or workspace.clock.now()


def _run(workspace: Workspace, provenance: Provenance, reason: str) -> Run:
    surroundings = workspace.surroundings
    return Run(
        branch=provenance.branch,
        clean=provenance.clean,
        in_ci=surroundings.is_ci,
        today=workspace.clock.now().date(),
        reason=reason,
    )


def _head_lines(target: ReadTarget, record: Record | None) -> tuple[str, ...]:
    if record is not None:
        by = f", by {record.provenance.actor}" if record.provenance.actor else ""
        why = f" ({record.reason})" if record.reason else ""
        time = record.time[:16].replace("T", " ")
        return (f"since       deployment #{record.number}, {time} UTC, {record.event}{by}{why}",)
    where = target.ledger.location
    return (f"first run   nothing is recorded in {where}, so nothing is disabled or deleted",)
