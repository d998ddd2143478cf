"""Reports of problems: what published schemas demand, and that nothing in a user's file can inject anything."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import jsonschema  # the published SARIF schema has a pattern that only Python reads
import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import Problem, Severity
from deployer.render.json_text import document
from deployer.render.problems.github import problems_github
from deployer.render.problems.gitlab import problems_gitlab
from deployer.render.problems.junit import problems_junit
from deployer.render.problems.report import Report
from deployer.render.problems.sarif import problems_sarif
from deployer.render.problems.text import problems_text
from deployer.render.style import Style

pytestmark = pytest.mark.quick

SCHEMAS = Path(__file__).resolve().parents[1] / "schemas"
SARIF = jsonschema.Draft4Validator(json.loads((SCHEMAS / "sarif-2.1.0.json").read_text("utf-8")))
GITLAB = jsonschema_rs.Draft7Validator(json.loads((SCHEMAS / "gitlab-code-quality.json").read_text("utf-8")))

PLAIN = Report(
    problems=(
        Problem("rules/a.toml", 12, 3, "rule.severity", "no severity", "wrong-value", "write one", length=4),
        Problem("rules/a.toml", 14, 0, "rule.note", "no note", "triage-note", "", Severity.WARNING),
        Problem("rules/b.toml", 0, 0, "", "not TOML", "toml-syntax"),
    ),
    files=("rules/a.toml", "rules/c.toml"),
    notes=("ATT&CK was not asked",),
    prefix="detections/",
    version="1.2.3",
)

HOSTILE = [
    "::error file=x::owned",
    "a\n::error::owned",
    "a\r\n::stop-commands::t",
    "##[error]owned",
    "x ##[add-mask]y",
    "100%0A::warning::x",
    "title=x,file=/etc/passwd::",
    "<script>alert(1)</script>",
    ']]><failure message="x"/>',
    '"/><testcase name="x"/>',
    "\x1b[2J\x1b]0;owned\x07",
    "\x00\x01\x08\x0b\x0c\x1f\x7f\x85\x9f",
    "\u202eevil\u202c\u2066x\u2069\u200f\u061c",
    "\u2028line\u2029",
    "\ufffe\uffff\ufeff",
    "\udcff\ud800",
    "\\u202e \\x1b",
    "&amp; &#x0; &lt;",
    "\t tab",
]
INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff]")

texts = st.text(st.characters(blacklist_categories=()), max_size=40) | st.sampled_from(HOSTILE)
names = texts.map(lambda name: f"rules/{name or 'x'}")
problems = st.builds(
    Problem,
    path=names,
    line=st.integers(0, 30),
    column=st.integers(0, 60),
    key=texts,
    message=texts.map("it is {}".format),
    code=st.sampled_from(["wrong-value", "triage-note", "kql-syntax"]),
    remedy=texts,
    severity=st.sampled_from(list(Severity)),
    length=st.integers(0, 20),
)
reports = st.builds(
    lambda found, files, notes: Report(tuple(sorted(found)), tuple(files), tuple(notes), "sub/", "1.0"),
    st.lists(problems, max_size=4),
    st.lists(names, max_size=3),
    st.lists(texts, max_size=2),
)


@pytest.fixture(scope="module")
def junit_schema():
    """The published schema of JUnit reports."""
    xmlschema = pytest.importorskip("xmlschema", reason="xmlschema is not installed")
    return xmlschema.XMLSchema(str(SCHEMAS / "junit-10.xsd"))


def sarif_errors(report: Report) -> list[str]:
    """Return what the published schema finds wrong in a SARIF log."""
    return [error.message for error in SARIF.iter_errors(json.loads(problems_sarif(report)))]


@given(reports)
def test_sarif_is_valid_and_carries_every_problem(report: Report) -> None:
    """Whatever the names say, the log is valid SARIF 2.1.0 with one result for each problem, in order."""
    assert sarif_errors(report) == []
    (run,) = json.loads(problems_sarif(report))["runs"]
    assert [result["ruleId"] for result in run["results"]] == [problem.code for problem in report.problems]
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert not INVISIBLE.search(result["message"]["text"])
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"sub/rules/[A-Za-z0-9._~%/-]*", uri)
    prints = [result["partialFingerprints"]["deployer/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)


@given(report=reports)
def test_junit_is_valid_and_counts_files(junit_schema, report: Report) -> None:
    """Whatever the names say, the report is valid, and has one test case a file, failing where there is an error."""
    text = problems_junit(report)

    junit_schema.validate(text)
    root = ElementTree.fromstring(text)
    failing = {problem.path for problem in report.problems if problem.severity is Severity.ERROR}
    every = {*report.files, *(problem.path for problem in report.problems)}
    assert len(root.findall("testsuite/testcase")) == len(every) == int(root.attrib["tests"])
    assert len(root.findall("testsuite/testcase/failure")) == len(failing) == int(root.attrib["failures"])
    assert not INVISIBLE.search(text)


@given(reports)
def test_gitlab_is_valid_with_unique_fingerprints(report: Report) -> None:
    """Whatever the names say, the list fits GitLab's format, and no two entries are taken for one."""
    entries = json.loads(problems_gitlab(report))

    assert [error.message for error in GITLAB.iter_errors(entries)] == []
    assert len(entries) == len(report.problems) == len({entry["fingerprint"] for entry in entries})
    assert not any(INVISIBLE.search(entry["description"] + entry["location"]["path"]) for entry in entries)


@given(reports)
def test_github_commands_are_ours_alone(report: Report) -> None:
    """Each line is one command that we wrote, its properties cannot be broken out of, and no `##[` is left."""
    text = problems_github(report)
    lines = text.split("\n")[:-1]

    assert len(lines) == len(report.problems) + len(report.notes)
    assert "\r" not in text
    assert "##[" not in text
    assert not INVISIBLE.search(text.replace("\n", ""))
    for line in lines:
        head, _, rest = line.removeprefix("::").partition("::")
        level, _, properties = head.partition(" ")
        assert level in ("error", "warning", "notice")
        assert [part.partition("=")[0] for part in properties.split(",")] in (
            ["title"],
            ["file", "title"],
            ["file", "title", "line"],
            ["file", "title", "line", "col"],
        )
        assert re.fullmatch(r"(?:[^%]|%25|%0A|%0D)*", rest)


@given(reports)
def test_text_has_no_line_that_is_not_ours(report: Report) -> None:
    """Each line starts as a problem, an excerpt or the count does; nothing moves the cursor or hides itself."""
    text = problems_text(report, Style(), lambda _: [*HOSTILE, "x" * 5000])

    assert not INVISIBLE.search(text.replace("\n", ""))
    assert "##[" not in text
    for line in text.split("\n")[:-2]:
        assert re.match(r"(error  |warning) |[ \d]{8} \|", line), line
        assert len(line) < 1500


@given(texts)
def test_json_is_harmless_and_the_same_data(text: str) -> None:
    """What does something to a terminal or a CI log is escaped in the one JSON, and reads back as it was."""
    document_text = document("validate", {"text": text})

    assert json.loads(document_text)["text"] == text
    assert document_text.encode("utf-8")
    assert "##[" not in document_text
    assert not re.search("[\x7f-\x9f\u202a-\u202e\u2066-\u2069]", document_text)


def test_text_shows_the_line_and_marks_the_token() -> None:
    """The caret stands below the token and is as long, also behind a tab and in a line that is cut."""
    lines = ["", '\tseverity = "hihg"', "x" * 300 + "HERE" + "y" * 300]
    found = (
        Problem("a.toml", 2, 13, "rule.severity", "no such severity", "wrong-value", length=6),
        Problem("a.toml", 3, 301, "rule.query", "no such word", "kql-syntax", length=4),
    )

    text = problems_text(Report(found, ("a.toml",)), Style(), lambda _: lines).split("\n")

    assert text[1].endswith('    severity = "hihg"')
    assert text[2].index("^") == text[1].index('"hihg"')
    assert text[2].strip(" |") == "^^^^^^"
    assert text[4].startswith("       3 | …xxx")
    assert text[4].endswith("yyy…")
    assert text[5].index("^^^^") == text[4].index("HERE")
    assert text[6] == "1 rule, 2 errors, 0 warnings."


def test_a_report_without_problems_says_so() -> None:
    """Nothing wrong is one line for people, an empty list or run for systems, and passing cases."""
    right = Report((), ("a.toml", "b.toml"))

    assert problems_text(right, Style()) == "2 rules, no problem.\n"
    assert problems_github(right) == ""
    assert json.loads(problems_gitlab(right)) == []
    assert json.loads(problems_sarif(right))["runs"][0]["results"] == []
    assert 'tests="2" failures="0"' in problems_junit(right)


def test_places_are_told_from_the_root_of_the_repository() -> None:
    """Systems that know only the repository get the way from its root; lines and columns where they are known."""
    results = json.loads(problems_sarif(PLAIN, {"triage-note": "No note."}))["runs"][0]["results"]
    places = [result["locations"][0]["physicalLocation"] for result in results]

    assert [place["artifactLocation"]["uri"] for place in places] == [
        "detections/rules/a.toml",
        "detections/rules/a.toml",
        "detections/rules/b.toml",
    ]
    assert [place.get("region") for place in places] == [
        {"startLine": 12, "startColumn": 3, "endColumn": 7},
        {"startLine": 14},
        None,
    ]
    assert problems_github(PLAIN).split("\n")[0] == (
        "::error file=detections/rules/a.toml,title=wrong-value,line=12,col=3::rule.severity: no severity; write one"
    )
    entries = json.loads(problems_gitlab(PLAIN))
    assert [(e["location"]["path"], e["location"]["lines"]["begin"], e["severity"]) for e in entries] == [
        ("detections/rules/a.toml", 12, "major"),
        ("detections/rules/a.toml", 14, "minor"),
        ("detections/rules/b.toml", 1, "major"),
    ]


def test_a_fingerprint_survives_lines_above_and_another_message_does_not() -> None:
    """The same problem further down keeps its name; equal problems of one file are told apart."""
    first = Problem("a.toml", 3, 1, "rule.note", "no note", "triage-note")
    moved = Problem("a.toml", 9, 1, "rule.note", "no note", "triage-note")
    other = Problem("a.toml", 3, 1, "rule.note", "another", "triage-note")

    assert Report((first,)).fingerprints == Report((moved,)).fingerprints
    assert Report((first,)).fingerprints != Report((other,)).fingerprints
    assert len(set(Report((first, moved)).fingerprints)) == 2
