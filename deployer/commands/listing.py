"""
The lists of one target, for a plan: which of git's it is to have, and what is there of them.

Read beside the rules and in few requests: all containers at once, the items of many lists together, each value list by
its export. A project without lists asks nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from deployer.adapters.kibana import KibanaReader
from deployer.adapters.list_files import ListTree
from deployer.commands.target import ReadTarget, ledger_of
from deployer.commands.workspace import Workspace
from deployer.core.dependencies import Known, There, Wanted, find, joined, recorded_lists, suspects, wanted_here
from deployer.core.dependency import AGNOSTIC, Kind, key_of
from deployer.core.desired import Desired
from deployer.core.draft import Wishes
from deployer.core.environment import Environment
from deployer.core.exceptions.diff import LiveList, Manners
from deployer.core.exceptions.expiry import expiring
from deployer.core.guards import judged_with_lists
from deployer.core.plan import Plan
from deployer.core.ports import Body
from deployer.core.record import Record
from deployer.core.references import with_coming
from deployer.core.rule_file import RuleFile
from deployer.core.selector import Selector


@dataclass(frozen=True)
class ListsRead:
    """What a space has: every container (None: nobody asked), and the wanted lists with their content."""

    containers: tuple[Body, ...] | None
    there: There


def read_there(kibana: KibanaReader, tree: ListTree) -> ListsRead:
    """Return what a space has of the project's lists. Raises the RemoteError branch."""
    if not tree.lists and not tree.values:
        return ListsRead(None, There())
    containers = kibana.lists.exception_lists() if tree.lists else None
    lists = live_lists(kibana, containers or (), {one.key for one in tree.lists})
    wanted = {one.list_id for one in tree.values}
    return ListsRead(containers, There(lists, live_values(kibana, lambda name: name in wanted) if wanted else {}))


def live_lists(kibana: KibanaReader, containers: Iterable[Body], keys: Collection[str]) -> dict[str, LiveList]:
    """Return the lists of a space that have these keys, with their items. Raises the RemoteError branch."""
    by_key = {key_of(Kind.LIST, str(body["list_id"]), str(body["namespace_type"])): body for body in containers}
    there = {key: body for key, body in by_key.items() if key in keys}
    names = [(str(body["list_id"]), body["namespace_type"]) for body in there.values()]
    return with_items(there, kibana.lists.items_of(names) if names else ())


def with_items(containers: Mapping[str, Body], items: Iterable[Body]) -> dict[str, LiveList]:
    """Return lists by key, each with those of these items that are its own."""
    found: dict[str, dict[str, Body]] = {}
    for item in items:
        key = key_of(Kind.LIST, str(item["list_id"]), str(item["namespace_type"]))
        found.setdefault(key, {})[str(item["item_id"])] = item
    return {key: LiveList(body, found.get(key, {})) for key, body in containers.items()}


def live_values(kibana: KibanaReader, chosen: Callable[[str], bool]) -> dict[str, tuple[Body, tuple[str, ...]]]:
    """Return the value lists of a space whose ids are chosen, with what they hold. Raises the RemoteError branch."""
    if not kibana.lists.value_lists_ready():
        return {}
    bodies = {str(body["id"]): body for body in kibana.lists.value_lists() if chosen(str(body["id"]))}
    exported = kibana.gather(kibana.lists.values, bodies)
    return {name: (bodies[name], values) for name, values in zip(bodies, exported, strict=True)}


@dataclass(frozen=True)
class Lists:
    """The lists of one target while it is planned for."""

    target: ReadTarget
    wishes: Wishes
    read: ListsRead

    @property
    def tree(self) -> ListTree:
        """The files."""
        return self.target.workspace.lists

    def containers(self) -> tuple[Body, ...] | None:
        """Return the lists that rules may name: those of the space, and those that git describes."""
        if self.read.containers is None:
            return None
        return with_coming(self.read.containers, [one.content for one in self.tree.lists])

    def links(self) -> dict[str, tuple[Mapping[str, Any], ...]]:
        """Return the lists whose files name a rule in `metadata.rule_ids`, by `rule_id`."""
        return links_of(self.tree)

    def joined(self, plan: Plan, files: Iterable[RuleFile], desired: Desired, now: datetime) -> Plan:
        """Return the plan with what its lists need. `files` are all rules of git. Raises StateError."""
        record = self.target.ledger.head().record if plan.base is not None else None
        wanted = self._wanted(files, desired)
        recorded = dict(recorded_lists(record))
        if not wanted.keys and not recorded:
            return plan
        keys = {one.key for one in wanted.lists if one.namespace == AGNOSTIC}
        recorded.update(recorded_in_all_spaces(self.target.workspace, self.target.environment, keys, record))
        missing = suspects(wanted, self.read.there, recorded)
        bundles = {entry["bundle"] for entry in recorded.values() if entry["authored"] in missing}
        documents = self.target.ledger.from_bundles(missing, bundles) if missing else {}
        found = find(
            wanted, self.read.there, Known(recorded, documents), manners_of(self.target.environment, self.wishes)
        )
        warnings = tuple(expiring(wanted.lists, now, self.tree.locate))
        plan = replace(plan, notes=replace(plan.notes, warnings=(*plan.notes.warnings, *warnings)))
        plan = joined(plan, found)
        limits, managed = self.target.environment.limits, plan.notes.census.managed
        verdicts = judged_with_lists(plan.notes.verdicts, plan.dependencies, limits, plan.allow, managed)
        return replace(plan, notes=replace(plan.notes, verdicts=verdicts))

    def _wanted(self, files: Iterable[RuleFile], desired: Desired) -> Wanted:
        """Return the lists that the target is to have; with `--only` those of the rules that are left."""
        used = {name for rule in desired.rules.values() for name in named_lists(rule.payload)}
        links = self.links()
        known = {name for file in files for name in named_lists(file.payload)}
        known |= {str(one["list_id"]) for file in files for one in links.get(file.rule_id, ())}
        only: set[str] | None = None
        if self.wishes.only or self.wishes.ids is not None:
            left = [rule for rule in desired.rules.values() if _is_left(rule.file, self.wishes)]
            only = {name for rule in left for name in named_lists(rule.payload)}
        return wanted_here(self.tree.lists, self.tree.values, used, known, only)


def links_of(tree: ListTree) -> dict[str, tuple[Mapping[str, Any], ...]]:
    """Return the lists whose files name a rule in `metadata.rule_ids`, by `rule_id`."""
    found: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for one in tree.lists:
        for rule_id in one.rule_ids:
            found[rule_id] = (*found.get(rule_id, ()), one.content)
    return found


def recorded_in_all_spaces(
    workspace: Workspace, here: Environment, keys: Collection[str], record: Record | None
) -> Mapping[str, Mapping[str, str]]:
    """
    Return what the latest record of this Kibana says of agnostic lists: they exist once per Kibana, and whichever of
    its spaces was deployed last said what git wants of them. `record` is that of the target itself.
    """
    if not keys:
        return {}
    records = [record]
    for other in workspace.settings.environments:
        same_kibana = other.connection.url == here.connection.url and (not here.sandbox or other.name == here.name)
        if same_kibana and other.target != here.target:
            records.append(ledger_of(workspace, other).head().record)
    known = [one for one in records if one is not None]
    found: dict[str, Mapping[str, str]] = {}
    for one in sorted(known, key=lambda one: one.time):
        found.update({key: entry for key, entry in recorded_lists(one).items() if key in keys})
    return found


def manners_of(environment: Environment, wishes: Wishes) -> Manners:
    """Return how differences of lists are decided; `"*"` of `[ownership.fields]` holds for them as for every field."""
    policy = environment.ownership
    ownership = policy.fields.get("*", "shared")
    return Manners(ownership, policy.conflict, wishes.take, wishes.adopt)


def named_lists(payload: Mapping[str, Any]) -> set[str]:
    """Return the `list_id`s that a rule names."""
    entries = payload.get("exceptions_list") or ()
    return {str(entry.get("list_id")) if isinstance(entry, Mapping) else str(entry) for entry in entries}


def _is_left(file: RuleFile, wishes: Wishes) -> bool:
    selectors: tuple[Selector, ...] = wishes.only
    named = wishes.ids is None or file.rule_id in wishes.ids
    return named and (not selectors or any(selector.matches(file) for selector in selectors))
