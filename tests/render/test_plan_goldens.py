"""
What every renderer writes of ten plans, as files to look at: `tests/render/golden/PLAN.ENDING`.

The plans (`tests/support/plans.py`) have every action, every category and every note, and `several` has three targets
and two failures. A change of a renderer shows as a difference of these files: read it, then write them again with

    GOLDEN=write .venv/bin/pytest -q tests/render/test_plan_goldens.py

The hostile plan has no golden file: what matters about it is asserted in `test_plan_injection.py`. Of the HTML page
only the body is kept, and of the JSON no plan that is long in it.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import jsonschema_rs
import pytest
import xmlschema

from deployer.commands.plan_outputs import KINDS
from deployer.commands.schema import schema_text
from deployer.core.change import Action
from deployer.core.fields import Category
from deployer.render.plan.document import Document
from deployer.render.plan.text import plan_text
from deployer.render.style import Style
from tests.support.plans import PLANS, renderers, several, single

pytestmark = pytest.mark.quick

GOLDEN = Path(__file__).parent / "golden"
SCHEMAS = Path(__file__).resolve().parents[1] / "schemas"
DOCUMENTS = {**{name: (lambda make=make: single(make())) for name, make in PLANS.items()}, "several": several}
JUNIT = xmlschema.XMLSchema(str(SCHEMAS / "junit-10.xsd"))
GITLAB = jsonschema_rs.Draft7Validator(json.loads((SCHEMAS / "gitlab-code-quality.json").read_text("utf-8")))
PLAN = jsonschema_rs.Draft7Validator(json.loads(schema_text("plan")))


def kept(ending: str, text: str) -> str:
    """Return what a golden file keeps of an output."""
    if ending != "html":
        return text
    body = text[text.index("<header") : text.index("<footer")]
    return re.sub(r"\n\s*\n+", "\n", body)


@pytest.mark.parametrize("ending", renderers())
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_plan_is_written_as_its_golden_file_says(name: str, ending: str) -> None:
    """Every renderer, every plan."""
    made = kept(ending, renderers()[ending](DOCUMENTS[name]()))
    path = GOLDEN / f"{name}.{ending}"
    if os.environ.get("GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(made, "utf-8", newline="\n")

    assert made == path.read_text("utf-8"), f"if that is meant: GOLDEN=write pytest {Path(__file__).name}"


def test_no_golden_file_is_left_over() -> None:
    """A file that no test writes shows nothing."""
    wanted = {f"{name}.{end}" for name in DOCUMENTS for end in renderers()}

    assert {path.name for path in GOLDEN.iterdir()} == wanted


def test_the_plans_have_every_action_and_every_category() -> None:
    """No renderer meets a kind of change for the first time in production."""
    changes = [change for make in PLANS.values() for change in make().changes]

    assert {change.action for change in changes} == set(Action)
    assert {change.category for change in changes if change.action is Action.UPDATE} == set(Category)


@pytest.mark.parametrize("name", PLANS)
def test_text_fits_a_terminal_and_begins_and_ends_as_promised(name: str) -> None:
    """96 columns; a refusal stands in the first ten lines; the next command is the last thing."""
    plan = PLANS[name]()
    text = plan_text(plan, Style())
    lines = text.splitlines()

    assert max(map(len, lines)) <= 96
    assert any("REFUSED" in row for row in lines[:10]) is bool(plan.refusals or plan.notes.blocked)
    last = lines[-1] if "\\" not in text else text[text.rindex("Next: ") :]
    assert "deployer" in last
    assert plan.empty or last.startswith("Next: deployer ")
    assert text.endswith("\n")


def test_a_long_next_command_can_be_pasted() -> None:
    """It goes on in the next line after a backslash."""
    text = plan_text(PLANS["losses"](), Style())
    command = text[text.index("Next: ") + 6 :].replace("\\\n", "")

    assert command.split() == [
        "deployer", "apply", "-e", "prod/default", "--expect", PLANS["losses"]().short,
        "--allow", "disable=12,delete=1,recreate=1", "--reason", '"..."',
    ]  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTS)
def test_reports_are_what_published_schemas_demand(name: str) -> None:
    """JUnit, GitLab's Code Quality, and our own schema of the JSON."""
    found: Document = DOCUMENTS[name]()
    made = {ending: render(found) for ending, render in renderers().items()}

    JUNIT.validate(made["junit.xml"])
    assert [error.message for error in GITLAB.iter_errors(json.loads(made["gitlab.json"]))] == []
    assert [error.message for error in PLAN.iter_errors(json.loads(made["json"]))] == []
    assert set(json.loads(made["terraform.json"])) == {"create", "update", "delete"}


def test_the_schema_knows_when_something_is_missing_or_unknown() -> None:
    """It would say so if a plan had a key that it does not name, or lacked one."""
    found = json.loads(renderers()["json"](single(PLANS["example"]())))
    assert PLAN.is_valid(found)
    for key, value in (("digest", None), ("odd", 1), ("notes", {})):
        wrong = json.loads(json.dumps(found))
        wrong["plans"][0].pop(key, None)
        wrong["plans"][0] |= {} if value is None else {key: value}
        assert not PLAN.is_valid(wrong)


def test_every_key_and_every_kind_is_described() -> None:
    """docs/json.md names what the schema has, and each format that the option takes."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "json.md").read_text("utf-8")
    schema = json.loads(schema_text("plan"))
    plan, failed = schema["properties"]["plans"]["items"]["anyOf"]
    change = plan["properties"]["changes"]["items"]["properties"]
    notes = plan["properties"]["notes"]["properties"]
    keys = {*schema["properties"], *plan["properties"], *failed["properties"], *change, *notes, *KINDS}

    assert {key for key in keys if f"`{key}`" not in text and f"`{key}[]`" not in text} == set()
