"""The page of a plan in a real browser, held to what every page is held to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.core.plan import Target
from deployer.render.plan.document import Document
from deployer.render.plan.page import plan_page
from tests.support.accessible import low_contrast, nameless, stops, structure
from tests.support.browser import Page, browser, needs_browser
from tests.support.planning import world
from tests.support.reporting import ruled

pytestmark = needs_browser


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan that creates, changes a query, lowers a severity, retires a rule and leaves an edit alone."""
    old = [ruled(f"r{number}", name=f"Rule {number}", severity="high") for number in range(4)]
    made = world(*old)
    made.edit("r3", note="by hand")
    made.git(
        ruled("r0", name="Rule 0", severity="high", query="b : 2 and " + "a_very_long_field_name." * 12 + "x : 1"),
        ruled("r1", name="Rule 1", severity="low"),
        old[3],
        *(
            ruled(f"n{number}", name=f"New {number} <b>", path=f"rules/{'deep/' * 12}n{number}.toml")
            for number in range(12)
        ),
    )
    plan = replace(made.plan(), target=Target("prod", "default", "prod", "https://kibana.example.com"))
    written = tmp_path_factory.mktemp("plan") / "plan.html"
    written.write_text(plan_page(Document((plan,))), "utf-8")
    return written


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    """One browser for the module."""
    with browser() as page:
        yield page


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1440])
def test_the_page_is_silent_readable_and_fits(tab: Page, path: Path, width: int, *, dark: bool) -> None:
    """No complaint, no request, contrast with everything unfolded, no sideways scrolling of the whole page."""
    tab.complaints.clear()
    tab.requested.clear()

    tab.open(path, width=width, dark=dark)
    tab.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")

    assert low_contrast(tab) == []
    assert tab.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert not tab.complaints
    assert tab.requested == [path.resolve().as_uri()]


def test_it_has_names_a_structure_and_keys(tab: Page, path: Path) -> None:
    """Labels, headings in order, and every stop of the Tab key is seen."""
    tab.open(path)

    assert nameless(tab) == []
    assert structure(tab) == []
    found = stops(tab, 10)
    assert found[0]["text"] == "Skip to the content"
    assert [stop for stop in found if not stop["seen"]] == []
