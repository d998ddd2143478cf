"""`plan` and `apply` check the rules that they would write, and only those."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.project import ProjectFolder, Ran, new_project

pytestmark = pytest.mark.quick

COUNTING = '''"""Counts what one run checks, and says at its end whether the models were imported."""
import atexit, pathlib, sys
import deployer.queries as queries

checked = []
original = queries.check


def check(language, text, **options):
    checked.append(text)
    return original(language, text, **options)


queries.check = check
report = pathlib.Path(__file__).with_name("counted.txt")
atexit.register(lambda: report.write_text(f"{len(checked)} {'pydantic_core' in sys.modules}"))
'''


def counted(project: ProjectFolder, *words: str) -> tuple[Ran, int, bool]:
    """Run the program; return also how many queries it read and whether it imported the models."""
    project.write("watch/sitecustomize.py", COUNTING)
    ran = project.run_process(*words, PYTHONPATH=str(project.root / "watch"))
    queries, models = (project.root / "watch" / "counted.txt").read_text().split()
    return ran, int(queries), models == "True"


def test_an_unchanged_rule_costs_no_model_and_no_parse(tmp_path: Path) -> None:
    """A plan without changes imports no pydantic and reads no query; one changed rule of five costs one of each."""
    project = new_project(tmp_path)
    for number in range(5):
        project.rule(number)

    first = counted(project, "apply", "-e", "s", "--yes")
    again = counted(project, "plan", "-e", "s")
    project.rule(3, query="event.action : changed")
    changed = counted(project, "plan", "-e", "s")

    assert (first[0].code, first[1:]) == (0, (5, True))
    assert (again[0].code, again[1:]) == (0, (0, False))
    assert (changed[0].code, changed[1:]) == (0, (1, True))


MISTAKES = [
    ("risk_score = 21", "risk_score = 210", "rule.risk_score", 10),
    ('index = ["logs-*"]', 'index = ["logs-*"]\ndata_view_id = "x"', "rule.data_view_id", 16),
    ("event.action : *", "event.action : (a or", "rule.query", 17),
    ("event.action : *", "", "matches everything", 16),
]


@pytest.mark.parametrize("command", [("plan", "-e", "s"), ("apply", "-e", "s", "--yes")], ids=["plan", "apply"])
@pytest.mark.parametrize(("old", "new", "said", "line"), MISTAKES, ids=[row[2] for row in MISTAKES])
def test_a_rule_that_would_be_written_is_refused_with_its_line(
    tmp_path: Path, command: tuple[str, ...], old: str, new: str, said: str, line: int
) -> None:
    """Shape, sense and query errors stop plan and apply before anything is sent."""
    project = new_project(tmp_path)
    path = project.rule(1)
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")

    ran = project.run(*command)

    assert ran.code == 1
    assert said in ran.err
    assert f"rules/rule_1.toml:{line}" in ran.err
    assert not list((tmp_path / ".deployer").glob("targets/*/*/records/*"))


@pytest.mark.parametrize(
    "field", ["actions", "exceptions_list", "threat", "meta", "required_fields", "alert_suppression"]
)
def test_a_wrong_type_is_a_problem_and_no_crash(tmp_path: Path, field: str) -> None:
    """A number where a plan goes through entries is told with its line, whatever comes before the check."""
    project = new_project(tmp_path)
    path = project.rule(1)
    path.write_text(path.read_text("utf-8").replace("risk_score = 21", f"risk_score = 21\n{field} = 3"), "utf-8")

    ran = project.run("plan", "-e", "s")

    assert ran.code == 1
    assert f"rules/rule_1.toml:11:1: rule.{field}: must be a " in ran.err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('type = "query"', 'type = "threshold"\nthreshold = {field = 3, value = 1}', "rule.threshold.field: must be"),
        ("risk_score = 21", "risk_score = 21\nthreat = [{technique = 3}]", "rule.threat[0].technique: must be a list"),
        ("risk_score = 21", 'risk_score = 21\nactions = [{id = "x", frequency = 3}]', "frequency: must be a table"),
    ],
    ids=["threshold", "threat", "actions"],
)
def test_a_wrong_type_further_in_is_a_problem_and_no_crash(tmp_path: Path, old: str, new: str, said: str) -> None:
    """The same inside of entries, which the canonical form goes through before any check."""
    project = new_project(tmp_path)
    path = project.rule(1)
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")

    ran = project.run("plan", "-e", "s")

    assert ran.code == 1
    assert said in ran.err


def test_a_mistake_in_a_rule_that_is_not_written_stops_nothing(tmp_path: Path) -> None:
    """`--only` leaves the broken rule out, and what is planned is planned."""
    project = new_project(tmp_path)
    project.rule(1)
    project.rule(2, query="event.action : (a or")

    assert project.run("plan", "-e", "s").code == 1
    assert project.run("plan", "-e", "s", "--only", "name:Rule 1").code == 0


def test_a_warning_stops_nothing(tmp_path: Path) -> None:
    """A rule that runs less often than it looks back is deployed."""
    project = new_project(tmp_path)
    path = project.rule(1)
    path.write_text(path.read_text("utf-8").replace('language = "', 'interval = "1h"\nlanguage = "'), "utf-8")
    assert project.run("apply", "-e", "s", "--yes").code == 0


def test_a_rule_that_only_an_override_breaks_is_refused_at_the_override(tmp_path: Path) -> None:
    """What a target's override makes of a rule is checked too, and the override is named."""
    environment = '[kibana]\nurl = "sandbox"\n\n[[override]]\nname = "odd"\nmatch = ["*"]\nset = { max_signals = 0 }\n'
    project = new_project(tmp_path, environment=environment)
    project.rule(1)

    ran = project.run("plan", "-e", "s")

    assert ran.code == 1
    assert "environments/s.toml:4" in ran.err
    assert "rules/rule_1.toml" in ran.err
    assert "must be 1 or more" in ran.err
