"""The report's page as a parser reads it: hostile text stays text, the size is bounded, equal reports are equal."""

from __future__ import annotations

import json
import re

import pytest

from deployer.core.report import Failed
from deployer.render.html import report as module
from deployer.render.html.report import report_html
from tests.support.planning import world
from tests.support.reporting import Element, big, looked, parsed, report, ruled

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</table></section></main><h1>gone</h1>",
    "</script><script>alert(1)</script>",
    "<!-- comment",
    "]]><![CDATA[",
    "' onclick='alert(1)",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "\u202eesrever\u202c\x1b[31m\x00",
    "line\nbreak\ttab",
    "&lt;b&gt;&amp;",
    "x" * 50_000,
]
BIGGEST = 10_000_000


def page(name: str) -> Element:
    """The page of a project that is called so, whose rules, targets, techniques, tags and errors are called so too."""
    threats = [
        {
            "framework": "MITRE ATT&CK",
            "tactic": {"id": "TA0002", "name": name, "reference": name},
            "technique": [{"id": name, "name": name, "reference": name}],
        }
    ]
    file = ruled("r1", name=name, tags=[name], description=name, threat=threats)
    dev, prod = world(file), world(file)
    second = ruled("r2", name=name, threat=threats)
    dev.git(file, second)
    prod.edit("r1", by=name, note=name)
    failed = [Failed(name, name)]
    return parsed(
        report_html(report([file, second], looked(name, dev), looked("prod", prod), failed=failed, project=name))
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_injected_nowhere(name: str) -> None:
    """The page has the same elements and the same attributes, whatever everything on it is called."""

    def shape(element: Element) -> list[tuple[str, tuple[str, ...]]]:
        return [(one.tag, tuple(sorted(one.attributes))) for one in element.all() if one.tag != "td"]

    plain, hostile = page("plain"), page(name)

    assert shape(hostile) == shape(plain)
    for element in hostile.all():
        assert not [key for key in element.attributes if key.startswith("on") or key == "style"]
        for key in ("href", "src"):
            value = element.attributes.get(key, "#")
            assert value.startswith(("#", "https://attack.mitre.org/techniques/T", "data:,")), value
    assert not re.search("[\x00-\x08\x1b\u202a-\u202e]", hostile.text)


@pytest.mark.parametrize("name", HOSTILE[:-1])
def test_the_data_of_the_filters_is_json_with_the_name_in_it(name: str) -> None:
    """What a filter compares is the name, and nothing ends the element before its end."""
    data = json.loads(page(name).one("script", id="data").texts[0])

    assert len(data["rules"]) == 2
    assert data["rules"][0][6].startswith("r1 ")


def test_nothing_is_loaded_from_anywhere() -> None:
    """No element that loads something has an address; the policy forbids what is not on the page."""
    found = page("plain")

    assert not found.all("img")
    assert not [one for one in found.all("script") if "src" in one.attributes]
    assert [one.attributes["href"] for one in found.all("link")] == ["data:,"]
    (policy,) = [
        one.attributes["content"] for one in found.all("meta") if "default-src" in one.attributes.get("content", "")
    ]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_equal_reports_give_equal_pages() -> None:
    """Nothing on the page depends on the clock, the machine or the order of a set."""
    assert report_html(big(30, 3)) == report_html(big(30, 3))


def test_the_size_is_bounded_whatever_the_names_are() -> None:
    """300 rules with names, tags and tactics of 50 kB: what is not cut would be 15 MB and more."""
    size = len(report_html(big(300, 3, name="x" * 50_000 + "{}")))

    assert size < BIGGEST / 4


@pytest.mark.parametrize("limit", [10, 40])
def test_a_table_that_is_cut_says_so_and_keeps_what_has_something_to_say(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """The quiet rules go first; the number of those that are not shown stands below."""
    monkeypatch.setattr(module, "CELLS", limit * 7)
    found = big(100, 2)
    quiet = {row.rule_id for row in found.matrix.rows if row.quiet}
    shown = parsed(report_html(found)).one("section", id="rules")

    rows = [row for row in shown.all("tr") if "data-r" in row.attributes]
    assert len(rows) == limit
    assert f"and {100 - limit} more" in shown.text
    loud = [found.subjects[int(row.attributes["data-r"])].rule_id not in quiet for row in rows]
    assert loud == sorted(loud, reverse=True)
    assert sum(loud) == min(limit, 100 - len(quiet))


@pytest.mark.torture
def test_20000_rules_in_40_targets_are_a_page_of_bounded_size() -> None:
    """The greatest that is meant: every list cut, the numbers complete."""
    text = report_html(big(20_000, 40))

    assert len(text) < BIGGEST
    assert "20,000 rules" in text


def test_without_targets_and_without_rules_there_is_a_page() -> None:
    """An empty project asks its three questions too."""
    found = parsed(report_html(report([], catalogue=None)))

    assert "No environment was asked" in found.text
    assert "No rule names a technique" in found.text
    assert [one.text for one in found.all("h2")][:3] == [
        "What will change?",
        "What is only in one place?",
        "Which techniques have no rule?",
    ]


def test_a_report_without_attack_says_what_it_measures_against() -> None:
    """Which universe was used stands beside the number."""
    section = parsed(report_html(report([ruled("r1", "T1078")], catalogue=None))).one("section", id="techniques")

    assert "0 of 1 technique have no rule anywhere" in section.text
    assert "Measured against the techniques that rules name" in section.text


def test_cells_say_in_words_what_they_show() -> None:
    """A cell without the rule is no blank for a screen reader."""
    file = ruled("r1")
    dev, empty = world(file), world()
    found = parsed(report_html(report([file], looked("dev", dev), looked("prod", empty))))

    (row,) = found.one("section", id="rules").one("tbody").all("tr")
    assert [cell.text for cell in row.all("td")][-2:] == ["on #1", "– not there"]


def test_many_targets_without_a_change_share_a_line() -> None:
    """Forty customers are no forty headings; the one that changes has its own."""
    file = ruled("r1", name="Alpha")
    calm = [looked(f"c{number}", world(file)) for number in range(6)]
    found = parsed(report_html(report([file], *calm, looked("new", world())))).one("section", id="changes")
    other = world()
    other.git(file)
    changing = parsed(report_html(report([file], *calm, looked("new", other)))).one("section", id="changes")

    assert "Nothing will change in c0, c1, c2, c3, c4, c5, new." in found.text
    assert not found.all("h3")
    assert [one.text for one in changing.all("h3")] == ["What will change in new?"]
    assert "Nothing will change in c0, c1, c2, c3, c4, c5." in changing.text
