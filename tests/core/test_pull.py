"""Pulling, case by case: what goes into which file, and what does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from deployer.core.pulling.blocks import selector_of
from deployer.core.pulling.export import completed, read_export
from deployer.core.pulling.places import place, slug, template_flaw
from deployer.core.record import Record, Retired, RuleRecord
from deployer.core.rule_file import read_rule
from deployer.core.selector import parse_selector
from deployer.core.settings import SettingsFile, read_settings
from deployer.core.settings.environment import Given
from deployer.errors import DeployerError
from tests.support.planning import MARKER
from tests.support.pulling import START, Checkout, body_of, differences
from tests.support.shared import needs_shared, rule_pairs, tables

PATH = "rules/deep/Mine.toml"
TEXT = """# written by hand
[metadata]
maturity = "production" # soon
creation_date = "2026/01/01"

[rule]
type = "query"
rule_id = "r-1"
name = 'Rule r-1'          # the name
description = \"\"\"
  A description
  of two lines.
\"\"\"
severity = "low"
risk_score = 21
tags = [
    "b", # first
    "a",
]
interval = "5m"
index = ["winlogbeat-*", "logs-*"]
language = "kuery"
note = \"\"\"Look.

## Setup

Do it.
\"\"\"
query = '''
a : 1
'''

[[rule.actions]]
connector = "soc-slack"
group = "default"
[rule.actions.params]
message = "hello"
"""
LIVE: dict[str, Any] = {
    "description": "A description of two lines.",
    "tags": ["a", "b", MARKER],
    "index": ["logs-*", "winlogbeat-*"],
    "note": "Look.",
    "setup": "Do it.",
    "query": "a : 1\n",
    "actions": [
        {"id": "c-1", "action_type_id": ".slack", "group": "default", "params": {"message": "hello"}, "uuid": "u-1",
         "frequency": {"summary": True, "notifyWhen": "onActiveAlert", "throttle": None}}
    ],
}  # fmt: skip


def checkout(text: str = TEXT, **settings: Any) -> Checkout:
    """A checkout with the file above."""
    return Checkout(texts={PATH: text}, **settings)


def recorded(**fields: Any) -> Record:
    """A record that names the rule."""
    entry = RuleRecord("Rule r-1", PATH, "f", "a", "w", "b", "so-r-1", 0, "t", enabled=True, since=1)
    return Record(
        1, "deploy", "s", "default", "sandbox", "tests", "t", "d", None, rules={"r-1": replace(entry, **fields)}
    )


def test_a_file_that_says_what_is_live_stays_as_it_is() -> None:
    """Wrapped texts, order, quotes, names and the missing uuid are no difference."""
    project = checkout()

    pulled = project.pull(body_of(**LIVE))

    assert (pulled.changes, pulled.taken, project.texts, project.settings) == ((), 1, {PATH: TEXT}, START)


def test_one_changed_field_changes_one_line() -> None:
    """Comments, order, quotes and every other line are those of the author."""
    project = checkout()

    (change,) = project.pull(body_of(**{**LIVE, "severity": "high"})).changes

    assert change.fields == ("severity",)
    assert project.texts[PATH] == TEXT.replace('severity = "low"', 'severity = "high"')


@pytest.mark.parametrize(
    ("fields", "old", "new"),
    [
        ({"tags": ["a", "b", "c", MARKER]}, '    "a",\n]', '    "a",\n    "c",\n]'),
        ({"tags": ["b", MARKER]}, '    "a",\n', ""),
        ({"interval": "10m"}, '"5m"', '"10m"'),
        ({"index": ["logs-*", "x-*"]}, '["winlogbeat-*", "logs-*"]', '["logs-*", "x-*"]'),
    ],
)
def test_an_edit_goes_to_its_place(fields: dict[str, Any], old: str, new: str) -> None:
    """Each edit changes the lines of its field, and the plan after it is empty."""
    project, body = checkout(), body_of(**{**LIVE, **fields})

    project.pull(body)

    assert project.texts[PATH] == TEXT.replace(old, new)
    assert differences(project.plan(body)) == {}


def test_a_note_that_loses_its_setup_section_keeps_the_setup() -> None:
    """The section is a field of Kibana's; when the note is written anew the field is written beside it."""
    project, body = checkout(), body_of(**{**LIVE, "note": "Look again."})

    (change,) = project.pull(body).changes

    assert change.fields == ("note", "setup")
    assert '"""Look again."""\n' in project.texts[PATH]
    assert 'setup = "Do it."\n' in project.texts[PATH]
    assert differences(project.plan(body)) == {}


def test_a_default_that_is_spelled_out_stays_spelled_out() -> None:
    """A field that goes back to its default keeps its line."""
    project = checkout(TEXT.replace('interval = "5m"', 'interval = "1h"'))

    project.pull(body_of(**LIVE))

    assert project.texts[PATH] == TEXT


def test_connectors_become_logical_names_where_they_have_one() -> None:
    """A name of [connectors], the name of an unambiguous connector, else the id; never a uuid."""
    actions = [
        {"id": number, "action_type_id": kind, "group": "default", "params": {"message": "m"}, "uuid": f"u-{number}"}
        for number, kind in (("c-1", ".slack"), ("c-2", ".email"), ("c-4", ".jira"))
    ]
    project = Checkout()
    project.pull(body_of(actions=actions))
    (file,) = project.files.values()

    assert [action.get("connector") for action in file.payload["actions"]] == ["soc-slack", None, None]
    assert [action.get("id") for action in file.payload["actions"]] == [None, "c-2", "c-4"]
    assert not any("uuid" in action for action in file.payload["actions"])


def test_exception_lists_are_named_without_the_id_of_the_space() -> None:
    """A list that the rule names is written by `list_id`."""
    project = Checkout()
    entry = {"id": "l-2", "list_id": "scanners", "type": "detection", "namespace_type": "agnostic"}

    project.pull(body_of(exceptions_list=[entry]))

    assert next(iter(project.files.values())).payload["exceptions_list"] == [
        {"list_id": "scanners", "namespace_type": "agnostic", "type": "detection"}
    ]


def test_a_new_file_has_what_is_no_default_and_nothing_of_kibana() -> None:
    """No marker, no server-owned field, no version, no default; an unknown field survives."""
    project = Checkout()
    live = body_of(tags=["b", MARKER], brand_new={"a": {"b": [1]}}, version=7, execution_summary={})

    (change,) = project.pull(live).changes
    (file,) = project.files.values()

    assert file.payload == {
        "rule_id": "r-1", "name": "Rule r-1", "description": "d", "risk_score": 21, "severity": "low", "type": "query",
        "language": "kuery", "query": "a : 1", "index": ["logs-*"], "tags": ["b"], "brand_new": {"a": {"b": [1]}},
    }  # fmt: skip
    assert file.metadata == {
        "creation_date": "2026/10/01", "updated_date": "2026/11/02", "maturity": "production"
    }  # fmt: skip
    assert (change.path, change.old) == ("rules/rule_r_1.toml", None)


def test_a_rule_that_is_off_goes_to_the_environment_and_not_into_its_file() -> None:
    """Rules that are off share one block; one that is on again leaves it, the last one takes it along."""
    project = Checkout()
    project.pull(body_of("r-1", enabled=False), body_of("r-2", enabled=False), body_of("r-3"))
    both = project.settings

    assert both == START + (
        '\n[[override]]\nname = "switched off here"\nmatch = ["id:r-1", "id:r-2"]\nset = { enabled = false }\n'
    )
    assert not any("enabled" in text for text in project.texts.values())
    project.pull(body_of("r-1"), body_of("r-2", enabled=False), body_of("r-3"))
    assert project.settings == both.replace('"id:r-1", ', "")
    project.pull(body_of("r-1"), body_of("r-2"), body_of("r-3"))
    assert project.settings == START


def test_what_we_decided_on_needs_no_override() -> None:
    """A rule that our last deployment left off, and that git says nothing of, is as it was deployed."""
    project = checkout(record=recorded(enabled=False))

    assert project.pull(body_of(**LIVE, enabled=False)).overridden == {}
    assert project.pull(body_of(**LIVE, enabled=True)).overridden == {"r-1": ("enabled",)}
    assert project.pull(body_of(**LIVE, enabled=True)).overridden == {}


def test_a_file_that_says_off_is_overridden_where_the_rule_is_on() -> None:
    """The shared file keeps its word for the other environments."""
    text = TEXT.replace('severity = "low"', 'severity = "low"\nenabled = false')
    project = checkout(text)

    project.pull(body_of(**LIVE))

    assert project.texts == {PATH: text}
    assert project.environment.overrides[0].set == {"enabled": True}


def test_what_an_override_sets_is_changed_there() -> None:
    """The shared file is for all environments: where an override decides, the override of the rule follows Kibana."""
    mine = START + '\n[[override]]\nname = "slower"\nmatch = ["id:r-1"]\nset = { interval = "1h" } # ours\n'
    project = checkout(settings=mine)

    project.pull(body_of(**LIVE, interval="2h"))

    assert project.texts == {PATH: TEXT}
    assert project.settings == mine.replace('"1h"', '"2h"')


def test_what_a_file_cannot_say_goes_to_the_environment() -> None:
    """Files have descriptions on one line (detection-rules joins them); one with two lines is set by an override."""
    project = checkout()

    project.pull(body_of(**{**LIVE, "description": "one\ntwo"}))

    assert project.texts == {PATH: TEXT}
    assert project.environment.overrides[0].set == {"description": "one\ntwo"}


def test_what_the_environment_leaves_to_kibana_is_left_there() -> None:
    """A field whose ownership is live or once does not come into a file that is there."""
    project = checkout(settings=START + '[ownership.fields]\nseverity = "live"\nrisk_score = "once"\n')

    assert project.pull(body_of(**LIVE, severity="critical", risk_score=99)).changes == ()


def test_placeholders_of_the_note_stay_placeholders() -> None:
    """A note that was edited around its buttons keeps `$osquery_0`, and its dollar signs."""
    text = TEXT.replace('"""Look.\n\n## Setup\n\nDo it.\n"""', '"Ask $osquery_0 or $$osquery_0"') + (
        '\n[[transform.osquery]]\nlabel = "L"\nquery = "select 1"\n'
    )
    file, _ = read_rule(PATH, text)
    assert file is not None
    project, note = checkout(text), str(file.payload["note"])

    project.pull(body_of(**{**LIVE, "setup": "", "note": note + " now"}))

    assert project.texts[PATH] == text.replace('"Ask $osquery_0 or $$osquery_0"', '"Ask $osquery_0 or $$osquery_0 now"')


def test_nested_new_terms_stay_nested() -> None:
    """An edit of new terms goes into `[rule.new_terms]` where the file has that."""
    text = TEXT.replace('type = "query"', 'type = "new_terms"') + (
        '\n[rule.new_terms]\nfield = "new_terms_fields"\nvalue = ["a"]\n'
        '[[rule.new_terms.history_window_start]]\nfield = "history_window_start"\nvalue = "now-7d"\n'
    )
    project = checkout(text)

    project.pull(body_of(**LIVE, type="new_terms", new_terms_fields=["a", "b"], history_window_start="now-9d"))

    assert project.texts[PATH] == text.replace('["a"]', '["a", "b"]').replace("now-7d", "now-9d")


@pytest.mark.parametrize(
    ("live", "reason"),
    [
        (body_of("x", immutable=True), "prebuilt"),
        (body_of("x", rule_source={"type": "external", "is_customized": True}), "prebuilt"),
        (body_of("x", tags=["deployer:other"]), "of another project"),
        (body_of("r-1", enabled=False, tags=[MARKER]), "gone from git"),
    ],
)
def test_what_is_not_ours_to_take_is_counted(live: dict[str, Any], reason: str) -> None:
    """Elastic's rules, those of another project and those that git let go do not become files."""
    project = Checkout(record=recorded(retired=Retired("2026-11-01T00:00:00Z", enabled=True)))

    pulled = project.pull(live)

    assert (pulled.left, pulled.changes, project.texts) == ({reason: 1}, (), {})


def test_a_held_rule_and_one_that_is_not_deployed_here_keep_their_files() -> None:
    """What runs of them is not what git should say."""
    held = checkout(held=frozenset({"r-1"}))
    excluded = checkout(settings=START + '[rules]\nexclude = ["id:r-1"]\n')

    assert held.pull(body_of(**LIVE, severity="high")).left == {"held": 1}
    assert excluded.pull(body_of(**LIVE, severity="high")).left == {"not deployed here": 1}
    assert (held.texts, excluded.texts) == ({PATH: TEXT}, {PATH: TEXT})


def test_only_narrows_to_rules_by_file_or_by_what_is_live() -> None:
    """A rule with a file is chosen by its file, one without by what Kibana says."""
    project = checkout()
    rules = (body_of(**LIVE, severity="high"), body_of("r-2", tags=["keep"]), body_of("r-3"))

    pulled = project.pull(*rules, only=(parse_selector("tag:keep"),))
    assert [change.rule_id for change in pulled.changes] == ["r-2"]
    pulled = project.pull(*rules, only=(parse_selector("path:rules/deep/**"),))
    assert [change.rule_id for change in pulled.changes] == ["r-1"]


def test_rules_that_cannot_be_kept_are_problems_and_the_others_are_pulled() -> None:
    """Two of one id, an unknown type, a list with null in it, a rule_id that a file cannot have: each is named."""
    project = Checkout()
    wrong = [
        body_of("twice"), body_of("twice"), body_of("odd", type="made_up"), body_of('quote"d'),
        body_of("null", brand_new=[None]),
    ]  # fmt: skip

    pulled = project.pull(*wrong, body_of("good"))

    assert [change.rule_id for change in pulled.changes] == ["good"]
    assert sorted(problem.code for problem in pulled.problems) == ["bad-rule-id", *["not-pulled"] * 3]


def test_of_a_promoted_environment_only_the_edits_since_the_pin_are_taken() -> None:
    """What git has changed since is not turned back; what an analyst changed is added to it."""
    pinned, _ = read_rule(PATH, TEXT)
    assert pinned is not None
    newer = TEXT.replace("a : 1", "a : 2")
    project = checkout(newer)

    project.pull(body_of(**{**LIVE, "severity": "high"}), pinned={"r-1": pinned})

    assert project.texts[PATH] == newer.replace('severity = "low"', 'severity = "high"')


@needs_shared
@pytest.mark.parametrize("name", sorted(rule_pairs()))
def test_every_pair_comes_back_to_a_file_of_detection_rules(name: str) -> None:
    """The payload that detection-rules makes of a file changes nothing in that file; a new one plans empty."""
    pair = rule_pairs()[name]
    body = body_of(index=None, query=None, language=None) | pair["api_payload"]
    fresh = Checkout()
    fresh.pull(body)

    assert differences(fresh.plan(body)) == {}
    text = pair.get("toml_text")
    if text and "actions" not in tables(pair)["rule"] and "exceptions_list" not in tables(pair)["rule"]:
        known = Checkout(texts={PATH: text})
        changed = [field for change in known.pull(body).changes for field in change.fields]
        assert [field for field in changed if field not in ("required_fields", "related_integrations")] == []


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("rules/{tactic}/{name}.toml", "rules/credential_access/pass_the_hash_again.toml"),
        ("rules/{severity}-{type}/{rule_id}.toml", "rules/low_query/ab12_x.toml"),
        ("rules/Own Folder/{name}.toml", "rules/Own Folder/pass_the_hash_again.toml"),
    ],
)
def test_new_files_go_where_the_template_says(template: str, path: str) -> None:
    """Words of the template become slugs; what is written in it stays as it is."""
    rule = {
        "rule_id": "AB12-x", "name": "Päss the Hash (again)!", "severity": "low", "type": "query",
        "threat": [{"tactic": {"name": "Credential Access"}}],
    }  # fmt: skip

    assert place(template, ("rules",), rule, frozenset()).replace("-", "_") == path.replace("-", "_")


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b\\c", ".hidden", "\u202e", "日本語", "", "x" * 400])
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    """Whatever a rule is called, its file has a name of `[a-z0-9_]` in the folder."""
    path = place("rules/{tactic}/{name}.toml", ("rules",), {"name": name, "rule_id": "r-1"}, frozenset())
    folder, file = path.split("/")

    assert (folder, file.endswith(".toml")) == ("rules", True)
    assert slug(file.removesuffix(".toml")) == file.removesuffix(".toml") != ""
    assert len(file) < 200


def test_two_rules_of_one_name_get_two_files() -> None:
    """A path that is taken is never given again."""
    project = Checkout()
    project.pull(*(body_of(f"same-{number}", name="Same") for number in range(3)))

    assert len(project.texts) == 3
    assert {file.rule_id for file in project.files.values()} == {"same-0", "same-1", "same-2"}


@pytest.mark.parametrize(
    "template",
    ["rules/{nam}.toml", "rules/{name}", "../{name}.toml", "x/{name}.toml", "rules/../{name}.toml", "rules/{name.toml"],
)
def test_a_template_that_cannot_be_used_is_a_problem_of_deployer_toml(template: str) -> None:
    """Unknown words, another ending and places outside the rule folders are refused with file and line."""
    settings = read_settings(SettingsFile("deployer.toml", {"pull": template}), [], Given(date(2026, 11, 24), {"name"}))

    assert template_flaw(template, ("rules",))
    assert [problem.code for problem in settings.problems] == ["wrong-value"]


def test_signs_of_globs_in_a_rule_id_are_quoted() -> None:
    """The selector of a rule selects that rule and no other."""
    selector = parse_selector(selector_of("a*[b]?"))
    (one, other) = (read_rule("x", TEXT.replace('"r-1"', f'"{name}"'))[0] for name in ("a*[b]?", "axbx"))

    assert one is not None
    assert other is not None
    assert selector.matches(one)
    assert not selector.matches(other)


def test_an_export_is_read_with_what_its_rules_name() -> None:
    """Rules, lists and connectors are told apart; what an export leaves out is taken from its rules."""
    lines = (
        '{"rule_id": "r", "actions": [{"id": "c", "action_type_id": ".x"}], "exceptions_list": [{"list_id": "l"}]}\n'
        '{"list_id": "m", "type": "detection"}\n{"list_id": "m", "item_id": "i"}\n\n'
        '{"id": "k", "type": "action", "attributes": {"name": "K", "actionTypeId": ".slack"}}\n{"exported_count": 4}\n'
    )
    found = completed(read_export(lines, "x.ndjson"))

    assert [rule["rule_id"] for rule in found.rules] == ["r"]
    assert [one["list_id"] for one in found.lists] == ["m", "l"]
    assert [(one["id"], one["name"]) for one in found.connectors] == [("k", "K"), ("c", None)]


@pytest.mark.parametrize("text", ["{", "[]", '{}\n"x"'])
def test_what_is_no_export_is_named_by_line(text: str) -> None:
    """A line that is not an object ends the pull."""
    with pytest.raises(DeployerError, match=r"x\.ndjson:\d is no"):
        read_export(text, "x.ndjson")


def test_a_link_that_leads_nowhere_is_a_problem_and_no_override() -> None:
    """Kibana takes any id in `exceptions_list` (facts.md 7.2); a wrong one is named and not copied into a file."""
    checkout = Checkout()
    wrong = {"id": "of-another-space", "list_id": "travelling", "type": "detection", "namespace_type": "single"}

    pulled = checkout.pull(body_of(exceptions_list=[wrong]), body_of("r-2"))

    assert [problem.code for problem in pulled.problems] == ["not-pulled"]
    assert "exceptions_list" in pulled.problems[0].message
    assert (pulled.overridden, checkout.settings) == ({}, START)
    assert len(checkout.texts) == 2
    assert "of-another-space" not in "".join(checkout.texts.values())
