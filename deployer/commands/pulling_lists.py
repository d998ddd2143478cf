"""The lists of a pull: read beside its rules, and brought into the files of exceptions and value lists."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deployer.adapters.list_files import list_paths
from deployer.adapters.rewriting import read_text
from deployer.commands.listing import links_of, manners_of, named_lists, recorded_in_all_spaces
from deployer.commands.workspace import Workspace
from deployer.core.dependencies import There, recorded_lists, wanted_here
from deployer.core.dependency import AGNOSTIC
from deployer.core.draft import Wishes
from deployer.core.environment import Environment
from deployer.core.ports import Body
from deployer.core.pulling.choosing import Chosen, ListsOfGit, chosen_lists, named_values, values_are_taken
from deployer.core.pulling.exceptions import ListsPulled, Side, pull_lists
from deployer.core.pulling.places import list_place
from deployer.core.pulling.value_lists import ValueSide, pull_values
from deployer.core.rule_file import RuleFile
from deployer.executor.ledger import Ledger

ListsReader = Callable[[Collection[str]], There]
"""Reads exception lists by key, without value lists."""

ValuesReader = Callable[[Callable[[str], bool]], Mapping[str, tuple[Body, tuple[str, ...]]]]
"""Reads the value lists whose ids are chosen."""


@dataclass(frozen=True, slots=True)
class ListSource:
    """Where lists are read: their containers, then the content of what is chosen."""

    containers: tuple[Body, ...]
    read: ListsReader
    values: ValuesReader


@dataclass(frozen=True, slots=True)
class Named:
    """What names lists: the live rules that are taken and those that are not, the rules of git and those of here."""

    taken: tuple[Body, ...]
    others: tuple[Body, ...]
    files: tuple[RuleFile, ...]
    here: tuple[RuleFile, ...]


def pull_all_lists(
    workspace: Workspace, environment: Environment, source: ListSource, ledger: Ledger, named: Named, *, whole: bool
) -> tuple[ListsPulled, Chosen]:
    """Return what has to be written of lists. Raises the RemoteError branch and StateError."""
    tree, project = workspace.lists, workspace.project
    git = _of_git(workspace, named)
    containers = source.containers if project.exceptions else ()  # without a folder there is nowhere to put them
    chosen = chosen_lists(containers, named.taken, named.others, git, whole=whole)
    lists = source.read(chosen.keys).lists
    used = named_values(lists.values())
    values = source.values(lambda name: bool(project.value_lists) and values_are_taken(name, used, git, whole=whole))
    files = {one.key: one for one in tree.lists}
    value_files = {one.list_id: one for one in tree.values}
    documents = _documents(workspace, environment, ledger, lists.keys() | {one.key for one in tree.values})
    sides = [Side(key, live, files.get(key), documents.get(key)) for key, live in lists.items()]
    ownership = manners_of(environment, Wishes()).ownership
    pulled = pull_lists(sides, _text_of(workspace), _place_of(workspace), ownership)
    value_sides = []
    for name, (body, held) in values.items():
        file = value_files.get(name)
        value_sides.append(ValueSide(body, held, file, documents.get(file.key) if file else None))
    place_value = _place_of_values(workspace, project.value_lists)
    pull_values(value_sides, _text_of(workspace), place_value, pulled)
    return pulled, chosen


def _of_git(workspace: Workspace, named: Named) -> ListsOfGit:
    """Return the lists of the files; which of them the target is to have is decided as for a plan (`listing`)."""
    tree, links = workspace.lists, links_of(workspace.lists)
    known = _names(named.files, links)
    used = _names(named.here, links) | {name for body in named.taken for name in named_lists(body)}
    here = wanted_here(tree.lists, tree.values, used, known)
    every = {one.key for one in tree.lists} | {one.key for one in tree.values}
    return ListsOfGit(frozenset(every), here.keys)


def _names(files: Iterable[RuleFile], links: Mapping[str, tuple[Mapping[str, Any], ...]]) -> set[str]:
    named = {name for file in files for name in named_lists(file.payload)}
    return named | {str(one["list_id"]) for file in files for one in links.get(file.rule_id, ())}


def _documents(
    workspace: Workspace, environment: Environment, ledger: Ledger, keys: Collection[str]
) -> dict[str, Mapping[str, Any]]:
    """Return what git asked for last time, of each of these lists that a record knows."""
    record = ledger.head().record
    recorded = dict(recorded_lists(record))
    shared = {one.key for one in workspace.lists.lists if one.namespace == AGNOSTIC and one.key in keys}
    recorded.update(recorded_in_all_spaces(workspace, environment, shared, record))
    entries = {key: entry for key, entry in recorded.items() if key in keys}
    digests = {entry["authored"] for entry in entries.values()}
    found = ledger.from_bundles(digests, {entry["bundle"] for entry in entries.values()}) if entries else {}
    return {key: found[entry["authored"]] for key, entry in entries.items()}


def _text_of(workspace: Workspace) -> Callable[[str], str]:
    return lambda path: read_text(workspace.root / path).text


def _place_of(workspace: Workspace) -> Callable[[Mapping[str, Any]], str]:
    """Return what names the file of a new exception list."""
    folders, template = workspace.project.exceptions, workspace.project.pull_lists
    taken = _taken(workspace, folders, (".toml",))

    def choose(body: Mapping[str, Any]) -> str:
        path = list_place(template, folders, body, taken)
        taken.add(path)
        return path

    return choose


def _place_of_values(workspace: Workspace, folders: tuple[str, ...]) -> Callable[[str], str]:
    taken = _taken(workspace, folders, (".txt", ".csv"))

    def choose(name: str) -> str:
        stem, _, ending = name.rpartition(".")
        paths = [f"{folders[0]}/{name}", *(f"{folders[0]}/{stem}_{n}.{ending}" for n in range(2, len(taken) + 3))]
        path = next(path for path in paths if path.lower() not in taken)
        taken.add(path.lower())
        return path

    return choose


def _taken(workspace: Workspace, folders: tuple[str, ...], endings: tuple[str, ...]) -> set[str]:
    paths = list_paths(workspace.root, folders, endings)
    return {*paths, *(path.lower() for path in paths)}
