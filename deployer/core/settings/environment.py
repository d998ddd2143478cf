"""`environments/*.toml` as targets: one Environment per Kibana space, or every Problem of every file."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from deployer.core.environment import (
    Connection,
    Credentials,
    DeployPolicy,
    Environment,
    Limits,
    OwnershipPolicy,
    RulesPolicy,
    Settings,
)
from deployer.core.settings.connection import kibana, spaces_of, warnings
from deployer.core.settings.layers import SECTION_OF, for_space, layered
from deployer.core.settings.nodes import Node, SettingsFile, WrongError
from deployer.core.settings.overrides import overrides
from deployer.core.settings.policies import connectors, deploy, limits, ownership, promotion, rules
from deployer.core.settings.project import read_project
from deployer.core.settings.reading import Reader, Table
from deployer.core.suggestion import did_you_mean
from deployer.errors import Problem, Severity

PROJECT_FILE: Final = "deployer.toml"

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MAY_BE_ADDED: Final = frozenset({"missing-url", "missing-credential", "missing-key"})
_NO_CONNECTION: Final = Connection("", Credentials(), Credentials())


@dataclass(frozen=True, slots=True)
class Given:
    """
    What reading needs besides the files: today's date, the field names of rules, and the paths of the files that could
    not be read at all, so that nothing is said about what only they would have said.
    """

    today: date
    fields: Collection[str]
    unreadable: frozenset[str] = frozenset()

    @property
    def unreadable_names(self) -> frozenset[str]:
        """The names of the environments and shared parts among them."""
        return frozenset(SettingsFile(path, {}).name for path in self.unreadable - {PROJECT_FILE})


@dataclass(frozen=True, slots=True)
class _Target:
    """One target and the tree that it was read from, which knows the places."""

    environment: Environment
    tree: Node

    def problem(
        self, keys: Iterable[str], message: str, code: str, remedy: str, severity: Severity = Severity.ERROR
    ) -> Problem:
        """Return a Problem at the first of these dotted keys that the files have; there must be one."""
        ways = (key.split(".") for key in keys)
        tables = ((self.tree.value.get(section), name) for section, name in ways)
        place: Node = next(table.value[name] for table, name in tables if table and name in table.value)
        return place.problem(message, code, remedy, severity=severity)


def read_settings(project_file: SettingsFile | None, files: Sequence[SettingsFile], given: Given) -> Settings:
    """
    Return the project and every target of its environment files, with everything that is wrong with any of them.

    `files` are those of the folder `environments`, lock files left out. Nothing is raised for a user's mistake.
    """
    project, project_problems = read_project(project_file)
    problems, broken = set(project_problems), set(given.unreadable_names)
    targets = _every_target({file.name: file for file in files}, given, problems, broken)
    known = {name for name in {*(file.name for file in files), *broken} if not name.startswith("_")}
    nameless = not project.name and not project_problems and PROJECT_FILE not in given.unreadable
    for target, problem in _across(targets, known, nameless=nameless):
        problems.add(problem)
        if problem.severity is Severity.ERROR:
            broken.add(target.environment.name)
    right = tuple(target.environment for target in targets if target.environment.name not in broken)
    return Settings(project, right, tuple(sorted(problems)), tuple(sorted(broken)))


def _every_target(
    files: Mapping[str, SettingsFile], given: Given, problems: set[Problem], broken: set[str]
) -> list[_Target]:
    """Return the targets of all files; what is wrong, and in which, is added to `problems` and `broken`."""
    targets: list[_Target] = []
    for name in sorted(files):
        try:
            targets += _targets(files, name, given)
        except WrongError as error:
            problems.update(error.problems)
            broken.add(name)
    for target in targets:
        problems.update(warnings(target.tree.value["kibana"], target.environment.connection))
    return targets


def _targets(files: Mapping[str, SettingsFile], name: str, given: Given) -> list[_Target]:
    """Return the targets of one file, none for a shared part. Raises WrongError with all that is wrong in it."""
    shared = name.startswith("_")
    layers = layered(files, name, given.unreadable_names)
    tree = _with_kibana(layers.tree)
    spaces, listed = spaces_of(tree.value["kibana"])
    problems = [*layers.problems, *([] if shared else _misplaced(files[name], tree, spaces))]
    targets = []
    for space in dict.fromkeys((*spaces, *_spaces_written(tree))):
        target = f"{name}/{space}" if listed else name
        try:
            targets.append(_target(for_space(tree, space), (name, space, target), given))
        except WrongError as error:
            problems.extend(error.problems)
    if shared or not layers.whole:
        problems = [problem for problem in problems if problem.code not in _MAY_BE_ADDED]
    if problems or not layers.whole:
        raise WrongError(*problems)
    return [] if shared else targets[: len(spaces)]


def _with_kibana(tree: Node) -> Node:
    """Give a file without `[kibana]` an empty one, so that what is missing in it is told."""
    if "kibana" in tree.value:
        return tree
    return Node({**tree.value, "kibana": Node({}, tree.file, ("kibana",))}, tree.file, tree.keys)


def _spaces_written(tree: Node) -> Collection[str]:
    written = tree.value.get("space")
    return written.value.keys() if written else ()


def _misplaced(file: SettingsFile, tree: Node, spaces: Collection[str]) -> Iterable[Problem]:
    """Yield what is wrong with the file's name, and each of its `[space.NAME]` that is no target of it."""
    if not _NAME.fullmatch(file.name):
        remedy = "rename the file: a-z, 0-9, _ and -, a letter or digit first"
        yield Problem(file.path, 0, 0, "", f'"{file.name}" cannot name an environment', "environment-name", remedy)
    for name in _spaces_written(tree):
        space: Node = tree.value["space"].value[name]
        if name not in spaces and space.file is file:
            remedy = did_you_mean(name, spaces) + f', or add "{name}" to spaces under [kibana]'
            yield space.problem(f'"{name}" is not a space of this environment', "unknown-space", remedy)


def _target(tree: Node, names: tuple[str, str, str], given: Given) -> _Target:
    """Read one target from its tree, in which everything that extends and differs is merged."""
    table = Table(tree)
    table.knows("extends", "space")
    name, space, target = names
    environment = Environment(
        name=name,
        space=space,
        target=target,
        path=tree.file.path,
        connection=table.read("kibana", kibana, _NO_CONNECTION),
        rules=table.read("rules", rules(given.today), RulesPolicy()),
        ownership=table.read("ownership", ownership(given.fields), OwnershipPolicy()),
        limits=table.read("limits", limits, Limits()),
        deploy=table.read("deploy", deploy, DeployPolicy()),
        promotion=table.read("promotion", promotion, None),
        connectors=table.read("connectors", connectors, {}),
        overrides=table.read("override", overrides(given.fields), ()),
    )
    return _Target(table.done(environment, SECTION_OF), tree)


def environment_file(given: Given) -> Reader[Environment]:
    """Read the tables of a whole file as one target of it; `extends` and `space` are for `layers`."""
    return lambda node: _target(node, ("", "default", ""), given).environment


def _across(targets: Sequence[_Target], names: Collection[str], *, nameless: bool) -> Iterable[tuple[_Target, Problem]]:
    """Yield what only shows when all targets are seen together."""
    owners: dict[tuple[str, str], Environment] = {}
    for target in targets:
        environment = target.environment
        yield from ((target, problem) for problem in _promotion_problems(target, names))
        if environment.sandbox:  # each environment has a sandbox of its own
            continue
        if nameless:
            yield target, _nameless(environment)
        first = owners.setdefault((environment.connection.url, environment.space), environment)
        if first is not environment:
            keys = ("kibana.space", "kibana.spaces", "kibana.url", "kibana.cloud_id")
            message = f"{environment.target} is the same Kibana and space as {first.target} ({first.path})"
            yield target, target.problem(keys, message, "duplicate-target", "two targets would undo each other's work")


def _nameless(environment: Environment) -> Problem:
    message = f"the project needs a name: {environment.target} is more than a sandbox"
    remedy = 'write project = "your-team-detections" at its top; every rule that you deploy is marked with it'
    return Problem(PROJECT_FILE, 0, 0, "project", message, "missing-project", remedy)


def _promotion_problems(target: _Target, names: Collection[str]) -> Iterable[Problem]:
    """Yield what is wrong with the environment that `[promotion]` takes from."""
    policy = target.environment.promotion
    if policy is None:
        return
    remedy = did_you_mean(policy.source, set(names) - {target.environment.name})
    if policy.source == target.environment.name:
        yield target.problem(("promotion.from",), "an environment cannot promote to itself", "wrong-value", remedy)
    elif policy.source not in names:  # what is pinned still runs, so this stops only `promote`
        message = f'there is no environment "{policy.source}": nothing can be promoted'
        yield target.problem(("promotion.from",), message, "unknown-environment", remedy, Severity.WARNING)
