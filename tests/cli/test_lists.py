"""Exception lists, items and value lists through plan, apply and undo: real processes, real HTTP."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer.adapters.state.opening import open_store
from deployer.core.plan import Target
from deployer.executor.common import shared_target
from deployer.executor.ledger import Ledger
from tests.support.deploying import SECRET, against, live, until
from tests.support.project import ProjectFolder, Ran
from tests.support.sandbox import RULES, Sandbox

LISTS = "/api/exception_lists"
ITEMS = "/api/exception_lists/items"
VALUES = "/api/lists/items"
LINK = """
[[rule.exceptions_list]]
list_id = "travel"
namespace_type = "single"
type = "detection"
"""
HEAD = '[[list]]\nlist_id = "travel"\ndescription = "Announced travel."\n'
ITEM = '\n[[list.items]]\nitem_id = "{0}"\ncomments = ["agreed"]\nwhen = {{ "user.name" = "{1}" }}\n'
RULE_ID = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def kibana(tmp_path: Path) -> Iterator[Sandbox]:
    """A Kibana of this test."""
    sandbox = Sandbox.start(tmp_path / "kibana.sqlite3")
    yield sandbox
    sandbox.stop()


@pytest.fixture
def project(tmp_path: Path, kibana: Sandbox) -> ProjectFolder:
    """A project with one rule that refers to one list with two items."""
    made = against(tmp_path / "project", kibana.url)
    write_rule(made)
    write_items(made, sg="kim", my="lee")
    return made


def write_rule(project: ProjectFolder, query: str = "event.action : *", more: str = LINK) -> None:
    """Write the one rule."""
    path = project.rule(1, query=query)
    path.write_text(path.read_text("utf-8") + more, "utf-8")


def write_items(project: ProjectFolder, **items: str) -> None:
    """Write the one list with these items."""
    text = HEAD + "".join(ITEM.format(name, value) for name, value in items.items())
    project.write("exceptions/travel.toml", text)


def applied(project: ProjectFolder, *words: str, **environ: str) -> Ran:
    """Apply, which must go well."""
    ran = project.run("apply", "-e", "s", "--yes", *words, **SECRET, **environ)
    assert ran.code == 0, ran.err + ran.out
    return ran


def planned(project: ProjectFolder, *words: str) -> dict[str, Any]:
    """Return the plan of the one target."""
    ran = project.run("plan", "-e", "s", "--json", *words, **SECRET)
    assert ran.code in (0, 3), ran.err
    (plan,) = ran.document["plans"]
    return dict(plan)


def items(kibana: Sandbox, list_id: str = "travel", namespace: str = "single") -> dict[str, dict[str, Any]]:
    """Return the live items of a list, by id."""
    answer = kibana.request("GET", f"{ITEMS}/_find?list_id={list_id}&namespace_type={namespace}&per_page=10000")
    assert answer.status == 200, answer.body
    return {item["item_id"]: item for item in answer.json["data"]}


def edit(kibana: Sandbox, item_id: str, **fields: Any) -> dict[str, Any]:
    """Edit an item as an analyst does; comments given as texts are added."""
    old = items(kibana)[item_id]
    body = {key: old[key] for key in ("item_id", "name", "description", "type", "entries", "tags", "os_types")}
    known = [{"id": one["id"], "comment": one["comment"]} for one in old["comments"]]
    added = [{"comment": text} for text in fields.pop("comments", [])]
    answer = kibana.request("PUT", ITEMS, {**body, **fields, "comments": [*known, *added]}, user="soc-day")
    assert answer.status == 200, answer.body
    return dict(answer.json)


def entry(value: str) -> list[dict[str, str]]:
    """Return one match of a user name."""
    return [{"field": "user.name", "type": "match", "operator": "included", "value": value}]


def matched(kibana: Sandbox, number: int) -> int:
    """Return how often a fault has struck."""
    return int(next(one["done"] for one in kibana.admin("GET", "faults") if one["number"] == number))


def test_a_list_that_the_plan_creates_is_no_missing_list(project: ProjectFolder, kibana: Sandbox) -> None:
    """List and items come before the rule, which names the list by the id that Kibana gave it; then all is quiet."""
    applied(project)
    found = kibana.request("GET", f"{LISTS}?list_id=travel").json
    (rule,) = live(kibana)
    assert rule["exceptions_list"] == [{key: found[key] for key in ("id", "list_id", "type", "namespace_type")}]
    assert set(items(kibana)) == {"sg", "my"}
    after = planned(project)
    assert not after["has_changes"]
    assert after["notes"]["census"]["items_unchanged"] == 2
    assert not project.run("plan", "-e", "s", "--detailed-exitcode", **SECRET).code


def test_a_list_that_is_nowhere_is_a_problem_and_endpoint_list_never_is(project: ProjectFolder) -> None:
    """A missing list is an error with file and line; Elastic's own list is made by Kibana on demand."""
    write_rule(project, more=LINK.replace("travel", "nowhere"))
    ran = project.run("plan", "-e", "s", **SECRET)
    assert ran.code == 1
    assert "rules/rule_1.toml:21" in ran.err
    assert 'no exception list "nowhere"' in ran.err
    write_rule(project, more=LINK.replace("travel", "endpoint_list").replace("single", "agnostic"))
    assert project.run("plan", "-e", "s", **SECRET).code == 0


def test_a_saved_plan_is_applied_without_the_files(project: ProjectFolder, kibana: Sandbox) -> None:
    """The plan file has lists and items; nothing of the work tree is needed to apply it."""
    assert project.run("plan", "-e", "s", "-o", "plan.json", **SECRET).code == 0
    (project.root / "exceptions" / "travel.toml").unlink()
    ran = project.run("apply", "plan.json", "--yes", **SECRET)
    assert ran.code == 0, ran.err
    assert set(items(kibana)) == {"sg", "my"}


def test_lists_are_part_of_the_digest(project: ProjectFolder) -> None:
    """Another item is another plan."""
    first = planned(project)["digest"]
    assert planned(project)["digest"] == first
    write_items(project, sg="kim", my="other")
    assert planned(project)["digest"] != first


def test_what_analysts_add_is_there_after_the_second_and_third_apply(project: ProjectFolder, kibana: Sandbox) -> None:
    """An item, a rule exception and a comment of an analyst outlive applies, and the plan names them."""
    applied(project)
    own = {"item_id": "mine", "list_id": "travel", "name": "Mine", "description": "d", "type": "simple"}
    assert kibana.request("POST", ITEMS, {**own, "entries": entry("ana")}, user="soc-day").status == 200
    (rule,) = live(kibana)
    exception = {"name": "From an alert", "description": "d", "type": "simple", "entries": entry("bob")}
    answer = kibana.request("POST", f"{RULES}/{rule['id']}/exceptions", {"items": [exception]}, user="soc-day")
    assert answer.status == 200, answer.body
    comments = edit(kibana, "my", comments=["seen"])["comments"]
    default = next(one for one in live(kibana)[0]["exceptions_list"] if one["type"] == "rule_default")

    for number in (2, 3):
        write_rule(project, query=f"event.action : {number}")
        write_items(project, sg=f"kim{number}", my="lee")
        text = project.run("plan", "-e", "s", **SECRET).out
        assert 'keeps "Mine"' in text
        applied(project)
        found = items(kibana)
        assert found["mine"]["entries"] == entry("ana")
        assert found["sg"]["entries"] == entry(f"kim{number}")
        assert found["my"]["comments"] == comments
        assert default in live(kibana)[0]["exceptions_list"]
        assert [one["name"] for one in items(kibana, default["list_id"]).values()] == ["From an alert"]


def test_an_edit_after_the_plan_is_stale_and_nothing_is_written(project: ProjectFolder, kibana: Sandbox) -> None:
    """A saved plan whose item was edited meanwhile is refused before the first write."""
    applied(project)
    write_items(project, sg="kim2", my="lee")
    assert project.run("plan", "-e", "s", "-o", "plan.json", **SECRET).code == 0
    edited = edit(kibana, "sg", entries=entry("analyst"))
    ran = project.run("apply", "plan.json", "--yes", **SECRET)
    assert ran.code == 4
    assert "entries edited by soc-day" in ran.err
    assert items(kibana)["sg"] == edited


def test_an_edit_during_the_apply_is_a_version_conflict_and_undoes_everything(
    project: ProjectFolder, kibana: Sandbox
) -> None:
    """
    The `_version` that was read no longer holds: the item keeps the edit and its comments' ids, everything else that
    this apply wrote is as before.
    """
    applied(project)
    before, rule = items(kibana), live(kibana)[0]
    write_items(project, my="lee2", sg="kim2", new="one")
    write_rule(project, query="event.action : 2")
    number = kibana.fault(f"delay:method=PUT,path={ITEMS},seconds=2,times=2")
    process = project.start("apply", "-e", "s", "--yes", **SECRET)
    until(lambda: matched(kibana, number) == 2, "both updates are under way")
    edit(kibana, "sg", entries=entry("analyst"))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 5, err + out
    after = items(kibana)
    assert "edited by soc-day" in err
    assert set(after) == {"sg", "my"}
    assert after["sg"]["entries"] == entry("analyst")
    for name in ("sg", "my"):
        assert [one["id"] for one in after[name]["comments"]] == [one["id"] for one in before[name]["comments"]]
    assert after["my"]["entries"] == before["my"]["entries"]
    assert live(kibana)[0]["query"] == rule["query"]


@pytest.mark.parametrize(
    "spec",
    [
        f"drop-after:method=POST,path={ITEMS},times=1",
        f"drop-before:method=POST,path={ITEMS},times=1",
        f"drop-after:method=POST,path={LISTS},times=1",
        f"busy:method=POST,path={ITEMS},times=1",
        f"starting:method=POST,path={LISTS},times=1",
        "drop-after:method=POST,path=/api/lists/items/_import,times=1",
        "drop-after:method=POST,path=/api/lists,times=1",
    ],
)
def test_an_answer_that_is_lost_is_resolved_by_reading(project: ProjectFolder, kibana: Sandbox, spec: str) -> None:
    """A write without an answer is looked for, sent again only where it did not happen, and never doubled."""
    project.write("value_lists/ips.txt", "10.0.0.1\n10.0.0.2\n")
    kibana.fault(spec)
    applied(project, DEPLOYER_HORIZON="1")
    assert {name: len(item["comments"]) for name, item in items(kibana).items()} == {"sg": 1, "my": 1}
    assert values(kibana, "ips.txt") == ["10.0.0.1", "10.0.0.2"]
    assert not planned(project)["has_changes"]


@pytest.mark.parametrize(
    "spec",
    [
        f"refuse:method=POST,path={ITEMS},skip=1",
        f"refuse:method=POST,path={RULES}",
        f"refuse:method=POST,path={LISTS}",
        "refuse:method=POST,path=/api/lists/items/_import",
    ],
)
def test_a_refusal_takes_everything_back(project: ProjectFolder, kibana: Sandbox, spec: str) -> None:
    """Whatever is refused, no list, item, value list or rule of the apply stays."""
    project.write("value_lists/ips.txt", "10.0.0.1\n")
    kibana.fault(spec + ",status=400,message=no")
    ran = project.run("apply", "-e", "s", "--yes", **SECRET)
    assert ran.code == 5, ran.err + ran.out
    assert kibana.request("GET", f"{LISTS}/_find").json["total"] == 0
    assert kibana.request("GET", "/api/lists?id=ips.txt").status == 404
    assert live(kibana) == []


def test_an_undo_leaves_a_list_that_somebody_put_an_item_into(project: ProjectFolder, kibana: Sandbox) -> None:
    """A list of a failed apply stays where an analyst uses it already, and a person is told (exit 6)."""
    kibana.fault(f"delay:method=POST,path={RULES},seconds=2,times=1")
    kibana.fault(f"refuse:method=POST,path={RULES},skip=1,status=400,message=no")
    write_second_rule(project)
    process = project.start("apply", "-e", "s", "--yes", **SECRET)
    until(lambda: len(list_ids(kibana)) == 1 and len(items(kibana)) == 2, "the items are there")
    own = {"item_id": "mine", "list_id": "travel", "name": "Mine", "description": "d", "type": "simple"}
    assert kibana.request("POST", ITEMS, {**own, "entries": entry("ana")}, user="soc-day").status == 200
    _, err = process.communicate(timeout=60)
    assert process.returncode == 6, err
    assert "somebody added 1 items to it: kept" in err
    assert set(items(kibana)) == {"mine"}


def test_a_killed_apply_is_undone_or_finished(project: ProjectFolder, kibana: Sandbox) -> None:
    """kill -9 between items and rules: the journal leads recover to all-old, and to all-new with --resume."""
    for mode in ((), ("--resume",)):
        kibana.fault(f"delay:method=POST,path={RULES},seconds=3,times=1")
        process = project.start("apply", "-e", "s", "--yes", **SECRET)
        until(lambda: len(list_ids(kibana)) == 1 and len(items(kibana)) == 2, "the items are there")
        process.kill()
        process.communicate(timeout=30)
        ran = project.run("recover", "-e", "s", *mode, **SECRET, DEPLOYER_HORIZON="4")
        assert ran.code == 0, ran.err
        assert list_ids(kibana) == (["travel"] if mode else [])
        assert len(live(kibana)) == (1 if mode else 0)
    assert set(items(kibana)) == {"sg", "my"}
    (rule,) = live(kibana)
    assert rule["exceptions_list"][0]["id"] == kibana.request("GET", f"{LISTS}?list_id=travel").json["id"]
    assert not planned(project)["has_changes"]


def test_removed_items_go_last_and_only_untouched_ones(project: ProjectFolder, kibana: Sandbox) -> None:
    """An untouched item that git no longer has is deleted after the rules; an edited one stays and is named."""
    write_items(project, sg="kim", my="lee", old="a", edited="b")
    applied(project)
    edit(kibana, "edited", entries=entry("analyst"))
    write_items(project, sg="kim", my="lee")
    write_rule(project, query="event.action : 2")
    plan = planned(project)
    assert [(one["action"], one["name"]) for one in plan["dependencies"]] == [("delete", "old")]
    assert [(edit["field"], edit["kind"]) for edit in plan["notes"]["edits"]] == [("entries", "left")]
    applied(project)
    assert set(items(kibana)) == {"sg", "my", "edited"}
    writes = [(one["method"], one["path"]) for one in kibana.writes() if "_bulk_action" not in one["path"]]
    assert writes[-1] == ("DELETE", ITEMS)


def test_a_delete_that_fails_is_due_at_the_next_apply(project: ProjectFolder, kibana: Sandbox) -> None:
    """A late delete never fails an apply, and is not forgotten."""
    applied(project)
    write_items(project, sg="kim")
    kibana.fault(f"refuse:method=DELETE,path={ITEMS},status=400,message=no")
    applied(project)
    assert set(items(kibana)) == {"sg", "my"}
    kibana.admin("DELETE", "faults")
    assert [(one["action"], one["name"]) for one in planned(project)["dependencies"]] == [("delete", "my")]
    applied(project)
    assert set(items(kibana)) == {"sg"}


def test_fifty_thousand_values_of_which_three_changed_are_few_writes(project: ProjectFolder, kibana: Sandbox) -> None:
    """A value list of 50,000 lines with 3 changed costs at most 5 writes, and an analyst's value stays."""
    lines = [f"host-{number}" for number in range(50_000)]
    project.write("value_lists/hosts.txt", "\n".join(lines) + "\n")
    applied(project)
    added = {"list_id": "hosts.txt", "value": "theirs"}
    assert kibana.request("POST", VALUES, added, user="soc-day").status == 200
    project.write("value_lists/hosts.txt", "\n".join([*lines[3:], "new-1", "new-2", "new-3"]) + "\n")
    before = len(kibana.writes())
    applied(project)
    assert len(kibana.writes()) - before <= 5
    found = set(values(kibana, "hosts.txt"))
    assert found == {*lines[3:], "new-1", "new-2", "new-3", "theirs"}
    assert not planned(project)["has_changes"]


def test_an_agnostic_list_is_written_once_for_all_spaces(tmp_path: Path, kibana: Sandbox) -> None:
    """Two spaces of one Kibana share an agnostic list: the first target writes it, the second finds it as wanted."""
    kibana.request("POST", "/api/spaces/space", {"id": "blue", "name": "Blue"})
    project = against(tmp_path / "spaces", kibana.url, more='spaces = ["default", "blue"]')
    link = LINK.replace("single", "agnostic")
    write_rule(project, more=link)
    write_items(project, sg="kim")
    path = project.root / "exceptions" / "travel.toml"
    for version in ("kim", "kim2", "kim3"):
        text = (HEAD + 'namespace = "agnostic"\n') + ITEM.format("sg", version)
        path.write_text(text, "utf-8")
        before = len([one for one in kibana.writes() if "exception_lists" in one["path"]])
        applied(project)
        wrote = [one for one in kibana.writes() if "exception_lists" in one["path"]][before:]
        assert len(wrote) == (2 if version == "kim" else 1)
        assert items(kibana, namespace="agnostic")["sg"]["entries"] == entry(version)
    ran = project.run("plan", "-e", "s", "--detailed-exitcode", **SECRET)
    assert ran.code == 0, ran.out
    store = open_store("file:.deployer", root=project.root, environ={}, project="tests", writing=False)
    lock, _ = Ledger(store, shared_target(Target("s", "default", "s", kibana.url)), "tests").lock()
    assert (lock.state, lock.token) == ("free", 6)  # taken by each of the two targets, three times


def test_what_expires_is_told_in_the_plan(project: ProjectFolder) -> None:
    """An item that has expired is a warning with its line."""
    text = (project.root / "exceptions" / "travel.toml").read_text("utf-8")
    project.write("exceptions/travel.toml", text + "expires = 2020-01-31\n")
    ran = project.run("plan", "-e", "s", **SECRET)
    assert "exceptions/travel.toml:14:1" in ran.out
    assert "expired on 2020-01-31" in " ".join(ran.out.split())


def write_second_rule(project: ProjectFolder) -> None:
    """Write one more rule without a list."""
    project.rule(2)


def list_ids(kibana: Sandbox) -> list[str]:
    """Return the names of the lists of the space."""
    return [one["list_id"] for one in kibana.request("GET", f"{LISTS}/_find").json["data"]]


def values(kibana: Sandbox, list_id: str) -> list[str]:
    """Return the values of a list, one per item: a value that is there twice is there twice."""
    answer = kibana.request("POST", f"{VALUES}/_export?list_id={list_id}")
    assert answer.status == 200, answer.body
    return sorted(answer.body.decode().split())


def test_exceptions_of_git_count_against_the_limit_for_weakening(project: ProjectFolder) -> None:
    """With `weaken = 0` an added item needs --allow; the plan says so, and nothing is written without it."""
    applied(project)
    environment = (project.root / "environments" / "s.toml").read_text("utf-8")
    project.write("environments/s.toml", environment + "\n[limits]\nweaken = 0\n")
    write_items(project, sg="kim", my="lee", more="any")
    refused = project.run("apply", "-e", "s", "--yes", **SECRET)
    assert refused.code == 4
    assert "--allow weaken=1" in refused.err
    applied(project, "--allow", "weaken=1")


def test_an_item_that_both_sides_changed_needs_a_decision(project: ProjectFolder, kibana: Sandbox) -> None:
    """A conflict of an item refuses the apply; `--take git` and `--take live` decide."""
    applied(project)
    edit(kibana, "sg", entries=entry("analyst"))
    write_items(project, sg="kim2", my="lee")
    refused = project.run("apply", "-e", "s", "--yes", **SECRET)
    assert refused.code == 4
    assert "git and Kibana both changed entries" in refused.err
    applied(project, "--take", "live", "--only", f"id:{RULE_ID}")
    assert items(kibana)["sg"]["entries"] == entry("analyst")
    applied(project, "--take", "git", "--only", f"id:{RULE_ID}")
    assert items(kibana)["sg"]["entries"] == entry("kim2")


def test_metadata_rule_ids_alone_are_a_link(project: ProjectFolder, kibana: Sandbox) -> None:
    """A list that names a rule in its metadata is linked to the rule, as detection-rules' CLI does it."""
    write_rule(project, more="")
    text = (project.root / "exceptions" / "travel.toml").read_text("utf-8")
    project.write("exceptions/travel.toml", f'[metadata]\nrule_ids = ["{RULE_ID}"]\n\n{text}')
    applied(project)
    (rule,) = live(kibana)
    assert [one["list_id"] for one in rule["exceptions_list"]] == ["travel"]
    assert not planned(project)["has_changes"]


def test_a_list_that_leaves_git_stays_in_kibana(project: ProjectFolder, kibana: Sandbox) -> None:
    """A list is never deleted: the rule lets go of it, and the plan says that it stays behind."""
    applied(project)
    (project.root / "exceptions" / "travel.toml").unlink()
    write_rule(project, more="")
    text = project.run("plan", "-e", "s", **SECRET).out
    assert 'exception list "travel" is no longer in git here' in text
    applied(project)
    assert live(kibana)[0]["exceptions_list"] == []
    assert set(items(kibana)) == {"sg", "my"}
    assert "left behind" not in project.run("plan", "-e", "s", **SECRET).out


def test_a_conflict_that_is_skipped_leaves_the_item_out(project: ProjectFolder, kibana: Sandbox) -> None:
    """With conflict = "skip" the rest is applied, exit 7 names the item, and the next plan finds it again."""
    applied(project)
    environment = (project.root / "environments" / "s.toml").read_text("utf-8")
    project.write("environments/s.toml", environment + '\n[ownership]\nconflict = "skip"\n')
    edit(kibana, "sg", entries=entry("analyst"))
    write_items(project, sg="kim2", my="lee2")
    for _ in range(2):
        ran = project.run("apply", "-e", "s", "--yes", **SECRET)
        assert ran.code == 7, ran.err
        assert "travel: sg" in ran.err
    found = items(kibana)
    assert (found["sg"]["entries"], found["my"]["entries"]) == (entry("analyst"), entry("lee2"))


def test_what_exists_already_is_taken_over_where_it_is_equal(project: ProjectFolder, kibana: Sandbox) -> None:
    """A lost record: equal lists are taken over without a write, other content needs --adopt."""
    applied(project)
    shutil.rmtree(project.root / ".deployer")
    before = len(kibana.writes())
    applied(project)
    assert len(kibana.writes()) == before
    shutil.rmtree(project.root / ".deployer")
    write_items(project, sg="kim2", my="lee")
    refused = project.run("apply", "-e", "s", "--yes", **SECRET)
    assert refused.code == 4
    assert "--adopt" in refused.err
    applied(project, "--adopt")
    assert items(kibana)["sg"]["entries"] == entry("kim2")


def test_two_hundred_lists_are_read_in_few_requests(project: ProjectFolder, kibana: Sandbox) -> None:
    """200 lists: a plan makes a dozen requests, an apply writes only what changed."""
    for number in range(200):
        text = HEAD.replace("travel", f"list-{number}") + "".join(ITEM.format(f"{number}-{i}", "x") for i in range(2))
        project.write(f"exceptions/list_{number}.toml", text)
    applied(project)
    plan = planned(project)
    assert not plan["has_changes"]
    assert plan["notes"]["requests"] <= 14
    path = project.root / "exceptions" / "list_7.toml"
    path.write_text(path.read_text("utf-8").replace('"x"', '"y"', 1), "utf-8")
    before = len(kibana.writes())
    applied(project)
    assert len(kibana.writes()) - before == 1
