"""The report in a real browser: silent console, no network, filters, keyboard, contrast, two widths."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from deployer.core.exceptions.expiry import Ending
from deployer.core.report import Failed, Report
from deployer.render.html.report import report_html
from tests.support.accessible import low_contrast, nameless, stops, structure
from tests.support.browser import Page, browser, needs_browser
from tests.support.planning import world
from tests.support.reporting import looked, report, ruled

pytestmark = needs_browser

VISIBLE = (
    "[...document.querySelectorAll('.all tbody tr')].filter(row => !row.hidden)"
    ".map(row => row.cells[0].textContent.trim())"
)
SETTLED = "new Promise(done => setTimeout(done, 300))"
WIDTHS = (390, 1440)


def case() -> Report:
    """dev has four rules, prod two of them, one switched off and one edited; something of everything that is shown."""
    files = [
        ruled("r1", "T1059.001", name="Alpha PowerShell", severity="critical", tags=["Windows"]),
        ruled("r2", "T1078", name="Beta login", severity="high", type="eql", language="eql"),
        ruled("r3", "T1566", name="Gamma mail", severity="medium"),
        ruled("r4", name="Delta <b>odd</b>", severity="low", maturity="deprecated"),
        *(ruled(f"n{number}", name=f"Noise {number}") for number in range(30)),
    ]
    dev, prod = world(*files[:4]), world(*files[:2])
    dev.git(*files)
    prod.git(*files)
    prod.edit("r1", enabled=False)
    prod.edit("r2", note="by hand")
    found = report(files, looked("dev", dev), looked("prod", prod), failed=[Failed("dead", "connection refused")])
    ends = datetime.fromisoformat(found.source.made_at)
    ending = Ending("load test", "ours", "exceptions/ours.toml", ends, "expired")
    return replace(found, endings=(ending,))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the case, as a file."""
    written = tmp_path_factory.mktemp("page") / "report.html"
    written.write_text(report_html(case()), "utf-8")
    return written


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    """One browser for the module."""
    with browser() as page:
        yield page


@pytest.fixture
def page(tab: Page, path: Path) -> Page:
    """The page, freshly opened."""
    tab.complaints.clear()
    tab.requested.clear()
    tab.open(path)
    return tab


def choose(page: Page, name: str, value: str) -> None:
    """Set a filter as a person does, and wait for it."""
    page.run(
        f"(() => {{ const field = document.getElementById('f-{name}'); field.value = {value!r}; "
        "field.dispatchEvent(new Event('input', { bubbles: true })); })()"
    )
    page.run(SETTLED)


def heat(page: Page, technique: str) -> tuple[str, str]:
    """Return how a technique's cell is coloured, and its number."""
    script = (
        "(() => { const cell = [...document.querySelectorAll('#heat button')]"
        f".find(one => one.textContent.includes('{technique}')); "
        "return [cell.dataset.heat, cell.querySelector('b').textContent]; })()"
    )
    first, second = page.run(script)
    return first, second


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_is_silent_loads_nothing_and_fits(tab: Page, path: Path, width: int, *, dark: bool) -> None:
    """No complaint on the console, no request but for the page itself, no sideways scrolling of the whole page."""
    tab.complaints.clear()
    tab.requested.clear()

    tab.open(path, width=width, dark=dark)

    assert not tab.complaints
    assert tab.requested == [path.resolve().as_uri()]
    assert tab.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_text_has_contrast(tab: Page, path: Path, width: int, *, dark: bool) -> None:
    """In both modes, with everything unfolded."""
    tab.open(path, width=width, dark=dark)
    tab.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")

    assert low_contrast(tab) == []


@pytest.mark.parametrize("dark", [False, True])
def test_every_heat_has_contrast(tab: Page, path: Path, *, dark: bool) -> None:
    """Also the colours that this case does not have."""
    tab.open(path, dark=dark)
    for name in ("gap", "idle", "1", "2", "3", "4"):
        tab.run(f"document.querySelectorAll('#heat button').forEach(one => {{ one.dataset.heat = '{name}'; }})")
        assert low_contrast(tab) == [], name


def test_controls_have_names_and_the_structure_is_sound(page: Page) -> None:
    """Labels, headings in order, ids once, named columns, links that lead somewhere."""
    assert nameless(page) == []
    assert structure(page) == []


def test_the_keyboard_gets_everywhere(page: Page) -> None:
    """Skip link first, then navigation and filters, then what the page holds; every stop is seen."""
    found = stops(page, 30)

    assert found[0]["text"] == "Skip to the content"
    ids = [stop["id"] for stop in found]
    assert (
        ids.index("theme") < ids.index("f-text") < ids.index("f-severity") < ids.index("f-env") < ids.index("f-reset")
    )
    assert [stop for stop in found if not stop["seen"]] == []
    assert any(stop["tag"] == "A" and "What will change" in stop["text"] for stop in found)


def test_typing_a_word_narrows_every_list(page: Page) -> None:
    """By keyboard alone: rules, changes, and the number that a screen reader is told."""
    page.run("document.getElementById('f-text').focus()")
    page.type("alpha")

    assert page.run(VISIBLE) == ["Alpha PowerShell T1059 T1059.001"]
    assert page.run("document.getElementById('f-count').textContent") == "1 of 34 rules"
    assert page.run("document.getElementById('f-count').getAttribute('aria-live')") == "polite"
    assert page.run(
        "[...document.querySelectorAll('#changes tbody tr')].every(row => row.hidden || /Alpha/.test(row.textContent))"
    )
    assert page.run("[...document.querySelectorAll('#changes .empty')].some(note => !note.hidden)")


@pytest.mark.parametrize(
    ("name", "value", "rules"),
    [
        ("severity", "critical", {"Alpha PowerShell T1059 T1059.001"}),
        ("type", "eql", {"Beta login T1078"}),
        ("text", "windows", {"Alpha PowerShell T1059 T1059.001"}),
        ("text", "t1566", {"Gamma mail T1566"}),
        ("text", "<b>odd", {"Delta <b>odd</b>"}),
        ("text", "nothing like it", set()),
        ("env", "1", {"Alpha PowerShell T1059 T1059.001", "Beta login T1078"}),
    ],
)
def test_each_filter_narrows(page: Page, name: str, value: str, rules: set[str]) -> None:
    """By severity, type, tag, technique, text and environment; and `Clear` brings all back."""
    choose(page, name, value)
    assert set(page.run(VISIBLE)) == rules

    page.run("document.getElementById('f-reset').click()")
    page.run(SETTLED)
    assert len(page.run(VISIBLE)) == 34
    assert not page.complaints


def test_the_heat_map_follows_environment_and_severity(page: Page) -> None:
    """T1566 runs in dev and not in prod; T1059 is switched off in prod; T1001 has no rule."""
    assert heat(page, "T1566") == ("1", "1")
    assert heat(page, "T1001") == ("gap", "0")

    choose(page, "env", "1")
    assert [heat(page, one) for one in ("T1566", "T1059", "T1078", "T1001")] == [
        ("idle", "0"),
        ("idle", "0"),
        ("1", "1"),
        ("gap", "0"),
    ]
    assert "that run in prod" in page.run("document.getElementById('heat-says').textContent")

    choose(page, "env", "0")
    choose(page, "severity", "critical")
    assert [heat(page, one) for one in ("T1566", "T1059")] == [("gap", "0"), ("1", "1")]


def test_the_first_filter_changes_no_number_that_stood_there(page: Page) -> None:
    """What the script counts with all filters off is what was written on the page."""
    numbers = (
        "[...document.querySelectorAll('#heat button, #counts td, .covered')]"
        ".map(one => one.textContent + (one.dataset.heat || ''))"
    )
    before = page.run(numbers)

    choose(page, "text", "x")
    assert page.run(numbers) != before
    choose(page, "text", "")

    assert page.run(numbers) == before


def test_a_technique_shows_its_rules(page: Page) -> None:
    """Enter on a cell of the map is a search for its id."""
    page.run("[...document.querySelectorAll('#heat button')].find(one => one.textContent.includes('T1078')).focus()")
    page.press("Enter", 13, "\r")
    page.run(SETTLED)

    assert page.run("document.getElementById('f-text').value") == "T1078"
    assert page.run(VISIBLE) == ["Beta login T1078"]
    assert page.run("document.activeElement.id") == "f-text"


def test_an_environment_hides_the_parts_of_the_others(page: Page) -> None:
    """What will change in dev is out of the way when prod is asked for."""
    choose(page, "env", "1")

    headings = page.run(
        "[...document.querySelectorAll('#changes h3')].filter(one => one.getClientRects().length)"
        ".map(one => one.textContent)"
    )
    assert headings == ["What will change in prod?"]


def test_the_mode_can_be_changed(page: Page) -> None:
    """The button says what it does, and does it."""
    colour = "getComputedStyle(document.body).backgroundColor"
    before = page.run(colour)
    assert page.run("document.getElementById('theme').textContent") == "Dark mode"

    page.run("document.getElementById('theme').click()")

    assert page.run(colour) != before
    assert page.run("document.getElementById('theme').textContent") == "Light mode"
    assert low_contrast(page) == []


def test_without_scripts_everything_is_there(tab: Page, path: Path) -> None:
    """All rows, no filter that would do nothing."""
    tab.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.send("Page.navigate", url=path.resolve().as_uri())
        time.sleep(0.5)
    finally:
        tab.send("Emulation.setScriptExecutionDisabled", value=False)

    assert tab.run("document.getElementById('filters').hidden")
    assert len(tab.run(VISIBLE)) == 34
