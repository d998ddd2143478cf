"""README, docs, workflows, help and messages name commands, options, exit codes and variables that there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from deployer.errors import ExitCode
from tests.support.commands import COMMANDS, WrongUsageError, calls, options_of, parse, unknown
from tests.support.sandbox import ROOT

pytestmark = pytest.mark.quick

PAGES = sorted(
    path
    for path in (ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "ARCHITECTURE.md", *ROOT.glob("docs/**/*.md"))
    if path.is_file()
)
WORKFLOWS = sorted(
    path
    for pattern in (
        "action.yml",
        "ci/**/*.yml",
        "docs/**/*.yml",
        "ci/**/*.yml",
        "ci/**/*.sh",
        ".github/**/*.yml",
        "*.gitlab-ci.yml",
    )
    for path in ROOT.glob(pattern)
)
SOURCES = sorted((ROOT / "deployer").rglob("*.py"))
REFERENCE = ROOT / "docs/reference.md"
_SPAN = re.compile(r"(`+)(.+?)\1", re.DOTALL)
_FENCE = re.compile(r"^(```+)(.*?)\n(.*?)^\1\s*$", re.DOTALL | re.MULTILINE)


class Line(NamedTuple):
    """One call as a page has it, and whether a reader would type it as it is."""

    place: str
    text: str
    typed: bool


def lines_of(path: Path) -> Iterator[Line]:
    """Every call of deployer in a page: in blocks line by line, in sentences by code span."""
    text = path.read_text("utf-8")
    place = str(path.relative_to(ROOT))
    for block in _FENCE.finditer(text):
        for line in block[3].replace("\\\n", " ").splitlines():
            line = line.strip()
            typed = line.startswith(("$ deployer ", "deployer "))
            if typed:
                yield Line(place, line.removeprefix("$ "), True)
            elif line.startswith("Next: deployer "):
                yield Line(place, line.removeprefix("Next: "), False)
    rest = _FENCE.sub("", text)
    for line in re.findall(r"^    (?:\$ )?(deployer .+)$", rest, re.MULTILINE):
        yield Line(place, line, True)
    for span in _SPAN.finditer(rest):
        words = " ".join(span[2].split())
        if words.startswith("deployer "):
            yield Line(place, words, False)
        elif re.match(r"[a-z]+ (.* )?--?[a-z]", words) and (words.split()[0],) in COMMANDS:
            yield Line(place, f"deployer {words}", False)


LINES = [line for page in PAGES for line in lines_of(page)]


def complete(line: Line) -> bool:
    """Whether a line can be typed as it is: nothing stands for something else."""
    return line.typed and "…" not in line.text and "..." not in line.text


def test_there_is_something_to_check() -> None:
    """The net has no holes as wide as the docs."""
    assert len(PAGES) > 10
    assert len(LINES) > 70
    assert sum(complete(line) for line in LINES) > 30


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_name_commands_and_options_that_exist(page: Path) -> None:
    """Every `deployer …` of a page: its command and its options exist; what can be typed parses completely."""
    wrong = []
    for line in lines_of(page):
        for words in calls(line.text):
            found = unknown(words)
            if not found and complete(line):
                try:
                    parse(words)
                except WrongUsageError as error:
                    found = "" if "is not a valid int" in str(error) else str(error)  # N stands for a number
            wrong += [f"{line.place}: {line.text}: {found}"] if found else []

    assert wrong == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: str(path.relative_to(ROOT)))
def test_workflows_name_commands_and_options_that_exist(path: Path) -> None:
    """The lines of workflows that start deployer."""
    wrong = []
    for line in path.read_text("utf-8").replace("\\\n", " ").splitlines():
        if "deployer " in line and not line.strip().startswith("#"):
            for words in calls(line.strip().removeprefix("- ").removeprefix("run: ")):
                found = unknown([word for word in words if "$" not in word])
                wrong += [f"{line.strip()}: {found}"] if found else []

    assert wrong == []


def test_messages_name_commands_and_options_that_exist() -> None:
    """What the program tells people to type next, as its source has it."""
    wrong = []
    for path in SOURCES:
        for name, rest in re.findall(
            r"\bdeployer ([a-z]+)\b((?: (?!deployer\b)[^ \"'`;,\n]+)*)", path.read_text("utf-8")
        ):
            options = re.findall(r"(?<= )--?[a-z][a-z-]*", rest)
            known = {option for command in COMMANDS if command[:1] == (name,) for option in options_of(command)}
            if options and (name,) not in COMMANDS:
                wrong.append(f"{path.name}: deployer {name}{rest}")
            wrong += [f"{path.name}: deployer {name} has no {option}" for option in options if option not in known]

    assert wrong == []


def test_every_command_is_in_the_reference() -> None:
    """docs/reference.md: every command has its place."""
    if not REFERENCE.is_file():
        pytest.skip("docs/reference.md is not written yet")
    text = REFERENCE.read_text("utf-8")
    missing = [
        " ".join(path)
        for path, command in COMMANDS.items()
        if path and not command.hidden and not re.search(rf"\bdeployer {' '.join(path)}\b|`{' '.join(path)}\b", text)
    ]

    assert missing == []


def _table(text: str) -> dict[int, str]:
    return {int(code): words for code, words in re.findall(r"^\|\s*`?(\d+)`?\s*\|\s*(.+?)\s*\|", text, re.MULTILINE)}


@pytest.mark.parametrize("page", ["README.md", "docs/reference.md"])
def test_exit_codes_are_those_of_the_program(page: str) -> None:
    """The table has every exit code and no other, each with words."""
    path = ROOT / page
    if not path.is_file():
        pytest.skip(f"{page} is not written yet")
    text = path.read_text("utf-8")
    found = _table(text[text.lower().index("exit code") :])

    assert set(found) >= {int(code) for code in ExitCode}
    if page == "README.md":
        assert set(found) == {int(code) for code in ExitCode}
    assert all(len(words) > 3 for words in found.values())


def variables(paths: list[Path]) -> set[str]:
    """The variables of ours that files name."""
    found: set[str] = set()
    for path in paths:
        found |= set(re.findall(r"\bDEPLOYER_[A-Z][A-Z_]*[A-Z]\b", path.read_text("utf-8")))
    return found


def test_variables_in_pages_exist_and_those_of_the_program_are_in_pages() -> None:
    """DEPLOYER_*: what docs promise is read, and what is read is documented."""
    asked = variables(SOURCES)
    named = variables(PAGES)
    elsewhere = variables(WORKFLOWS)

    assert named - asked - elsewhere == set()
    if REFERENCE.is_file():
        assert asked - named == set()


def test_every_page_is_linked() -> None:
    """A page that nobody links to nobody reads."""
    linked = "".join(page.read_text("utf-8") for page in PAGES)
    lost = [page.name for page in PAGES if page.parent.name == "docs" and f"({_link(page)}" not in linked]

    assert lost == []


def _link(page: Path) -> str:
    return f"docs/{page.name}" if f"(docs/{page.name}" in (ROOT / "README.md").read_text("utf-8") else page.name


def test_links_between_pages_lead_somewhere() -> None:
    """Every relative link of a page names a file, and a heading of it where it names one."""
    broken = []
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)\s]+)\)", _FENCE.sub("", page.read_text("utf-8"))):
            file, _, anchor = target.partition("#")
            path = (page.parent / file).resolve()
            if not path.exists() or (anchor and path.suffix == ".md" and anchor not in _anchors(path)):
                broken.append(f"{page.name}: {target}")

    assert broken == []


def _anchors(path: Path) -> set[str]:
    headings: list[Any] = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
