"""Bad input and broken worlds end in a sentence with a remedy and the right exit code, and nothing is written."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.support.project import ProjectFolder, new_project

pytestmark = pytest.mark.quick


def broken(project: ProjectFolder, old: str, new: str) -> None:
    """Break the project's one rule by replacing a text in it."""
    path = project.rule(1)
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


RULES: list[tuple[str, str, str, str]] = [
    ('severity = "low"', 'severity = "low', "rules/rule_1.toml:12", "not TOML"),
    ('name = "Rule 1"\n', "", "rule.name", "name is missing"),
    ('severity = "low"', 'severity = "lo"', "rule.severity", 'did you mean "low"'),
    ("risk_score = 21", 'risk_score = "21"', "rule.risk_score", "not text; write it without quotes: 21"),
    ("risk_score = 21", "risk_scor = 21", "rule.risk_scor", "did you mean"),
    ('type = "query"', 'type = "querry"', "rule.type", "no rule type"),
    ("event.action : *", "event.action : (", "rule.query", "rules/rule_1.toml:17"),
]


@pytest.mark.parametrize(("old", "new", "key", "words"), RULES)
def test_a_broken_rule_is_named_with_file_line_and_key(
    tmp_path: Path, old: str, new: str, key: str, words: str
) -> None:
    """`validate` names file, line, key and remedy, and exits 1."""
    project = new_project(tmp_path)
    broken(project, old, new)

    ran = project.run("validate")

    assert ran.code == 1
    assert key in ran.out
    assert words.lower() in ran.out.lower()
    assert "rules/rule_1.toml:" in ran.out


def test_apply_refuses_a_rule_with_an_unknown_field(tmp_path: Path) -> None:
    """What `validate` finds in a rule that would be written stops the apply, with nothing sent."""
    project = new_project(tmp_path)
    broken(project, "risk_score = 21", "risk_score = 21\nnotee = 1")

    ran = project.run("apply", "-e", "s", "--yes")

    assert ran.code == 1
    assert "rule.notee" in ran.err
    assert not list((tmp_path / ".deployer").glob("targets/*/*/records/*"))


def test_all_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    """Two broken files are both named."""
    project = new_project(tmp_path)
    project.write("rules/a.toml", "x = [")
    project.write("rules/b.toml", "[metadata]\n")

    ran = project.run("plan", "-e", "s")

    assert ran.code == 1
    assert "rules/a.toml" in ran.err
    assert "rules/b.toml" in ran.err
    assert not (tmp_path / ".deployer" / "targets").exists()


def test_a_duplicate_rule_id_names_both_files(tmp_path: Path) -> None:
    """Two files with one rule_id are refused with the line of the second."""
    project = new_project(tmp_path)
    project.rule(1)
    project.write("rules/copy.toml", (tmp_path / "rules" / "rule_1.toml").read_text("utf-8"))

    ran = project.run("plan", "-e", "s")

    assert ran.code == 1
    assert "is also in rules/copy.toml" in ran.err
    assert "rules/rule_1.toml:11:1" in ran.err


def test_no_rule_and_no_folder_never_retire_everything(tmp_path: Path) -> None:
    """An empty or missing rule folder is a problem, not a plan that disables every rule."""
    project = new_project(tmp_path)
    path = project.rule(1)
    assert project.run("apply", "-e", "s", "--yes").code == 0
    path.unlink()

    empty = project.run("apply", "-e", "s", "--yes")
    (tmp_path / "rules").rmdir()
    missing = project.run("apply", "-e", "s", "--yes")

    assert (empty.code, missing.code) == (1, 1)
    assert "there is no rule in it" in empty.err
    assert "the rule folder is missing" in missing.err


def test_an_unknown_environment_lists_the_known_ones(tmp_path: Path) -> None:
    """A mistyped environment names those that exist."""
    project = new_project(tmp_path)
    project.rule(1)

    ran = project.run("plan", "-e", "z")

    assert ran.code == 1
    assert "known: s" in ran.err


def test_a_missing_secret_names_its_variable(tmp_path: Path) -> None:
    """A reference to a variable that is not set is named, with the environment file."""
    project = new_project(tmp_path, environment='[kibana]\nurl = "https://127.0.0.1:1"\napi_key = "env:NO_SUCH_KEY"\n')
    project.rule(1)

    ran = project.run("plan", "-e", "s")

    assert ran.code == 1
    assert "NO_SUCH_KEY" in ran.err
    assert "environments/s.toml" in ran.err


def test_a_literal_secret_is_refused_and_not_repeated(tmp_path: Path) -> None:
    """A key that stands in the file itself is a problem that does not show it."""
    environment = '[kibana]\nurl = "https://127.0.0.1:1"\napi_key = "VGhpcyBpcyBhIHNlY3JldA=="\n'
    project = new_project(tmp_path, environment=environment)
    project.rule(1)

    ran = project.run("plan", "-e", "s")

    assert ran.code == 1
    assert "environments/s.toml:3" in ran.err
    assert "VGhpcyBpcyBh" not in ran.err + ran.out


def test_an_unreachable_host_is_one_sentence(tmp_path: Path) -> None:
    """A refused connection is named with the address, exit 1, no traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    environment = (
        f'[kibana]\nurl = "http://127.0.0.1:{port}"\napi_key = "env:KEY"\ntimeout = {{ connect = "1s", read = "1s" }}\n'
    )
    project = new_project(tmp_path, environment=environment)
    project.rule(1)

    ran = project.run("plan", "-e", "s", KEY="a:b")

    assert ran.code == 1
    assert f"127.0.0.1:{port}" in ran.err
    assert "Traceback" not in ran.err


def test_a_host_outside_the_pin_is_refused_before_a_secret_is_read(tmp_path: Path) -> None:
    """DEPLOYER_HOSTS refuses another url with exit 4, though the secret is not even set."""
    project = new_project(tmp_path, environment='[kibana]\nurl = "https://evil.example.com"\napi_key = "env:NOT_SET"\n')
    project.rule(1)

    ran = project.run("plan", "-e", "s", DEPLOYER_HOSTS="kibana.example.com")

    assert ran.code == 4
    assert "DEPLOYER_HOSTS" in ran.err


def test_a_file_store_in_ci_is_refused_with_the_line_that_fixes_it(tmp_path: Path) -> None:
    """In CI a store inside the checkout would vanish: exit 1 with the line for deployer.toml."""
    project = new_project(tmp_path, environment='[kibana]\nurl = "https://kibana.example.com"\napi_key = "env:KEY"\n')
    project.rule(1)

    ran = project.run("apply", "-e", "s", "--yes", CI="true", KEY="a:b")

    assert ran.code == 1
    assert "state = " in ran.err


def test_wrong_usage_is_exit_2(tmp_path: Path) -> None:
    """Options that do not go together are usage errors."""
    project = new_project(tmp_path)
    project.rule(1)

    assert project.run("apply", "-e", "s", "--yes", "--allow", "disabel=1").code == 2
    assert project.run("plan", "-e", "s", "--take", "git").code == 2
    assert project.run("plan", "-e", "s", "--only", "nmae:x").code == 2
    assert project.run("apply").code == 2
