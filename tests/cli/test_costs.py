"""What commands may cost, in things that can be counted: requests, bytes, parsed files, imported modules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.project import ProjectFolder, new_project
from tests.support.sandbox import PASSWORD, ROOT, Sandbox, running

RULES = 120
COUNTED = """
import json, sys, toml_rs
parsed = []
loads = toml_rs.loads
toml_rs.loads = lambda text, **how: parsed.append(text) or loads(text, **how)
sys.argv = ["deployer", *sys.argv[1:]]
from deployer.cli import main
try:
    main()
finally:
    rules = sum("[rule]" in text for text in parsed)
    print(json.dumps({"rules": rules, "modules": sorted(sys.modules)}), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ProjectFolder, Sandbox]]:
    """A project of 120 rules that two spaces of a sandbox hold."""
    root = tmp_path_factory.mktemp("costs")
    with running(root / "kibana.sqlite3") as sandbox:
        sandbox.request("POST", "/api/spaces/space", {"id": "other", "name": "Other"})
        kibana = f'[kibana]\nurl = "{sandbox.url}"\nusername = "elastic"\npassword = "env:SANDBOX_PASSWORD"\n'
        project = new_project(root / "project", environment=f'{kibana}spaces = ["default", "other"]\n')
        for number in range(RULES):
            project.rule(number)
        assert project.run("apply", "-e", "s/*", "--yes", SANDBOX_PASSWORD=PASSWORD).code == 0
        yield project, sandbox


def asked(sandbox: Sandbox, project: ProjectFolder, *words: str) -> tuple[int, int]:
    """Run a command; return how many requests it sent, and how many of them could write."""
    sandbox.admin("DELETE", "requests")
    done = project.run(*words, SANDBOX_PASSWORD=PASSWORD)
    assert done.code == 0, done.err
    counters = sandbox.admin("GET", "counters")
    return counters["total"], counters["writes"]


def counted(project: ProjectFolder, *words: str) -> dict[str, object]:
    """Run a command; return how many rule files it parsed, and the modules that it imported."""
    done = subprocess.run(
        [sys.executable, "-c", COUNTED, *words],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SANDBOX_PASSWORD": PASSWORD},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    found: dict[str, object] = json.loads(done.stderr.splitlines()[-1])
    return found


def test_a_plan_without_changes_is_two_requests(deployed: tuple[ProjectFolder, Sandbox]) -> None:
    """The status, and all rules in one page; nothing that could write."""
    project, sandbox = deployed
    assert asked(sandbox, project, "plan", "-e", "s/default") == (2, 0)


def test_one_changed_rule_is_at_most_twelve_requests(deployed: tuple[ProjectFolder, Sandbox]) -> None:
    """Of which one writes."""
    project, sandbox = deployed
    project.rule(7, query="event.action : changed")
    requests, writes = asked(sandbox, project, "apply", "-e", "s/default", "--yes")
    assert requests <= 12
    assert writes == 1


def test_a_second_space_parses_no_file_again(deployed: tuple[ProjectFolder, Sandbox]) -> None:
    """Files are loaded and parsed once, however many targets are planned."""
    project, _ = deployed
    assert counted(project, "plan", "-e", "s/*")["rules"] == RULES


def test_a_plan_without_changes_imports_no_models(deployed: tuple[ProjectFolder, Sandbox]) -> None:
    """pydantic and deepdiff are for changed rules."""
    project, sandbox = deployed
    asked(sandbox, project, "apply", "-e", "s/*", "--yes")
    modules = counted(project, "plan", "-e", "s/*")["modules"]
    assert isinstance(modules, list)
    assert {"pydantic", "pydantic_core", "deepdiff", "rich", "jinja2"}.isdisjoint(modules)


def test_creating_many_rules_is_one_request_each_and_few_more(
    deployed: tuple[ProjectFolder, Sandbox], tmp_path: Path
) -> None:
    """120 creates: a POST each, two bulk actions to enable them, one page to read them back, and the start."""
    _, sandbox = deployed
    project = new_project(
        tmp_path / "project",
        environment=f'[kibana]\nurl = "{sandbox.url}"\nspace = "third"\n'
        'username = "elastic"\npassword = "env:SANDBOX_PASSWORD"\n',
    )
    for number in range(RULES):
        project.rule(number)
    sandbox.request("POST", "/api/spaces/space", {"id": "third", "name": "Third"})
    requests, writes = asked(sandbox, project, "apply", "-e", "s", "--yes")
    assert writes == RULES + 2
    assert requests <= writes + 8


def test_many_lists_are_few_requests_and_only_what_changed_is_written(
    deployed: tuple[ProjectFolder, Sandbox], tmp_path: Path
) -> None:
    """40 lists with 400 items: one read of the lists, one of their items; of two changed items two writes."""
    _, sandbox = deployed
    sandbox.request("POST", "/api/spaces/space", {"id": "listed", "name": "Listed"})
    project = new_project(
        tmp_path / "project",
        environment=f'[kibana]\nurl = "{sandbox.url}"\nspace = "listed"\n'
        'username = "elastic"\npassword = "env:SANDBOX_PASSWORD"\n',
    )
    project.rule(1)
    for number in range(40):
        items = (
            f'\n[[list.items]]\nitem_id = "i-{number}-{item}"\nwhen = {{ "user.name" = "user-{item}" }}\n'
            for item in range(10)
        )
        project.write(f"exceptions/l-{number}.toml", f'[[list]]\nlist_id = "l-{number}"\n' + "".join(items))
    _, writes = asked(sandbox, project, "apply", "-e", "s", "--yes")
    assert writes == 40 + 400 + 2  # the rule and its switch

    assert asked(sandbox, project, "plan", "-e", "s") == (4, 0)
    for number in (3, 30):
        path = project.root / f"exceptions/l-{number}.toml"
        path.write_text(path.read_text("utf-8").replace('"user-7"', '"somebody"'), "utf-8")
    requests, writes = asked(sandbox, project, "apply", "-e", "s", "--yes")

    assert writes == 2
    assert requests <= 16
