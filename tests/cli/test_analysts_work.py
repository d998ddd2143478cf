"""What analysts do in Kibana between deployments is there after them, and named (issue 8): real HTTP, real runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.deploying import SECRET, against
from tests.support.project import ProjectFolder
from tests.support.sandbox import RULES, Sandbox

RULE_ID = "00000000-0000-4000-8000-000000000001"
ITEMS = "/api/exception_lists/items"
LIST = (
    '[[list]]\nlist_id = "servers"\ndescription = "Build servers."\n\n'
    '[[list.items]]\nitem_id = "ours"\nwhen = { "host.name" = "b1" }\n'
)
MORE = (
    '\n[[rule.actions]]\nconnector = "SOC Slack"\nparams = { message = "ours" }\n'
    '\n[[rule.exceptions_list]]\nlist_id = "servers"\n'
)
SIMPLE = {"description": "d", "type": "simple", "namespace_type": "single"}


@pytest.fixture
def kibana(tmp_path: Path) -> Iterator[Sandbox]:
    """A Kibana of this test."""
    sandbox = Sandbox.start(tmp_path / "kibana.sqlite3")
    yield sandbox
    assert not sandbox.stop()


@pytest.fixture
def project(kibana: Sandbox, tmp_path: Path) -> ProjectFolder:
    """A project with one rule, its action and its exception list, and a second rule that nobody touches."""
    made = against(tmp_path / "project", kibana.url)
    made.write("exceptions/servers.toml", LIST)
    write(made, "event.action : first")
    return made


def write(project: ProjectFolder, query: str) -> None:
    """Write both rules with this query."""
    path = project.rule(1, query=query)
    text = path.read_text("utf-8").replace("[rule]\n", '[rule]\nenabled = true\ntags = ["git"]\n') + MORE
    path.write_text(text, "utf-8")
    project.rule(2, query=query)


def apply(project: ProjectFolder) -> None:
    """Apply, which must go well."""
    ran = project.run("apply", "-e", "s", "--yes", **SECRET)
    assert ran.code == 0, ran.err + ran.out


def send(kibana: Sandbox, method: str, path: str, body: Any, user: str = "soc-day") -> Any:
    """Send one request as an analyst."""
    answer = kibana.request(method, path, body, user=user)
    assert answer.status == 200, answer.body
    return answer.json


def work(kibana: Sandbox) -> dict[str, Any]:
    """Do everything that analysts do; return the rule as it is then."""
    rule = kibana.rule(RULE_ID)
    entry = {"field": "host.name", "operator": "included", "type": "match", "value": "b2"}
    item = {**SIMPLE, "list_id": "servers", "item_id": "theirs", "name": "Second server", "entries": [entry],
            "comments": [{"comment": "asked by ops"}]}  # fmt: skip
    send(kibana, "POST", ITEMS, item)
    rule_item = {"name": "Only here", "description": "d", "type": "simple", "entries": [{**entry, "value": "b3"}]}
    send(kibana, "POST", f"{RULES}/{rule['id']}/exceptions", {"items": [rule_item]})
    pager = {"id": "soc-pagerduty", "action_type_id": ".pagerduty", "group": "default", "params": {"message": "theirs"}}
    named = {"rule_id": RULE_ID, "type": "query", "max_signals": 100}
    send(kibana, "PATCH", RULES, {**named, "actions": [*rule["actions"], pager]})
    tags = [{"type": "add_tags", "value": ["theirs"]}]
    send(kibana, "POST", f"{RULES}/_bulk_action", {"action": "edit", "ids": [rule["id"]], "edit": tags})
    send(kibana, "PATCH", RULES, {**named, "note": "Call ops first."})
    send(kibana, "POST", f"{RULES}/_bulk_action", {"action": "disable", "ids": [rule["id"]]}, user="soc-night")
    return kibana.rule(RULE_ID)


def items(kibana: Sandbox, list_id: str) -> list[dict[str, Any]]:
    """Return the items of a list as they are."""
    path = f"{ITEMS}/_find?list_id={list_id}&namespace_type=single&sort_field=item_id&sort_order=asc"
    found: list[dict[str, Any]] = kibana.request("GET", path).json["data"]
    return found


def test_everything_is_there_after_the_second_and_the_third_apply(kibana: Sandbox, project: ProjectFolder) -> None:
    """An item, a rule exception, an action, a tag, a note, a switch: kept through changed queries, and named."""
    apply(project)
    before = work(kibana)
    lists = {entry["list_id"]: items(kibana, entry["list_id"]) for entry in before["exceptions_list"]}
    assert (len(lists), sorted(len(found) for found in lists.values())) == (2, [1, 2])
    assert (before["enabled"], before["tags"], len(before["actions"])) == (
        False,
        ["git", "deployer:tests", "theirs"],
        2,
    )
    own = next(name for name in lists if name != "servers")

    for query in ("event.action : second", "event.action : third"):
        write(project, query)
        (plan,) = project.run("plan", "-e", "s", "--json", **SECRET).document["plans"]
        (change, _) = plan["changes"]
        assert (change["rule_id"], list(change["after"])) == (RULE_ID, ["query"])
        found = {(edit["rule_id"], edit["field"], edit["kind"]): edit for edit in plan["notes"]["edits"]}
        left = {(RULE_ID, name, "left") for name in ("note", "enabled", "actions")}
        kept = {(RULE_ID, "tags", "kept"), (RULE_ID, "exceptions_list", "kept")}
        assert set(found) == left | kept | {("exception list:single:servers", "items", "kept")}
        # of a rule Kibana knows only the last editor, and after our write the record still knows
        assert {edit["by"] for key, edit in found.items() if key[0] == RULE_ID} == {"soc-night"}
        item = found["exception list:single:servers", "items", "kept"]
        assert (item["live"], item["by"]) == (["Second server"], "soc-day")
        assert found[RULE_ID, "tags", "kept"]["live"] == ["theirs"]
        assert [entry["list_id"] for entry in found[RULE_ID, "exceptions_list", "kept"]["live"]] == [own]
        assert plan["notes"]["census"]["items_foreign"] == 1
        text = project.run("plan", "-e", "s", **SECRET).out
        for words in ("note", "enabled", "actions", 'keeps "theirs"', f'keeps "{own[:30]}', "Second server"):
            assert words in text, text

        apply(project)

        rule = kibana.rule(RULE_ID)
        assert rule["query"].strip() == query
        ours = {"query", "revision", "updated_at", "updated_by"}
        same = {name: value for name, value in before.items() if name not in ours | {"tags"}}
        assert {name: rule[name] for name in same} == same
        assert sorted(rule["tags"]) == sorted(before["tags"])
        assert {name: items(kibana, name) for name in lists} == lists
        assert kibana.rule("00000000-0000-4000-8000-000000000002")["enabled"] is True
