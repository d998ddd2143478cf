"""The rule catalogue: every rule once, by tactic, and nothing in it is Markdown that we did not write."""

from __future__ import annotations

import re

import pytest

from deployer.render.catalogue_md import catalogue_markdown
from tests.support.planning import world
from tests.support.reporting import looked, report, ruled, threat


def rows(text: str) -> list[str]:
    """The names of the rules, in order."""
    return re.findall(r"^\| \*\*(.*?)\*\* \|", text, re.MULTILINE)


def test_rules_stand_below_their_first_tactic_in_the_order_of_the_matrix() -> None:
    """Rules without a tactic come after them, deprecated ones last."""
    files = [
        ruled("r1", threat=threat("T1485", tactic="Impact"), name="B"),
        ruled("r2", "T1059", name="C"),
        ruled("r3", name="A"),
        ruled("r4", "T1059", name="D", maturity="deprecated"),
        ruled("r5", "T1059", name="a"),
    ]

    text = catalogue_markdown(report(files))

    assert re.findall("^## (.*)", text, re.MULTILINE) == [
        "Execution",
        "Impact",
        "Without a tactic of ATT&#38;CK",
        "Deprecated",
    ]
    assert rows(text) == ["a", "C", "B", "A", "D"]
    assert "4 rules: 4 low at commit 0123456789ab." in text
    assert text == catalogue_markdown(report([*reversed(files)]))


def test_where_a_rule_runs_stands_beside_it() -> None:
    """On, off, or nothing; one column for each target."""
    one, two = ruled("r1", name="One"), ruled("r2", name="Two")
    dev, prod = world(one, two), world(one)
    prod.edit("r1", enabled=False)

    text = catalogue_markdown(report([one, two], looked("dev", dev), looked("prod", prod)))

    assert "| dev | prod | File |" in text
    assert re.search(r"\*\*One\*\* .* \| on \| off \| rules/r1.toml \|", text)
    assert re.search(r"\*\*Two\*\* .* \| on \|  \| rules/r2.toml \|", text)


@pytest.mark.parametrize(
    "name",
    [
        "a | b",
        "<img src=x onerror=y>",
        "[x](http://y)",
        "@all",
        "line\nbreak",
        "`code`",
        "# head",
        "**x**",
        "&lt;",
        "x" * 50_000,
    ],
)
def test_nothing_in_a_name_is_read_as_markdown(name: str) -> None:
    """A hostile name, description, tag or path stays one cell of text."""
    file = ruled("r1", name=name, description=name, path=f"rules/{name}.toml")

    text = catalogue_markdown(report([file], project=name))

    (row,) = [line for line in text.splitlines() if line.startswith("| **")]
    assert row.count("|") == 8
    assert len(text) < 5_000
    inside = row.replace("**", "", 2).replace("|", "")
    assert not set(inside) & set("<>[]`@*()\\~")
    assert len(text.splitlines()) == 9
