"""Several targets in one run: each on its own, one table, one exit code, and a second run that does only the rest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.project import ProjectFolder, bare_environ, new_project
from tests.support.sandbox import running

GOOD = '[kibana]\nurl = "sandbox"\n'
DEAD = (
    '[kibana]\nurl = "http://127.0.0.1:9"\nusername = "elastic"\npassword = "env:PASSWORD"\n'
    'timeout = { connect = "1s", read = "1s" }\n'  # how long a connection that is refused is tried again
)
PEAK = (
    "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(code)"
)
"""Runs a command and says how much memory it took at most, in KiB, as the last line of stderr."""
SECRETS = {"PASSWORD": "changeme", "DEPLOYER_HOSTS": "127.0.0.1"}


def three(tmp_path: Path) -> ProjectFolder:
    """A project with targets a, b and c, of which b does not answer."""
    project = new_project(tmp_path, environment=GOOD)
    for name, text in (("a", GOOD), ("b", DEAD), ("c", GOOD)):
        project.write(f"environments/{name}.toml", text)
    project.rule(1)
    return project


def states(document: dict[str, Any]) -> dict[str, Any]:
    """What a document says of each target: the deployment's number, or the exit code of its error."""
    return {each["target"]: each.get("exit_code", each.get("deployment")) for each in document["targets"]}


def test_a_target_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    """The first and third are applied, exit 7; once the second answers, the next run writes to it alone."""
    project = three(tmp_path)

    first = project.run("apply", "-e", "a", "-e", "b", "-e", "c", "--yes", "--json", **SECRETS)
    project.write("environments/b.toml", GOOD)
    second = project.run("apply", "-e", "[abc]", "--yes", **SECRETS)

    assert first.code == 7, first.err
    assert states(first.document) == {"a": 1, "b": 1, "c": 1}
    assert "127.0.0.1:9" in first.err
    assert second.code == 0, second.err
    table = second.out[second.out.index("TARGETS") :].splitlines()[2:]
    assert [row.split()[:2] for row in table] == [["a", "nothing"], ["b", "applied"], ["c", "nothing"]]


def test_fail_fast_applies_nothing_where_a_target_cannot_be_planned(tmp_path: Path) -> None:
    """With --fail-fast one target that cannot be planned holds all back."""
    project = three(tmp_path)

    ran = project.run("apply", "-e", "[abc]", "--yes", "--fail-fast")
    left = project.run("plan", "-e", "a", "--detailed-exitcode")

    assert ran.code == 1
    assert "another target failed" in ran.out
    assert left.code == 3


def test_plans_of_several_targets_end_in_one_table_worst_first(tmp_path: Path) -> None:
    """The table has every target, the one that failed on top; the exit code is that of the failure."""
    project = three(tmp_path)

    ran = project.run("plan", "-e", "[abc]", "--detailed-exitcode")

    assert ran.code == 1
    table = ran.out[ran.out.index("TARGETS") :].splitlines()[2:]
    assert [row.split()[0] for row in table] == ["b", "a", "c"]
    assert "failed" in table[0]
    assert "1 change" in table[1]


def test_a_guard_refuses_in_one_target_only(tmp_path: Path) -> None:
    """A limit of one environment refuses there; the other is applied; exit 7."""
    project = new_project(tmp_path, environment=GOOD)
    project.write("environments/a.toml", GOOD)
    project.write("environments/c.toml", GOOD + "[limits]\ndisable = 0\n")
    project.rule(1)
    gone = project.rule(2)
    assert project.run("apply", "-e", "[ac]", "--yes").code == 0
    gone.unlink()

    ran = project.run("apply", "-e", "[ac]", "--yes", "--json")

    assert ran.code == 7
    assert states(ran.document) == {"a": 2, "c": 4}


def test_targets_of_one_host_share_the_files_and_one_number(tmp_path: Path) -> None:
    """Two spaces of one environment get one deployment number in one run."""
    with running(tmp_path / "kibana.sqlite3") as kibana:
        project = new_project(tmp_path)
        for space in ("blue", "red"):
            kibana.request("POST", "/api/spaces/space", {"id": space, "name": space})
        project.write(
            "environments/k.toml",
            f'[kibana]\nurl = "{kibana.url}"\nspaces = ["blue", "red"]\n'
            'username = "elastic"\npassword = "env:PASSWORD"\n',
        )
        project.rule(1)

        ran = project.run("apply", "-e", "k/*", "--yes", "--json", **SECRETS)

    assert ran.code == 0, ran.err
    assert states(ran.document) == {"k/blue": 1, "k/red": 1}


@pytest.mark.torture
def test_fifty_spaces_of_five_hundred_rules_are_planned_in_one_run_with_bounded_memory(tmp_path: Path) -> None:
    """One run reads 25,000 rules in 50 spaces: files parsed once, memory far below what all spaces would take."""
    spaces = [f"c{number:02}" for number in range(50)]
    with running(tmp_path / "kibana.sqlite3") as kibana:
        for space in spaces:
            kibana.request("POST", "/api/spaces/space", {"id": space, "name": space})
        project = new_project(tmp_path)
        listed = ", ".join(f'"{space}"' for space in spaces)
        credentials = 'username = "elastic"\npassword = "env:PASSWORD"\n'
        project.write("environments/k.toml", f'[kibana]\nurl = "{kibana.url}"\nspaces = [{listed}]\n{credentials}')
        for number in range(1, 501):
            project.rule(number)
        applied = project.run("apply", "-e", "k", "--yes", **SECRETS)
        words = [sys.executable, "-m", "deployer", "plan", "-e", "k", "--detailed-exitcode"]
        planned = subprocess.run(
            [sys.executable, "-c", PEAK, *words],
            cwd=project.root,
            env={**bare_environ(), **SECRETS},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    assert applied.code == 0, applied.err[-2000:]
    assert planned.returncode == 0, planned.stderr[-2000:]
    assert planned.stdout.count("nothing to do") == 50
    peak = int(planned.stderr.splitlines()[-1]) / 1024
    print(f"50 spaces x 500 rules planned with {peak:.0f} MB")
    assert peak <= 400
