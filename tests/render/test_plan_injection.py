"""
Names and queries that try to get out of where they stand: no format lets one become a command, an element or a link.

The hostile plan puts every text of `HOSTILE` into every place that holds somebody's text.
"""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from deployer.core.plan import Plan
from deployer.errors import DeployerError
from deployer.render.plan.document import Document, Failure
from deployer.render.plan.markdown import LIMIT
from deployer.render.plan.text import plan_text
from deployer.render.style import Style, line
from tests.support.plans import HOSTILE, PLANS, example, hostile, renderers, single

pytestmark = pytest.mark.quick

INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
COMMAND = re.compile(r"^\s*::", re.MULTILINE)
RUNNER = re.compile(r"##\w*\[")
COLORS = re.compile(r"\x1b\[\d+m")
STYLE = re.compile("<style>.*?</style>", re.DOTALL)  # ours, with pseudo-elements
LINK = "https://ci.example.com/runs/1"
QUERIES = {"one line": "q" * 50_000, "many lines": "event.action : * or\n" * 2_500, "ticks": "`" * 50_000}


def document(plan: Plan) -> Document:
    """The plan, and a target that failed with a hostile sentence."""
    error = DeployerError("\n".join(HOSTILE[:-1]), hint=HOSTILE[0])
    return Document((plan,), tuple(Failure(name, error) for name in HOSTILE[:-1]), version="1", link=LINK)


@pytest.mark.parametrize("ending", renderers())
def test_no_format_writes_a_control_or_a_command(ending: str) -> None:
    """Nothing invisible, nothing that turns the writing, no workflow command but those of the annotations' format."""
    made = renderers()[ending](document(hostile()))

    assert not INVISIBLE.search(made)
    assert not RUNNER.search(made)
    made.encode("utf-8")
    if ending == "github.txt":
        ours = re.compile(r"::(error|warning|notice) (file=[^,:]*,)?title=deployer plan[^,:]*::[^\r\n]*")
        assert all(ours.fullmatch(row) for row in made.splitlines())
    else:
        assert not COMMAND.search(STYLE.sub("", made))


@pytest.mark.parametrize("color", [False, True])
def test_a_terminal_shows_names_and_obeys_none(color: bool) -> None:
    """Only our own colours are escapes, no line is longer than 96 columns, and control characters are written out."""
    text = plan_text(hostile(), Style(color=color))
    plain = COLORS.sub("", text)

    assert not INVISIBLE.search(plain)
    assert color or not COMMAND.search(plain)  # a terminal is no log of a runner
    assert max(map(len, plain.splitlines())) <= 96
    assert "\\x1b[2J" in plain
    assert "\\u202eevil" in plain


def tokens_of(text: str) -> list[Token]:
    """Return every token of a Markdown text as a renderer that allows HTML and tables reads it, inline ones too."""
    found: list[Token] = []
    for token in MarkdownIt("commonmark", {"html": True}).enable("table").parse(text):
        found += [token, *(token.children or [])]
    return found


OURS = re.compile(r"<details><summary>[\w ,:]*</summary>\n?|</details>\n?|</?code>|")


def check_markdown(text: str) -> list[Token]:
    """Assert that a comment has no element and no link but ours; return its tokens."""
    tokens = tokens_of(text)
    html = [token.content.strip() for token in tokens if token.type in ("html_block", "html_inline")]
    assert all(OURS.fullmatch(part) for part in html), html
    assert {token.attrs.get("href") for token in tokens if token.type == "link_open"} <= {LINK}
    assert not [token for token in tokens if token.type in ("image", "hr", "s_open", "em_open")]
    assert {token.type for token in tokens if token.type.endswith("list_open")} == set()
    return tokens


def test_markdown_keeps_names_in_code() -> None:
    """Whatever users wrote is in code: no text beside it holds a mention, an address, a reference or an emoji."""
    text = renderers()["md"](document(hostile()))
    tokens = check_markdown(text)

    headings = [tokens[at + 1].content for at, token in enumerate(tokens) if token.type == "heading_open"]
    assert all(title.startswith(("Plan for", "Look at these first")) for title in headings)
    code = "\n".join(token.content for token in tokens if token.type in ("code_inline", "fence"))
    for name in HOSTILE[:-1]:
        assert line(name)[:60] in code, name
    prose = outside_of_code(tokens)
    assert not [sign for sign in ("evil", "@", "#1", "alert", "smile", "owned", "secrets") if sign in prose]


def outside_of_code(tokens: list[Token]) -> str:
    """Return the text of a comment that is in neither a code span nor a `<code>` of a table."""
    found: list[str] = []
    inside = False
    for token in tokens:
        if token.type == "html_inline":
            inside = token.content == "<code>"
        elif token.type == "text" and not inside:
            found.append(token.content)
    return "".join(found)


def test_markdown_writes_no_letter_of_a_table_cell_that_could_be_read() -> None:
    """In the table of targets every sign is an entity, so that a renderer sees neither a mention nor an address."""
    text = renderers()["md"](document(hostile()))
    cells = re.findall(r"<code>(.*?)</code>", text)

    assert cells
    assert all(re.fullmatch(r"(?:[^\W_]| |&#\d+;)*", cell) for cell in cells)
    assert all(row.count("|") == 4 for row in text.splitlines() if row.startswith("| "))


class Page(HTMLParser):
    """The elements, attributes and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: set[str] = set()
        self.attributes: dict[tuple[str, str], set[str | None]] = {}
        self.texts: list[str] = []
        self.open: list[str] = []
        self.comments: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.open.append(tag)
        for name, value in attrs:
            self.attributes.setdefault((tag, name), set()).add(value)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def test_html_keeps_names_in_text() -> None:
    """The hostile page has the elements and attributes of a plain one, and its text nodes hold the names."""
    plain = Page("".join(renderers()["html"](single(make())) for make in PLANS.values()))
    page = Page(renderers()["html"](document(hostile())))

    assert page.elements <= plain.elements | {"section", "code"}
    assert {name for _, name in page.attributes} <= {name for _, name in plain.attributes}
    assert not [name for _, name in page.attributes if name.startswith("on") or name == "style"]
    assert page.comments == []
    addresses = {value for (_, name), values in page.attributes.items() for value in values if name in ("href", "src")}
    assert addresses == {"#main", "data:,", LINK}
    texts = set(page.texts)
    for name in HOSTILE[:-1]:
        assert any(line(name) == text or line(name)[:239] + "…" == text for text in texts), name


def test_html_needs_no_network_and_no_other_file() -> None:
    """Its policy allows nothing from outside, and nothing on it names an address that a browser would load."""
    made = renderers()["html"](single(example()))

    assert "default-src &#39;none&#39;" in made
    assert not re.findall(r"(?:src|srcset|action)=|url\(|@import", made)
    assert [part for part in re.findall(r"href=\"([^\"]*)", made) if "://" in part] == [LINK]


def test_junit_keeps_names_in_attributes_and_texts() -> None:
    """Only the elements of the report are there, and names are whole in the names of its cases."""
    root = ElementTree.fromstring(renderers()["junit.xml"](document(hostile())))

    assert {element.tag for element in root.iter()} == {
        "testsuites", "testsuite", "testcase", "failure", "error", "system-out",
    }  # fmt: skip
    cases = "\n".join(case.get("name", "") for case in root.iter("testcase"))
    assert "<script>alert(1)</script>" in cases
    assert "]]></failure><testcase name='owned'/>" in cases
    assert not [case for case in root.iter("testcase") if case.get("name") == "owned"]


def test_json_has_names_as_they_are() -> None:
    """Programs get what was written, sign by sign; only the spelling of the file is harmless."""
    made = json.loads(renderers()["json"](document(hostile())))

    names = {change["label"]["name"] for change in made["plans"][0]["changes"]}
    assert names == set(HOSTILE)


def test_gitlab_keeps_names_in_strings() -> None:
    """Both reports are JSON; the widget's has numbers and nothing else."""
    entries = json.loads(renderers()["gitlab.json"](document(hostile())))

    assert all(set(entry) == {"description", "check_name", "fingerprint", "severity", "location"} for entry in entries)
    assert any("<script>" in entry["description"] for entry in entries)
    assert set(json.loads(renderers()["terraform.json"](document(hostile())))) == {"create", "update", "delete"}


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("ending", renderers())
def test_a_query_of_50_kb_stays_small_where_people_read(ending: str, query: str) -> None:
    """Text, comment, page and reports are bounded; the JSON has it whole."""
    plan = hostile(HOSTILE[:4], QUERIES[query])
    made = renderers()[ending](single(plan))

    bounds = {"md": LIMIT, "txt": 20_000, "html": 400_000, "json": 10**9}
    assert len(made) <= bounds.get(ending, 30_000)
    if ending == "json":
        assert QUERIES[query] in json.loads(made)["plans"][0]["changes"][0]["before"]["query"]


texts = (
    st.text(st.characters(), max_size=60) | st.sampled_from(HOSTILE) | st.text("`|<>&#@:\\\n[]() *_~$-=!x", max_size=40)
)


ELEMENTS = frozenset(
    re.findall(
        r"\w+",
        "html head meta title link style body a header div h1 h2 h3 p button form label input select option output "
        "main section details summary pre span b code ul li table caption thead tbody tr th td footer script",
    )
)


@given(st.lists(texts, min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_any_name_stays_a_name(names: list[str]) -> None:
    """No text whatever becomes an element, a link, a line or a command, in any format."""
    found = single(hostile(names))
    made = {ending: render(found) for ending, render in renderers().items()}

    check_markdown(made["md"])
    ElementTree.fromstring(made["junit.xml"])
    json.loads(made["json"])
    page = Page(made["html"])
    assert not page.comments
    assert page.elements <= ELEMENTS
    for ending, text in made.items():
        assert not INVISIBLE.search(text), ending
        assert not RUNNER.search(text), ending
        assert ending == "github.txt" or not COMMAND.search(STYLE.sub("", text)), ending
