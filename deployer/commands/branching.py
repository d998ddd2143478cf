"""
`plan --base REF`: what of a plan this branch does, what stands on REF already, what was done in Kibana.

The same target is planned again with the files of REF, and of the commit where the branch left it, from the same
answers of Kibana; `core.origin` compares the plans. The plan itself, and its digest, stay what they are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from deployer.adapters.base_tree import SETTINGS, rules_at, write_files
from deployer.adapters.git import Git
from deployer.adapters.kibana.remembered import RememberedKibana
from deployer.adapters.list_files import read_lists
from deployer.adapters.prebuilt_files import read_prebuilt
from deployer.commands.contents import lock_of
from deployer.commands.planning import planned
from deployer.commands.proving import History, moment
from deployer.commands.target import ReadTarget, ledger_of
from deployer.commands.workspace import Checkout, Workspace
from deployer.core.desired import selected
from deployer.core.draft import Wishes
from deployer.core.environment import Environment, PromotionPolicy
from deployer.core.lock_file import Locked
from deployer.core.origin import Moving, Trees, compared, everything, not_now
from deployer.core.plan import Branch, Plan
from deployer.core.promotion import spell, still_waits
from deployer.core.rule_file import RuleFile
from deployer.errors import DeployerError

_SHORT: Final = 12


@dataclass(frozen=True)
class Base:
    """The project as of REF, and as of the commit where this branch left it (None: REF, or not in this clone)."""

    ref: str
    commit: str
    tree: Workspace
    fork: Workspace | None = None


@contextmanager
def opened_base(workspace: Workspace, ref: str) -> Iterator[Base]:
    """
    Read the files of REF, once for all targets. Raises DeployerError where there is no repository, or where this clone
    does not have REF.
    """
    git = Git(workspace.root, workspace.surroundings.environ)
    if not git.is_repository():
        raise DeployerError(f"--base {ref} needs a git repository, and {workspace.root} is in none")
    commit, fork = git.resolve(ref), _fork(git, ref)
    with ExitStack() as stack:
        tree = _at(workspace, git, commit, stack)
        yield Base(ref, commit, tree, _at(workspace, git, fork, stack) if fork not in ("", commit) else None)


def _fork(git: Git, ref: str) -> str:
    """Return the commit where HEAD left REF, "" where a shallow clone ends before it: REF itself has to do then."""
    try:
        return git.merge_base(ref)
    except DeployerError:
        return ""


def _at(workspace: Workspace, git: Git, commit: str, stack: ExitStack) -> Workspace:
    """
    Return the project as of a commit. Where state is kept and whose rules they are is the work tree's to say: that was
    checked when the target was opened.
    """
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="deployer-base-")))
    write_files(git, commit, SETTINGS, folder)
    found = Workspace(workspace.root, workspace.console, workspace.surroundings, workspace.clock, snapshot=folder)
    project, here = found.settings.project, workspace.project
    found.settings = replace(found.settings, project=replace(project, name=here.name, state=here.state))
    write_files(git, commit, (*project.exceptions, *project.value_lists, *project.prebuilt), folder)
    found._tree = rules_at(git, commit, project.rules, workspace.tree)
    found._lists = replace(read_lists(folder, project.exceptions, project.value_lists), problems=())
    found._prebuilt = replace(read_prebuilt(folder, project.prebuilt, lambda: found.tree.files), problems=())
    found._checkout = Checkout(commit)
    return found


def remembering(target: ReadTarget) -> ReadTarget:
    """Return the target with a Kibana that is asked once, for `with_branch` after the plan."""
    return replace(target, kibana=RememberedKibana(target.kibana))


def with_branch(target: ReadTarget, plan: Plan, wishes: Wishes, base: Base) -> Plan:
    """Return the plan of a `remembering` target with where its changes come from in its notes."""
    branch = _compared(target, plan, wishes, base)
    if target.environment.rules.source == "promoted" and target.environment.promotion is not None:
        moving = tuple(_moving(target, target.environment.promotion, base))
        soak = target.environment.promotion.soak
        words = spell(timedelta(seconds=soak)) if soak else ""
        branch = replace(branch, waiting=not_now(moving, plan, target.environment.promotion.source, words))
    return replace(plan, notes=replace(plan.notes, branch=branch))


def _compared(target: ReadTarget, plan: Plan, wishes: Wishes, base: Base) -> Branch:
    try:
        theirs = _plan_of(target, base.tree, wishes)
    except DeployerError as error:
        why = f"what {base.ref} has cannot be planned here, so every change is shown as this branch's: {error}"
        return everything(plan, base.ref, base.commit[:_SHORT], why)
    trees = Trees(base.ref, base.commit[:_SHORT], theirs, _fork_plan(target, base, wishes))
    return compared(plan, trees, target.ledger.head().record)


def _fork_plan(target: ReadTarget, base: Base, wishes: Wishes) -> Plan | None:
    if base.fork is None:
        return None
    try:
        return _plan_of(target, base.fork, wishes)
    except DeployerError:  # an old commit that cannot be planned any more only makes the answer coarser
        return None


def _plan_of(target: ReadTarget, workspace: Workspace, wishes: Wishes) -> Plan:
    environment = _same_target(workspace, target.environment)
    return planned(replace(target, workspace=workspace, environment=environment), wishes, checked=False).plan


def _same_target(workspace: Workspace, here: Environment) -> Environment:
    """Return the environment as the other commit has it, reached as it is reached here. Raises DeployerError."""
    found = next((one for one in workspace.settings.environments if one.target == here.target), None)
    if found is None:
        raise DeployerError(f"{here.path} is not there, or is wrong there")
    return replace(found, connection=here.connection, space=here.space)


def _moving(target: ReadTarget, policy: PromotionPolicy, base: Base) -> Iterator[Moving]:
    """Yield the rules that this branch changes for a promoted target, which runs them once they are pinned."""
    workspace, environment = target.workspace, target.environment
    lock = lock_of(workspace, environment)
    ours = _chosen(workspace.tree.files, environment)
    try:
        theirs = _chosen(base.tree.tree.files, _same_target(base.tree, environment))
    except DeployerError:
        theirs = {}
    sources = _sources(workspace, policy)
    for rule_id in ours.keys() | theirs.keys():
        mine, other, pin = ours.get(rule_id), theirs.get(rule_id), lock.rules.get(rule_id)
        if mine is None and other is not None and pin is not None:
            yield Moving(rule_id, other.name, other.path)
        elif mine is not None and not _is(mine, other) and not _is(mine, pin):
            yield Moving(rule_id, mine.name, mine.path, _soaks(workspace, policy, sources, mine))


def _is(file: RuleFile, other: RuleFile | Locked | None) -> bool:
    return other is not None and other.fingerprint == file.fingerprint


def _chosen(files: Iterable[RuleFile], environment: Environment) -> dict[str, RuleFile]:
    return {file.rule_id: file for file in selected(files, environment, "")[0]}


def _sources(workspace: Workspace, policy: PromotionPolicy) -> list[History]:
    """Return the records of the targets that rules are promoted from; [] where one cannot be read from here."""
    names = [one for one in workspace.settings.environments if one.name == policy.source]
    try:
        histories = [History(ledger_of(workspace, one)) for one in names]
        return histories if all(history.ledger.head().record is not None for history in histories) else []
    except DeployerError:
        return []


def _soaks(workspace: Workspace, policy: PromotionPolicy, sources: list[History], file: RuleFile) -> str:
    """Return where the soak of a rule stands, "" where some target of the source does not run this content."""
    since = []
    for history in sources:
        record = history.ledger.head().record
        entry = record.rules.get(file.rule_id) if record else None
        if entry is None or entry.retired is not None or entry.fingerprint != file.fingerprint:
            return ""
        since.append(moment(history.began(file.rule_id, entry).time))
    if not since:
        return ""
    waits = still_waits(policy, max(since), workspace.clock.now())
    return waits or f"it ran long enough in {policy.source} and waits for deployer promote"
