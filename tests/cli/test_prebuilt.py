"""Elastic's own rules through plan, apply, undo, rollback, hold, drift and status: real HTTP against the sandbox."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.deploying import SECRET, against, live, until, wrote
from tests.support.project import ProjectFolder, Ran
from tests.support.sandbox import RULES, Sandbox, running

BULK = f"{RULES}/_bulk_action"
ITEM = '[[list]]\nlist_id = "servers"\ndescription = "Build servers."\n\n[[list.items]]\nitem_id = "b1"\n'
LIST = ITEM + 'when = { "host.name" = "b1" }\n'
SLACK = '{ connector = "SOC Slack", params = { message = "m" } }'
PAGER = '{ connector = "SOC PagerDuty", params = { message = "p" } }'


@pytest.fixture(scope="module")
def kibana(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One Kibana for all tests here; each has a space of its own."""
    sandbox = Sandbox.start(tmp_path_factory.mktemp("kibana") / "kibana.sqlite3")
    yield sandbox
    assert not sandbox.stop()


class World:
    """A space with prebuilt rules, and a project that names some of them."""

    numbers = iter(range(1, 1000))

    def __init__(self, kibana: Sandbox, root: Path, count: int) -> None:
        self.kibana = kibana
        self.space = f"prebuilt-{next(self.numbers)}"
        assert kibana.request("POST", "/api/spaces/space", {"id": self.space, "name": self.space}).status == 200
        added = kibana.admin("POST", "prebuilt", {"count": count, "space": self.space})
        self.ids: list[str] = added["rule_ids"]
        self.project: ProjectFolder = against(root, kibana.url, space=self.space)
        self.project.rule(1)

    def entries(self, *entries: tuple[str, str], name: str = "elastic") -> None:
        """Write the one file of entries: a rule_id and what stands under it."""
        blocks = [f'[[prebuilt]]\nrule_id = "{rule_id}"\n{text}\n' for rule_id, text in entries]
        self.project.write(f"prebuilt/{name}.toml", "\n".join(blocks))

    def run(self, *words: str) -> Ran:
        """Run the program."""
        return self.project.run(*words, **SECRET)

    def apply(self, *words: str, code: int = 0) -> Ran:
        """Apply, which must end so."""
        ran = self.run("apply", "-e", "s", "--yes", *words)
        assert ran.code == code, ran.err + ran.out
        return ran

    def plan(self, *words: str) -> dict[str, Any]:
        """Return the plan of the one target."""
        file = self.project.root / "plan.json"
        ran = self.run("plan", "-e", "s", "-o", str(file), *words)
        assert ran.code == 0, ran.err
        return dict(json.loads(file.read_text("utf-8"))["plan"])

    def rule(self, rule_id: str) -> dict[str, Any]:
        """Return a live rule."""
        return self.kibana.rule(rule_id, space=self.space)

    def edit(self, rule_id: str, user: str = "soc-day", **fields: Any) -> dict[str, Any]:
        """Edit a rule as an analyst does."""
        body = {"rule_id": rule_id, "type": "query", **fields}
        answer = self.kibana.request("PATCH", f"/s/{self.space}{RULES}", body, user=user)
        assert answer.status == 200, answer.body
        return dict(answer.json)

    def elastic_updates(self) -> None:
        """Let Elastic publish a next version of all rules, which the space takes."""
        self.kibana.admin("POST", "prebuilt/update", {"rule_ids": self.ids, "space": self.space})


@pytest.fixture
def world(kibana: Sandbox, tmp_path: Path) -> World:
    """Three prebuilt rules in a space of their own."""
    return World(kibana, tmp_path / "project", 3)


def codes(plan: dict[str, Any]) -> list[str]:
    """The codes of a plan's warnings."""
    return [warning["code"] for warning in plan["notes"]["warnings"]]


def empty(plan: dict[str, Any]) -> bool:
    """Say whether a plan writes nothing, to Kibana or to the record."""
    return not (plan["changes"] or plan["entries"] or plan.get("dependencies") or plan["notes"]["blocked"])


def test_elastic_goes_on_owning_what_we_manage(kibana: Sandbox, tmp_path: Path) -> None:
    """120 rules, 30 managed: after two applies none is customised or tagged, and after an update of all, no plan."""
    world = World(kibana, tmp_path / "project", 120)
    world.project.write("exceptions/servers.toml", LIST)
    managed = world.ids[:30]
    before = {rule_id: world.rule(rule_id) for rule_id in world.ids[:40]}
    settings = f'enabled = true\nactions = [{SLACK}]\nexceptions = ["servers"]'
    world.entries(*((rule_id, settings) for rule_id in managed))

    text = world.run("plan", "-e", "s").out
    assert "30 of Elastic's managed, 30 to change" in text, text
    for form in ("markdown", "html"):
        page = html.unescape(world.run("plan", "-e", "s", "--format", form).out)
        assert "30 of Elastic's managed, 30 to change" in page
    assert "90 prebuilt" in text
    assert "… and 29 more exposure updates like this one" in text

    world.apply()
    world.entries(*((rule_id, settings.replace(SLACK, f"{SLACK}, {PAGER}")) for rule_id in managed))
    world.apply()

    rules = {rule["rule_id"]: rule for rule in live(kibana, world.space)}
    for rule_id in world.ids:
        rule = rules[rule_id]
        assert rule["rule_source"]["is_customized"] is False
        assert rule["tags"] == ["Fixture"]
        assert (rule["enabled"], len(rule["actions"]), len(rule["exceptions_list"])) == (
            (True, 2, 1) if rule_id in managed else (False, 0, 0)
        )
    for rule_id, old in before.items():
        kept = old.keys() - {"enabled", "actions", "exceptions_list", "revision", "updated_at", "updated_by"}
        assert {name: rules[rule_id][name] for name in kept} == {name: old[name] for name in kept}
    assert empty(world.plan())

    world.elastic_updates()
    assert {rule["version"] for rule in live(kibana, world.space) if rule["immutable"]} == {2}
    assert empty(world.plan())
    assert world.run("drift", "-e", "s").code == 0
    assert "No drift" in world.run("drift", "-e", "s").out


def test_only_our_fields_are_sent(world: World) -> None:
    """A PATCH with the fields that we set and what guards the others; nothing of Elastic's content travels."""
    world.kibana.admin("DELETE", "requests")
    world.entries((world.ids[0], f"enabled = true\nactions = [{SLACK}]"))
    world.apply()
    sent = [(one["method"], one["path"].rpartition("/")[2]) for one in world.kibana.writes()]
    assert sent == [("POST", "rules"), ("PATCH", "rules"), ("POST", "_bulk_action"), ("POST", "_bulk_action")]
    rule = world.rule(world.ids[0])
    assert (rule["revision"], rule["enabled"], rule["tags"]) == (1, True, ["Fixture"])


def test_an_entry_that_goes_gives_the_rule_back(world: World) -> None:
    """The record forgets it, Kibana sees no write, and what an analyst does then is nobody's business."""
    one, two = world.ids[:2]
    world.entries((one, f"enabled = true\nactions = [{SLACK}]"), (two, "enabled = true"))
    world.apply()
    held = world.rule(one)
    world.entries((two, "enabled = true"))
    plan = world.plan()
    assert plan["changes"] == []
    assert plan["entries"] == {one: None}
    assert any(line.startswith("given back") and f"Fixture {one}" in line for line in plan["notes"]["lines"])
    world.apply()
    assert world.rule(one) == held
    world.edit(one, enabled=False, actions=[])
    assert empty(world.plan())
    assert "No drift" in world.run("drift", "-e", "s").out


def test_a_key_that_goes_gives_the_field_back(world: World) -> None:
    """An entry that stays says less: the field stays as it is live, and is not looked at any more."""
    one = world.ids[0]
    world.entries((one, f"enabled = true\nactions = [{SLACK}]"))
    world.apply()
    world.entries((one, f"actions = [{SLACK}]"))
    plan = world.plan()
    assert plan["changes"] == []
    assert (
        f'given back  enabled of "Fixture {one}": no longer named in prebuilt/, stays as it is'
        in plan["notes"]["lines"]
    )
    world.apply()
    assert world.rule(one)["enabled"] is True
    world.edit(one, enabled=False)
    assert empty(world.plan())


def test_what_is_not_there_is_a_warning(world: World) -> None:
    """Not installed, or a custom rule by that id: a warning with its line, no create, no write."""
    world.kibana.create({"type": "query", "rule_id": "own", "name": "Own", "description": "d", "severity": "low",
                         "risk_score": 1, "query": "a: b"}, space=world.space)  # fmt: skip
    world.apply()
    world.entries(("no-such", "enabled = true"), ("own", "enabled = false"))
    plan = world.plan()
    assert plan["changes"] == []
    assert plan["entries"] == {}
    assert [(one["path"], one["line"], one["key"]) for one in plan["notes"]["warnings"]] == [
        ("prebuilt/elastic.toml", 2, "prebuilt[0].rule_id"),
        ("prebuilt/elastic.toml", 6, "prebuilt[1].rule_id"),
    ]
    assert "not installed" in plan["notes"]["warnings"][0]["message"]
    assert "not one of Elastic's rules" in plan["notes"]["warnings"][1]["message"]
    assert "no-such" not in world.run("status", "-e", "s", "--all").out
    assert world.rule("own")["enabled"] is True


def test_a_rule_that_was_removed_and_installed_again_is_set_again(world: World) -> None:
    """The record forgets a rule that is gone; installed anew it is off, and that is nobody's edit."""
    one = world.ids[0]
    world.entries((one, "enabled = true"))
    world.apply()
    assert world.kibana.request("DELETE", f"/s/{world.space}{RULES}?rule_id={one}").status == 200
    assert "not installed any more" in world.run("drift", "-e", "s").out
    plan = world.plan()
    assert (plan["changes"], plan["entries"], codes(plan)) == ([], {one: None}, ["prebuilt-missing"])
    world.kibana.request("PUT", f"/s/{world.space}{RULES}/prepackaged")
    assert world.rule(one)["enabled"] is False
    world.apply()
    assert world.rule(one)["enabled"] is True
    assert world.rule(one)["rule_source"]["is_customized"] is False


def test_another_name_is_a_warning_and_customised_content_is_reported(world: World) -> None:
    """Neither is fought: content that somebody changed stays, and the plan names the rule."""
    one, two = world.ids[:2]
    world.entries((one, 'name = "Old name"\nenabled = true'), (two, f'name = "Fixture {two}"\nenabled = true'))
    world.edit(two, note="Mine.", tags=["Mine"])
    plan = world.plan()
    assert codes(plan) == ["prebuilt-name"]
    (warning,) = plan["notes"]["warnings"]
    assert (warning["line"], warning["key"]) == (3, "prebuilt[0].name")
    assert f'customised  "Fixture {two}": content differs from Elastic\'s, and is left alone' in plan["notes"]["lines"]
    assert {tuple(change["after"]) for change in plan["changes"] if change.get("prebuilt")} == {("enabled",)}
    world.apply()
    assert (world.rule(two)["note"], world.rule(two)["tags"], world.rule(two)["enabled"]) == ("Mine.", ["Mine"], True)
    assert any(line.startswith("customised") for line in world.plan()["notes"]["lines"])


def test_what_analysts_added_is_united_and_kept(world: World) -> None:
    """Actions and exceptions from before we came stay; so do those of later; a switch is left alone and named."""
    one = world.ids[0]
    content = {"list_id": "own", "name": "Own", "description": "d", "type": "detection", "namespace_type": "single"}
    own = world.kibana.request("POST", f"/s/{world.space}/api/exception_lists", content).json
    named = {key: own[key] for key in ("id", "list_id", "type", "namespace_type")}
    pager = {"id": "soc-pagerduty", "action_type_id": ".pagerduty", "group": "default", "params": {"message": "mine"}}
    world.edit(one, actions=[pager], exceptions_list=[named])
    kept = world.rule(one)["actions"][0]["uuid"]
    world.project.write("exceptions/servers.toml", LIST)
    world.entries((one, f'enabled = true\nactions = [{SLACK}]\nexceptions = ["servers"]'))
    plan = world.plan()
    assert {(edit["field"], edit["kind"]) for edit in plan["notes"]["edits"]} == {
        ("actions", "kept"), ("exceptions_list", "kept")}  # fmt: skip
    world.apply()
    rule = world.rule(one)
    assert [(action["id"], action["params"]["message"]) for action in rule["actions"]] == [
        ("soc-pagerduty", "mine"), ("soc-slack", "m")]  # fmt: skip
    assert rule["actions"][0]["uuid"] == kept
    assert {entry["list_id"] for entry in rule["exceptions_list"]} == {"own", "servers"}
    uuids = [action["uuid"] for action in rule["actions"]]

    world.edit(one, user="soc-night", enabled=False)
    plan = world.plan()
    assert plan["changes"] == []
    assert ("enabled", "left", "soc-night") in {(e["field"], e["kind"], e["by"]) for e in plan["notes"]["edits"]}
    world.entries((one, f"enabled = true\nactions = [{SLACK}]\nexceptions = []"))
    world.apply()
    rule = world.rule(one)
    assert [action["uuid"] for action in rule["actions"]] == uuids
    assert [entry["list_id"] for entry in rule["exceptions_list"]] == ["own"]
    assert rule["enabled"] is False
    assert "switched off" in world.run("drift", "-e", "s").out

    world.entries((one, f"enabled = true\nactions = [{SLACK}, {PAGER}]\nexceptions = []"))
    plan = world.plan()
    assert [(one["kind"], "actions" in one["reason"]) for one in plan["notes"]["blocked"]] == [("conflict", True)]
    world.apply(code=4)
    world.apply("--take", "git", "--only", f"id:{one}")
    rule = world.rule(one)
    assert [action["params"]["message"] for action in rule["actions"]] == ["m", "p"]
    assert rule["actions"][0]["uuid"] == uuids[1]
    assert rule["enabled"] is True


def test_without_a_record_nothing_is_switched_off(world: World) -> None:
    """A first run leaves a rule on that the entry wants off, and names it; a person decides."""
    one = world.ids[0]
    world.edit(one, enabled=True)
    world.entries((one, "enabled = false"))
    plan = world.plan()
    assert [change["rule_id"] for change in plan["changes"] if change["rule_id"] == one] == []
    assert [(e["field"], e["kind"], e["live"]) for e in plan["notes"]["edits"]] == [("enabled", "left", True)]
    world.apply()
    assert world.rule(one)["enabled"] is True
    world.apply("--take", "git", "--only", f"id:{one}")
    assert world.rule(one)["enabled"] is False


def test_references_that_cannot_be_resolved_are_errors_with_their_line(world: World) -> None:
    """As for rules of ours: file, line, key."""
    world.entries((world.ids[0], 'actions = [\n  { connector = "nobody", params = {} },\n]\nexceptions = ["none"]'))
    ran = world.run("plan", "-e", "s")
    assert ran.code == 1
    assert "prebuilt/elastic.toml:4:" in ran.err
    assert "prebuilt[0].actions[0].connector" in ran.err
    assert "prebuilt/elastic.toml:6:" in ran.err
    assert "prebuilt[0].exceptions[0]" in ran.err


def test_an_entry_for_a_rule_of_ours_is_an_error(world: World) -> None:
    """A rule is either ours or Elastic's; two files may not name one rule either."""
    world.entries(("00000000-0000-4000-8000-000000000001", "enabled = true"), (world.ids[0], "enabled = true"))
    world.entries((world.ids[0], "enabled = true"), name="more")
    for command in (("validate",), ("plan", "-e", "s")):
        ran = world.run(*command)
        assert ran.code == 1
        assert "is also in rules/rule_1.toml" in ran.out + ran.err
        assert "is there twice, first in prebuilt/elastic.toml" in ran.out + ran.err


def test_an_environment_excludes_entries(world: World) -> None:
    """`exclude` leaves entries out, `include` does not: an entry is an inclusion by itself."""
    world.entries((world.ids[0], "enabled = true"))
    path = world.project.root / "environments/s.toml"
    text = path.read_text("utf-8")
    path.write_text(text + '\n[rules]\ninclude = ["severity:low"]\n', "utf-8")
    assert [change["rule_id"] for change in world.plan()["changes"]].count(world.ids[0]) == 1
    path.write_text(text + '\n[rules]\nexclude = ["path:prebuilt/**"]\n', "utf-8")
    assert [change["rule_id"] for change in world.plan()["changes"]].count(world.ids[0]) == 0


def test_a_failed_apply_takes_back_only_what_it_set(world: World) -> None:
    """Kibana refuses the second rule: the first is as before, and nothing of Elastic's was written."""
    one, two = world.ids[:2]
    before = world.rule(one)
    world.apply()
    world.entries((one, f"enabled = true\nactions = [{SLACK}]"), (two, f"enabled = true\nactions = [{SLACK}]"))
    number = world.kibana.fault(f"rule-fails:rule_id={two},space={world.space}")
    world.apply(code=5)
    world.kibana.admin("DELETE", f"faults?number={number}")
    for rule_id in (one, two):
        rule = world.rule(rule_id)
        assert (rule["enabled"], rule["actions"], rule["rule_source"]["is_customized"]) == (False, [], False)
    unchanged = before.keys() - {"revision", "updated_at", "updated_by"}
    assert {name: world.rule(one)[name] for name in unchanged} == {name: before[name] for name in unchanged}
    world.apply()
    assert world.rule(two)["enabled"] is True


def test_rollback_hold_and_status(world: World) -> None:
    """One rule goes back to what we set before, is held there, switched off by a hold, and shown."""
    one = world.ids[0]
    world.entries((one, f"enabled = true\nactions = [{SLACK}]"))
    world.apply()
    world.entries((one, f"enabled = true\nactions = [{SLACK}, {PAGER}]"))
    world.apply()
    ran = world.run("rollback", "-e", "s", "--rule", one, "--yes", "--reason", "noise")
    assert ran.code == 0, ran.err
    assert [action["id"] for action in world.rule(one)["actions"]] == ["soc-slack"]
    assert world.rule(one)["rule_source"]["is_customized"] is False
    assert world.plan()["changes"] == []
    assert "1 held" in world.run("plan", "-e", "s").out
    assert world.run("release", "-e", "s", "--rule", one, "--yes").code == 0
    world.apply()
    assert len(world.rule(one)["actions"]) == 2

    assert world.run("hold", "-e", "s", "--rule", one, "--disable", "--yes").code == 0
    assert world.rule(one)["enabled"] is False
    world.apply()
    assert world.rule(one)["enabled"] is False
    assert f"Fixture {one}" in world.run("status", "-e", "s", "--all").out
    assert world.run("release", "-e", "s", "--rule", one, "--yes").code == 0
    assert world.rule(one)["enabled"] is True
    assert empty(world.plan())
    assert world.run("history", "--verify", "-e", "s").code == 0


def test_a_hold_that_ends_switches_a_rule_on_again_of_which_git_says_nothing(world: World) -> None:
    """The entry names actions alone: released, or past its day, the rule is on again, and nobody's business."""
    one, two = world.ids[:2]
    world.entries((one, f"actions = [{SLACK}]"), (two, f"actions = [{SLACK}]"))
    world.edit(one, enabled=True)
    world.apply()
    for rule_id, enabled in ((one, True), (two, False)):
        assert world.run("hold", "-e", "s", "--rule", rule_id, "--disable", "--yes").code == 0
        assert world.rule(rule_id)["enabled"] is False
        world.apply()
        ran = world.run("release", "-e", "s", "--rule", rule_id, "--yes")
        assert ran.code == 0, ran.err
        assert world.rule(rule_id)["enabled"] is enabled
        assert empty(world.plan())
    world.edit(one, enabled=False)
    assert empty(world.plan())


def test_a_rollback_sets_again_what_was_given_back(world: World) -> None:
    """The whole target goes back to the deployment that still had the entry, and stays there until git moves on."""
    one = world.ids[0]
    world.entries((one, f"actions = [{SLACK}]"))
    world.apply()
    world.entries((world.ids[1], "enabled = true"))
    world.apply()
    world.edit(one, actions=[])
    ran = world.run("rollback", "-e", "s", "--to", "1", "--yes")
    assert ran.code == 0, ran.err
    assert [action["id"] for action in world.rule(one)["actions"]] == ["soc-slack"]
    assert world.rule(world.ids[1])["enabled"] is True  # what was there before is not recorded
    assert world.plan()["changes"] == []


def test_what_was_there_before_us_is_not_recorded(world: World) -> None:
    """A rollback of the deployment that first set something says so, and changes nothing."""
    one = world.ids[0]
    world.apply()
    world.entries((one, "enabled = true"))
    world.apply()
    ran = world.run("rollback", "-e", "s", "--rule", one, "--yes")
    assert ran.code == 1
    assert "what was there before is not recorded" in ran.err
    assert world.run("rollback", "-e", "s", "--yes").code == 0
    assert world.rule(one)["enabled"] is True


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("elastic", [False, True])
def test_a_killed_apply_is_recovered(world: World, *, resume: bool, elastic: bool) -> None:
    """All as before, or all as planned; where Elastic updated the rules meanwhile, with its new content."""
    world.apply()
    world.entries(*((rule_id, f"enabled = true\nactions = [{SLACK}]") for rule_id in world.ids))
    number = world.kibana.fault(f"delay:path=*_bulk_action,space={world.space},seconds=0.7")
    before = wrote(world.kibana)
    process = world.project.start("apply", "-e", "s", "--yes", **SECRET)
    until(lambda: wrote(world.kibana) - before >= len(world.ids), "the PATCHes")
    process.kill()
    process.communicate()
    world.kibana.admin("DELETE", f"faults?number={number}")
    if elastic:
        world.elastic_updates()

    words = ["recover", "-e", "s", *(["--resume"] if resume else [])]
    ran = world.project.run(*words, **SECRET, DEPLOYER_HORIZON="1")
    assert ran.code == 0, ran.err
    rules = {rule["rule_id"]: rule for rule in live(world.kibana, world.space) if rule["immutable"]}
    assert {rule["enabled"] for rule in rules.values()} == {resume}
    assert {len(rule["actions"]) for rule in rules.values()} == {int(resume)}
    assert {rule["version"] for rule in rules.values()} == {2 if elastic else 1}
    assert {rule["rule_source"]["is_customized"] for rule in rules.values()} == {False}
    plan = world.plan()
    assert len(plan["changes"]) == (0 if resume else len(world.ids))


def test_an_answer_that_does_not_come_is_looked_for(world: World) -> None:
    """The PATCH happened, its answer was cut: the rule is read, and the apply goes on."""
    world.apply()
    world.entries((world.ids[0], f"enabled = true\nactions = [{SLACK}]"))
    world.kibana.fault(f"drop-after:method=PATCH,space={world.space},times=1")
    world.apply()
    assert len(world.rule(world.ids[0])["actions"]) == 1
    assert empty(world.plan())


def test_elastics_update_between_read_and_write_stays(world: World) -> None:
    """A saved plan is carried out on a rule that Elastic has updated since: our fields go on top of its new content."""
    one = world.ids[0]
    world.entries((one, f"enabled = true\nactions = [{SLACK}]"))
    world.plan()
    world.elastic_updates()
    ran = world.run("apply", str(world.project.root / "plan.json"), "--yes")
    assert ran.code == 0, ran.err
    rule = world.rule(one)
    assert (rule["version"], rule["enabled"], len(rule["actions"])) == (2, True, 1)
    assert "(version 2)" in rule["description"]
    assert rule["rule_source"]["is_customized"] is False


def test_what_is_set_on_elastics_rules_is_pulled_and_nothing_else(kibana: Sandbox, tmp_path: Path) -> None:
    """`pull --prebuilt`: entries keep their comments and what they leave open; the plan after it is empty."""
    world = World(kibana, tmp_path, 5)
    one, two, three, four, _ = world.ids
    soc = {"name": "SOC", "connector_type_id": ".slack", "config": {}, "secrets": {"webhookUrl": "https://x.example"}}
    id_ = kibana.request("POST", f"/s/{world.space}/api/actions/connector", soc).json["id"]
    made = {"list_id": "build", "name": "Build", "description": "d", "type": "detection", "namespace_type": "single"}
    build = kibana.request("POST", f"/s/{world.space}/api/exception_lists", made).json
    link = {key: build[key] for key in ("id", "list_id", "type", "namespace_type")}
    frequency = {"summary": True, "notifyWhen": "onActiveAlert", "throttle": None}
    action = {"id": id_, "action_type_id": ".slack", "group": "default", "params": {"message": "m"}}
    world.edit(one, actions=[{**action, "frequency": frequency}], exceptions_list=[link])
    world.edit(two, enabled=True)
    world.edit(three, enabled=True)
    world.edit(four, exceptions_list=[link])
    world.entries((two, 'name = "Two"  # ours\nenabled = false  # too loud\n'), (four, "enabled = false\n"))
    writes = len(kibana.writes())

    found = world.run("pull", "-e", "s", "--prebuilt", "--json")

    assert found.code == 0, found.err
    assert len(kibana.writes()) == writes
    assert found.document["left"] == {"prebuilt": 1}
    assert [entry["path"] for entry in found.document["prebuilt"]] == ["prebuilt/elastic.toml", "prebuilt/pulled.toml"]
    own = (world.project.root / "prebuilt/elastic.toml").read_text("utf-8")
    assert 'name = "Two"  # ours\nenabled = true  # too loud\n' in own
    assert "exceptions" not in own
    new = (world.project.root / "prebuilt/pulled.toml").read_text("utf-8")
    assert 'connector = "SOC"' in new
    assert 'exceptions = ["build"]' in new
    assert (world.project.root / "exceptions/build.toml").is_file()
    plan = world.plan("--adopt")
    assert [change for change in plan["changes"] if change.get("prebuilt")] == []
    world.apply("--adopt")
    texts = {path: path.read_bytes() for path in world.project.root.rglob("*.toml")}
    assert world.run("pull", "-e", "s", "--prebuilt").code == 0
    assert {path: path.read_bytes() for path in world.project.root.rglob("*.toml")} == texts


def test_actions_are_checked_as_those_of_rules(world: World) -> None:
    """What Kibana would refuse is found offline, at its line: by validate, and by a plan that would write it."""
    action = '  { connector = "SOC Slack", params = { message = "m" }, frequency = { throttle = "1x" } },'
    kql = 'alerts_filter = { query = { kql = "a: (", filters = [] } }'
    query = f"  {SLACK[:-2]}, {kql} }},"
    world.entries((world.ids[0], f"actions = [\n{action}\n{query}\n]"))
    for command in (("validate",), ("plan", "-e", "s")):
        ran = world.run(*command)
        assert ran.code == 1, ran.out + ran.err
        said = ran.out + ran.err
        assert "prebuilt/elastic.toml:4:" in said
        assert "prebuilt[0].actions[0].frequency.throttle" in said
        assert "prebuilt/elastic.toml:5:" in said
        assert "prebuilt[0].actions[1].alerts_filter.query.kql" in said


@pytest.mark.parametrize("version", ["8.19", "9.0", "9.2", "9.4", "9.5"])
def test_on_every_stack_the_rule_stays_elastics(version: str, tmp_path: Path) -> None:
    """A PATCH without `type` or `max_signals` goes wrong in some versions; ours name both and move nothing else."""
    with running(tmp_path / "kibana.sqlite3", stack_version=version) as kibana:
        world = World(kibana, tmp_path / "project", 1)
        world.project.write("exceptions/servers.toml", LIST)
        (one,) = world.ids
        before = world.rule(one)
        world.entries((one, f'enabled = true\nactions = [{SLACK}]\nexceptions = ["servers"]'))
        world.apply()
        world.entries((one, "enabled = false\nactions = []\nexceptions = []"))
        world.apply()
        moved = {"revision", "updated_at", "updated_by"}
        after = world.rule(one)
        assert {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)} <= moved
        assert after["rule_source"]["is_customized"] is False
