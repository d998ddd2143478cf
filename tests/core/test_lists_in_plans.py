"""Lists in plans: the plan file, the digest, the ids that come later, and which lists a target is to have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deployer.core.canonical import canonical_json
from deployer.core.completion import completed, incomplete
from deployer.core.dependencies import Known, There, find, joined, suspects, wanted_here
from deployer.core.dependency import Dependency, Kind
from deployer.core.exceptions.diff import LiveList, Manners
from deployer.core.guards import judged_with_lists
from deployer.core.plan import Plan
from deployer.core.plan_file import dumps, loads
from deployer.core.references import Space
from deployer.core.value_lists import read_value_list
from deployer.errors import RefusedError
from tests.support.lists import list_file
from tests.support.planning import World, rule_file

pytestmark = pytest.mark.quick

LINK = {"list_id": "travel", "type": "detection", "namespace_type": "single"}


def a_plan() -> Plan:
    """A plan that creates a list with an item, a value list, and a rule that names the list."""
    made = World(space=Space(lists=(LINK,)))
    made.git(rule_file("r1", exceptions_list=[LINK]))
    wanted = wanted_here([list_file(sg="kim|agreed")], [read_value_list("v/ips.txt", "10.0.0.1\n")], {"travel"}, set())
    return joined(made.plan(), find(wanted, There(), Known(), Manners()))


def test_a_plan_with_lists_reads_back_as_itself() -> None:
    """The file has lists, items, values and the documents that the record will name."""
    plan = a_plan()
    assert [one.kind for one in plan.dependencies] == list(Kind)
    read = loads(dumps(plan), where="x")
    assert read == plan
    assert read.digest == plan.digest


def test_a_plan_without_lists_has_the_digest_it_had() -> None:
    """Lists are part of the digest only where there are any; other writing of the same is the same."""
    plan = a_plan()
    assert plan.digest != replace(plan, dependencies=()).digest
    assert b"dependencies" not in dumps(replace(plan, dependencies=(), lists={}))


def test_a_document_of_a_list_that_was_changed_is_refused() -> None:
    """The baseline of the next plan is as safe as the changes."""
    plan = a_plan()
    entry = plan.lists["exception list:single:travel"]
    assert entry is not None
    document = {**plan.documents[entry.authored], "items": {}}
    forged = replace(plan, documents={**plan.documents, entry.authored: document})
    with pytest.raises(RefusedError):
        loads(dumps(forged), where="x")


def test_a_list_that_is_created_lends_its_id_to_change_and_record_alike() -> None:
    """The completed plan names the list in full, keeps its digest, and its documents are what their addresses say."""
    plan = a_plan()
    assert incomplete(plan)
    full = completed(plan, {("single", "travel"): "so-1"})
    assert not incomplete(full)
    assert full.digest == plan.digest
    entry = full.entries["r1"]
    assert entry is not None
    assert full.documents[entry.authored]["exceptions_list"] == [{"id": "so-1", **LINK}]


def test_a_list_whose_rules_are_all_elsewhere_is_not_deployed() -> None:
    """A list goes where a rule names it, or where no rule of git names it at all; its value lists go with it."""
    lists = [list_file(sg="kim")]
    values = [read_value_list("v/ips.txt", "10.0.0.1\n")]
    assert wanted_here(lists, values, {"travel"}, {"travel"}).lists
    assert wanted_here(lists, values, set(), set()).lists
    assert not wanted_here(lists, values, set(), {"travel"}).lists
    only = wanted_here(lists, values, {"travel"}, {"travel"}, only=set())
    assert (only.lists, only.values, only.narrowed) == ((), (), True)


def test_a_settled_list_needs_no_baseline() -> None:
    """Equal to git and to the record a list is settled by two digests; one edit makes it a suspect."""
    one = list_file(sg="kim")
    wanted = wanted_here([one], [], set(), set())
    body = {**one.content, "id": "so-1"}
    live = {one.key: LiveList(body, {name: {**item, "comments": []} for name, item in one.items.items()})}
    recorded = {one.key: {"authored": one.digest, "bundle": "b", "path": one.path}}
    assert not suspects(wanted, There(live), recorded)
    found = find(wanted, There(live), Known(recorded), Manners())
    assert (found.unchanged, found.changes, found.entries) == (1, [], {})
    edited = {one.key: LiveList(body, {})}
    assert suspects(wanted, There(edited), recorded) == {one.digest}


def test_exceptions_that_git_adds_weaken() -> None:
    """A new item of a known list, other entries and more values count; a new list counts with its rule."""
    item = Dependency(Kind.ITEM, "i", None, {"entries": []}, list_id="l")
    renamed = Dependency(Kind.ITEM, "j", {"name": "a"}, {"name": "b"}, list_id="l")
    values = Dependency(Kind.VALUE_LIST, "v", {"values": []}, {"values": ["x"]})
    created = Dependency(Kind.LIST, "l", None, {})
    made = World()
    made.git(rule_file("r1"))
    verdicts = made.plan().notes.verdicts
    count = {
        canonical_json([one.key for one in case]): next(
            verdict.count
            for verdict in judged_with_lists(verdicts, case, made.limits, {}, 1)
            if verdict.guard == "weaken"
        )
        for case in ([item], [renamed], [values], [item, created])
    }
    assert list(count.values()) == [1, 0, 1, 0]
