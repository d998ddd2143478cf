"""Connectors by logical name, and the uuids of actions: several spaces, real HTTP (issue 8, point 4)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.deploying import SECRET, against, wrote
from tests.support.project import ProjectFolder, Ran
from tests.support.sandbox import RULES, Sandbox, query_rule
from tests.support.uploads import form, ndjson

RULE_ID = "00000000-0000-4000-8000-000000000001"
ACTION = '\n[[rule.actions]]\nconnector = "{}"\ngroup = "default"\nparams = {{ message = "{}" }}\n'
_numbers = iter(range(1, 1000))


@pytest.fixture(scope="module")
def kibana(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One Kibana for all tests here."""
    sandbox = Sandbox.start(tmp_path_factory.mktemp("kibana") / "kibana.sqlite3")
    yield sandbox
    assert not sandbox.stop()


def new_space(kibana: Sandbox) -> str:
    """Make a space and return its id."""
    space = f"connectors-{next(_numbers)}"
    assert kibana.request("POST", "/api/spaces/space", {"id": space, "name": space}).status == 200
    return space


@pytest.fixture
def space(kibana: Sandbox) -> str:
    """A space of this test."""
    return new_space(kibana)


@pytest.fixture
def project(kibana: Sandbox, space: str, tmp_path: Path) -> ProjectFolder:
    """A project against that space."""
    return against(tmp_path / "project", kibana.url, space=space)


def connector(kibana: Sandbox, space: str, name: str, kind: str = ".slack", **config: Any) -> str:
    """Make a connector and return its id."""
    body = {"name": name, "connector_type_id": kind, "config": config, "secrets": {"key": "s"}}
    answer = kibana.request("POST", f"/s/{space}/api/actions/connector", body)
    assert answer.status == 200, answer.body
    return str(answer.json["id"])


def without_secrets(kibana: Sandbox, space: str, name: str) -> None:
    """Bring a connector into a space as an import does: its secrets stay behind."""
    attributes = {"actionTypeId": ".slack", "name": name, "isMissingSecrets": True, "config": {}, "secrets": {}}
    line = {"id": "imported", "type": "action", "attributes": attributes, "references": []}
    body, headers = form(ndjson([query_rule("with-it"), line]))
    assert kibana.request("POST", f"/s/{space}{RULES}/_import", body, headers=headers).status == 200


def write(project: ProjectFolder, *actions: tuple[str, str], query: str = "event.action : *") -> str:
    """Write the one rule with actions, connector and message; return its text."""
    path = project.rule(1, query=query)
    text = path.read_text("utf-8") + "".join(ACTION.format(*action) for action in actions)
    path.write_text(text, "utf-8")
    return text


def run(project: ProjectFolder, *words: str) -> Ran:
    """Run the program."""
    return project.run(*words, **SECRET)


def apply(project: ProjectFolder, *words: str) -> None:
    """Apply, which must go well."""
    ran = run(project, "apply", "-e", "*", "--yes", *words)
    assert ran.code == 0, ran.err + ran.out


def actions(kibana: Sandbox, space: str) -> list[dict[str, Any]]:
    """Return the live actions of the rule."""
    found: list[dict[str, Any]] = kibana.rule(RULE_ID, space=space)["actions"]
    return found


def test_one_name_is_another_connector_in_each_space(kibana: Sandbox, tmp_path: Path) -> None:
    """Two spaces, one name, two ids: each rule pages its own; [connectors] maps the name to another, or to an id."""
    spaces = [new_space(kibana) for _ in range(3)]
    own = [connector(kibana, spaces[0], "soc"), connector(kibana, spaces[1], "soc")]
    other = [connector(kibana, spaces[2], "night shift", ".pagerduty"), connector(kibana, spaces[2], "night shift")]
    project = against(tmp_path / "project", kibana.url, space=spaces[0])
    environment = (project.root / "environments/s.toml").read_text("utf-8")
    project.write("environments/t.toml", environment.replace(spaces[0], spaces[1]))
    by_id = f'\n[connectors]\nsoc = {{ id = "{other[0]}" }}\n'
    project.write("environments/u.toml", environment.replace(spaces[0], spaces[2]) + by_id)
    write(project, ("soc", "m"))

    apply(project)

    found = [actions(kibana, space)[0] for space in spaces]
    assert [(action["id"], action["action_type_id"]) for action in found] == [
        (own[0], ".slack"), (own[1], ".slack"), (other[0], ".pagerduty")
    ]  # fmt: skip
    assert len({own[0], own[1]}) == 2
    project.write("environments/t.toml", environment.replace(spaces[0], spaces[1]) + '\n[connectors]\nsoc = "later"\n')
    later = connector(kibana, spaces[1], "later")
    apply(project)
    assert [actions(kibana, space)[0]["id"] for space in spaces] == [own[0], later, other[0]]
    assert "no changes" in run(project, "plan", "-e", "s", "-e", "t", "-e", "u").out


@pytest.mark.parametrize(
    ("case", "code", "words"),
    [
        ("missing", "connector-missing", 'no connector "soc" in this space'),
        ("ambiguous", "connector-ambiguous", '2 connectors are called "soc"'),
        ("deprecated", "connector-deprecated", 'connector "soc" is deprecated'),
        ("secret-less", "connector-no-secrets", 'connector "soc" lacks its secrets'),
    ],
)
def test_a_connector_that_cannot_be_used_ends_in_an_error_with_its_line(
    kibana: Sandbox, space: str, project: ProjectFolder, case: str, code: str, words: str
) -> None:
    """The plan says file, line, column and key of the name, and what to do; neither plan nor apply sends a write."""
    if case == "ambiguous":
        ids = sorted([connector(kibana, space, "soc"), connector(kibana, space, "soc", ".email")])
        words += f": {', '.join(ids)}"
    elif case == "deprecated":
        connector(kibana, space, "soc", ".servicenow", usesTableApi=True)
    elif case == "secret-less":
        without_secrets(kibana, space, "soc")
    text = write(project, ("SOC Slack", "m"), ("soc", "m"))
    number = text.split("\n").index('connector = "soc"') + 1
    before = wrote(kibana)

    for command in (("plan", "-e", "s"), ("apply", "-e", "s", "--yes")):
        ran = run(project, *command)
        assert ran.code == 1
        assert f"rules/rule_1.toml:{number}:1:" in ran.err
        assert "rule.actions[1].connector" in ran.err
        assert words in ran.err
    ran = run(project, "plan", "-e", "s", "--json")
    (problem,) = ran.document["problems"]
    assert (problem["path"], problem["line"], problem["code"]) == ("rules/rule_1.toml", number, code)
    assert problem["remedy"]
    assert wrote(kibana) == before


def test_a_literal_id_passes_as_it_is(kibana: Sandbox, space: str, project: ProjectFolder) -> None:
    """Nobody looks an id up; the deprecated may still be named so."""
    made = connector(kibana, space, "old", ".servicenow")
    text = write(project, ("SOC Slack", "m"))
    literal = text.replace('connector = "SOC Slack"', f'id = "{made}"\naction_type_id = ".servicenow"')
    project.write("rules/rule_1.toml", literal)
    apply(project)
    assert [action["id"] for action in actions(kibana, space)] == [made]


def test_uuids_survive_every_kind_of_change(kibana: Sandbox, space: str, project: ProjectFolder) -> None:
    """
    A query changes, messages change, actions are reordered, added and removed: who says the same keeps its uuid, then
    whoever has the same connector and group, in order; so throttling goes on where it stood.
    """
    connector(kibana, space, "soc")
    connector(kibana, space, "mail", ".email")
    one, two, three, mail = ("soc", "one"), ("soc", "two"), ("soc", "three"), ("mail", "m")
    write(project, one, two, three, mail)
    apply(project)
    uuids = {action["params"]["message"]: action["uuid"] for action in actions(kibana, space)}
    assert len(set(uuids.values())) == 4

    def now() -> dict[str, str]:
        return {action["params"]["message"]: action["uuid"] for action in actions(kibana, space)}

    write(project, one, two, three, mail, query="event.action : changed")
    apply(project)
    assert now() == uuids
    write(project, mail, three, two, one, query="event.action : changed")
    apply(project)
    assert now() == uuids
    assert [action["params"]["message"] for action in actions(kibana, space)] == ["m", "three", "two", "one"]

    # `two` says the same; `new` and `uno` take the two that are left of their connector, in the order of the rule
    write(project, ("soc", "new"), two, ("soc", "uno"), mail, query="event.action : again")
    apply(project)
    assert now() == {"two": uuids["two"], "m": uuids["m"], "new": uuids["three"], "uno": uuids["one"]}

    write(project, two, mail, ("mail", "second"), query="event.action : more")
    apply(project)
    found = now()
    assert (found["two"], found["m"]) == (uuids["two"], uuids["m"])
    assert found["second"] not in uuids.values()


def test_uuids_of_an_analysts_action_survive_a_query_change(
    kibana: Sandbox, space: str, project: ProjectFolder
) -> None:
    """An action that somebody added in Kibana is left alone: with its uuid, and so are ours beside it."""
    connector(kibana, space, "soc")
    write(project, ("soc", "one"))
    apply(project)
    mine = {"id": "soc-pagerduty", "action_type_id": ".pagerduty", "group": "default", "params": {"message": "mine"}}
    body = {"rule_id": RULE_ID, "type": "query", "actions": [*actions(kibana, space), mine]}
    assert kibana.request("PATCH", f"/s/{space}{RULES}", body, user="soc-day").status == 200
    before = actions(kibana, space)
    for query in ("event.action : second", "event.action : third"):
        write(project, ("soc", "one"), query=query)
        apply(project)
        assert actions(kibana, space) == before
        assert query in kibana.rule(RULE_ID, space=space)["query"]
