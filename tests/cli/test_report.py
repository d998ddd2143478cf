"""`deployer report` over real HTTP: the three questions answered, nothing written, few requests, failures said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.project import ProjectFolder, Ran, new_project
from tests.support.reporting import Element, parsed
from tests.support.sandbox import Sandbox, running

TARGET = '[kibana]\nurl = "{url}"\nusername = "elastic"\npassword = "env:PASSWORD"\nspace = "{name}"\n'
PROMOTED = '[rules]\nsource = "promoted"\n[promotion]\nfrom = "dev"\nsoak = "24h"\n'
SECRETS = {"PASSWORD": "changeme", "DEPLOYER_HOSTS": "127.0.0.1"}
THREAT = """
[[rule.threat]]
framework = "MITRE ATT&CK"
[rule.threat.tactic]
id = "TA0002"
name = "Execution"
reference = "https://attack.mitre.org/tactics/TA0002/"
[[rule.threat.technique]]
id = "{id}"
name = "{name}"
reference = "https://attack.mitre.org/techniques/{id}/"
"""
HOUR = 3600


def rule_id(number: int) -> str:
    """The id of a rule that `ProjectFolder.rule` wrote."""
    return f"00000000-0000-4000-8000-{number:012d}"


def names(project: ProjectFolder, number: int, technique: str, name: str) -> None:
    """Let a rule name a technique."""
    path = project.root / f"rules/rule_{number}.toml"
    path.write_text(path.read_text("utf-8") + THREAT.format(id=technique, name=name), "utf-8")


@pytest.fixture(scope="module")
def constructed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ProjectFolder, Sandbox]]:
    """
    dev and prod, which promotes from dev: rules 1 to 3 run in both, and 4 only in dev, beside a newer rule 1. The
    newer rule 2 is pinned and not applied to prod yet; 5 is in git alone. Rule 2 fails and 3 was edited in prod. T1059
    runs in both, T1106 only in dev, T1053 is only in git.
    """
    root = tmp_path_factory.mktemp("report")
    with running(root / "kibana.sqlite3") as kibana:
        project = new_project(root / "project")
        for name in ("dev", "prod"):
            kibana.request("POST", "/api/spaces/space", {"id": name, "name": name})
            text = TARGET.format(url=kibana.url, name=name)
            project.write(f"environments/{name}.toml", text + (PROMOTED if name == "prod" else ""))
        for number in (1, 2, 3):
            project.rule(number)
        names(project, 1, "T1059", "Command and Scripting Interpreter")
        ok(project, "apply", "-e", "dev", "--yes")
        kibana.admin("POST", "clock", {"offset": 25 * HOUR})
        ok(project, "promote", "--to", "prod")
        ok(project, "apply", "-e", "prod", "--yes")
        project.rule(2, query="b : 2")
        ok(project, "apply", "-e", "dev", "--yes")
        kibana.admin("POST", "clock", {"offset": 50 * HOUR})
        ok(project, "promote", "--to", "prod")
        project.rule(1, query="c : 3")
        names(project, 1, "T1059", "Command and Scripting Interpreter")
        project.rule(4)
        names(project, 4, "T1106", "Native API")
        ok(project, "apply", "-e", "dev", "--yes")
        project.rule(5)
        names(project, 5, "T1053", "Scheduled Task/Job")
        failing = {"space": "prod", "rule_id": rule_id(2), "status": "failed", "message": "no such index"}
        kibana.admin("POST", "executions", failing)
        ok(project, "hold", "-e", "prod", "--rule", rule_id(3), "--reason", "INC-1", "--yes")
        edit = {"rule_id": rule_id(3), "note": "edited by hand"}
        assert kibana.request("PATCH", "/s/prod/api/detection_engine/rules", edit, user="soc-day").status == 200
        yield project, kibana


def ok(project: ProjectFolder, *words: str) -> Ran:
    """Run the program, which must succeed."""
    ran = project.run(*words, **SECRETS)
    assert ran.code == 0, ran.err + ran.out
    return ran


@pytest.fixture(scope="module")
def page(constructed: tuple[ProjectFolder, Sandbox]) -> Element:
    """The page of the constructed case."""
    project, _ = constructed
    ok(project, "report", "-e", "dev", "-e", "prod")
    return parsed((project.root / "report.html").read_text("utf-8"))


def part(page: Element, heading: str) -> Element:
    """The innermost part of the page below this heading."""
    found = [
        one
        for one in page.all()
        if one.tag != "summary" and heading in [h.text for tag in ("h2", "h3") for h in one.all(tag)]
    ]
    return found[-1]


def test_what_will_change_in_prod_is_answered(constructed: tuple[ProjectFolder, Sandbox], page: Element) -> None:
    """The changes of the next apply by name, action and reason; what the next promotion would bring and what waits."""
    project, _ = constructed
    plan = ok(project, "plan", "-e", "prod", "--json").document["plans"][0]

    prod = part(page, "What will change in prod?")

    assert plan["digest"].removeprefix("sha256:")[:12] in prod.text
    assert [change["label"]["name"] for change in plan["changes"]] == ["Rule 2"]
    assert [row.text for row in prod.all("tr") if "update" in row.text] == [
        "update Rule 2 other meaning: query low semantic query"
    ]
    waiting = [row.text for row in prod.all("tr") if "not now" in row.text]
    assert [text.partition(" not now")[0] for text in waiting] == ["Rule 1", "Rule 4"]
    assert all("waits 24 h" in text for text in waiting), waiting


def test_what_will_change_in_dev_is_answered(page: Element) -> None:
    """Rule 5 is in git and not applied."""
    dev = part(page, "What will change in dev?")

    assert "1 change (1 create) with the next apply" in dev.text
    assert [row.text for row in dev.all("tr")][1:] == ["create Rule 5 low exposure"]


def test_what_is_only_in_dev_is_answered(page: Element) -> None:
    """Rule 4, and nothing else; rule 1 is in both with different contents."""
    only = part(page, "Only in dev")
    differing = part(page, "In several, with different contents: 2 rules")

    assert [row.all("td")[0].text for row in only.all("tr") if row.all("td")] == ["Rule 4"]
    assert [row.all("td")[0].text for row in differing.all("tr") if row.all("td")] == ["Rule 1", "Rule 2"]
    assert "What is only in dev?" in [heading.text for heading in page.all("h2")]


def test_which_techniques_have_no_rule_is_answered(page: Element) -> None:
    """Against ATT&CK itself: what no rule names, what runs only in dev, what is only in git; and what is covered."""
    section = next(one for one in page.all("section") if one.attributes["id"] == "techniques")
    none = section.one("div", id="no-rule").text
    idle = part(page, "A rule, but none that runs in prod: 2 techniques")

    assert "Which techniques have no rule?" in section.text
    assert "Measured against ATT&CK 18.1." in section.text
    assert "213 of 216 techniques have no rule anywhere" in section.text
    assert "T1566 Phishing" in none
    assert not [word for word in ("T1059 ", "T1106 ", "T1053 ") if word in none]
    assert [row.text for row in idle.all("tr")][1:] == [
        "T1053 Scheduled Task/Job 1 in git, nowhere deployed",
        "T1106 Native API 1 in dev",
    ]


def test_health_drift_and_holds_are_shown(page: Element) -> None:
    """Which rule fails where, what an analyst changed, what is held back and why."""
    section = next(one for one in page.all("section") if one.attributes["id"] == "attention")
    rows = [row.text for row in section.all("tr")]

    assert "Rule 2 prod failed" in rows
    assert any(row.startswith("Rule 3 prod changed note soc-day") for row in rows), rows
    assert any(row.startswith("Rule 3 prod H") and "held INC-1" in row for row in rows), rows


def test_the_environments_stand_side_by_side(page: Element) -> None:
    """One row each, the source of the promotion first."""
    section = next(one for one in page.all("section") if one.attributes["id"] == "environments")

    assert [row.all("th")[0].text for row in section.all("tr")][1:] == ["dev", "prod"]


def test_a_report_reads_and_writes_nothing(constructed: tuple[ProjectFolder, Sandbox]) -> None:
    """Status and one bulk read of each target, and once more of dev for the promotion's decisions; no write."""
    project, kibana = constructed
    kibana.admin("DELETE", "requests")

    ok(project, "report", "-e", "dev", "-e", "prod")

    counters = kibana.admin("GET", "counters")
    assert (counters["total"], counters["writes"]) == (6, 0)


def test_without_an_environment_the_repository_alone_is_looked_at(
    constructed: tuple[ProjectFolder, Sandbox], tmp_path: Path
) -> None:
    """No request, no secret; coverage is that of git."""
    project, kibana = constructed
    kibana.admin("DELETE", "requests")
    layer, catalogue = tmp_path / "layer.json", tmp_path / "RULES.md"

    ran = project.run(
        "report", "-o", str(tmp_path / "git.html"), "--navigator", str(layer), "--catalogue", str(catalogue)
    )

    assert ran.code == 0, ran.err
    assert kibana.admin("GET", "counters")["total"] == 0
    assert "No environment was asked" in parsed((tmp_path / "git.html").read_text("utf-8")).text
    scores = {one["techniqueID"]: one["score"] for one in json.loads(layer.read_text("utf-8"))["techniques"]}
    assert (scores["T1053"], scores["T1059"], scores["T1566"]) == (1, 1, 0)
    assert catalogue.read_text("utf-8").count("**Rule ") == 5


def test_the_json_has_what_the_page_shows(constructed: tuple[ProjectFolder, Sandbox]) -> None:
    """One document on stdout, and no file where none was named."""
    project, _ = constructed
    (project.root / "report.html").unlink(missing_ok=True)

    found = ok(project, "report", "-e", "dev", "-e", "prod", "--json").document

    assert not (project.root / "report.html").exists()
    assert [target["name"] for target in found["targets"]] == ["dev", "prod"]
    assert [group["rule_ids"] for group in found["not_everywhere"] if group["only"]] == [[rule_id(4)]]
    answers = {one["id"]: one["answer"] for one in found["attack"]["techniques"]}
    assert answers["T1106"] == {"dev": "runs", "prod": "elsewhere"}
    assert answers["T1059"] == {"dev": "runs", "prod": "runs"}
    assert answers["T1566"] == {"dev": "none", "prod": "none"}


def test_a_target_that_cannot_be_read_is_said_on_the_page(constructed: tuple[ProjectFolder, Sandbox]) -> None:
    """Exit 1, and the page has the others and names the one that is missing."""
    project, _ = constructed
    dead = TARGET.format(url="https://127.0.0.1:9", name="default") + 'timeout = { connect = "1s", read = "1s" }\n'
    project.write("environments/dead.toml", dead)

    ran = project.run("report", "-e", "dead", "-e", "dev", "-o", "some.html", **SECRETS)
    alone = project.run("report", "-e", "dead", "-o", "alone.html", **SECRETS)
    (project.root / "environments/dead.toml").unlink()

    assert ran.code == 1
    page = parsed((project.root / "some.html").read_text("utf-8"))
    assert "dead could not be read" in page.one("p", class_="alarm").text
    assert "What will change in dev?" in page.text
    assert alone.code == 1
    assert not (project.root / "alone.html").exists()


def test_two_outputs_into_one_file_are_refused(constructed: tuple[ProjectFolder, Sandbox]) -> None:
    """Before anything is read."""
    project, _ = constructed

    ran = project.run("report", "-o", "x.html", "--navigator", "./x.html")

    assert ran.code == 2
    assert not (project.root / "x.html").exists()


def test_a_file_that_cannot_be_written_is_said(constructed: tuple[ProjectFolder, Sandbox]) -> None:
    """With its name and a remedy."""
    project, _ = constructed

    ran = project.run("report", "-o", "no/such/folder/x.html")

    assert ran.code == 1
    assert "cannot write no/such/folder/x.html" in ran.err
