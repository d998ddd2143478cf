"""What a person sees: colours where there is a terminal, 80 columns, a line that moves, and nothing of it elsewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.deploying import SECRET, against
from tests.support.project import ProjectFolder, Ran, bare_environ, new_project
from tests.support.sandbox import running
from tests.support.where import Where

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are a matter of Unix", allow_module_level=True)

from tests.support.terminal import Screen, on_terminal

LONG = "A rule with a name so long that nobody could ever read it in one line of an ordinary terminal window"


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    """Three rules, one with a very long name and a very long query, in the embedded sandbox."""
    project = new_project(tmp_path)
    project.rules(2)
    project.rule(3, name=LONG, query=" or ".join(f"process.name : value{number}" for number in range(80)))
    return project


def too_wide(screen: Screen, columns: int) -> list[str]:
    """Lines that a terminal would wrap, but for a command or a query to copy: those are never cut."""
    return [
        text for text in screen.lines if len(text) > columns and "deployer " not in text and "@timestamp" not in text
    ]


def test_colours_are_for_terminals(project: ProjectFolder) -> None:
    """A terminal gets colours; NO_COLOR, a dumb terminal, --json and a pipe get none; FORCE_COLOR colours a pipe."""
    seen = on_terminal(project, "plan", "-e", "s")
    without = on_terminal(project, "plan", "-e", "s", NO_COLOR="1")
    dumb = on_terminal(project, "plan", "-e", "s", TERM="dumb")
    document = on_terminal(project, "-q", "plan", "-e", "s", "--json")
    piped = project.run("plan", "-e", "s")
    forced = project.run("plan", "-e", "s", FORCE_COLOR="1")
    both = project.run("plan", "-e", "s", FORCE_COLOR="1", NO_COLOR="1")

    assert seen.code == 0, seen.raw
    assert "\x1b[32m" in seen.raw, "a create is green"
    assert not any(screen.colored for screen in (without, dumb, document))
    assert json.loads(document.plain)["command"] == "plan"
    assert "\x1b" not in piped.out + piped.err + both.out
    assert "\x1b[32m" in forced.out
    assert re.sub(r"\x1b\[[0-9;]*m", "", forced.out).splitlines()[2:-3] == piped.out.splitlines()[2:-3]


def test_an_error_is_red_and_stands_alone(project: ProjectFolder) -> None:
    """The word that matters has the colour; no rest of a progress line stands before it."""
    seen = on_terminal(project, "plan", "-e", "nowhere")

    assert seen.code != 0
    assert "\x1b[31merror:\x1b[0m" in seen.raw
    assert any(text.startswith("error: ") for text in seen.lines)


@pytest.mark.parametrize("columns", [80, *(pytest.param(n, marks=pytest.mark.torture) for n in (60, 200))])
def test_lines_fit_the_terminal(project: ProjectFolder, columns: int) -> None:
    """Plan, apply, drift, status, history, show and rollback stay within 80 columns where that is what there is."""
    applied = on_terminal(project, "apply", "-e", "s", "--yes", columns=columns)
    assert applied.code == 0, applied.raw
    Where().edit(project, 1, severity="high")
    project.rule(3, name=LONG + " and longer", query="other : *")
    project.rule(2, query="branch : *")
    screens = [applied]
    for words in (
        ("plan", "-e", "s"),
        ("-v", "plan", "-e", "s"),
        ("drift", "-e", "s"),
        ("status", "-e", "s", "--all"),
        ("history", "-e", "s"),
        ("show", "1", "-e", "s"),
        ("apply", "-e", "s", "--yes"),
        ("rollback", "-e", "s", "--rule", "Rule 2", "--yes"),
        ("plan", "-e", "s"),
    ):
        screens.append(on_terminal(project, *words, columns=columns))
        assert screens[-1].code == 0, screens[-1].raw

    if columns >= 80:
        assert [text for screen in screens for text in too_wide(screen, columns)] == []
    widest = max(len(text) for screen in screens for text in screen.lines if "deployer " not in text)
    assert widest <= 96, "more than that nobody reads"


def test_severity_and_type_still_stand_in_80_columns(project: ProjectFolder) -> None:
    """Names give way, not what a reviewer looks for."""
    seen = on_terminal(project, "plan", "-e", "s")

    rows = [text for text in seen.lines if text.strip().startswith("+ ")]
    assert len(rows) == 3
    assert all(re.search(r"low +query$", text) for text in rows), rows


def test_progress_moves_on_a_terminal_and_says_rate_and_time_left(tmp_path: Path) -> None:
    """The line has count, share, rate and time left, fits, and is gone when the result stands there."""
    with running(tmp_path / "kibana.sqlite3", latency_ms=250) as kibana:
        project = against(tmp_path / "p", kibana.url)
        project.rules(60)
        seen = on_terminal(project, "apply", "-e", "s", "--yes", columns=80, **SECRET)

    assert seen.code == 0, seen.raw
    moving = [state for state in seen.states if re.match(r" +created +\d+/60 ", state)]
    assert len(moving) >= 3, seen.states
    assert any(re.search(r"\d+/60  \d+ %  \d+/s  \d+ s left", state) for state in moving), moving
    assert all(len(state) < 80 for state in moving)
    assert not [text for text in seen.lines if "/60" in text and "left" in text], "nothing of it stays"
    assert "\x1b[K" not in seen.raw, "old consoles print escapes as they are"


@pytest.mark.parametrize("environ", [{"CI": "true"}, {"GITHUB_ACTIONS": "true"}], ids=["CI", "GitHub"])
def test_ci_gets_one_line_per_step_even_on_a_terminal(project: ProjectFolder, environ: dict[str, str]) -> None:
    """Some CI systems give a terminal: nothing moves there all the same."""
    environ = {**environ, "DEPLOYER_ALLOW_FILE_STATE": "1"}
    seen = on_terminal(project, "apply", "-e", "s", "--yes", **environ)
    piped = project.run("plan", "-e", "s")

    assert seen.code == 0, seen.raw
    steps = [text for text in seen.lines if re.fullmatch(r"  (created|enabled|read back)(  3)?", text)]
    assert steps == ["  created  3", "  enabled  3", "  read back  3"]
    assert "\r" not in seen.plain.replace("\r\n", "")
    assert piped.code == 0


def test_quiet_says_no_step(project: ProjectFolder) -> None:
    """--quiet: nothing on stderr, on a pipe and on a terminal."""
    piped = project.run("-q", "apply", "-e", "s", "--yes")
    project.rule(1, query="other : *")
    seen = on_terminal(project, "-q", "apply", "-e", "s", "--yes")

    assert piped.err == ""
    assert not [state for state in seen.states if "updated" in state and "/" in state]


def test_a_question_is_asked_on_the_terminal(project: ProjectFolder) -> None:
    """Without --yes the person is asked; "n" changes nothing, "y" goes on."""
    no = on_terminal(project, "apply", "-e", "s", keys="n\n")
    yes = on_terminal(project, "apply", "-e", "s", keys="y\n")

    assert "Apply 3 changes to s? [y/N]" in no.plain
    assert "Nothing was changed." in no.plain
    assert yes.code == 0
    assert "Deployment #1" in yes.plain


def printed(project: ProjectFolder, encoding: str, *words: str) -> Ran:
    """Run the program with an output of this encoding, and read what it wrote as such."""
    done = subprocess.run(
        [sys.executable, "-m", "deployer", *words],
        cwd=project.root,
        env={**bare_environ(), "PYTHONIOENCODING": encoding},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding=encoding,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "encoding", ["ascii", "cp437", *(pytest.param(name, marks=pytest.mark.torture) for name in ("cp1252", "latin-1"))]
)
def test_an_output_that_cannot_take_a_character_gets_another_spelling(project: ProjectFolder, encoding: str) -> None:
    """An old code page is no error: ours are spelled in letters, a user's are escaped, JSON stays the same JSON."""
    project.rule(1, name="Übergang → 日本 🦊")
    told = printed(project, encoding, "plan", "-e", "s")
    document = printed(project, encoding, "plan", "-e", "s", "--json")
    wrong = printed(project, encoding, "plan", "-e", "s", "--only", "name:日本", "--take", "日本")
    missing = printed(project, encoding, "plan", "-e", "日本", "--json")

    assert told.code == 0, told.err
    assert "\\u65e5\\u672c" in told.out
    assert "..." in told.out or encoding == "cp1252"
    names = [change["label"]["name"] for change in document.document["plans"][0]["changes"]]
    assert "Übergang → 日本 🦊" in names
    assert "Traceback" not in wrong.err + missing.err
    assert (wrong.code, missing.code) == (2, 1)
    assert "日本" in missing.document["error"]


def test_a_pipe_that_is_closed_early_is_no_traceback(project: ProjectFolder) -> None:
    """`deployer plan | head -1`: it ends quietly."""
    process = project.start("-v", "plan", "-e", "s")
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=120)

    assert "Traceback" not in err
