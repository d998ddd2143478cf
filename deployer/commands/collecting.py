"""
Everything that can be found wrong in a project without asking a server: every kind of file, every target.

    rules         shape, sense and queries, as the files say them       settings    deployer.toml, environments
    targets       what overrides and stack versions make of rules       beside      exceptions, prebuilt, lock files

A run looks at the whole project, or at some paths: then the problems of those files are told, and what only shows in
the whole project (an id that two files have) wherever it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from deployer.adapters.environments import load_lock, read_settings_files, toml_files
from deployer.adapters.rules import RuleTree, read_some
from deployer.commands.checking import overridden_problems, rule_problems, tuned_problems
from deployer.commands.quality import quality, without_judged
from deployer.commands.workspace import Workspace
from deployer.core.desired import selected
from deployer.core.environment import Environment, Override
from deployer.core.flaw import located
from deployer.core.overlay import apply_overrides, unmatched_overrides
from deployer.core.rule_file import RuleFile
from deployer.core.selector import matches_any
from deployer.core.sense import newer_flaws
from deployer.errors import Problem, Severity
from deployer.queries.esql_source import rewrite_sources
from deployer.render.style import plural

PROJECT_WIDE: Final = frozenset(
    {"duplicate-rule-id", "duplicate-list-id", "duplicate-item-id", "no-rules", "no-rule-folder"}
)
_LOCK: Final = ".lock.toml"
_LIGHT: Final = {
    "esql-light": ("ES|QL", "esql", " (Python 3.13)"),
    "lucene-light": ("Lucene", "lucene", ""),
}


@dataclass(frozen=True)
class Collected:
    """What a run found: the rules that it looked at, what is wrong, and what was not checked in full."""

    files: tuple[RuleFile, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()


def collect(workspace: Workspace, paths: Collection[str] | None = None) -> Collected:
    """Check the whole project, or only `paths` (relative to it) together with what shows in the whole project."""
    tree = workspace.tree
    engines: Counter[str] = Counter()
    files = tree.files if paths is None else tuple(file for file in tree.files if file.path in paths)
    judged, notes = quality(workspace, tree, whole=True)
    problems = {*without_judged(tree.problems), *workspace.settings.problems, *_beside(workspace), *judged}
    problems |= {*rule_problems(tree, files, engines)}
    told = problems if paths is None else {problem for problem in problems if _concerns(problem, paths)}
    for environment in workspace.settings.environments:
        touched = paths is None or _shapes(environment, paths)
        told |= {*_target_problems(environment, tree, tree.files if touched else files, whole=touched)}
    return Collected(files, tuple(sorted(told)), (*_light_notes(engines), *notes))


def collect_files(workspace: Workspace, paths: Sequence[str]) -> Collected:
    """Check these files alone, at the speed of a save: nothing else of the project is read but its settings."""
    others = [path for path in paths if not _is_rule(workspace, path)]
    tree = read_some(workspace.root, [path for path in paths if path not in others])
    engines: Counter[str] = Counter()
    judged, notes = quality(workspace, tree, whole=False)
    problems = {*tree.problems, *judged, *rule_problems(tree, tree.files, engines)}
    for environment in workspace.settings.environments:
        problems |= {*_target_problems(environment, tree, tree.files, whole=False)}
    if others:
        problems |= {
            problem for problem in (*workspace.settings.problems, *_beside(workspace)) if problem.path in others
        }
    return Collected(tree.files, tuple(sorted(problems)), (*_light_notes(engines), *notes))


def _light_notes(engines: Counter[str]) -> Iterator[str]:
    """Yield a sentence for each language whose full check is not installed."""
    for engine, (language, extra, more) in _LIGHT.items():
        if engines[engine]:
            count = plural(engines[engine], f"{language} query", f"{language} queries")
            yield f"{count} had the light check; pip install 'kibana-deployer[{extra}]'{more} checks in full"


def _concerns(problem: Problem, paths: Collection[str]) -> bool:
    """Say whether a problem is told in a run over some paths: theirs, one that names them, or the whole project's."""
    if problem.path in paths or problem.code in PROJECT_WIDE:
        return True
    return problem.code == "duplicate-name" and any(path in problem.message for path in paths)


def _is_rule(workspace: Workspace, path: str) -> bool:
    """Say whether a file is to be read as a rule: everything that is no other file of the project is."""
    project = workspace.project
    settings = ("environments", *project.exceptions, *project.value_lists, *project.prebuilt)
    return path != "deployer.toml" and not any(path.startswith(f"{folder}/") for folder in settings)


def _shapes(environment: Environment, paths: Collection[str]) -> bool:
    """Say whether one of the paths decides what an environment makes of every rule."""
    return any(path in (environment.path, "deployer.toml") or path.startswith("environments/_") for path in paths)


def _target_problems(
    environment: Environment, tree: RuleTree, files: Sequence[RuleFile], *, whole: bool
) -> Iterator[Problem]:
    """Yield what is wrong with rules only in one target: its stack does not know a field, its overrides break one."""
    stack = environment.connection.stack or ""
    chosen, selection = selected(files, environment, stack)
    yield from _with_places(selection.problems, tree)
    for file in chosen if stack else ():
        yield from located(newer_flaws(file.payload, stack, environment.target), file.path, tree.locate)
    yield from _override_problems(environment, chosen)
    if whole:
        yield from unmatched_overrides(environment.overrides, files, environment.path)


def _with_places(problems: Iterable[Problem], tree: RuleTree) -> Iterator[Problem]:
    """Yield the problems of a selection with their line, which a plan does not look for."""
    for problem in problems:
        keys = tuple(problem.key.split("."))
        line, column = (problem.line, problem.column) if problem.line else tree.locate(problem.path, keys)
        yield Problem(
            problem.path, line, column, problem.key, problem.message, problem.code, problem.remedy, problem.severity
        )


def _override_problems(environment: Environment, files: Iterable[RuleFile]) -> Iterator[Problem]:
    breaking = [override for override in environment.overrides if _can_break(override)]
    for file in files if breaking else ():
        if any(matches_any(override.match, file) for override in breaking):
            overlaid = apply_overrides(file.payload, file, environment.overrides, rewrite_sources)
            yield from overlaid.problems
            yield from overridden_problems(file, overlaid.payload, overlaid.origins)


def _can_break(override: Override) -> bool:
    """Say whether an override can make a right rule wrong: tags cannot."""
    return bool(override.set or override.add_actions or override.rewrite_index)


def _beside(workspace: Workspace) -> Iterator[Problem]:
    """Yield what is wrong with the files beside rules and environments."""
    told = [*_exception_problems(workspace)]
    yield from told
    places = {(problem.path, problem.code) for problem in told}
    for problem in workspace.lists.problems:  # what reading them for a plan finds: value lists, and conditions
        if (problem.path, problem.code) not in places:
            yield problem
    yield from workspace.prebuilt.problems
    yield from tuned_problems(workspace.tree, workspace.prebuilt.files) if workspace.prebuilt.files else ()
    yield from _lock_problems(workspace)


def _exception_problems(workspace: Workspace) -> Iterator[Problem]:
    from deployer.core.settings.exceptions import check_exceptions, repeated

    files, problems = read_settings_files(workspace.root, toml_files(workspace.root, workspace.project.exceptions))
    yield from problems
    today = workspace.clock.now().date()
    checked = [check_exceptions(file, today) for file in files]
    for one in checked:
        yield from one.problems
    yield from repeated([name for one in checked for name in one.named])


def _lock_problems(workspace: Workspace) -> Iterator[Problem]:
    known = {environment.name for environment in workspace.settings.environments} | {*workspace.settings.broken}
    for path in toml_files(workspace.root, ("environments",)):
        if not path.endswith(_LOCK):
            continue
        name = path.rpartition("/")[2].removesuffix(_LOCK)
        yield from load_lock(workspace.root, name)[1]
        if name not in known:
            remedy = f"remove it, or write environments/{name}.toml"
            message = f"pins rules of an environment {name} that does not exist"
            yield Problem(path, 1, 1, "environment", message, "unknown-environment", remedy, Severity.WARNING)
