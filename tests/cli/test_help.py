"""`--help` of every command: instant, with examples, and every example is a command that parses."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deployer.cli import app
from tests.support.commands import COMMANDS, WrongUsageError, calls, parse
from tests.support.project import bare_environ, new_project

pytestmark = pytest.mark.quick


def examples(path: tuple[str, ...]) -> list[str]:
    """The examples as `--help` shows them, one a line."""
    shown = CliRunner().invoke(app, [*path, "--help"], terminal_width=100)
    assert shown.exit_code == 0, shown.output
    _, found, below = shown.output.partition("\n  Examples:\n")
    return [line.strip() for line in below.splitlines() if line.strip()] if found else []


@pytest.mark.parametrize("path", [path for path in COMMANDS if path], ids=" ".join)
def test_every_command_has_an_example_that_parses(path: tuple[str, ...]) -> None:
    """Whoever types `deployer X --help` can copy a line of it, and it is a line about X."""
    found = examples(path)

    assert found, f"deployer {' '.join(path)} has no example"
    for example in found:
        assert calls(example), example
        for words in calls(example):
            parse(words)
    assert any(words[: len(path)] == list(path) for example in found for words in calls(example)), found


@pytest.mark.parametrize(
    "words", [["plan", "-e", "s", "--bse", "main"], ["plan"], ["plam", "-e", "s"], ["rollback", "-e", "s", "--to", "x"]]
)
def test_the_check_itself_sees_what_is_wrong(words: list[str]) -> None:
    """An option, a command, a value that does not exist, or a missing target, is an error here too."""
    with pytest.raises(WrongUsageError):
        parse(words)


@pytest.mark.parametrize("path", list(COMMANDS), ids=lambda path: " ".join(path) or "deployer")
def test_help_fits_and_every_option_says_what_it_does(path: tuple[str, ...]) -> None:
    """No line beyond 100 columns, every option with a sentence, every command with one too."""
    shown = CliRunner().invoke(app, [*path, "--help"], terminal_width=80)

    assert [line for line in shown.output.splitlines() if len(line) > 100 and "deployer " not in line] == []
    assert COMMANDS[path].help
    assert "..." not in shown.output.partition("\nCommands:\n")[2], "every sentence is whole"
    unsaid = [one.opts for one in COMMANDS[path].params if one.param_type_name == "option" and not one.help]
    assert unsaid == []


def completed(words: str, folder: Path, shell: str = "bash") -> list[str]:
    """What the shell would offer after these words."""
    given = {
        "bash": {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": words},
        "fish": {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    done = subprocess.run(
        [sys.executable, "-c", "from deployer.cli import app; app(prog_name='deployer')"],
        cwd=folder,
        env={**bare_environ(), "_DEPLOYER_COMPLETE": f"complete_{shell}", **given},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert not done.stderr, done.stderr
    return done.stdout.split()


def test_environments_complete_without_network(tmp_path: Path) -> None:
    """Names after -e, targets after a slash; bases and lock files are no environments; a broken file stops nothing."""
    project = new_project(tmp_path, environment='[kibana]\nurl = "https://kibana.example.com"\napi_key = "env:NO"\n')
    project.write("environments/_base.toml", "")
    project.write("environments/prod.lock.toml", "format = 1\n")
    project.write("environments/staging.toml", "this is broken\n")
    spaces = 'spaces = ["emea", "apac", "amer"]\n'
    project.write("environments/prod.toml", '[kibana]\nurl = "https://k.example.com"\napi_key = "env:NO"\n' + spaces)

    assert completed("deployer plan -e ", tmp_path) == ["prod", "s", "staging"]
    assert completed("deployer plan -e p", tmp_path) == ["prod"]
    assert completed("deployer apply --env prod/a", tmp_path) == ["prod/amer", "prod/apac"]
    assert completed("deployer plan -e ", tmp_path / "environments") == ["prod", "s", "staging"]
    assert completed("deployer plan --take ", tmp_path) == ["git", "live"]
    assert completed("deployer pla", tmp_path) == ["plan"]
    assert "--base" in completed("deployer plan --", tmp_path)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_complete_too(tmp_path: Path, shell: str) -> None:
    """The same names, in the form that the shell wants."""
    new_project(tmp_path)

    assert "s" in re.findall(r"\w+", " ".join(completed("deployer plan -e ", tmp_path, shell)))


def test_outside_a_project_nothing_is_offered(tmp_path: Path) -> None:
    """No project, no names, no error."""
    assert completed("deployer plan -e ", tmp_path) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_installs(tmp_path: Path, shell: str) -> None:
    """`deployer --install-completion` writes the script of the shell, which calls deployer; nothing is imported."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"from deployer.cli import app; app(['--install-completion', '{shell}'], prog_name='deployer')",
        ],
        cwd=tmp_path,
        env={**bare_environ(), "HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    written = "".join(path.read_text("utf-8") for path in tmp_path.rglob("*") if path.is_file())
    assert "_DEPLOYER_COMPLETE=complete_" in written or "_DEPLOYER_COMPLETE" in written


def test_completion_stays_light(tmp_path: Path) -> None:
    """Tab imports no HTTP client, no models, no TOML writer: it is pressed often."""
    new_project(tmp_path)
    code = (
        "import sys\n"
        "from deployer.cli import app\n"
        "try:\n    app(prog_name='deployer')\nexcept SystemExit:\n    pass\n"
        "print(sorted({'requests', 'pydantic_core', 'deepdiff', 'jinja2', 'deployer.sandbox'} & sys.modules.keys()),"
        " file=sys.stderr)"
    )
    environ = {"_DEPLOYER_COMPLETE": "complete_bash", "COMP_WORDS": "deployer plan -e ", "COMP_CWORD": "3"}

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**bare_environ(), **environ}, capture_output=True, text=True
    )

    assert done.stdout.split() == ["s"]
    assert done.stderr.strip() == "[]"
