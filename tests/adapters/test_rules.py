"""Rule files on disk: every real rule loads, and what cannot be read is a Problem with its place."""

from __future__ import annotations

from pathlib import Path

from deployer.adapters.rules import read_rules
from deployer.commands.checking import rule_problems
from deployer.core.rule_file import DEPRECATED
from deployer.errors import Severity
from tests.support.shared import SHARED, needs_shared


@needs_shared
def test_every_file_of_the_corpus_loads_without_a_problem() -> None:
    """All 2,192 files load, 2,068 of them live, and no field or query of them is refused."""
    tree = read_rules(SHARED / "corpus" / "2026-08", ["rules", "rules_building_block"])

    errors = [p for p in rule_problems(tree, tree.files) if p.severity is Severity.ERROR]

    assert len(tree.files) == 2192
    assert sum(file.maturity != DEPRECATED for file in tree.files) == 2068
    assert tree.problems == ()
    assert errors == []


def test_a_file_that_is_not_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    """A wrong byte is told with file and line."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "x.toml").write_bytes(b"a = 1\nb = '\xff'\n")

    (problem,) = read_rules(tmp_path, ["rules"]).problems

    assert (problem.path, problem.line, problem.code) == ("rules/x.toml", 2, "encoding")


def test_folders_may_overlap_and_hidden_files_are_left_out(tmp_path: Path) -> None:
    """A file below two rule folders is read once; dot files and dot folders are not rules."""
    for path in ("rules/a/x.toml", "rules/.hidden/y.toml", "rules/.z.toml"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        text = '[rule]\nrule_id = "x"\nname = "x"\ntype = "query"\nseverity = "low"\n'
        (tmp_path / path).write_text(text, encoding="utf-8")

    tree = read_rules(tmp_path, ["rules", "rules/a"])

    assert [file.path for file in tree.files] == ["rules/a/x.toml"]
