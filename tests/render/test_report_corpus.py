"""The report of the whole corpus: how large it is, what it answers, and how fast a browser opens it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from deployer.adapters.attack import load_attack
from deployer.core.report import Report
from deployer.core.rule_file import DEPRECATED, RuleFile, read_rule
from deployer.render.html.report import report_html
from tests.support.browser import browser, needs_browser
from tests.support.planning import world
from tests.support.reporting import Element, looked, parsed, report
from tests.support.shared import corpus, needs_shared

pytestmark = needs_shared

LARGEST = 3_000_000
SECONDS = 2.0


@cache
def files(date: str) -> tuple[RuleFile, ...]:
    """The rules of one date that are not deprecated."""
    found = [read_rule(path, text)[0] for path, text in corpus(date)]
    return tuple(file for file in found if file is not None and file.maturity != DEPRECATED)


@cache
def case() -> Report:
    """dev has the newer corpus; prod has the older one, and is asked for the newer."""
    newer, older = files("2026-08"), files("2026-05")
    dev, prod = world(*newer), world(*older)
    prod.git(*newer)
    return report(newer, looked("dev", dev), looked("prod", prod), catalogue=load_attack())


@cache
def written() -> str:
    """The page."""
    return report_html(case())


@cache
def page() -> Element:
    """The page, parsed."""
    return parsed(written())


def test_the_size_is_bounded() -> None:
    """2,068 rules in two environments, with 480 changes."""
    assert len(written().encode()) < LARGEST


def test_every_rule_is_there_once() -> None:
    """In the table of all rules, and among what the filters know."""
    rows = [row for row in page().one("section", id="rules").all("tr") if "data-r" in row.attributes]

    assert [int(row.attributes["data-r"]) for row in rows] == [*range(len(case().subjects))]
    assert {subject.rule_id for subject in case().subjects} >= {file.rule_id for file in files("2026-08")}


def test_the_three_questions_are_answered() -> None:
    """With the numbers that follow from the two dates and from ATT&CK."""
    newer = {file.rule_id: file for file in files("2026-08")}
    older = {file.rule_id: file for file in files("2026-05")}
    changed = [
        rule_id for rule_id in newer.keys() & older.keys() if newer[rule_id].fingerprint != older[rule_id].fingerprint
    ]
    text = {section.attributes["id"]: section.text for section in page().all("section")}

    target = case().targets[1]
    assert len(target.coming) == len(newer.keys() ^ older.keys()) + len(changed)
    assert f"{len(target.coming)} changes (" in text["changes"]
    assert f"{len(newer.keys() - older.keys())} rules that no other environment of this page has" in text["only"]
    named = {name.partition(".")[0] for file in newer.values() for name in _techniques(file)}
    named |= {name.partition(".")[0] for file in older.values() for name in _techniques(file)}
    catalogue = load_attack()
    assert catalogue is not None
    current = {name for name, one in catalogue.techniques.items() if not one.retired and "." not in name}
    assert f"{len(current - named)} of {len(current | named)} techniques have no rule anywhere" in text["techniques"]


def _techniques(file: RuleFile) -> list[str]:
    return [
        name
        for threat in file.payload.get("threat") or ()
        if threat["framework"] == "MITRE ATT&CK"
        for technique in threat.get("technique") or ()
        for name in (technique["id"], *(sub["id"] for sub in technique.get("subtechnique") or ()))
    ]


@needs_browser
@pytest.mark.bench
def test_a_browser_opens_it_within_two_seconds(tmp_path: Path) -> None:
    """From the address to a page that answers to a key: the best of three, on a machine that does other things too."""
    path = tmp_path / "report.html"
    path.write_text(written(), "utf-8")
    with browser() as tab:
        seconds = [tab.open(path) for _ in range(3)]
        assert not tab.complaints
    print(f"\nopened in {', '.join(f'{each:.2f}' for each in seconds)} s, {len(written()) / 1e6:.2f} MB")
    assert min(seconds) < SECONDS
