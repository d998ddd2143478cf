"""`deployer format`: one layout, nothing lost, nothing changed twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tomli

from deployer.core.toml.data import same_data
from deployer.core.toml.layout import format_text
from deployer.core.toml.patch import Put, patch
from deployer.core.toml.positions import positions
from tests.support.project import ProjectFolder, new_project
from tests.support.shared import SHARED, corpus, needs_shared

UNTIDY = """[metadata]
maturity="production"   # kept
[rule]
name   = "A"
rule_id = "a"
type = "query"
severity = "low"
# a comment of its own
query = '''
a : b
'''


tags = ["x",   "y"]
"""

TIDY = """[metadata]
maturity = "production"   # kept

[rule]
name = "A"
rule_id = "a"
type = "query"
severity = "low"
# a comment of its own
query = '''
a : b
'''

tags = ["x",   "y"]
"""


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    """A project with one file that has another layout."""
    made = new_project(tmp_path)
    made.write("rules/untidy.toml", UNTIDY)
    return made


@pytest.mark.quick
def test_files_are_formatted_in_place(project: ProjectFolder) -> None:
    """A file gets the layout, and is named; a second run has nothing to do. Both exit 0."""
    first = project.run("format", "rules/untidy.toml")
    second = project.run("format", "rules/untidy.toml")

    assert (first.code, second.code) == (0, 0), first.err
    assert "formatted rules/untidy.toml" in first.out
    assert "0 formatted" in second.out
    assert (project.root / "rules/untidy.toml").read_text("utf-8") == TIDY


@pytest.mark.parametrize("option", ["--check", "--diff"])
def test_check_and_diff_write_nothing(project: ProjectFolder, option: str) -> None:
    """Either says what would change and exits 1; after formatting it exits 0."""
    ran = project.run("format", option, "rules/untidy.toml")

    assert ran.code == 1
    assert (project.root / "rules/untidy.toml").read_text("utf-8") == UNTIDY
    assert ('+maturity = "production"   # kept' in ran.out) == (option == "--diff")
    project.run("format")
    assert project.run("format", option).code == 0


def test_every_toml_file_of_the_project_but_lock_files(project: ProjectFolder) -> None:
    """Without names: rules, environments, exceptions, prebuilt rules and deployer.toml; what promote writes is left."""
    places = (
        "environments/_x.toml",
        "exceptions/x.toml",
        "prebuilt/x.toml",
        "environments/s.lock.toml",
        "other/x.toml",
    )
    for place in places:
        project.write(place, "a=1\n")

    ran = project.run("format", "--json")

    changed = ran.document["changed"]
    assert set(places[:3]) <= set(changed)
    assert "rules/untidy.toml" in changed
    assert not {*places[3:]} & set(changed)
    assert ran.document["written"] is True


def test_a_broken_file_is_named_and_the_others_are_formatted(project: ProjectFolder) -> None:
    """A file that is not TOML is a problem with its line, is not touched, and does not stop the run."""
    project.write("rules/broken.toml", "a = 1\nb = = 2\n")
    project.write("rules/latin.toml", "")
    (project.root / "rules/latin.toml").write_bytes(b"a = '\xe9'\n")

    ran = project.run("format")

    assert ran.code == 1
    assert "rules/broken.toml:2:5: not TOML" in ran.out
    assert "rules/latin.toml:1" in ran.out
    assert (project.root / "rules/broken.toml").read_text("utf-8") == "a = 1\nb = = 2\n"
    assert (project.root / "rules/untidy.toml").read_text("utf-8") == TIDY


def test_newlines_marks_and_modes_stay(project: ProjectFolder) -> None:
    """A file keeps its kind of newlines, its byte order mark, its mode, and a link stays a link."""
    target = project.root / "elsewhere.toml"
    target.write_bytes(b"\xef\xbb\xbfa=1\r\nb  = 2\r\n")
    target.chmod(0o640)
    link = project.root / "rules/link.toml"
    link.symlink_to(target)

    assert project.run("format", "rules/link.toml").code == 0

    assert link.is_symlink()
    assert target.read_bytes() == b"\xef\xbb\xbfa = 1\r\nb = 2\r\n"
    assert target.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in project.root.iterdir() if path.name.endswith(".new")] == []


def test_a_file_that_cannot_be_written_is_a_sentence(project: ProjectFolder) -> None:
    """What cannot be written is named, and the file is as it was."""
    (project.root / "rules/.untidy.toml.new").mkdir()

    ran = project.run("format", "rules/untidy.toml")

    assert ran.code == 1
    assert "cannot write" in ran.err
    assert (project.root / "rules/untidy.toml").read_text("utf-8") == UNTIDY


def test_names_outside_the_project_are_refused(
    project: ProjectFolder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A file that is not of the project, and one that is not there, are errors."""
    outside = tmp_path_factory.mktemp("outside") / "x.toml"
    outside.write_text("a=1\n", encoding="utf-8")

    assert project.run("format", str(outside)).code == 1
    assert project.run("format", "nothing.toml").code == 1
    assert outside.read_text("utf-8") == "a=1\n"


@needs_shared
def test_a_whole_corpus_keeps_its_data(tmp_path: Path) -> None:
    """
    Every file holds the same data afterwards, and a second run changes no file.

    `tests/core/toml/test_toml_corpus.py` lays out the files of both dates in one process.
    """
    date = "2026-08"
    for folder in ("rules", "rules_building_block"):
        shutil.copytree(SHARED / "corpus" / date / folder, tmp_path / folder)
    (tmp_path / "deployer.toml").write_text('rules = ["rules", "rules_building_block"]\n', encoding="utf-8")
    project = ProjectFolder(tmp_path)

    first, second = project.run("format", "--json"), project.run("format", "--json")

    assert (first.code, second.code) == (0, 0)
    assert first.document["files"] == len(corpus(date)) + 1  # deployer.toml
    assert first.document["problems"] == []
    assert second.document["changed"] == []
    for path, text in corpus(date):
        assert same_data(tomli.loads((tmp_path / path).read_text("utf-8")), tomli.loads(text)), path


def edits(text: str) -> dict[str, tuple[tuple[str | int, ...], object]]:
    """Return edits of one rule by name: the key, and what it becomes."""
    rule = tomli.loads(text)["rule"]
    changed = {
        "severity": (("rule", "severity"), "critical!"),
        "tag": (("rule", "tags", 0), "Domain: Another"),
        "description": (("rule", "description"), rule["description"].replace(" ", "  ", 1)),
    }
    if rule.get("query"):
        lines = rule["query"].split("\n")
        lines[len(lines) // 2] += " "
        changed["query"] = (("rule", "query"), "\n".join(lines))
    return changed


@needs_shared
def test_one_edited_field_changes_only_its_lines() -> None:
    """Formatted before and after an edit, a file differs in one line alone, which is inside the edited value."""
    checked = 0
    for path, text in corpus("2026-08")[::11]:
        before = format_text(text).split("\n")
        for name, (key, value) in edits(text).items():
            edited = format_text(patch(text, [Put(key, value)]))
            after = edited.split("\n")
            assert len(before) == len(after), (path, name)
            (line,) = [number for number, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
            place = positions(edited).find(key)
            assert place is not None
            first = place.key.line
            last = edited.count("\n", 0, place.value.end) + 1
            assert first <= line + 1 <= last, (path, name)
            checked += 1
    assert checked > 600
