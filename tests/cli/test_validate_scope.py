"""`validate` over a whole project, some files, or what changed in git: every kind of file, each with its line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.project import ProjectFolder, Ran, new_project

pytestmark = pytest.mark.quick


def git(root: Path, *words: str) -> None:
    """Run git in a project, as nobody in particular."""
    who = ("-c", "user.name=tests", "-c", "user.email=tests@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True, timeout=60)


def committed(root: Path) -> ProjectFolder:
    """Return a project in git with five rules on `main`, and a branch `topic` checked out."""
    project = new_project(root)
    for number in range(1, 6):
        project.rule(number)
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "one")
    git(root, "checkout", "-q", "-b", "topic")
    return project


def replace(path: Path, old: str, new: str) -> None:
    """Replace a text that must be there."""
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def found(ran: Ran) -> list[tuple[str, int, str]]:
    """Return path, line and code of every problem of a run with --json."""
    return [(problem["path"], problem["line"], problem["code"]) for problem in ran.document["problems"]]


def only_errors(ran: Ran) -> list[tuple[str, str]]:
    """Return path and code of every error."""
    return [(p["path"], p["code"]) for p in ran.document["problems"] if p["severity"] == "error"]


def test_changed_since_sees_committed_staged_unstaged_untracked_and_renamed_files(tmp_path: Path) -> None:
    """Each way in which a file can differ from the revision is looked at; a broken file that did not change is not."""
    project = committed(tmp_path)
    rules = tmp_path / "rules"
    git(tmp_path, "checkout", "-q", "main")
    replace(rules / "rule_5.toml", 'severity = "low"', 'severity = "lo5"')
    git(tmp_path, "commit", "-q", "-a", "-m", "broken before")
    git(tmp_path, "checkout", "-q", "topic")
    git(tmp_path, "rebase", "-q", "main")
    replace(rules / "rule_1.toml", 'severity = "low"', 'severity = "lo1"')
    git(tmp_path, "commit", "-q", "-a", "-m", "two")
    replace(rules / "rule_2.toml", 'severity = "low"', 'severity = "lo2"')
    git(tmp_path, "add", "-A")
    replace(rules / "rule_3.toml", 'severity = "low"', 'severity = "lo3"')
    git(tmp_path, "mv", "rules/rule_4.toml", "rules/moved.toml")
    replace(rules / "moved.toml", 'severity = "low"', 'severity = "lo4"')
    project.rule(9)
    replace(rules / "rule_9.toml", 'severity = "low"', 'severity = "lo9"')

    ran = project.run("validate", "--changed-since", "main", "--json")

    assert ran.code == 1
    paths = ["moved", "rule_1", "rule_2", "rule_3", "rule_9"]
    assert only_errors(ran) == [(f"rules/{name}.toml", "wrong-value") for name in paths]
    assert ran.document["files"] == 5
    whole = project.run("validate", "--json")
    assert ("rules/rule_5.toml", "wrong-value") in only_errors(whole)


def test_changed_since_still_sees_what_breaks_the_whole_project(tmp_path: Path) -> None:
    """An id that a changed file shares with an unchanged one is told, wherever the second of them stands."""
    project = committed(tmp_path)
    text = (tmp_path / "rules" / "rule_1.toml").read_text("utf-8")
    project.write("rules/another.toml", text.replace('"Rule 1"', '"Rule 6"'))

    ran = project.run("validate", "--changed-since", "main", "--json")

    assert ran.code == 1
    assert only_errors(ran) == [("rules/rule_1.toml", "duplicate-rule-id")]
    assert ran.document["files"] == 1


def test_changed_since_without_changes_is_quick_and_right(tmp_path: Path) -> None:
    """Nothing changed: no rule is looked at, exit 0. A deleted file is no problem."""
    project = committed(tmp_path)
    assert project.run("validate", "--changed-since", "main", "--json").document["files"] == 0
    (tmp_path / "rules" / "rule_2.toml").unlink()
    ran = project.run("validate", "--changed-since", "main", "--json")
    assert (ran.code, ran.document["files"]) == (0, 0)


def test_changed_since_says_what_it_needs(tmp_path: Path) -> None:
    """Outside a repository, for an unknown revision and together with files it is refused in a sentence."""
    project = new_project(tmp_path)
    project.rule(1)
    outside = project.run("validate", "--changed-since", "main")
    assert outside.code == 1
    assert "needs a git repository" in outside.err
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "one")
    unknown = project.run("validate", "--changed-since", "no-such-ref")
    assert unknown.code == 1
    assert "no-such-ref" in unknown.err
    assert project.run("validate", "rules/rule_1.toml", "--changed-since", "main").code == 2


def test_named_files_are_checked_alone(tmp_path: Path) -> None:
    """With file names only those files are judged, whatever kind of file they are."""
    project = new_project(tmp_path)
    project.rule(1)
    project.rule(2)
    for number in (1, 2):
        replace(tmp_path / "rules" / f"rule_{number}.toml", 'severity = "low"', 'severity = "lo"')
    project.write("environments/s.toml", '[kibana]\nurl = "sandbox"\nstak = "9.3"\n')

    rule = project.run("validate", "rules/rule_2.toml", "--json")
    environment = project.run("validate", "environments/s.toml", "--json")

    assert found(rule)[0] == ("rules/rule_2.toml", 12, "wrong-value")
    assert {path for path, _, _ in found(rule)} == {"rules/rule_2.toml"}
    assert found(environment) == [("environments/s.toml", 3, "unknown-key")]


SIDE_FILES = [
    ("deployer.toml", 'project = "tests"\nrulez = ["rules"]\n', 2, "unknown-key"),
    ("environments/t.toml", '[kibana]\nurl = "sandbox"\nconnections = "8"\n', 3, "wrong-type"),
    (
        "environments/t.toml",
        '[kibana]\nurl = "sandbox"\n[rules]\nexclude = [{ match = "*", reason = "x", until = 2020-01-01 }]\n',
        4,
        "",
    ),
    ("exceptions/x.toml", '[[exceptions]]\n[exceptions.container]\nlist_idd = "x"\n', 3, "unknown-key"),
    ("prebuilt/x.toml", '[[prebuilt]]\nrule_id = "a"\nseverity = "low"\n', 3, "unknown-key"),
    ("environments/s.lock.toml", 'format = 1\nenvironment = "s"\n[[rule]]\nidd = "x"\n', 4, "unknown-key"),
    ("environments/u.lock.toml", 'format = 1\nenvironment = "u"\n', 1, "unknown-environment"),
    ("exceptions/y.toml", 'x = "a\n', 1, "toml-syntax"),
]


@pytest.mark.parametrize(("path", "text", "line", "code"), SIDE_FILES, ids=[f"{row[0]}:{row[2]}" for row in SIDE_FILES])
def test_every_other_file_is_checked_with_line_numbers(
    tmp_path: Path, path: str, text: str, line: int, code: str
) -> None:
    """Settings, environments, lock files, exception lists and prebuilt files are judged like rules."""
    project = new_project(tmp_path)
    project.rule(1)
    project.write(path, text)

    told = [entry for entry in found(project.run("validate", "--json")) if entry[0] == path]

    assert any(entry[1] == line and (not code or entry[2] == code) for entry in told), told


def test_a_stack_in_the_environment_lets_newer_fields_be_found_offline(tmp_path: Path) -> None:
    """`[kibana] stack` is compared with min_stack_version and with the fields of the rules, at their lines."""
    project = new_project(tmp_path, environment='[kibana]\nurl = "sandbox"\nstack = "9.1"\n')
    text = project.rule(1).read_text("utf-8")
    text = text.replace('type = "query"', 'type = "threshold"').replace(
        "[rule]", 'min_stack_version = "9.4.0"\n\n[rule]'
    )
    text += '\n[rule.threshold]\nfield = ["a", "b", "c", "d"]\nvalue = 3\n'
    project.write("rules/rule_1.toml", text)

    told = found(project.run("validate", "--json"))

    lines = text.split("\n")
    assert ("rules/rule_1.toml", lines.index('min_stack_version = "9.4.0"') + 1, "min-stack") in told
    assert ("rules/rule_1.toml", lines.index('field = ["a", "b", "c", "d"]') + 1, "newer-than-stack") in told
    project.write("environments/s.toml", '[kibana]\nurl = "sandbox"\nstack = "9.4"\n')
    codes = {code for _, _, code in found(project.run("validate", "--json"))}
    assert not codes & {"min-stack", "newer-than-stack"}


OVERRIDE = """[kibana]
url = "sandbox"

[[override]]
name = "slow"
match = ["*"]
set = { interval = "1h" }
"""


def test_an_override_that_breaks_a_rule_is_found_at_the_override(tmp_path: Path) -> None:
    """A rule that is right by itself and wrong in one target is told at the line of the override, with the rule."""
    project = new_project(tmp_path, environment=OVERRIDE)
    project.rule(1)
    assert ("environments/s.toml", 4, "lookback-gap") in found(project.run("validate", "--json"))
    project.write("environments/s.toml", OVERRIDE.replace('"1h"', '"1w"'))
    ran = project.run("validate", "--json")
    assert ran.code == 1
    assert only_errors(ran) == [("environments/s.toml", "bad-duration")]
    assert "rules/rule_1.toml" in ran.document["problems"][0]["message"]


def test_a_changed_environment_is_checked_with_every_rule(tmp_path: Path) -> None:
    """An override that breaks rules which did not change is told when its environment changed, and not otherwise."""
    project = committed(tmp_path)
    project.write("environments/s.toml", OVERRIDE)
    ran = project.run("validate", "--changed-since", "main", "--json")
    assert found(ran) == [("environments/s.toml", 4, "lookback-gap")] * 5
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "slow")
    assert found(project.run("validate", "--changed-since", "HEAD", "--json")) == []


def test_value_lists_are_read_too(tmp_path: Path) -> None:
    """What a plan would find in the folder of value lists is found here."""
    project = new_project(tmp_path)
    project.rule(1)
    (tmp_path / "value_lists").mkdir()
    (tmp_path / "value_lists" / "x.txt").write_bytes(b"one\n\xff\n")
    assert found(project.run("validate", "--json")) == [("value_lists/x.txt", 0, "encoding")]


def test_a_query_problem_has_its_line_column_source_and_caret(tmp_path: Path) -> None:
    """The place of a query's mistake is that in the file, and the source line is shown with a caret below it."""
    project = new_project(tmp_path)
    project.rule(1, query="event.action : x and\n  user.name : (a or )")

    ran = project.run("validate")

    assert ran.code == 1
    assert "rules/rule_1.toml:18:18: rule.query: " in ran.out
    lines = ran.out.split("\n")
    (at,) = [number for number, line in enumerate(lines) if "user.name : (a or )" in line]
    source, caret = lines[at], lines[at + 1]
    assert source[caret.index("^") : caret.rindex("^") + 1] == "or"


def test_the_light_check_says_what_is_missing(tmp_path: Path) -> None:
    """Without an extra the own check runs, and says how to get the full one; with it nothing is said."""
    project = new_project(tmp_path)
    text = project.rule(1).read_text("utf-8")
    project.write(
        "rules/rule_1.toml", text.replace('"kuery"', '"lucene"').replace("event.action : *", "event.action:x")
    )
    project.write("sitecustomize.py", "import sys\nsys.modules['luqum'] = None\n")

    light = project.run_process("validate", "--json", PYTHONPATH=f"{tmp_path}")

    assert light.code == 0
    assert any("kibana-deployer[lucene]" in note for note in light.document["notes"])


def test_problems_in_the_filter_of_an_action_are_found(tmp_path: Path) -> None:
    """The KQL that filters an action's alerts is checked too."""
    project = new_project(tmp_path)
    text = project.rule(1).read_text("utf-8")
    text += '\n[[rule.actions]]\nconnector = "soc"\ngroup = "default"\nparams = {}\n'
    text += 'alerts_filter = { query = { kql = "a: (b", filters = [] } }\n'
    project.write("rules/rule_1.toml", text)

    told = found(project.run("validate", "--json"))

    assert ("rules/rule_1.toml", text.count("\n"), "kql-unbalanced") in told
